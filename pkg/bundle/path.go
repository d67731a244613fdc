package bundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The entries that every archive has.
const (
	layoutPath    = "oci-layout"
	indexPath     = "index.json"
	dockerPath    = "manifest.json"
	lockPath      = "airgap.lock.yaml"
	checksumsPath = "SHA256SUMS"
)

const (
	maxPath  = 4096 // bytes of a path, what Linux takes
	maxDepth = 64   // elements of a path
)

// checkPath says what speaks against a path: that it could lead out of the
// folder where an archive is unpacked, on any system, or that it could look like
// another one.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("it has no name")
	case len(path) > maxPath:
		return fmt.Errorf("its name has more than %d bytes", maxPath)
	case strings.Count(path, "/") >= maxDepth:
		return fmt.Errorf("its name has more than %d elements", maxDepth)
	case !utf8.ValidString(path):
		return errors.New("its name is no UTF-8")
	case strings.ContainsFunc(path, unicode.IsControl):
		return errors.New("its name has control characters")
	case strings.ContainsAny(path, `\:`):
		return errors.New(`its name has a \ or a colon, which mean something else on Windows`)
	case strings.HasPrefix(path, "/"):
		return errors.New("its name is absolute")
	}
	for element := range strings.SplitSeq(path, "/") {
		switch element {
		case "", ".", "..":
			return fmt.Errorf("its name has an element %q", element)
		}
	}
	return nil
}

// checkFilePath is checkPath for a file of its own, whose path must not be one of
// those that the archive needs.
func checkFilePath(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	_, blob := cutFolder(path, "blobs")
	taken := []string{layoutPath, indexPath, dockerPath, lockPath, checksumsPath, "blobs"}
	if blob || slices.ContainsFunc(taken, func(t string) bool { return strings.EqualFold(t, path) || under(path, t) }) {
		return errors.New("the archive itself needs that name")
	}
	return nil
}

// under is whether path is below the folder.
func under(path, folder string) bool {
	_, ok := cutFolder(path, folder)
	return ok
}

func cutFolder(path, folder string) (string, bool) { return strings.CutPrefix(path, folder+"/") }

// A pathSet is paths that can stand side by side in one tree.
type pathSet struct{ files, folders map[string]bool }

func newPathSet() pathSet { return pathSet{map[string]bool{}, map[string]bool{}} }

// add says what speaks against the file path beside those that are there.
func (s pathSet) add(path string) error {
	switch {
	case s.files[path]:
		return errors.New("it is there twice")
	case s.folders[path]:
		return errors.New("it is a file and a folder")
	}
	for i, c := range path {
		if c != '/' {
			continue
		}
		if s.files[path[:i]] {
			return fmt.Errorf("%s is a file and a folder", path[:i])
		}
		s.folders[path[:i]] = true
	}
	s.files[path] = true
	return nil
}
