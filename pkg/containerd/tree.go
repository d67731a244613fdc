package containerd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// What is read of a folder. What is larger, or deeper, is nothing that containerd looks at.
const (
	maxFile  = 4 << 20
	maxFiles = 10_000
	maxDepth = 6
)

// A tree is the files of a node that are known, by absolute path.
type tree struct {
	files    map[string]file
	dirs     map[string]bool
	dangling map[string]string // links that lead nowhere, and their places
	// all is a folder in which there is nothing that is not here.
	all string
}

// A file is one of a node.
type file struct {
	content string
	hidden  bool                    // it is there, but its content cannot be seen
	place   func(offset int) string // of a byte of content, FILE:LINE:COLUMN
	name    string                  // its place as a whole
}

func newTree(all string) *tree {
	return &tree{files: map[string]file{}, dirs: map[string]bool{}, dangling: map[string]string{}, all: path.Clean(all)}
}

// textFile is a file that stands as it is under a name.
func textFile(name, content string) file {
	return file{content: content, name: name, place: func(offset int) string {
		line, column := yamltree.LineColumn(content, offset)
		return fmt.Sprintf("%s:%d:%d", name, line, column)
	}}
}

func (t *tree) add(at string, f file) {
	at = path.Clean(at)
	t.files[at] = f
	for dir := path.Dir(at); !t.dirs[dir]; dir = path.Dir(dir) {
		t.dirs[dir] = true
	}
}

// below says whether at is in the folder whose content is fully known.
func (t *tree) below(at string) bool { return strings.HasPrefix(at, t.all+"/") }

// holds says whether there is a file of a kind.
func (t *tree) holds(is func(at string) bool) bool {
	for at := range t.files {
		if is(at) {
			return true
		}
	}
	return false
}

// names are what is in a folder, sorted.
func (t *tree) names(dir string) []string {
	set := map[string]bool{}
	for at := range t.files {
		if rest, ok := strings.CutPrefix(at, dir+"/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			set[first] = true
		}
	}
	for at := range t.dirs {
		if path.Dir(at) == dir && at != dir {
			set[path.Base(at)] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// loadTree reads the folder that nodes have as dir.
func loadTree(fsys fs.FS, dir, name string) (*tree, error) {
	l := &loader{fsys: fsys, tree: newTree(dir), name: name}
	l.tree.dirs[l.tree.all] = true
	l.dir(".", 0)
	return l.tree, errors.Join(l.errs...)
}

type loader struct {
	fsys fs.FS
	tree *tree
	name string
	n    int
	errs []error
}

func (l *loader) fail(name string, err error) {
	l.errs = append(l.errs, fmt.Errorf("reading %s: %w", l.place(name), err))
}

func (l *loader) place(name string) string { return path.Join(l.name, name) }

func (l *loader) dir(dir string, depth int) {
	entries, err := fs.ReadDir(l.fsys, dir)
	if err != nil {
		l.fail(dir, err)
		return
	}
	for _, e := range entries {
		if l.n++; l.n > maxFiles {
			break
		}
		l.entry(path.Join(dir, e.Name()), depth)
	}
	if depth == 0 && l.n > maxFiles {
		l.fail(dir, fmt.Errorf("more than %d files", maxFiles))
	}
}

func (l *loader) entry(name string, depth int) {
	at := path.Join(l.tree.all, name)
	info, err := fs.Stat(l.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.tree.dangling[at] = l.place(name)
	case err != nil:
		l.fail(name, err)
	case info.IsDir() && depth < maxDepth:
		l.tree.dirs[at] = true
		l.dir(name, depth+1)
	case info.Mode().IsRegular():
		f, err := l.file(name)
		if err != nil {
			l.fail(name, err)
			return
		}
		l.tree.add(at, f)
	}
}

func (l *loader) file(name string) (file, error) {
	r, err := l.fsys.Open(name)
	if err != nil {
		return file{}, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil || len(content) <= maxFile {
		return textFile(l.place(name), string(content)), err
	}
	return file{hidden: true, name: l.place(name)}, nil
}
