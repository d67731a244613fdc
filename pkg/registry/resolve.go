package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// ResolveOptions say how references are resolved. The zero value is useful.
type ResolveOptions struct {
	Parallel int // references asked for in parallel; 0 means 4
}

// Resolve asks from what each reference names now, and gives their digests in the order
// of refs. Nothing is fetched. All failures are reported at once, in that order, each
// with its reference; the digests of the others are given all the same.
func Resolve(ctx context.Context, refs []image.Ref, from Source, opts ResolveOptions) ([]digest.Digest, error) {
	digests := make([]digest.Digest, len(refs))
	errs, ended := each(ctx, len(refs), parallelOr(opts.Parallel), func(ctx context.Context, i int) error {
		desc, err := from.Resolve(ctx, refs[i])
		digests[i] = desc.Digest
		return err
	})
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("%s: asking for its digest: %w", refs[i], err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return digests, err
	}
	return digests, ended
}
