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
// with its reference; the digests of the others are given all the same. If the context
// ends, or the source returns an error with a method Fatal() bool that is true, that is the
// one error.
func Resolve(ctx context.Context, refs []image.Ref, from Source, opts ResolveOptions) ([]digest.Digest, error) {
	digests := make([]digest.Digest, len(refs))
	errs, ended := each(ctx, len(refs), parallelOr(opts.Parallel), func(ctx context.Context, i int) error {
		desc, err := from.Resolve(ctx, refs[i])
		digests[i] = desc.Digest
		if err != nil {
			return fmt.Errorf("%s: asking for its digest: %w", refs[i], err)
		}
		return nil
	})
	if ended != nil {
		return digests, ended
	}
	return digests, errors.Join(errs...)
}
