// Package registrytest is a registry in memory for tests, scripts and the demo.
// It is a real one — the manifests and blobs of each repository are its own, what
// is put in is checked — whose manners can be spoiled: it asks for passwords and
// tokens, cuts connections, answers 429, is slow. It counts what it was asked.
package registrytest

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

// Options say what kind of registry it is. The zero value is an open one.
type Options struct {
	// Username and Password are what it wants for everything (Basic).
	Username, Password string
	// Realm is the URL of the service that gives tokens for Username and Password:
	// absolute, or a path of the registry itself, which answers there. Empty means
	// that there are no tokens.
	Realm string
	// Anonymous gives everybody tokens for reading.
	Anonymous bool
	// ReadOnly is the status with which writing is answered: 405 as Docker's
	// registry does, 403 as others do; 0 lets everybody write.
	ReadOnly int
	// Projects are the first elements of the repositories that may be written to.
	// Others are answered with 403. Empty means all.
	Projects []string
	// NoReferrers leaves the referrers API out.
	NoReferrers bool
	// NoDigest leaves Docker-Content-Digest out of answers about manifests.
	NoDigest bool
	// NoHead answers HEAD for manifests with 405.
	NoHead bool
	// NoMount answers each mount with a new upload.
	NoMount bool
	// AbsoluteUploads gives the Location of an upload as a whole URL with a query, as Docker's registry does.
	AbsoluteUploads bool
	// UploadHost is the host that the Location of an upload names instead of its own.
	UploadHost string
	// RedirectBlobs is a URL to which reading blobs is redirected with the path appended.
	RedirectBlobs string
	// Sleep waits, for the slow ones; nil means that time passes.
	Sleep func(time.Duration)
}

// A Registry is a registry in memory. It is an http.Handler; several goroutines
// may use it.
type Registry struct {
	opts    Options
	backend *ocimem.Registry
	handler http.Handler
	tokens  tokens

	stalls chan struct{}

	mu       sync.Mutex
	faults   Faults
	released chan struct{} // closed when other faults are set
	log      []*Request
}

// New gives an empty registry.
func New(opts Options) *Registry {
	if opts.Sleep == nil {
		opts.Sleep = time.Sleep
	}
	backend := ocimem.NewWithConfig(&ocimem.Config{LaxChildReferences: true}) // see incomplete
	return &Registry{
		opts:     opts,
		backend:  backend,
		handler:  ociserver.New(backend, &ociserver.Options{DisableReferrersAPI: opts.NoReferrers}),
		stalls:   make(chan struct{}, 1024),
		released: make(chan struct{}),
	}
}

// Backend is what the registry holds, to look into it without being counted.
func (r *Registry) Backend() ociregistry.Interface { return r.backend }

// ServeHTTP answers as a registry does, with the faults that are set.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.opts.Realm != "" && !strings.Contains(r.opts.Realm, "://") && req.URL.Path == r.opts.Realm {
		r.ServeToken(w, req)
		return
	}
	kind := kindOf(req)
	entry := r.record(Request{Kind: kind, Method: req.Method, Path: req.URL.Path, Range: req.Header.Get("Range"), Status: http.StatusOK})
	rec := &recorder{ResponseWriter: w, registry: r, entry: entry}
	req.Body = &countedBody{ReadCloser: req.Body, registry: r, entry: entry}
	r.serve(rec, req, kind)
}

// serve goes through what may stand between a request and its answer.
func (r *Registry) serve(w http.ResponseWriter, req *http.Request, kind Kind) {
	if r.misbehave(w, req, kind) || !r.authorized(w, req, kind) || r.refused(w, req, kind) {
		return
	}
	if kind == ManifestPut && r.incomplete(w, req) {
		return
	}
	r.prepare(req, kind)
	if kind == BlobGet && r.opts.RedirectBlobs != "" {
		http.Redirect(w, req, r.opts.RedirectBlobs+req.URL.Path, http.StatusTemporaryRedirect)
		return
	}
	if kind == UploadPut && r.lose() {
		r.handler.ServeHTTP(nowhere{http.Header{}}, req)
		panic(http.ErrAbortHandler)
	}
	r.handler.ServeHTTP(r.spoil(&headers{ResponseWriter: w, opts: &r.opts, req: req, kind: kind}, req, kind), req)
}

// refused answers what this registry does not do.
func (r *Registry) refused(w http.ResponseWriter, req *http.Request, kind Kind) bool {
	switch {
	case kind.writes() && r.opts.ReadOnly != 0:
		code := "UNSUPPORTED"
		if r.opts.ReadOnly == http.StatusForbidden {
			code = "DENIED"
		}
		writeError(w, r.opts.ReadOnly, code, "the registry is read-only")
	case kind.writes() && !r.hasProject(repositoryOf(req.URL.Path)):
		writeError(w, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
	case kind == ManifestHead && r.opts.NoHead:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		return false
	}
	return true
}

func (r *Registry) hasProject(repository string) bool {
	first, _, _ := strings.Cut(repository, "/")
	for _, p := range r.opts.Projects {
		if p == first {
			return true
		}
	}
	return len(r.opts.Projects) == 0
}

// prepare makes of a mount that cannot be what the specification makes of it:
// the beginning of an upload.
func (r *Registry) prepare(req *http.Request, kind Kind) {
	if kind != UploadPost {
		return
	}
	q := req.URL.Query()
	from, digest := q.Get("from"), q.Get("mount")
	if digest == "" {
		return
	}
	_, err := r.backend.ResolveBlob(req.Context(), from, ociregistry.Digest(digest))
	if err != nil || r.opts.NoMount || !r.mayPull(req, from) {
		q.Del("from")
		q.Del("mount")
		req.URL.RawQuery = q.Encode()
	}
}

// headers spoils what an answer says about itself.
type headers struct {
	http.ResponseWriter
	opts *Options
	req  *http.Request
	kind Kind
}

func (h *headers) WriteHeader(status int) {
	header := h.Header()
	if h.opts.NoDigest && (h.kind == ManifestGet || h.kind == ManifestHead) {
		header.Del("Docker-Content-Digest")
	}
	if h.opts.NoReferrers {
		header.Del("OCI-Subject")
	}
	if at := header.Get("Location"); at != "" && status == http.StatusAccepted {
		header.Set("Location", h.location(at))
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *headers) location(at string) string {
	host, scheme := h.req.Host, "http"
	if h.req.TLS != nil {
		scheme = "https"
	}
	if h.opts.UploadHost != "" {
		host = h.opts.UploadHost
	} else if !h.opts.AbsoluteUploads {
		return at
	}
	return scheme + "://" + host + at + "?_state=opaque%3D"
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"errors":[{"code":"` + code + `","message":"` + message + `"}]}`))
}
