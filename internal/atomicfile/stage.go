package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A Stage prepares many files and puts them in place together. Whatever can
// go wrong with a file goes wrong in Add, while all old files are still there.
// The zero Stage is empty and ready; defer Discard beside it:
//
//	var s atomicfile.Stage
//	defer s.Discard()
//	… s.Add(…) …
//	return s.Commit()
type Stage struct {
	files []staged
	dirs  []string // that Add created, parents first
}

type staged struct{ temp, path string }

// Add prepares the file path as Write would write it, and creates the folders
// above it. A path can be added once.
func (s *Stage) Add(path string, data []byte, perm fs.FileMode) error {
	if err := s.add(path, data, perm); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func (s *Stage) add(path string, data []byte, perm fs.FileMode) error {
	to, err := resolve(path)
	if err != nil {
		return err
	}
	if to, err = filepath.Abs(to); err != nil {
		return err
	}
	if slices.ContainsFunc(s.files, func(f staged) bool { return f.path == to }) {
		return errors.New("there are two contents for this file")
	}
	if err := s.mkdir(filepath.Dir(to)); err != nil {
		return err
	}
	temp, err := writeTemp(to, data, perm)
	if err != nil {
		return err
	}
	s.files = append(s.files, staged{temp, to})
	return nil
}

// mkdir is os.MkdirAll that remembers what it created.
func (s *Stage) mkdir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err // something that is no folder is found when writing into it
	}
	if err := s.mkdir(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil // somebody else was faster, and it is theirs
	}
	if err == nil {
		s.dirs = append(s.dirs, dir)
	}
	return err
}

// Commit puts all files in place and empties the Stage. If a file cannot be
// put there, those before it are in place already; the others stay prepared
// for Discard.
func (s *Stage) Commit() error {
	for i, f := range s.files {
		if err := os.Rename(f.temp, f.path); err != nil {
			s.files = s.files[i:]
			return fmt.Errorf("writing %s: %w", f.path, err)
		}
	}
	*s = Stage{}
	return nil
}

// Discard removes what Add prepared and the folders that it created, if they
// are empty. After Commit it does nothing.
func (s *Stage) Discard() error {
	var errs []error
	for _, f := range s.files {
		if err := os.Remove(f.temp); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, dir := range slices.Backward(s.dirs) {
		_ = os.Remove(dir) // what is not empty has become somebody else's
	}
	*s = Stage{}
	return errors.Join(errs...)
}
