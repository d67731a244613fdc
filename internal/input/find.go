package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A finder collects a Set.
type finder struct {
	opts    Options
	exclude fs.FileInfo     // nil for none
	seen    map[string]bool // absolute paths of the files in set
	found   int             // manifests met in this directory, those seen before too
	set     Set
}

func (f *finder) add(name string) {
	switch {
	case name == "-":
		f.set.Inputs = append(f.set.Inputs, fromReader(f.opts.Stdin))
		return
	case isURL(name):
		f.set.Inputs = append(f.set.Inputs, fromURL(name, f.opts.Timeout))
		return
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		f.fail(name, err)
	case info.IsDir():
		f.addDir(name, info)
	default:
		f.addFile(name, name, filepath.Base(name), info)
	}
}

// fail adds an input that cannot be read.
func (f *finder) fail(name string, err error) {
	if name == "" {
		name = `""`
	}
	err = fmt.Errorf("reading %s: %w", name, withoutPath(err))
	f.set.Inputs = append(f.set.Inputs, Input{Name: name, err: err})
}

func (f *finder) addDir(name string, info fs.FileInfo) {
	f.found = 0
	f.walk(name, "", []fs.FileInfo{info})
	if f.found == 0 {
		err := fmt.Errorf("%s: no manifests (*.yaml, *.yml, *.json) in it", name)
		f.set.Inputs = append(f.set.Inputs, Input{Name: name, err: err})
	}
}

// addFile adds a file unless it is there already.
func (f *finder) addFile(name, path, rel string, info fs.FileInfo) {
	f.found++
	if abs := absolute(path); !f.seen[abs] {
		f.seen[abs] = true
		f.set.Inputs = append(f.set.Inputs, fromFile(name, path, rel, info))
	}
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path) // no working directory: good enough to tell paths apart
	}
	return abs
}

// walk adds the files below root/rel. above are the directories from root down
// to this one, so that a symbolic link to one of them does not lead round for ever.
func (f *finder) walk(root, rel string, above []fs.FileInfo) {
	dir := filepath.Join(root, rel)
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.found++
		f.fail(dir, err)
	}
	for _, entry := range entries {
		f.enter(root, filepath.Join(rel, entry.Name()), above)
	}
}

// enter adds the file root/rel, or what is below it. Hidden directories are left
// out, hidden files are no manifests: that is .git, .github, .pre-commit-config.yaml.
func (f *finder) enter(root, rel string, above []fs.FileInfo) {
	path, base := filepath.Join(root, rel), filepath.Base(rel)
	hidden := strings.HasPrefix(base, ".")
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		if !hidden && !f.excluded(info) && !isAmong(info, above) {
			f.walk(root, rel, append(slices.Clip(above), info))
		}
	case hidden || !isManifest(base):
		if abs := absolute(path); !f.seen[abs] {
			f.seen[abs] = true
			f.set.Others = append(f.set.Others, Other{File: path, Rel: rel})
		}
	case err == nil && info.Mode().IsRegular():
		f.addFile(path, path, rel, info)
	default:
		if err == nil {
			err = errors.New("not a regular file")
		}
		f.found++
		f.fail(path, err)
	}
}

func (f *finder) excluded(info fs.FileInfo) bool {
	return f.exclude != nil && os.SameFile(info, f.exclude)
}

func isAmong(info fs.FileInfo, list []fs.FileInfo) bool {
	return slices.ContainsFunc(list, func(other fs.FileInfo) bool { return os.SameFile(info, other) })
}

func isManifest(base string) bool {
	switch strings.ToLower(filepath.Ext(base)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
