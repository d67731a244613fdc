package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kubectl-airgap/kubectl-airgap/internal/disk"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// writeWhole makes the file path from what write writes, by way of path.partial,
// which the next run replaces if this one is killed: what is written here is too
// large to leave many of it behind. Links are followed; what is no regular file, such
// as /dev/stdout or a pipe, is written to as it is, never replaced.
func writeWhole(path string, perm fs.FileMode, write func(io.Writer) error) error {
	err := func() error {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return writeInto(path, write)
		}
		to, err := place(path)
		if err != nil {
			return err
		}
		return writeBeside(to, perm, write)
	}()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// writeInto writes to what is there already.
func writeInto(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// writeBeside writes path.partial and gives it its name.
func writeBeside(path string, perm fs.FileMode, write func(io.Writer) error) error {
	f, err := createLocked(path+".partial", perm)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if !disk.RenameOpen { // elsewhere the lock is kept until the file has its name
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if disk.RenameOpen {
		err = errors.Join(err, f.Close())
	}
	return err
}

// createLocked creates a file that no other process is writing, in the place of what a
// killed one left there.
func createLocked(name string, perm fs.FileMode) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			if err := removeLeft(name); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if !stale(f, name) {
			return f, nil
		}
		f.Close() //nolint:errcheck // nothing was written to it
	}
}

// removeLeft removes what a killed process has left, unless another one is writing it.
func removeLeft(name string) error {
	left, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = lock(left)
	if !disk.RenameOpen {
		err = errors.Join(err, left.Close())
	} else {
		defer left.Close() //nolint:errcheck // it was not written
	}
	if err != nil {
		return err
	}
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lock keeps other processes from a file.
func lock(f *os.File) error {
	err := disk.Lock(f)
	if errors.Is(err, disk.ErrLocked) {
		return fmt.Errorf("another process is writing it: %s", f.Name())
	}
	return err
}

// openRegular opens a file that is neither a folder nor a device.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe waits
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("this is no regular file")}
	}
	return os.Open(path)
}

// A tally copies one content and reports how far it came.
type tally struct {
	name   string
	image  string // may be empty
	size   int64
	report func(registry.Event) // may be nil
	begun  bool
}

// copy copies t.size bytes, no more and no fewer, and ends with its context.
func (t *tally) copy(ctx context.Context, to io.Writer, from io.Reader) error {
	t.tell(registry.BlobBegin, t.size)
	t.begun = true
	buf := make([]byte, min(pieceSize, t.size+1))
	for left := t.size; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buf)
		if left -= int64(n); left < 0 {
			return fmt.Errorf("there are more than %d bytes", t.size)
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
		t.tell(registry.Advance, int64(n))
		switch {
		case errors.Is(err, io.EOF) && left == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("there are %d bytes of %d", t.size-left, t.size)
		case err != nil:
			return err
		}
	}
}

// end says that no more comes.
func (t *tally) end() {
	if t.begun {
		t.tell(registry.BlobEnd, t.size)
	}
}

func (t *tally) tell(kind registry.EventKind, n int64) {
	if t.report == nil {
		return
	}
	e := registry.Event{Kind: kind, Name: t.name, Bytes: n}
	if kind == registry.BlobBegin {
		e.Image = t.image
	}
	t.report(e)
}
