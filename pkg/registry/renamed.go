package registry

import (
	"context"
	"io"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Renamed is a source whose images have other names there: name gives the one that
// from knows. Plans, events and errors keep the names that it is asked by.
func Renamed(from Source, name func(image.Ref) image.Ref) Source { return renamed{from, name} }

type renamed struct {
	from Source
	name func(image.Ref) image.Ref
}

func (r renamed) Resolve(ctx context.Context, ref image.Ref) (Descriptor, error) {
	return r.from.Resolve(ctx, r.name(ref))
}

func (r renamed) Fetch(ctx context.Context, ref image.Ref, desc Descriptor) (io.ReadCloser, error) {
	return r.from.Fetch(ctx, r.name(ref), desc)
}

func (r renamed) Referrers(ctx context.Context, ref image.Ref, desc Descriptor) ([]Referrer, error) {
	return r.from.Referrers(ctx, r.name(ref), desc)
}
