package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// asError is errors.As without a variable.
func asError[T error](err error) (T, bool) {
	var e T
	ok := errors.As(err, &e)
	return e, ok
}

func isStatus(err error, code int) bool {
	status, ok := asError[*resume.StatusError](err)
	return ok && status.Code == code
}

// A refusal is a failure that a person has to do something about.
type refusal struct {
	text  string
	err   error
	fatal bool
}

func (e *refusal) Error() string { return e.text }
func (e *refusal) Unwrap() error { return e.err }

// Fatal says whether everything else will fail for the same reason.
func (e *refusal) Fatal() bool { return e.fatal }

// explain turns a failure into a sentence that says what to do about it, where
// there is one. What is about the registry as a whole is fatal when writing, for
// there is but one that is written to.
func (r *Remote) explain(ctx context.Context, q request, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if known, ok := asError[*refusal](err); ok {
		return known
	}
	registry := q.ref.Registry
	if text, elsewhere := connection(registry, err); text != "" {
		why := func(q request) error { return &refusal{text: text, err: err, fatal: q.write} }
		if !elsewhere {
			r.standing(q.ref).close(why)
		}
		return why(q)
	}
	if token, ok := asError[*tokenError](err); ok {
		why := func(q request) error {
			return &refusal{text: registry + ": " + token.text, err: token, fatal: q.write}
		}
		r.standing(q.ref).close(why)
		return why(q)
	}
	if status, ok := asError[*resume.StatusError](err); ok {
		return r.explainStatus(ctx, q, status, err)
	}
	if response, ok := asError[*errcode.ErrorResponse](err); ok {
		return r.unauthorized(ctx, q, response.StatusCode, "", true, err)
	}
	if errors.Is(err, auth.ErrBasicCredentialNotFound) {
		return r.unauthorized(ctx, q, http.StatusUnauthorized, "", true, err)
	}
	if login, ok := asError[*loginError](err); ok {
		return &refusal{text: login.Error(), err: err, fatal: q.write}
	}
	if _, says := asError[*url.Error](err); !says && (errors.Is(err, resume.ErrStalled) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return fmt.Errorf("%s: %w", registry, err) // these do not say where
	}
	return err
}

func (r *Remote) explainStatus(ctx context.Context, q request, status *resume.StatusError, err error) error {
	said := ""
	if status.Message != "" {
		said = ": " + status.Message
	}
	place := q.ref.Name()
	switch code := status.Code; {
	case code == http.StatusUnauthorized:
		return r.unauthorized(ctx, q, code, said, r.isBasic(ctx, q.ref), err)
	case code == http.StatusBadRequest && said == "" && r.isPlain(ctx, q.ref.Registry):
		return &refusal{
			text: q.ref.Registry + " does not understand plain HTTP (400): if it speaks TLS, leave out --plain-http, or http:// in a source",
			err:  err, fatal: q.write,
		}
	case q.write && q.readsOnly(status):
		return &refusal{text: fmt.Sprintf("%s is read-only (%d)%s", q.ref.Registry, code, said), err: err, fatal: true}
	case q.write && overQuota(status):
		return &refusal{text: fmt.Sprintf("%s has no room for it: a quota is used up (%d)%s", q.ref.Registry, code, said), err: err, fatal: true}
	case q.write && (code == http.StatusForbidden || code == http.StatusNotFound && q.method == http.MethodPost):
		return &refusal{
			text: fmt.Sprintf("%s may not be written to (%d)%s: the project or repository has to be created first, or the user lacks the right to push", place, code, said),
			err:  err, fatal: !r.standing(q.ref).written.Load(),
		}
	case q.write && code == http.StatusBadRequest && strings.HasPrefix(q.path, "blobs/") && strings.Contains(strings.ReplaceAll(strings.ToLower(status.Message), "_", " "), "digest"):
		return &refusal{
			text: fmt.Sprintf("%s refuses it (%d)%s: its content is not what its digest says; the source is damaged (an archive: bundle check)", q.ref.Registry, code, said),
			err:  err,
		}
	case code == http.StatusForbidden:
		return &refusal{text: fmt.Sprintf("%s may not be read (%d)%s", place, code, said), err: err}
	case isFull(status):
		return &refusal{text: fmt.Sprintf("the disk of %s is full (%d)%s", q.ref.Registry, code, said), err: err, fatal: true}
	}
	return err
}

// isPlain says whether a registry is spoken to without TLS.
func (r *Remote) isPlain(ctx context.Context, registry string) bool {
	scheme, err := r.scheme(ctx, registry)
	return err == nil && scheme == "http"
}

// readsOnly says whether the answer is that of a registry that takes nothing: 405, but not
// to who only asks.
func (q *request) readsOnly(status *resume.StatusError) bool {
	said := strings.ToLower(status.Message)
	asks := q.method == http.MethodHead || q.method == http.MethodGet
	return status.Code == http.StatusMethodNotAllowed && !asks || status.Code < 500 &&
		(strings.Contains(said, "read only") || strings.Contains(said, "read-only") || strings.Contains(said, "readonly"))
}

// overQuota says whether a project may not have more. Harbor (2.x) answers 403, before
// that 412, "… will exceed the configured upper limit of 10 GiB".
func overQuota(status *resume.StatusError) bool {
	said := strings.ToLower(status.Message)
	return status.Code < 500 && status.Code != http.StatusTooManyRequests &&
		(strings.Contains(said, "quota") || strings.Contains(said, "exceed the configured upper limit"))
}

// isFull says whether a registry has no room: by its status, or by what Docker's
// registry says of its disk (the number is that of ENOSPC).
func isFull(status *resume.StatusError) bool {
	return status.Code == http.StatusInsufficientStorage || strings.Contains(status.Message, "no space left on device") ||
		strings.Contains(strings.ReplaceAll(status.Message, " ", ""), `"Err":28`)
}

// unauthorized says that credentials are missing or wrong. sure says that it is
// they, and not the rights to this repository, that are.
func (r *Remote) unauthorized(ctx context.Context, q request, code int, said string, sure bool, err error) error {
	registry := q.ref.Registry
	known, loginErr := r.logins.credential(ctx, r.logins.place(q.ref))
	if loginErr != nil || known == auth.EmptyCredential {
		return &refusal{
			text: fmt.Sprintf("%s wants credentials to %s %s, or has no such repository (%d)%s: log in (docker login %s) or give them (--username)",
				registry, q.purpose(), q.ref.Repository, code, said, registry),
			err: err, fatal: q.write && sure,
		}
	}
	why := func(q request) error {
		return &refusal{
			text: fmt.Sprintf("%s refuses the credentials that are given for it, to %s %s (%d)%s: log in again (docker login %s) or give others (--username)",
				registry, q.purpose(), q.ref.Repository, code, said, registry),
			err: err, fatal: sure && (q.write || r.opts.LoginHost == registry), // who names a registry by its login means that one alone
		}
	}
	if sure {
		r.standing(q.ref).close(why)
	}
	return why(q)
}

// purpose is what the request is for.
func (q *request) purpose() string {
	if q.write {
		return "write"
	}
	return "read"
}

// isBasic says whether a registry takes passwords, not tokens.
func (r *Remote) isBasic(ctx context.Context, ref image.Ref) bool {
	scheme, err := r.client(ref).Cache.GetScheme(ctx, address(ref.Registry))
	return err == nil && scheme == auth.SchemeBasic
}

// connection says why two ends do not understand each other, if that is what err
// is about, and whether one of them is another host than the registry.
func connection(registry string, err error) (text string, elsewhere bool) {
	host := registry
	if where, ok := asError[*url.Error](err); ok {
		if at, parseErr := url.Parse(where.URL); parseErr == nil && at.Host != address(registry) {
			elsewhere = true
			host = at.Host + ", to which " + registry + " points,"
		}
	}
	if _, ok := asError[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("the certificate of %s is signed by an authority that is not known here: give its certificate (--ca-file)", host), elsewhere
	}
	if name, ok := asError[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate of %s is for other names: %v", host, name), elsewhere
	}
	if invalid, ok := asError[x509.CertificateInvalidError](err); ok {
		return fmt.Sprintf("the certificate of %s is not valid: %v", host, invalid), elsewhere
	}
	if errors.Is(err, http.ErrSchemeMismatch) || isPlaintext(err) {
		return fmt.Sprintf("%s speaks plain HTTP where TLS is expected (--plain-http)", host), elsewhere
	}
	if text := err.Error(); strings.Contains(text, "tls: certificate required") || strings.Contains(text, "tls: bad certificate") ||
		strings.Contains(text, "tls: unknown certificate authority") {
		return fmt.Sprintf("%s wants a client certificate that it knows (--client-cert and --client-key): %v", host, err), elsewhere
	}
	return "", elsewhere
}

func isCertificate(err error) bool {
	_, ok := asError[*tls.CertificateVerificationError](err)
	return ok || strings.Contains(err.Error(), "remote error: tls")
}
