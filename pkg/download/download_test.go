package download_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// content is incompressible and larger than any buffer.
func content() []byte {
	data := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// A server serves files by their paths, and counts.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
}

func serve(t *testing.T, handle http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
		s.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func newClient(t *testing.T, opts download.Options) *download.Client {
	t.Helper()
	c, err := download.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	c.Hasten(func(time.Duration) {})
	return c
}

func fetch(ctx context.Context, c *download.Client, url string) ([]byte, int64, error) {
	r, size, err := c.Open(ctx, url)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return data, size, err
}

// cutting serves data and cuts the connection after so many bytes of each answer.
// With ranges it serves parts, with tag it says which version it is.
func cutting(data []byte, after int, ranges bool, tag func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		part := data
		if tag != nil {
			w.Header().Set("ETag", tag())
		}
		var from int
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 && ranges {
			part = data[from:]
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
			w.Header().Set("Content-Length", fmt.Sprint(len(part)))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(part)))
		}
		if len(part) > after {
			_, _ = w.Write(part[:after])
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(part)
	}
}

// Nothing says Accept-Ranges here, as GitHub's storage does not.
func TestOpenGoesOnWhereItWasCut(t *testing.T) {
	data := content()
	s := serve(t, cutting(data, 1<<20, true, func() string { return `"v1"` }))
	got, size, err := fetch(t.Context(), newClient(t, download.Options{}), s.URL+"/node.ova")
	if err != nil || !bytes.Equal(got, data) || size != int64(len(data)) {
		t.Fatalf("%d bytes of %d: %v", len(got), size, err)
	}
	if len(s.requests) != 3 || s.requests[1] != fmt.Sprintf("GET /node.ova bytes=%d-%d", 1<<20, len(data)-1) {
		t.Errorf("requests: %q", s.requests)
	}
}

func TestOpenWithoutRanges(t *testing.T) {
	data := content()
	var answers int
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answers++
		cutting(data, answers<<20, false, nil)(w, r)
	})
	got, _, err := fetch(t.Context(), newClient(t, download.Options{}), s.URL+"/node.ova")
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes: %v", len(got), err)
	}
}

// A release that is replaced in the middle must not become half of each.
func TestOpenRefusesAnotherVersion(t *testing.T) {
	var tags int
	s := serve(t, cutting(content(), 1<<20, true, func() string { tags++; return fmt.Sprintf(`"v%d"`, tags) }))
	_, _, err := fetch(t.Context(), newClient(t, download.Options{}), s.URL+"/node.ova")
	if err == nil || !strings.HasPrefix(err.Error(), s.URL+"/node.ova: ") || !strings.Contains(err.Error(), "changed while it was being read") {
		t.Error(err)
	}
}

func TestAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		handle   http.HandlerFunc
		want     string // a part of the error, or of the content
		requests int
		waited   time.Duration
	}{
		"not found": {http.NotFound, "HOST/a: not found", 1, 0},
		"gone":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, "HOST/a: not found", 1, 0},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "HOST/a: HOST answered 403 Forbidden", 1, 0},
		"rate limit": {after(1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}), "fine", 2, 7 * time.Second},
		"unavailable":   {after(2, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }), "fine", 3, 0},
		"always down":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "HOST/a: HOST answered 502 Bad Gateway (tried 5 times)", 5, 0},
		"redirect":      {after(1, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/b?token=secret", http.StatusFound) }), "fine", 2, 0},
		"redirect loop": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/a?token=secret", http.StatusFound) }, "HOST/a: it redirects more than 10 times", 10, 0},
		"redirect wrong": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "ftp://u:secret@x/y", http.StatusFound)
		}, "HOST/a: it redirects from http to ftp", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.handle)
			c := newClient(t, download.Options{})
			var waited time.Duration
			c.Hasten(func(d time.Duration) { waited = max(waited, d) })
			withSecrets := strings.Replace(s.URL, "://", "://user:secret@", 1) + "/a?sig=secret"
			data, _, err := fetch(t.Context(), c, withSecrets)
			got := string(data)
			if err != nil {
				got = err.Error()
			}
			want := strings.ReplaceAll(test.want, "HOST/", s.URL+"/")
			want = strings.ReplaceAll(want, "HOST", strings.TrimPrefix(s.URL, "http://"))
			if !strings.Contains(got, want) || strings.Contains(got, "secret") || len(s.requests) != test.requests {
				t.Errorf("%q after %d requests, want %q after %d", got, len(s.requests), want, test.requests)
			}
			if test.waited != 0 && waited != test.waited {
				t.Errorf("waited %s", waited)
			}
			_, isNotFound := errors.AsType[*registry.NotFoundError](err)
			if want := strings.HasSuffix(test.want, "not found"); isNotFound != want {
				t.Errorf("NotFoundError: %t", isNotFound)
			}
		})
	}
}

// after answers as fail does so many times, and then well.
func after(times int, fail http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if times--; times >= 0 {
			fail(w, r)
			return
		}
		_, _ = io.WriteString(w, "fine")
	}
}

func TestReadWants(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("fine")))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login", "/login.html":
			_, _ = io.WriteString(w, "\n<!DOCTYPE html><p>log in")
		case "/plain":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "<html>")
		case "/large":
			w.Header().Set("Content-Length", fmt.Sprint(download.MaxDocument+1))
		case "/endless":
			for chunk := make([]byte, 1<<20); r.Context().Err() == nil; {
				_, _ = w.Write(chunk)
			}
		default:
			_, _ = io.WriteString(w, "fine")
		}
	})
	c := newClient(t, download.Options{})
	for _, test := range []struct{ path, sum, want string }{
		{"/a", "", ""},
		{"/a", sum, ""},
		{"/a", strings.Repeat("0", 64), "/a: its sha256 is " + sum + ", not 000"},
		{"/login", "", "/login: the server answers with a web page"},
		{"/login.html", "", "/login.html: the server answers with a web page"},
		{"/plain", "", "/plain: the server answers with a web page"},
		{"/large", "", "/large: it has more than 104857600 bytes"},
		{"/endless", "", "/endless: it has more than 104857600 bytes"},
	} {
		data, err := c.Read(t.Context(), s.URL+test.path, test.sum)
		if test.want == "" && (err != nil || string(data) != "fine") || test.want != "" && (err == nil || !strings.Contains(err.Error(), s.URL+test.want)) {
			t.Errorf("%s: %q, %v", test.path, data[:min(len(data), 10)], err)
		}
	}
}

// A program of a site must not be the page that asks to log in.
func TestOpenRefusesWebPages(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	c := newClient(t, download.Options{})
	if _, _, err := c.Open(t.Context(), s.URL+"/kubectl"); err == nil || err.Error() != s.URL+"/kubectl: the server answers with a web page" {
		t.Error(err)
	}
	if data, _, err := fetch(t.Context(), c, s.URL+"/index.html"); err != nil || string(data) != "<html>" {
		t.Error(string(data), err)
	}
}

func TestSize(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/none":
			http.NotFound(w, r)
		case r.Method == http.MethodHead && r.URL.Path == "/signed":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/chunked":
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "fine")
		default:
			w.Header().Set("Content-Length", "4")
			if r.Method != http.MethodHead {
				_, _ = io.WriteString(w, "fine")
			}
		}
	})
	c := newClient(t, download.Options{})
	for path, want := range map[string]int64{"/a": 4, "/signed": 4, "/chunked": -1} {
		if got, err := c.Size(t.Context(), s.URL+path); got != want || err != nil {
			t.Errorf("%s: %d, %v", path, got, err)
		}
	}
	_, err := c.Size(t.Context(), s.URL+"/none")
	if _, ok := errors.AsType[*registry.NotFoundError](err); !ok {
		t.Error(err)
	}
}

func TestJoin(t *testing.T) {
	data := content()
	third := len(data) / 3
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/1":
			cutting(data[:third], third-1, true, nil)(w, r)
		case "/2":
			cutting(data[third:2*third], third, true, nil)(w, r)
		default:
			http.NotFound(w, r)
		}
	})
	last := filepath.Join(t.TempDir(), "last part")
	if err := os.WriteFile(last, data[2*third:], 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, download.Options{Report: func(e registry.Event) { // the reader of the whole counts the bytes
		if e.Kind != registry.Waiting {
			t.Errorf("an event of kind %d", e.Kind)
		}
	}})
	open, size, err := c.Join(t.Context(), []string{s.URL + "/1", s.URL + "/2", last})
	if err != nil || size != int64(len(data)) {
		t.Fatal(size, err)
	}
	for range 2 { // it may be opened again
		r, err := open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if r.Close(); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: %v", len(got), err)
		}
	}

	_, _, err = c.Join(t.Context(), []string{s.URL + "/x", s.URL + "/1", s.URL + "/y"})
	if want := s.URL + "/x: not found\n" + s.URL + "/y: not found"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestJoinWithAPartThatFails(t *testing.T) {
	var gone bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if gone && r.URL.Path == "/2" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "fine")
	})
	c := newClient(t, download.Options{})
	open, _, err := c.Join(t.Context(), []string{s.URL + "/1", s.URL + "/2"})
	if err != nil {
		t.Fatal(err)
	}
	gone = true
	r, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // an error stays one
		if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "/2: not found") {
			t.Errorf("half a file is taken for a whole one: %v", err)
		}
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}
		_, _ = io.WriteString(w, "fine")
	}))
	defer s.Close()
	if _, err := newClient(t, download.Options{}).Read(t.Context(), s.URL+"/a", ""); err == nil || !strings.Contains(err.Error(), s.URL+"/a: tls: failed to verify certificate") {
		t.Error(err)
	}
	c := newClient(t, download.Options{CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})})
	if data, err := c.Read(t.Context(), s.URL+"/a", ""); err != nil || string(data) != "fine" {
		t.Error(err)
	}
	if _, err := c.Read(t.Context(), s.URL+"/down", ""); err == nil || !strings.Contains(err.Error(), "redirects from https to http") {
		t.Error(err)
	}
	if _, err := download.New(download.Options{CA: []byte("no PEM")}); err == nil {
		t.Error("a CA file without certificates is taken")
	}
}

func TestProxyAndUserAgent(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.URL, " ", r.UserAgent())
	})
	to, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, download.Options{Proxy: http.ProxyURL(to), UserAgent: "site/1"})
	if data, err := c.Read(t.Context(), "http://upstream.invalid/a", ""); err != nil || string(data) != "http://upstream.invalid/a site/1" {
		t.Errorf("%s, %v", data, err)
	}
}

func TestNetworkErrorsHideTheURL(t *testing.T) {
	s := serve(t, http.NotFound)
	s.Close()
	secret := strings.Replace(s.URL, "://", "://user:secret@", 1) + "/a?sig=secret"
	var notes []string
	c := newClient(t, download.Options{Report: func(e registry.Event) { notes = append(notes, e.Name+" "+e.Note) }})
	_, _, err := c.Open(t.Context(), secret)
	if err == nil || !strings.HasPrefix(err.Error(), s.URL+"/a: dial tcp") || strings.Contains(fmt.Sprint(err, notes), "secret") || len(notes) != 2 {
		t.Error(err, notes)
	}
	for _, raw := range []string{"http://user:secret@%zz/", "ftp://user:secret@x/y", "http:///secret"} {
		if _, _, err := c.Open(t.Context(), raw); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a b.yaml")
	if err := os.WriteFile(file, []byte("fine"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, download.Options{})
	fileURL := (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(file), "/")}).String()
	for _, raw := range []string{file, fileURL} {
		data, err := c.Read(t.Context(), raw, "")
		size, sizeErr := c.Size(t.Context(), raw)
		if err != nil || sizeErr != nil || string(data) != "fine" || size != 4 {
			t.Error(raw, string(data), size, err, sizeErr)
		}
	}
	if _, _, err := c.Open(t.Context(), dir); err == nil || err.Error() != dir+": it is no file" {
		t.Error(err)
	}
	_, _, err := c.Open(t.Context(), file+"x")
	if _, ok := errors.AsType[*registry.NotFoundError](err); !ok {
		t.Error(err)
	}
}

func TestFetchedFromElsewhere(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/github.com/o/r/a.yaml" {
			http.NotFound(w, r)
			return
		}
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, user+password)
	})
	rule := download.SourceRule{From: "*", To: strings.Replace(s.URL, "://", "://me:secret@", 1) + "/{host}"}
	m, err := download.NewSourceMap([]download.SourceRule{rule})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	c := newClient(t, download.Options{SourceMap: m, Report: func(e registry.Event) { names = append(names, e.Name) }})
	data, err := c.Read(t.Context(), "https://github.com/o/r/a.yaml", "")
	if err != nil || string(data) != "mesecret" || names[0] != "https://github.com/o/r/a.yaml" {
		t.Errorf("%s %q %v", data, names, err)
	}
	_, err = c.Read(t.Context(), "https://github.com/o/r/b.yaml", "")
	if want := "https://github.com/o/r/b.yaml (at " + s.URL + "/github.com/o/r/b.yaml): not found"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestStalledServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // less than a client waits by itself
	defer cancel()
	for _, sent := range []string{"", "fi"} {
		var stalls sync.Once
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			stall := false
			stalls.Do(func() { stall = true })
			w.Header().Set("Content-Length", "4")
			if !stall {
				_, _ = io.WriteString(w, "fine")
				return
			}
			if sent != "" {
				_, _ = io.WriteString(w, sent)
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		})
		c := newClient(t, download.Options{Timeout: 50 * time.Millisecond})
		if sent == "" {
			if size, err := c.Size(ctx, s.URL+"/a"); err != nil || size != 4 {
				t.Error(size, err)
			}
		} else if data, _, err := fetch(ctx, c, s.URL+"/a"); err != nil || string(data) != "fine" {
			t.Errorf("%q, %v", data, err)
		}
	}
}

func TestReadReports(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	var told []registry.Event
	c := newClient(t, download.Options{Report: func(e registry.Event) { told = append(told, e) }})
	if _, err := c.Read(t.Context(), s.URL+"/a", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(t.Context(), s.URL+"/a", sumA); err == nil {
		t.Error("another file is taken")
	}
	name := s.URL + "/a"
	want := []registry.Event{{Kind: registry.BlobBegin, Name: name, Bytes: 4}, {Kind: registry.Advance, Name: name, Bytes: 4}, {Kind: registry.BlobEnd, Name: name, Bytes: 4}}
	if !slices.Equal(told, slices.Concat(want, want)) {
		t.Errorf("%+v", told)
	}
}
