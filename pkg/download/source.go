package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A source is where something is fetched.
type source struct {
	name string // the URL or path that it is known by, without credentials
	at   string // where it is instead, the same way; empty if it is there
	url  string // with credentials; empty for a file
	path string // of a file on this machine
	err  error  // why it is neither
}

// source is where what raw names is.
func (c *Client) source(raw string) source {
	s := source{name: Shown(raw)}
	if from, ok := c.opts.SourceMap.Source(raw); ok {
		raw, s.at = from, Shown(from)
	}
	if !isURL(raw) {
		s.path = raw
		return s
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		s.err = errors.New("malformed (not shown, it may hold a password)")
	case u.Scheme == "file":
		s.path = localPath(u)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		s.err = errors.New("it is no http, https or file URL")
	default:
		s.url = raw
	}
	return s
}

// Shown is a URL as people may see it, without user and query, which hold passwords
// and signatures. A path is shown as it is.
func Shown(raw string) string {
	if !isURL(raw) {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "a URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

func isURL(raw string) bool { return strings.Contains(raw, "://") }

// localPath is the path of a file URL: file:///C:/a is C:\a on Windows.
func localPath(u *url.URL) string {
	p := filepath.FromSlash(u.Path)
	if trimmed := strings.TrimLeft(p, `\`); filepath.VolumeName(trimmed) != "" {
		return trimmed
	}
	return p
}

// explain says of what err is, and hides what net/http shows of URLs.
func (s source) explain(err error) error {
	name := s.name
	if s.at != "" {
		name += " (at " + s.at + ")"
	}
	if status, ok := errors.AsType[*resume.StatusError](err); ok && (status.Code == http.StatusNotFound || status.Code == http.StatusGone) || errors.Is(err, fs.ErrNotExist) {
		return &registry.NotFoundError{Name: name}
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // the name has been said
	}
	return fmt.Errorf("%s: %w", name, err)
}

// open opens s from its first byte.
func (s source) open(ctx context.Context, c *Client) (io.ReadCloser, int64, error) {
	switch {
	case s.err != nil:
		return nil, 0, s.err
	case s.url == "":
		return openFile(s.path)
	}
	r, err := resume.Open(ctx, c.policy, resume.Content{
		What: s.name,
		Get: func(ctx context.Context, h http.Header) (*http.Response, error) {
			return c.do(ctx, http.MethodGet, s.url, h)
		},
		Stall: c.opts.Timeout,
	})
	if err != nil {
		return nil, 0, err
	}
	if strings.HasPrefix(r.Header().Get("Content-Type"), "text/html") && !strings.HasPrefix(path.Ext(s.name), ".htm") {
		return nil, 0, errors.Join(errWebPage, r.Close())
	}
	return r, r.Size(), nil
}

// errWebPage says that somebody ought to log in, where a program waits for a file.
var errWebPage = errors.New("the server answers with a web page")

func openFile(name string) (io.ReadCloser, int64, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, 0, errors.New("it is no file")
	}
	f, err := os.Open(name) //nolint:gosec // the user named it
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// stat asks for the size of s.
func (s source) stat(ctx context.Context, c *Client) (size int64, err error) {
	if s.url == "" || s.err != nil {
		r, size, err := s.open(ctx, c)
		if err != nil {
			return 0, err
		}
		return size, r.Close()
	}
	err = resume.Do(ctx, c.policy, s.name, func(ctx context.Context) error {
		watched, watch := resume.NewWatch(ctx, c.opts.Timeout)
		defer watch.End()
		resp, err := c.do(watched, http.MethodHead, s.url, http.Header{"Accept-Encoding": {"identity"}})
		if err != nil {
			return err // of a watch that has ended, what that says (context.Cause)
		}
		defer resp.Body.Close() //nolint:errcheck // nothing was written
		if resp.StatusCode != http.StatusOK {
			return resume.Status(resp)
		}
		size = resp.ContentLength
		return nil
	})
	if refusesHead(err) || err == nil && size < 0 {
		r, size, err := s.open(ctx, c)
		if err != nil {
			return 0, err
		}
		return size, r.Close()
	}
	return size, err
}

// refusesHead says that a server does not like to be asked for a size: signed URLs
// are for GET alone.
func refusesHead(err error) bool {
	status, ok := errors.AsType[*resume.StatusError](err)
	return ok && (status.Code == http.StatusForbidden || status.Code == http.StatusMethodNotAllowed || status.Code == http.StatusNotImplemented)
}

// do makes one request.
func (c *Client) do(ctx context.Context, method, raw string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, raw, http.NoBody)
	if err != nil {
		return nil, resume.Final(hidden{err})
	}
	request.Header = header.Clone()
	request.Header.Set("User-Agent", c.opts.UserAgent)
	resp, err := c.http.Do(request)
	if err != nil {
		return nil, hidden{err}
	}
	return resp, nil
}

// hidden is an error of net/http without the URL, which may hold a password, and
// after a redirection is another one.
type hidden struct{ error }

func (h hidden) Error() string {
	if urlErr, ok := errors.AsType[*url.Error](h.error); ok {
		return urlErr.Err.Error()
	}
	return h.error.Error()
}

func (h hidden) Unwrap() error { return h.error }
