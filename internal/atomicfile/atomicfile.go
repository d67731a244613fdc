// Package atomicfile writes files that are there whole or not at all: a
// command that is killed leaves no half of one behind (DESIGN.md, law 5).
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// Write replaces the file path with data, by way of a temporary file beside
// it. The mode of an existing file is kept, a new one gets perm less the umask.
// A perm for the owner alone, of what holds a secret, takes the rights of others
// from an existing file as well. Where path is a symbolic link, the file that it
// leads to is written. What is no regular file, such as /dev/stdout, is written
// to as it is.
func Write(path string, data []byte, perm fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return os.WriteFile(path, data, perm)
	}
	to, err := resolve(path)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	temp, err := writeTemp(to, data, perm)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(temp, to); err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(temp)))
	}
	return nil
}

// writeTemp writes data to a file beside path that can be renamed to path.
func writeTemp(path string, data []byte, perm fs.FileMode) (temp string, err error) {
	info, err := os.Stat(path)
	exists := err == nil
	switch {
	case exists && !info.Mode().IsRegular():
		return "", errors.New("this is no regular file")
	case exists && perm&0o077 == 0:
		perm &= info.Mode().Perm() | 0o600
	case exists:
		perm = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	f, err := createTemp(path, perm)
	if err != nil {
		return "", err
	}
	if exists { // the umask may have taken something away
		err = f.Chmod(perm)
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// createTemp is os.CreateTemp, but leaves the mode to perm and the umask.
func createTemp(path string, perm fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(path)
	if len(base) > 200 {
		base = base[:200] // a name may have 255 bytes
	}
	for {
		name := dir + "." + base + "." + strconv.FormatUint(rand.Uint64(), 36) + ".tmp"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// resolve follows path to where it leads, also if nothing is there yet.
func resolve(path string) (string, error) {
	const loop = 40 // what Linux allows
	for range loop {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, err
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(link) {
			path = link
			continue
		}
		// ".." in a link counts from where its folder really is.
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, link)
	}
	return "", errors.New("too many symbolic links")
}
