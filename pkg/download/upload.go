package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A File is one that is sent to a server.
type File struct {
	Path   string          // below the server's URL, slash-separated
	SHA256 string          // 64 hexadecimal digits
	Size   int64           // bytes
	Open   registry.Opener // opens the content; it may be called again
}

// UploadOptions say how files are sent. The zero value sends them without credentials.
type UploadOptions struct {
	Username, Password string // for the server alone; both or none
	Parallel           int    // how many files are under way at once; 0 means 4
}

// An Uploaded says what became of files.
type Uploaded struct {
	Sent, Present int   // files; Present were there and the same
	Bytes         int64 // of those that were sent
}

// Upload sends files to a server with PUT, each to its path below the URL to: what
// Artifactory, Nexus and WebDAV take. A file is not sent if the server says that it has
// the same there: by X-Checksum-Sha256, as Artifactory does, by Repr-Digest or Digest
// (RFC 9530, RFC 3230) with sha-256 or sha-512, by an ETag that is a sha256, or by that of
// Nexus, a SHA-1. What fails for a reason that may go away is tried again a few times. All files are tried; the errors are
// joined in their order, and name URLs without credentials.
func (c *Client) Upload(ctx context.Context, to string, files []File, o UploadOptions) (Uploaded, error) {
	base, err := url.Parse(to)
	switch {
	case err != nil:
		return Uploaded{}, errors.New("the URL to send files to is malformed (not shown, it may hold a password)")
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "":
		return Uploaded{}, fmt.Errorf("%s: files can be sent to http:// and https:// URLs of folders", Shown(to))
	case base.User != nil:
		return Uploaded{}, fmt.Errorf("%s: the URL has a password in it, which others see: give it otherwise", Shown(to))
	case (o.Username == "") != (o.Password == ""):
		return Uploaded{}, errors.New("a user name needs a password, and a password a user name")
	}
	u := uploader{client: c, options: o, base: base}
	// A body goes to the server that was named, and credentials go nowhere else.
	u.http = &http.Client{Transport: c.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return u.all(ctx, files)
}

// An uploader sends files to one server.
type uploader struct {
	client  *Client
	http    *http.Client
	options UploadOptions
	base    *url.URL

	lock sync.Mutex
	done Uploaded
}

func (u *uploader) all(ctx context.Context, files []File) (Uploaded, error) {
	parallel := u.options.Parallel
	if parallel <= 0 {
		parallel = 4
	}
	errs := make([]error, len(files))
	places := make(chan struct{}, parallel)
	var workers sync.WaitGroup
	for i := range files {
		places <- struct{}{}
		workers.Go(func() {
			defer func() { <-places }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = u.one(ctx, &files[i])
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return u.done, context.Cause(ctx)
	}
	return u.done, errors.Join(errs...)
}

// one sends a file, unless it is there.
func (u *uploader) one(ctx context.Context, f *File) error {
	at := *u.base
	at.Path, at.RawPath = strings.TrimRight(at.Path, "/")+"/"+f.Path, ""
	p := put{uploader: u, file: f, url: at.String()}
	name := Shown(p.url)
	u.client.report(registry.Event{Kind: registry.BlobBegin, Name: name, Bytes: f.Size})
	defer u.client.report(registry.Event{Kind: registry.BlobEnd, Name: name, Bytes: f.Size})
	err := resume.Do(ctx, u.client.policy, name, p.try)
	if broken := p.broken; broken != nil {
		err = broken // it is not the server that is to blame
	}
	if err != nil {
		return fmt.Errorf("sending %s: %w", name, err)
	}
	u.lock.Lock()
	defer u.lock.Unlock()
	if p.present {
		u.done.Present++
	} else {
		u.done.Sent, u.done.Bytes = u.done.Sent+1, u.done.Bytes+f.Size
	}
	return nil
}

// A put is one file on its way.
type put struct {
	*uploader
	file    *File
	url     string
	present bool
	broken  error // why the file cannot be read
}

// try asks whether the file is there, and sends it.
func (p *put) try(ctx context.Context) error {
	watched, watch := resume.NewWatch(ctx, p.client.opts.Timeout)
	defer watch.End()
	there, err := p.there(watched, watch)
	if p.broken != nil {
		return resume.Final(p.broken)
	}
	if err != nil {
		return because(watched, err)
	}
	if p.present = there; there {
		return nil
	}
	watch.Wait()
	content, err := p.file.Open(watched)
	if err != nil {
		p.broken = err
		return resume.Final(err)
	}
	body := &checked{from: content, file: p.file, sum: sha256.New(), moved: func(n int) {
		watch.Wait()
		p.client.report(registry.Event{Kind: registry.Advance, Name: Shown(p.url), Bytes: int64(n)})
	}}
	resp, err := p.do(watched, http.MethodPut, body, p.file.Size)
	if p.broken = body.broken.Err(); p.broken != nil {
		return resume.Final(p.broken)
	}
	if err != nil {
		return because(watched, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	return accepted(resp)
}

// because is why a request failed: if it was the watch that ended it, what that says.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// accepted says whether an answer to PUT is that the file is there now.
func accepted(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return resume.Final(fmt.Errorf("the server sends to %s: give that URL", Shown(resp.Header.Get("Location"))))
	}
	return resume.Status(resp)
}

// there asks whether the server has the file. One that does not say what a file hashes
// to, or that does not answer such questions, is sent it.
func (p *put) there(ctx context.Context, watch *resume.Watch) (there bool, err error) {
	resp, err := p.do(ctx, http.MethodHead, http.NoBody, 0)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	switch {
	case resp.StatusCode == http.StatusOK:
		claimed := claimOf(resp.Header)
		if claimed == nil || resp.ContentLength >= 0 && resp.ContentLength != p.file.Size {
			return false, nil
		}
		watch.Pause() // reading the file here
		there, p.broken = claimed.holds(ctx, p.file)
		return there, nil
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		return false, resume.Status(resp)
	}
	return false, nil
}

// do makes one request.
func (p *put) do(ctx context.Context, method string, body io.Reader, size int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url, body)
	if err != nil {
		return nil, resume.Final(hidden{err})
	}
	if request.ContentLength = size; size == 0 { // and not one of unknown length
		err = request.Body.Close()
		request.Body = http.NoBody
	}
	if err != nil {
		return nil, resume.Final(err)
	}
	request.Header.Set("User-Agent", p.client.opts.UserAgent)
	if method == http.MethodHead {
		wants(request.Header)
	}
	if method == http.MethodPut {
		request.Header.Set("X-Checksum-Sha256", p.file.SHA256) // Artifactory refuses what is another
		request.Header.Set("Content-Type", "application/octet-stream")
	}
	if p.options.Username != "" {
		request.SetBasicAuth(p.options.Username, p.options.Password)
	}
	resp, err := p.http.Do(request)
	if err != nil {
		return nil, hidden{err}
	}
	return resp, nil
}

// A checked is a body that ends with an error, before its last bytes are given, if it is
// not what it should be: then no server takes it for whole.
type checked struct {
	from   io.ReadCloser
	file   *File
	sum    hash.Hash
	read   int64
	moved  func(int)
	broken resume.Failure
}

func (b *checked) Read(buf []byte) (int, error) {
	n, err := b.from.Read(buf)
	b.sum.Write(buf[:n])
	b.read += int64(n)
	b.moved(n)
	over := errors.Is(err, io.EOF)
	switch {
	case err != nil && !over:
		return 0, b.broken.Because(err)
	case b.read > b.file.Size || over && b.read < b.file.Size:
		return 0, b.broken.Because(fmt.Errorf("it is not %d bytes long", b.file.Size))
	case b.read == b.file.Size:
		if got := hex.EncodeToString(b.sum.Sum(nil)); got != b.file.SHA256 {
			return 0, b.broken.Because(fmt.Errorf("it is damaged: its sha256 is %s, not %s", got, b.file.SHA256))
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *checked) Close() error { return b.from.Close() }
