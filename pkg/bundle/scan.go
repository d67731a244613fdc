package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/opencontainers/go-digest"
)

// What an archive may ask of whoever reads it.
const (
	maxEntries = 1 << 18
	maxHeader  = 16 << 10 // bytes of one header, with all extensions
	maxText    = 64 << 20 // bytes of index.json, of the checksums
	maxLock    = 16 << 20 // bytes of the lock, some 25,000 images; reading YAML takes up to 150 times as much memory
)

// An InvalidError says what is wrong with an archive, or that a file is none. It
// is never worth another try.
type InvalidError struct {
	Entry   string   // the path of the entry; empty if it is the whole file
	Problem string   // what is wrong with it
	Images  []string // the images that cannot do without it, sorted; none if that is not known
}

func (e *InvalidError) Error() string {
	text := e.Problem
	if e.Entry != "" {
		text = e.Entry + ": " + text
	}
	if len(e.Images) > 0 {
		text += " (needed by " + strings.Join(e.Images, ", ") + ")"
	}
	return text
}

// A stored is an entry and where it is.
type stored struct {
	Entry
	at    int64 // where its header begins
	start int64 // where its content begins
}

// scan reads the headers of an archive that anybody may have made, and gives its
// files. It passes over their content, and refuses whatever could be anything
// else than a plain file of that name.
func scan(r reader) ([]stored, error) {
	section := io.NewSectionReader(r, 0, r.Size())
	headers := tar.NewReader(section)
	paths := newPathSet()
	var all []stored
	last := "" // the entry before, to say where we are
	for at := int64(0); ; {
		h, err := headers.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, noHeader(last, at, err)
		}
		start, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if problem := checkHeader(h, start-at, r.Size()-start, len(all)); problem != nil {
			return nil, &InvalidError{Entry: shown(h.Name), Problem: problem.Error()}
		}
		if h.Typeflag == tar.TypeReg {
			if err := paths.add(h.Name); err != nil {
				return nil, &InvalidError{Entry: h.Name, Problem: err.Error()}
			}
			all = append(all, stored{Entry{h.Name, h.Size, fs.FileMode(h.Mode).Perm()}, at, start})
		}
		at, last = start+padded(h.Size), h.Name
	}
}

// noHeader says where there should have been a header.
func noHeader(last string, at int64, err error) error {
	e := &InvalidError{Entry: "the first entry", Problem: fmt.Sprintf("byte %d is not the beginning of a tar's header", at)}
	if last != "" {
		e.Entry = "the entry after " + shown(last)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && last != "":
		e.Problem = "the archive was cut off"
	case !errors.Is(err, tar.ErrHeader) && !errors.Is(err, tar.ErrFieldTooLong) && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("reading %s: %w", e.Entry, err) // the disk, not the archive
	}
	if last == "" {
		e.Entry, e.Problem = "", "this is no archive: the first entry has no tar header"
	}
	return e
}

// shown is a path that anybody may have made, fit for a terminal.
func shown(path string) string {
	quoted := fmt.Sprintf("%q", path[:min(len(path), 300)])
	if inner := quoted[1 : len(quoted)-1]; inner == path {
		return path
	}
	return quoted
}

// checkHeader says what speaks against an entry: length is that of its header,
// left what the file has after it.
func checkHeader(h *tar.Header, length, left int64, before int) error {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return fmt.Errorf("it is %s, and an archive has files only", kindOf(h.Typeflag))
	}
	path := h.Name
	if h.Typeflag == tar.TypeDir {
		path = strings.TrimSuffix(path, "/")
	}
	if err := checkPath(path); err != nil {
		return err
	}
	if _, err := blobOf(path); err != nil && h.Typeflag == tar.TypeReg {
		return err
	}
	for key := range h.PAXRecords {
		switch key {
		case "path", "size", "mtime", "atime", "ctime":
		default:
			return fmt.Errorf("its header says %q, which archives do not use", shown(key))
		}
	}
	switch {
	case before >= maxEntries:
		return fmt.Errorf("there are more than %d entries", maxEntries)
	case length > maxHeader:
		return fmt.Errorf("its header has %d bytes, more than %d", length, maxHeader)
	case h.Size < 0 || h.Typeflag == tar.TypeDir && h.Size != 0:
		return fmt.Errorf("its size is said to be %d bytes", h.Size)
	case h.Size > left:
		return fmt.Errorf("it should have %d bytes, and %d are there: the archive was cut off", h.Size, left)
	}
	return nil
}

func kindOf(flag byte) string {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink:
		return "a link"
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return "a device"
	}
	return fmt.Sprintf("of type %q", flag)
}

// checkKind is an error if what was scanned is no archive of ours, whatever else
// it is.
func checkKind(byPath map[string]*stored, blobs map[digest.Digest]*stored) error {
	var missing []string
	for _, path := range []string{layoutPath, indexPath, lockPath} {
		if byPath[path] == nil {
			missing = append(missing, path)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	what := "this is no archive that pull wrote"
	switch {
	case byPath[lockPath] != nil:
		what = "this archive is damaged"
	case byPath[layoutPath] != nil && byPath[indexPath] != nil:
		what = "this is an OCI image layout, but not one that pull wrote"
	case byPath[dockerPath] != nil:
		what = "this is an archive of docker save, not one that pull wrote"
	case len(blobs) > 0:
		what = "this archive is not finished or was cut off"
	}
	return &InvalidError{Problem: what + ": it has no " + strings.Join(missing, ", no ")}
}
