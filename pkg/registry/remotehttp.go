package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// newTransport makes the connections. They speak HTTP/1.1 only: blobs in parallel
// share nothing then, neither a window nor a lock, one that is cut does not take
// the others along, and the two ends together need a quarter less CPU (measured:
// 1.8 against 2.5 s for 805 MB by TLS, four blobs at a time).
func newTransport(opts RemoteOptions) (http.RoundTripper, error) {
	const buffer = 8 << 10
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(opts.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // where the system has none, ours is enough
		}
		if !pool.AppendCertsFromPEM(opts.CA) {
			return nil, errors.New("reading the CA: it holds no certificate in PEM form")
		}
		conf.RootCAs = pool
	}
	if len(opts.ClientCert) > 0 || len(opts.ClientKey) > 0 {
		pair, err := tls.X509KeyPair(opts.ClientCert, opts.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("reading the client certificate and its key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	idle := max(parallelOr(opts.Parallel), 4) + 4 // manifests are asked for beside blobs
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  opts.Proxy,
		OnProxyConnectResponse: resume.ProxyAnswer,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    20 * time.Second,
		Protocols:              protocols,
		DisableCompression:     true, // digests are of the bytes as they are
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        90 * time.Second,
		ReadBufferSize:         buffer,
		WriteBufferSize:        buffer,
	}, nil
}

// A request is what a registry is asked.
type request struct {
	method string
	ref    image.Ref // the repository that it is about
	path   string    // below that repository
	query  url.Values
	at     *url.URL // where to send it instead: an upload under way
	header http.Header
	body   func() (io.ReadCloser, error) // opens what to send; nil means nothing
	size   int64                         // of the body
	write  bool                          // it is one of a Sink
	from   string                        // a further repository to read
	what   string                        // what it is about, for progress
}

// send asks once. Every answer that is a failure comes back as an error, but for
// 401 and 416; credentials and tokens are seen to. The caller closes the body.
func (r *Remote) send(ctx context.Context, q request) (*http.Response, error) {
	standing := r.standing(q.ref)
	if closed := standing.closed.Load(); closed != nil {
		return nil, (*closed)(q)
	}
	at := q.at
	if at == nil {
		scheme, err := r.scheme(ctx, q.ref.Registry)
		if err != nil {
			return nil, scrub(err)
		}
		at = &url.URL{
			Scheme: scheme, Host: address(q.ref.Registry),
			Path: "/v2/" + q.ref.Repository + "/" + q.path, RawQuery: q.query.Encode(),
		}
	}
	ctx = context.WithValue(ctx, askedKey{}, at.String())
	req, err := http.NewRequestWithContext(r.scopes(ctx, q, at.Host), q.method, at.String(), nil)
	if err != nil {
		return nil, resume.Final(err)
	}
	if q.header != nil {
		req.Header = q.header
	}
	if q.body != nil {
		if req.Body, err = q.body(); err != nil {
			return nil, resume.Final(err)
		}
		req.GetBody, req.ContentLength = q.body, q.size
	}
	leave, err := standing.enter(ctx)
	if err != nil {
		return nil, err
	}
	if closed := standing.closed.Load(); closed != nil { // while this one waited
		leave(false)
		return nil, (*closed)(q)
	}
	resp, err := r.client(q.ref).Do(req)
	leave(err == nil && resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden)
	if err == nil && resp.StatusCode < 400 {
		standing.good.Store(true)
		if q.method != http.MethodGet && q.method != http.MethodHead {
			standing.written.Store(true)
		}
	}
	return resp, scrub(err)
}

// A standing is how we stand with a registry, or with a namespace there that has
// credentials of its own. Where nothing has succeeded and what fails
// would fail for every image, such as a login, it is not tried again for each of them:
// some services lock a user out after a few wrong passwords. Where nothing could be
// written, being forbidden to write to one place is taken for being forbidden to write at
// all.
type standing struct {
	good, written atomic.Bool
	closed        atomic.Pointer[func(request) error] // says why a request is not even sent

	known atomic.Bool   // it has answered somebody with something else than a refusal
	first chan struct{} // holds one request at a time until then
}

// close keeps further requests from being sent if none has succeeded yet. All that are
// made get the failure that why gives, in the words that the first got: which one that was
// is chance, and does not show.
func (s *standing) close(why func(request) error) {
	if !s.good.Load() {
		final := func(q request) error { return resume.Final(why(q)) }
		s.closed.CompareAndSwap(nil, &final)
	}
}

func (r *Remote) standing(ref image.Ref) *standing {
	known, _ := r.standings.LoadOrStore(r.logins.place(ref), &standing{first: make(chan struct{}, 1)})
	return known.(*standing) //nolint:forcetypeassert // we put nothing else there
}

// enter lets requests go one by one until the registry is known to let us in, so that a
// wrong password is not sent a dozen times at once. Who has entered says with leave
// whether that is known now.
func (s *standing) enter(ctx context.Context) (leave func(known bool), err error) {
	if s.known.Load() {
		return func(bool) {}, nil
	}
	select {
	case s.first <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return func(known bool) {
		if known {
			s.known.Store(true)
		}
		<-s.first
	}, nil
}

// scopes says for which rights a token is to be asked, so that one does for all
// that is done with a repository.
func (r *Remote) scopes(ctx context.Context, q request, host string) context.Context {
	actions := []string{auth.ActionPull}
	if q.write {
		actions = append(actions, auth.ActionPush)
	}
	scopes := []string{auth.ScopeRepository(q.ref.Repository, actions...)}
	if q.from != "" {
		scopes = append(scopes, auth.ScopeRepository(q.from, auth.ActionPull))
	}
	return auth.WithScopesForHost(ctx, host, scopes...)
}

// An answer is one that is read whole.
type answer struct {
	url    *url.URL
	status int
	header http.Header
	length int64 // as the header says, -1 if it does not
	body   []byte
	isHead bool
}

// exchange sends a small request until it succeeds or will not.
func (r *Remote) exchange(ctx context.Context, q request) (*answer, error) {
	var got *answer
	err := resume.Do(ctx, r.policy, q.what, func(ctx context.Context) (err error) {
		got, err = r.exchangeOnce(ctx, q)
		return err
	})
	if err != nil {
		return nil, r.explain(ctx, q, err)
	}
	return got, nil
}

func (r *Remote) exchangeOnce(ctx context.Context, q request) (*answer, error) {
	ctx, watch := resume.NewWatch(ctx, r.opts.Stall)
	defer watch.End()
	resp, err := r.send(ctx, q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode >= 300 {
		return nil, resume.Status(resp)
	}
	got := &answer{
		url: resp.Request.URL, status: resp.StatusCode, header: resp.Header,
		length: resp.ContentLength, isHead: q.method == http.MethodHead,
	}
	watch.Wait()
	got.body, err = io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if len(got.body) > maxManifest {
		return nil, resume.Final(fmt.Errorf("%s answered with more than %d bytes", resp.Request.URL.Host, maxManifest))
	}
	return got, err
}

// address is where a registry is: Docker Hub's is another than its name.
func address(registry string) string {
	if registry == "docker.io" || registry == "index.docker.io" {
		return "registry-1.docker.io"
	}
	return registry
}

// named is the name that references give to the registry at an address.
func named(address string) string {
	if address == "registry-1.docker.io" {
		return "docker.io"
	}
	return address
}

// A scheme is what a registry on loopback speaks, once it is known.
type scheme struct {
	lock sync.Mutex
	name string
}

// scheme is https, or http where that was asked for or where a registry on
// loopback does not know TLS.
func (r *Remote) scheme(ctx context.Context, registry string) (string, error) {
	if r.opts.PlainHTTP || slices.Contains(r.opts.PlainHosts, registry) {
		return "http", nil
	}
	if !isLoopback(registry) {
		return "https", nil
	}
	known, _ := r.schemes.LoadOrStore(registry, &scheme{})
	s := known.(*scheme) //nolint:forcetypeassert // we put nothing else there
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.name != "" {
		return s.name, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+registry+"/v2/", nil)
	if err != nil {
		return "", resume.Final(err)
	}
	resp, err := r.bare.RoundTrip(req)
	switch {
	case err == nil:
		_ = resp.Body.Close() // it was not read
		s.name = "https"
	case errors.Is(err, http.ErrSchemeMismatch), isPlaintext(err):
		s.name = "http"
	case isCertificate(err):
		s.name = "https" // the request itself says what is wrong
	default:
		return "", &url.Error{Op: "Get", URL: "https://" + registry, Err: err}
	}
	return s.name, nil
}

func isPlaintext(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header)
}

func isLoopback(registry string) bool {
	host := strings.ToLower((&url.URL{Host: registry}).Hostname())
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
