package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// RemoteOptions say how registries are reached. The zero value reaches public ones
// without credentials.
type RemoteOptions struct {
	// CA are certificates of authorities as PEM, trusted beside those of the system.
	CA []byte
	// ClientCert and ClientKey are what to show to registries that want a
	// certificate of their clients, as PEM; empty means nothing.
	ClientCert, ClientKey []byte
	// PlainHTTP speaks HTTP without TLS. Registries on loopback are spoken to
	// without TLS anyway if they do not know it, as docker does.
	PlainHTTP bool
	// PlainHosts are the registries (host[:port]) that are spoken to so in any case.
	PlainHosts []string

	// Username and Password are for the registry LoginHost (host[:port]) only.
	LoginHost, Username, Password string
	// AuthFiles are docker's config.json and containers' auth.json, with the
	// credential helpers that they name. The first that knows a registry counts.
	// Files that are not there count as empty.
	AuthFiles []string

	// Proxy gives the proxy for a request; nil means none.
	Proxy func(*http.Request) (*url.URL, error)
	// UserAgent is what to call oneself; empty means kubectl-airgap.
	UserAgent string
	// Parallel is the number of connections kept to each registry; 0 means 4.
	Parallel int
	// Stall is after how long without a byte a connection counts as lost; 0 means
	// a minute.
	Stall time.Duration
	// Report is told of waits between tries, from several goroutines; may be nil.
	Report func(Event)
}

// A Remote is every registry of the network, as a Source and as a Sink: which one
// a call is about, its reference says. What fails for a while is tried again.
type Remote struct {
	opts   RemoteOptions
	http   *http.Client
	bare   http.RoundTripper // without errors made of answers
	logins *logins
	policy resume.Policy

	clients   sync.Map // by place of a login: *auth.Client
	schemes   sync.Map // by registry: *scheme
	standings sync.Map // by place of a login: *standing
	lacking   sync.Map // by registry: true where there is no referrers API
	indexes   sync.Map // by name of a referrers index: *sync.Mutex
}

// NewRemote reads the certificates and credentials of the options. It sends
// nothing.
func NewRemote(opts RemoteOptions) (*Remote, error) {
	logins, err := newLogins(opts)
	if err != nil {
		return nil, err
	}
	bare, err := newTransport(opts)
	if err != nil {
		return nil, err
	}
	if opts.UserAgent == "" {
		opts.UserAgent = "kubectl-airgap"
	}
	r := &Remote{opts: opts, bare: bare, logins: logins}
	r.policy.Waiting = func(w resume.Wait) {
		if opts.Report != nil {
			opts.Report(Event{Kind: Waiting, Name: w.What, Note: w.Note()})
		}
	}
	r.http = &http.Client{Transport: &line{base: bare, realms: &realms{}}, CheckRedirect: stayPrivate}
	return r, nil
}

// client is what sends the requests about ref: one for all that have the same credentials,
// for it keeps those by registry.
func (r *Remote) client(ref image.Ref) *auth.Client {
	place := r.logins.place(ref)
	if known, ok := r.clients.Load(place); ok {
		return known.(*auth.Client) //nolint:forcetypeassert // we put nothing else there
	}
	known, _ := r.clients.LoadOrStore(place, &auth.Client{
		Client: r.http,
		Header: http.Header{"User-Agent": {r.opts.UserAgent}},
		Credential: func(ctx context.Context, host string) (auth.Credential, error) {
			if host == address(ref.Registry) {
				return r.logins.credential(ctx, place)
			}
			return r.logins.credential(ctx, host)
		},
		Cache: auth.NewCache(),
	})
	return known.(*auth.Client) //nolint:forcetypeassert // we put nothing else there
}

// stayPrivate refuses redirects that would drop TLS.
func stayPrivate(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return resume.Final(errors.New("it redirects without end"))
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return resume.Final(fmt.Errorf("it redirects from https to http://%s, which is not followed", req.URL.Host))
	}
	return nil
}

// Resolve implements Source.
func (r *Remote) Resolve(ctx context.Context, ref image.Ref) (Descriptor, error) {
	return r.resolveAs(ctx, ref, http.MethodHead)
}

// Whole is r for whoever has nothing yet: its Resolve gets the manifest itself and gives
// its bytes as Data, by one request where resolving and fetching it are two. Where little
// has changed Resolve of r is better: registries that count what they give do not count
// HEAD (Docker Hub, "Pull usage and limits").
func (r *Remote) Whole() Source { return whole{r} }

type whole struct{ *Remote }

// Resolve implements Source.
func (w whole) Resolve(ctx context.Context, ref image.Ref) (Descriptor, error) {
	return w.resolveAs(ctx, ref, http.MethodGet)
}

func (r *Remote) resolveAs(ctx context.Context, ref image.Ref, method string) (Descriptor, error) {
	reference := ref.Digest
	if reference == "" {
		reference = ref.Tag
	}
	desc, err := r.resolve(ctx, request{method: method, ref: ref}, reference)
	if isStatus(err, http.StatusNotFound) {
		return Descriptor{}, &NotFoundError{Name: ref.String(), Err: err}
	}
	return desc, err
}

// resolve finds the manifest that a tag or a digest names: by HEAD, or by GET if that is
// q's method or where the answer to HEAD does not say all.
func (r *Remote) resolve(ctx context.Context, q request, reference string) (Descriptor, error) {
	q.path, q.header = "manifests/"+reference, acceptManifests()
	q.what = q.ref.Name() + separator(reference) + reference
	got, err := r.exchange(ctx, q)
	if q.method == http.MethodHead && (isStatus(err, http.StatusMethodNotAllowed) || err == nil && !got.describes(reference)) {
		q.method = http.MethodGet
		got, err = r.exchange(ctx, q)
	}
	if err != nil {
		return Descriptor{}, err
	}
	return got.descriptor(reference)
}

func separator(reference string) string {
	if strings.Contains(reference, ":") {
		return "@"
	}
	return ":"
}

// Fetch implements Source.
func (r *Remote) Fetch(ctx context.Context, ref image.Ref, desc Descriptor) (io.ReadCloser, error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	q := request{ref: ref, method: http.MethodGet, path: "blobs/" + desc.Digest.String()}
	if formOf(desc.MediaType) != blobForm {
		if desc.Size > maxManifest {
			return nil, fmt.Errorf("manifest %s has %d bytes, more than %d", desc.Digest, desc.Size, maxManifest)
		}
		q.path, q.header = "manifests/"+desc.Digest.String(), acceptManifests()
	}
	name := ref.Name() + "@" + desc.Digest.String()
	reader, err := resume.Open(ctx, r.policy, resume.Content{
		What: name, Size: desc.Size, Known: true, Immutable: true, Stall: r.opts.Stall,
		Get: func(ctx context.Context, header http.Header) (*http.Response, error) {
			part := q
			part.header = header
			maps.Copy(part.header, q.header)
			return r.send(ctx, part)
		},
	})
	if isStatus(err, http.StatusNotFound) {
		return nil, &NotFoundError{Name: name, Err: r.explain(ctx, q, err)}
	}
	if err != nil {
		return nil, r.explain(ctx, q, err)
	}
	return &fetched{reader: reader, explain: func(err error) error { return r.explain(ctx, q, err) }}, nil
}

// fetched is content under way, whose errors say what to do.
type fetched struct {
	reader  *resume.Reader
	explain func(error) error
}

func (f *fetched) Read(p []byte) (int, error) {
	n, err := f.reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it as it is
		err = f.explain(err)
	}
	return n, err
}

func (f *fetched) Close() error { return f.reader.Close() }
