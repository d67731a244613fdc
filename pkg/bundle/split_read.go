package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// openParts opens the archive that was split into parts, if path is one of
// them or what they would be joined to; ok says whether it is.
func openParts(path string) (r reader, ok bool, err error) {
	p, ok, err := findParts(path)
	if err != nil || !ok {
		return nil, ok, err
	}
	return &partReader{parts: p, files: make([]*os.File, min(maxOpen, len(p.names)))}, true, nil
}

// A partReader reads parts as if they were joined.
type partReader struct {
	*parts
	mu    sync.Mutex
	files []*os.File // of the first parts, nil until they are read; the others are opened for every read
}

// Size is the length of the joined archive in bytes.
func (r *partReader) Size() int64 { return r.total() }

// ReadAt implements io.ReaderAt.
func (r *partReader) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("reading before the beginning of the archive")
	}
	for n < len(b) {
		if off >= r.total() {
			return n, io.EOF
		}
		i := int(off / r.sizes[0])
		at := off - r.offset(i)
		want := min(int64(len(b)-n), r.sizes[i]-at)
		got, err := r.readPart(i, b[n:n+int(want)], at)
		n, off = n+got, off+int64(got)
		if int64(got) < want {
			return n, fmt.Errorf("reading %s, which became shorter: %w", r.path(i), err)
		}
	}
	return n, nil
}

func (r *partReader) readPart(i int, b []byte, at int64) (int, error) {
	f, err := r.open(i)
	if err != nil {
		return 0, err
	}
	if i >= len(r.files) {
		defer func() { _ = f.Close() }()
	}
	n, err := f.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// open gives the file of part i.
func (r *partReader) open(i int) (*os.File, error) {
	if i >= len(r.files) {
		return openRegular(r.path(i))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.files[i] == nil {
		r.files[i], err = openRegular(r.path(i))
	}
	return r.files[i], err
}

// Close closes the files of all parts.
func (r *partReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for i, f := range r.files {
		if f != nil {
			errs = append(errs, f.Close())
			r.files[i] = nil
		}
	}
	return errors.Join(errs...)
}

// Join makes the archive out from its parts, of which path is one, or their
// checksums, or the archive's name; an empty out is the archive's own name,
// beside the parts. Every part is compared with its checksum on the way, and out
// is there whole or not at all. If it is there already and right, it stays.
// report is told the bytes that were dealt with and may be nil.
func Join(ctx context.Context, path, out string, report func(registry.Event)) error {
	if err := join(ctx, path, out, report); err != nil {
		return fmt.Errorf("joining the parts of %s: %w", path, err)
	}
	return nil
}

func join(ctx context.Context, path, out string, report func(registry.Event)) error {
	if archive, named := archiveOf(path); named {
		path = archive
	}
	if out == "" {
		out = path
	}
	if of, named := archiveOf(out); named && filepath.Clean(of) == filepath.Clean(path) {
		return fmt.Errorf("%s is itself one of them", out)
	}
	p, _, err := findParts(path + sumsSuffix)
	if err != nil || p.isJoined(ctx, out) {
		return err
	}
	return writeWhole(out, 0o644, func(w io.Writer) error {
		for i := range p.names {
			if err := p.pass(ctx, i, w, report); err != nil {
				return err
			}
		}
		return nil
	})
}

// isJoined says whether out is what the parts make.
func (p *parts) isJoined(ctx context.Context, out string) bool {
	f, err := openRegular(out)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || info.Size() != p.total() {
		return false
	}
	for i := range p.names {
		if p.sift(ctx, i, io.Discard, io.NewSectionReader(f, p.offset(i), p.sizes[i]), nil) != nil {
			return false
		}
	}
	return true
}
