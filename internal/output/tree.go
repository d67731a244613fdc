// Package output puts rewritten inputs in their places: into a directory, or
// where they came from. All of them or none.
package output

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
)

// A Tree is the place of several outputs. Make it with InDir or InPlace, Put
// every output, then Commit; defer Discard beside it. The zero Tree is nowhere:
// what is put there is dropped.
type Tree struct {
	dir     string // empty if inPlace
	inPlace bool
	others  []input.Other

	mu    sync.Mutex
	stage atomicfile.Stage
	sums  map[string][sha256.Size]byte // of what was put in place, by the file's real path
}

// InDir is the tree that repeats the inputs of set below dir, together with the
// other files of the directories. A dir that is a file, two inputs with one
// place, and an input that would be overwritten are errors.
func InDir(dir string, set input.Set) (*Tree, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, not a directory", dir)
	}
	t := &Tree{dir: dir, others: set.Others}
	p := plan{sources: map[string]string{}, places: map[string]string{}}
	for i := range set.Inputs {
		if file := set.Inputs[i].File; file != "" {
			p.sources[realPath(file)] = file
		}
	}
	for i := range set.Inputs {
		if in := &set.Inputs[i]; in.Rel != "" {
			if err := p.add(in.Name, t.path(in)); err != nil {
				return nil, err
			}
		}
	}
	for _, other := range set.Others {
		if err := p.add(other.File, filepath.Join(dir, other.Rel)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// InPlace is the tree that the files of set are in already. An input that is no
// file is an error.
func InPlace(set input.Set) (*Tree, error) {
	var errs []error
	for i := range set.Inputs {
		if in := &set.Inputs[i]; in.File == "" && in.Rel != "" {
			errs = append(errs, fmt.Errorf("%s is no file, so it cannot be rewritten in place", in.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Tree{inPlace: true, sums: map[string][sha256.Size]byte{}}, nil
}

// A plan finds out which files would be in each other's way.
type plan struct {
	sources map[string]string // names of inputs by real path
	places  map[string]string // names of inputs by where their output goes
}

func (p *plan) add(name, path string) error {
	if source, ok := p.sources[realPath(path)]; ok {
		return fmt.Errorf("%s would overwrite the input %s; to rewrite files where they are, use --in-place", path, source)
	}
	if other, ok := p.places[path]; ok {
		return fmt.Errorf("%s and %s would both be written to %s", other, name, path)
	}
	p.places[path] = name
	return nil
}

// realPath is path without symbolic links as far as it exists.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

func (t *Tree) path(in *input.Input) string {
	if t.inPlace {
		return in.File
	}
	return filepath.Join(t.dir, in.Rel)
}

// Put prepares the output of one input, and is told whether that changes it.
// Nothing is in place yet. Several goroutines may call it.
func (t *Tree) Put(in *input.Input, output []byte, changed bool) error {
	if t.dir == "" && !t.inPlace {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inPlace && (!changed || t.isPut(in.File, output)) {
		return nil
	}
	return t.stage.Add(t.path(in), output, in.Mode)
}

// isPut reports whether this output of the file was put already: symbolic links
// can make one file several inputs.
func (t *Tree) isPut(file string, output []byte) bool {
	path, sum := realPath(file), sha256.Sum256(output)
	old, ok := t.sums[path]
	t.sums[path] = sum
	return ok && old == sum
}

// Commit puts everything in place. On an error some files may be there already;
// the same command can be given again.
func (t *Tree) Commit() error {
	var errs []error
	for _, other := range t.others {
		if err := copyFile(other.File, filepath.Join(t.dir, other.Rel)); err != nil {
			errs = append(errs, fmt.Errorf("copying %s: %w", other.File, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return t.stage.Commit()
}

// Discard removes what was prepared. After Commit it does nothing.
func (t *Tree) Discard() error { return t.stage.Discard() }
