package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// writeWhole makes the file path from what write writes, by way of path.partial,
// which the next run replaces if this one is killed: what is written here is too
// large to leave many of it behind.
func writeWhole(path string, perm fs.FileMode, write func(io.Writer) error) error {
	temp := path + ".partial"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(temp)))
	}
	return nil
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
