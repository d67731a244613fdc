package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"
)

func isURL(name string) bool {
	scheme, _, found := strings.Cut(name, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// fromURL is the input at a URL. No error shows user or query of it.
func fromURL(raw string, timeout time.Duration) Input {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return Input{Name: "URL", err: errors.New("reading a URL: malformed (not shown, it may hold a password)")}
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	rel := path.Base(u.Path)
	if rel == "." || !filepath.IsLocal(rel) {
		rel = u.Hostname() + ".yaml"
	}
	return Input{
		Name: shown.String(),
		Rel:  rel,
		Mode: 0o644,
		read: func(ctx context.Context) ([]byte, error) { return get(ctx, raw, timeout) },
	}
}

// get reads what is at the URL raw.
func get(ctx context.Context, raw string, timeout time.Duration) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, http.NoBody)
	if err != nil {
		return nil, withoutURL(err)
	}
	request.Header.Set("User-Agent", "kubectl-airgap")
	client := http.Client{Timeout: timeout}
	response, err := client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	if response.ContentLength > MaxSize {
		return nil, errTooLarge
	}
	src, err := readAll(response.Body, response.ContentLength)
	if err != nil {
		return nil, withoutURL(err)
	}
	if isWebPage(src) {
		return nil, errors.New("the server answers with a web page, not with a manifest")
	}
	return src, nil
}

// withoutURL drops the URL from an error of net/http: it may hold a password,
// and after a redirection it is another one.
func withoutURL(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no complete answer in time")
	}
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return urlErr.Err
	}
	return err
}

func isWebPage(src []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(src[:min(len(src), 200)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
