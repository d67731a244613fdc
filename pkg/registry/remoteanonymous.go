package registry

import (
	"context"
	"errors"
	"net/http"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// GivesAnybody asks for the manifest of ref without credentials. gives says that it was
// given, told that the answer says whether it is given: not if nobody answers. ref is one
// that is there: a registry that denies it to strangers hides it from them.
func (r *Remote) GivesAnybody(ctx context.Context, ref image.Ref) (gives, told bool) {
	opts := r.opts
	opts.LoginHost, opts.Username, opts.Password, opts.AuthFiles = "", "", "", nil
	stranger, err := NewRemote(opts)
	if err != nil {
		return false, false
	}
	_, err = stranger.Resolve(ctx, ref)
	if err == nil {
		return true, true
	}
	_, hidden := asError[*NotFoundError](err)
	response, ok := asError[*errcode.ErrorResponse](err) // of who gives tokens
	refused := ok && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden)
	return false, hidden || refused || errors.Is(err, auth.ErrBasicCredentialNotFound) ||
		isStatus(err, http.StatusUnauthorized) || isStatus(err, http.StatusForbidden)
}
