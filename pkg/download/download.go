// Package download fetches files: over HTTP, going on where a connection was cut,
// or from this machine. What is fetched from elsewhere keeps the name of its URL.
package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// MaxDocument is how many bytes Read takes: what is read whole is in memory.
const MaxDocument = 100 << 20

// Options say how files are fetched. The zero value fetches them as they are named,
// without proxy, from servers that the system trusts.
type Options struct {
	CA        []byte                                // PEM certificates that are trusted beside the system's
	Proxy     func(*http.Request) (*url.URL, error) // as http.Transport has it; nil means none
	Timeout   time.Duration                         // how long nothing may come before another try; 0 means 60 s
	UserAgent string                                // empty means kubectl-airgap
	SourceMap SourceMap                             // what is fetched from elsewhere
	// Report is told of waits, and what Read does. What is opened is reported by who
	// reads it, for that knows what it is for. It is called from several goroutines,
	// and may be nil.
	Report func(registry.Event)
}

// A Client fetches files. It may be used by several goroutines at once.
type Client struct {
	opts   Options
	http   *http.Client
	policy resume.Policy
}

// New returns a client. It is an error if CA holds no certificate.
func New(opts Options) (*Client, error) {
	if opts.UserAgent == "" {
		opts.UserAgent = "kubectl-airgap"
	}
	transport := &http.Transport{
		Proxy:                  opts.Proxy,
		OnProxyConnectResponse: resume.ProxyAnswer,
		DisableCompression:     true, // a file is what its checksum says
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    30 * time.Second,
		ReadBufferSize:         256 << 10,
	}
	if len(opts.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a machine without certificates of its own
		}
		if !pool.AppendCertsFromPEM(opts.CA) {
			return nil, errors.New("the CA file holds no certificate in PEM form")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	c := &Client{opts: opts, http: &http.Client{Transport: transport, CheckRedirect: checkRedirect}}
	c.policy.Waiting = func(w resume.Wait) {
		c.report(registry.Event{Kind: registry.Waiting, Name: w.What, Note: w.Note()})
	}
	return c, nil
}

// checkRedirect follows as browsers do, but not out of TLS: what is fetched may have
// no checksum.
func checkRedirect(request *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 10:
		return resume.Final(errors.New("it redirects more than 10 times"))
	case request.URL.Scheme != "https" && request.URL.Scheme != via[len(via)-1].URL.Scheme:
		return resume.Final(fmt.Errorf("it redirects from %s to %s", via[len(via)-1].URL.Scheme, request.URL.Scheme))
	}
	return nil
}

func (c *Client) report(e registry.Event) {
	if c.opts.Report != nil {
		c.opts.Report(e)
	}
}

// Open begins to fetch what raw, a URL or a path, names. The reader gives every byte
// or an error; size is -1 if it is not known before. If there is no such thing, the
// error is a *registry.NotFoundError. Errors name the URL without credentials.
func (c *Client) Open(ctx context.Context, raw string) (r io.ReadCloser, size int64, err error) {
	s := c.source(raw)
	if r, size, err = s.open(ctx, c); err != nil {
		return nil, 0, s.explain(err)
	}
	return &transfer{ReadCloser: r, source: s}, size, nil
}

// Size is how many bytes Open would give, without fetching them; -1 if the server
// does not say. Its errors are those of Open.
func (c *Client) Size(ctx context.Context, raw string) (int64, error) {
	s := c.source(raw)
	size, err := s.stat(ctx, c)
	if err != nil {
		return 0, s.explain(err)
	}
	return size, nil
}

// Read fetches a document whole, up to MaxDocument bytes. sum is what it has to hash
// to, 64 hexadecimal digits, or empty. A web page is an error: a server answers with
// one where it wants somebody to log in.
func (c *Client) Read(ctx context.Context, raw, sum string) ([]byte, error) {
	data, err := c.read(ctx, raw, MaxDocument)
	if err != nil {
		return nil, err
	}
	if isWebPage(data) {
		return nil, c.source(raw).explain(errWebPage)
	}
	if got := sha256.Sum256(data); sum != "" && hex.EncodeToString(got[:]) != sum {
		return nil, c.source(raw).explain(fmt.Errorf("its sha256 is %x, not %s", got, sum))
	}
	return data, nil
}

func (c *Client) read(ctx context.Context, raw string, limit int64) ([]byte, error) {
	r, size, err := c.Open(ctx, raw)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	name := c.source(raw).name
	c.report(registry.Event{Kind: registry.BlobBegin, Name: name, Bytes: size})
	defer c.report(registry.Event{Kind: registry.BlobEnd, Name: name, Bytes: size})
	var data bytes.Buffer
	if size <= limit {
		data.Grow(int(max(size, 0)) + bytes.MinRead)
		n, err := data.ReadFrom(io.LimitReader(r, limit+1))
		c.report(registry.Event{Kind: registry.Advance, Name: name, Bytes: n})
		if err != nil {
			return nil, err
		}
	}
	if size > limit || int64(data.Len()) > limit {
		return nil, c.source(raw).explain(fmt.Errorf("it has more than %d bytes, too many for what it should be", limit))
	}
	return data.Bytes(), nil
}

func isWebPage(data []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 200)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// A transfer is a file that is being read.
type transfer struct {
	io.ReadCloser
	source source
}

func (t *transfer) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = t.source.explain(err)
	}
	return n, err
}
