package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A SizeError says that a place has a blob with another number of bytes than it should
// have: it was cut off, or is something else.
type SizeError struct {
	Repository string
	Digest     digest.Digest
	Has, Want  int64 // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s holds %s with %d bytes, not %d", e.Repository, e.Digest, e.Has, e.Want)
}

// HasBlob says whether from has a blob in ref's repository, without reading it: by its
// own method HasBlob, if it has one as Remote has, else by opening the blob. One of
// another size is a *SizeError where that can be seen.
func HasBlob(ctx context.Context, from Source, ref image.Ref, desc Descriptor) (bool, error) {
	if asked, ok := from.(interface {
		HasBlob(context.Context, image.Ref, Descriptor) (bool, error)
	}); ok {
		return asked.HasBlob(ctx, ref, desc)
	}
	r, err := from.Fetch(ctx, ref, desc)
	if _, missing := errors.AsType[*NotFoundError](err); missing {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// HasBlob is that of the source behind the names.
func (r renamed) HasBlob(ctx context.Context, ref image.Ref, desc Descriptor) (bool, error) {
	return HasBlob(ctx, r.from, r.name(ref), desc)
}
