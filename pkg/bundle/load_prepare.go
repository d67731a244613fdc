package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Prepared is a tar of images, as Load writes it, of which everything is known before
// it is written. It reads its archive, which must stay open.
type Prepared struct{ loader *loader }

// Prepare does all of Load but to write. If no node could run any of the images, the
// error is a *NothingError.
func Prepare(ctx context.Context, a *Archive, pairs []image.Pair, o LoadOptions) (*Prepared, error) {
	l, err := newLoader(ctx, a, pairs, o)
	if err != nil {
		return nil, fmt.Errorf("loading images: %w", err)
	}
	return &Prepared{l}, nil
}

// Loaded says what the tar holds. It is the tar's own: do not change it.
func (p *Prepared) Loaded() *Loaded { return &p.loader.Loaded }

// Write writes the tar, Loaded().Size bytes. It may be called again.
func (p *Prepared) Write(ctx context.Context, w io.Writer) error {
	if err := p.loader.write(ctx, w); err != nil {
		return fmt.Errorf("loading images: %w", err)
	}
	return nil
}

// A NothingError says that no node could run any of the images.
type NothingError struct{ LeftOut []LeftOut }

func (e *NothingError) Error() string {
	errs := []error{errors.New("there is no image that a node could run")}
	for _, left := range e.LeftOut {
		errs = append(errs, fmt.Errorf("%s: %s", left.Image, left.Reason))
	}
	return errors.Join(errs...).Error()
}

// WriteWhole writes a file that is there whole or not at all, with these permissions if it
// is new.
func WriteWhole(path string, perm fs.FileMode, write func(io.Writer) error) error {
	return writeWhole(path, perm, write)
}
