package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// reached is a source whose errors say of what kind they are: a *registry.NotFoundError
// inside a *lackError is content that is missing, an *accessError is any other failure
// of the source. What is neither is about content that came.
type reached struct{ registry.Source }

// An accessError is a failure to get anything, be it there or not.
type accessError struct{ err error }

func (e *accessError) Error() string { return e.err.Error() }
func (e *accessError) Unwrap() error { return e.err }

// A lackError says that content which something names is not there.
type lackError struct {
	desc registry.Descriptor
	err  error
}

func (e *lackError) Error() string { return fmt.Sprintf("%s is not there", e.desc.Digest) }
func (e *lackError) Unwrap() error { return e.err }

func isMissing(err error) bool {
	_, ok := errors.AsType[*registry.NotFoundError](err)
	return ok
}

func access(err error) error {
	if err == nil || isMissing(err) {
		return err
	}
	return &accessError{err}
}

// Resolve implements registry.Source.
func (r *reached) Resolve(ctx context.Context, ref image.Ref) (registry.Descriptor, error) {
	desc, err := r.Source.Resolve(ctx, ref)
	return desc, access(err)
}

// Fetch implements registry.Source.
func (r *reached) Fetch(ctx context.Context, ref image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	from, err := r.Source.Fetch(ctx, ref, desc)
	if isMissing(err) {
		return nil, &lackError{desc, err}
	}
	if err != nil {
		return nil, access(err)
	}
	return &reader{from}, nil
}

// hasBlob is registry.HasBlob with such errors.
func (r *reached) hasBlob(ctx context.Context, ref image.Ref, desc registry.Descriptor) (bool, error) {
	has, err := registry.HasBlob(ctx, r.Source, ref, desc)
	if _, other := errors.AsType[*registry.SizeError](err); other {
		return false, err
	}
	return has, access(err)
}

// reader is content under way.
type reader struct{ io.ReadCloser }

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it as it is
		err = access(err)
	}
	return n, err
}

// resolved is a source that knows already what the one image is that it is asked for, but
// not the members of a bundle.
type resolved struct {
	*reached
	root registry.Descriptor
}

// Resolve implements registry.Source.
func (r *resolved) Resolve(ctx context.Context, ref image.Ref) (registry.Descriptor, error) {
	if ref.Digest == string(r.root.Digest) {
		return r.root, nil
	}
	return r.reached.Resolve(ctx, ref)
}
