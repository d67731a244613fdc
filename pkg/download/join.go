package download

import (
	"context"
	"errors"
	"io"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// Join gives what opens several files as one, and the size of the whole, -1 if a
// server does not say how large a part is. Large files are published in parts, as
// OVAs on GitHub. Nothing is fetched before it is opened; all parts that cannot be
// asked for are reported at once.
func (c *Client) Join(ctx context.Context, parts []string) (open registry.Opener, size int64, err error) {
	var errs []error
	for _, part := range parts {
		n, err := c.Size(ctx, part)
		errs = append(errs, err)
		if size += n; n < 0 || size < 0 {
			size = -1 << 62 // it stays below zero
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, 0, err
	}
	open = func(ctx context.Context) (io.ReadCloser, error) {
		j := &joined{parts: parts, next: func(part string) (io.ReadCloser, error) {
			r, _, err := c.Open(ctx, part)
			return r, err
		}}
		if err := j.advance(); err != nil {
			return nil, err
		}
		return j, nil
	}
	return open, max(size, -1), nil
}

// joined reads parts one after the other.
type joined struct {
	parts []string // that were not opened yet
	next  func(part string) (io.ReadCloser, error)
	r     io.ReadCloser // nil after the last one
	err   error         // why there is no more
}

// advance opens the next part, if there is one.
func (j *joined) advance() error {
	if j.r = nil; len(j.parts) == 0 {
		return nil
	}
	r, err := j.next(j.parts[0])
	if err != nil {
		return err
	}
	j.r, j.parts = r, j.parts[1:]
	return nil
}

func (j *joined) Read(p []byte) (int, error) {
	for j.r != nil {
		n, err := j.r.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if j.err = errors.Join(j.r.Close(), j.advance()); j.err != nil || n > 0 {
			return n, j.err
		}
	}
	if j.err != nil {
		return 0, j.err
	}
	return 0, io.EOF
}

func (j *joined) Close() error {
	if j.r == nil {
		return nil
	}
	return j.r.Close()
}
