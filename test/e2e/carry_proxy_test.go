//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A fault stands between a client and a registry.
type fault func(http.Handler) http.Handler

// behind gives the address of a proxy before the registry, with faults: the first of them sees a request first.
func behind(t *testing.T, r *dockerRegistry, faults ...fault) string {
	t.Helper()
	upstream, err := url.Parse(r.url())
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(upstream)
			p.SetXForwarded()
			p.Out.Host = p.In.Host // docker-registry makes the Location of uploads of it
		},
		Transport:     insecure().Transport,
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      quiet,
	}
	for _, f := range slices.Backward(faults) {
		h = f(h)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = quiet
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// A tally counts what happened, by name.
type tally struct {
	sync.Mutex
	n map[string]int
}

// add gives how often name was added before.
func (t *tally) add(name string) int {
	t.Lock()
	defer t.Unlock()
	if t.n == nil {
		t.n = map[string]int{}
	}
	t.n[name]++
	return t.n[name] - 1
}

func (t *tally) sum() int {
	t.Lock()
	defer t.Unlock()
	sum := 0
	for _, n := range t.n {
		sum += n
	}
	return sum
}

// cut ends the connection in the middle of the first two downloads of every larger blob, and of the first upload.
func cut(cuts *tally) fault {
	const small = 32 << 10
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			switch kind := requestKind(q.URL.Path); {
			case q.Method == http.MethodGet && kind == "blobs":
				_, _, name := cutRequest(q.URL.Path)
				w = &cutWriter{ResponseWriter: w, allowed: func(length int64) int64 {
					if length < small || cuts.add(name) >= 2 {
						return length
					}
					return length / 2
				}}
			case q.ContentLength > small && cuts.add("upload of "+fmt.Sprint(q.ContentLength)) == 0:
				q.Body = io.NopCloser(io.MultiReader(io.LimitReader(q.Body, q.ContentLength/2), broken{}))
			}
			next.ServeHTTP(w, q)
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut") }

// A cutWriter aborts the answer after as many bytes as are allowed.
type cutWriter struct {
	http.ResponseWriter
	allowed func(length int64) int64
	left    int64
}

func (w *cutWriter) WriteHeader(status int) {
	var length int64
	_, _ = fmt.Sscan(w.Header().Get("Content-Length"), &length)
	w.left = w.allowed(length)
	w.ResponseWriter.WriteHeader(status)
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		_, _ = w.ResponseWriter.Write(p[:w.left])
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	w.left -= int64(len(p))
	return w.ResponseWriter.Write(p)
}

func (w *cutWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// busy answers every nth request with a status, at most so many times. With 429 it says to wait a second, and takes
// note if somebody did not.
func busy(status, nth, times int, hasty *tally) fault {
	var seen, refused atomic.Int64
	var until sync.Map
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			name := q.Method + " " + q.URL.Path
			if since, waits := until.Load(name); waits && time.Since(since.(time.Time)) < 900*time.Millisecond {
				hasty.add(name)
			}
			until.Delete(name)
			if seen.Add(1)%int64(nth) != 0 || refused.Add(1) > int64(times) {
				next.ServeHTTP(w, q)
				return
			}
			if status == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "1")
				until.Store(name, time.Now())
			}
			http.Error(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"come back later"}]}`, status)
		})
	}
}

// slow lets a few megabytes a second through each connection, after a moment.
func slow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		time.Sleep(20 * time.Millisecond)
		q.Body = io.NopCloser(slowReader{q.Body})
		next.ServeHTTP(&slowWriter{w}, q)
	})
}

type slowReader struct{ io.Reader }

func (r slowReader) Read(p []byte) (int, error) {
	time.Sleep(3 * time.Millisecond)
	return r.Reader.Read(p[:min(len(p), 16<<10)])
}

type slowWriter struct{ http.ResponseWriter }

func (w *slowWriter) Write(p []byte) (int, error) {
	done := 0
	for part := range slices.Chunk(p, 16<<10) {
		time.Sleep(3 * time.Millisecond)
		n, err := w.ResponseWriter.Write(part)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// noRanges knows nothing of parts of blobs, and gives the whole.
func noRanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		q.Header.Del("Range")
		next.ServeHTTP(&headerWriter{w, func(h http.Header) { h.Del("Accept-Ranges") }}, q)
	})
}

// noDigests does not say what a manifest's digest is.
func noDigests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		next.ServeHTTP(&headerWriter{w, func(h http.Header) { h.Del("Docker-Content-Digest"); h.Del("Etag") }}, q)
	})
}

// relative gives the Location of uploads without a host.
func relative(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		next.ServeHTTP(&headerWriter{w, func(h http.Header) {
			if l := h.Get("Location"); l != "" {
				h.Set("Location", l[strings.Index(l, "/v2/"):])
			}
		}}, q)
	})
}

// noMounts starts an upload where a mount was asked for, as registries may.
func noMounts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.RawQuery, "mount=") {
			q.URL.RawQuery = ""
		}
		next.ServeHTTP(w, q)
	})
}

// A headerWriter changes the header before it is sent.
type headerWriter struct {
	http.ResponseWriter
	change func(http.Header)
}

func (w *headerWriter) WriteHeader(status int) {
	w.change(w.Header())
	w.ResponseWriter.WriteHeader(status)
}

func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// elsewhere sends whoever wants a blob to another server, which must not see the registry's password.
func elsewhere(t *testing.T, r *dockerRegistry, leaks *tally) fault {
	store := "http://" + strings.Replace(behind(t, r, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Authorization") != "" {
				leaks.add(q.URL.Path)
			}
			next.ServeHTTP(w, q)
		})
	}), "127.0.0.1", "localhost", 1)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodGet && requestKind(q.URL.Path) == "blobs" {
				http.Redirect(w, q, store+q.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, q)
		})
	}
}

// tokens wants a bearer token for every repository that a request touches, as the large registries do. One is good
// for so many requests. Whoever has password gets one.
func tokens(password string, uses int) fault {
	var used tally
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/token" {
				giveToken(w, q, password)
				return
			}
			scopes := scopesOf(q)
			token := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")
			if !tokenCovers(token, scopes) || used.add(token) >= uses {
				challenge := fmt.Sprintf(`Bearer realm="http://%s/token",service="e2e"`, q.Host)
				if len(scopes) > 0 {
					challenge += fmt.Sprintf(`,scope=%q`, strings.Join(scopes, " "))
				}
				w.Header().Set("WWW-Authenticate", challenge)
				http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
				return
			}
			q.Header.Del("Authorization")
			next.ServeHTTP(w, q)
		})
	}
}

var tokenNumber atomic.Int64

// giveToken makes a token of the scopes themselves, with a number that makes it one of a kind.
func giveToken(w http.ResponseWriter, q *http.Request, password string) {
	if _, got, _ := q.BasicAuth(); password != "" && got != password {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`, http.StatusUnauthorized)
		return
	}
	var scopes []string
	for _, s := range q.URL.Query()["scope"] {
		scopes = append(scopes, strings.Fields(s)...)
	}
	text := fmt.Sprint(tokenNumber.Add(1), " ", strings.Join(scopes, " "))
	_ = json.NewEncoder(w).Encode(map[string]any{"token": base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + seal(text), "expires_in": 300})
}

func seal(text string) string {
	sum := sha256.Sum256([]byte("e2e" + text))
	return hex.EncodeToString(sum[:])
}

func tokenCovers(token string, scopes []string) bool {
	encoded, sealed, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || sealed != seal(string(text)) {
		return false
	}
	for _, want := range scopes {
		at := strings.LastIndexByte(want, ':')
		if !slices.ContainsFunc(strings.Fields(string(text)), func(have string) bool {
			actions, same := strings.CutPrefix(have, want[:at+1])
			return same && containsAll(strings.Split(actions, ","), strings.Split(want[at+1:], ","))
		}) {
			return false
		}
	}
	return true
}

func containsAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

// scopesOf are what docker-registry would ask for.
func scopesOf(q *http.Request) []string {
	m := regexp.MustCompile(`^/v2/(.+)/(?:manifests|blobs|tags|referrers)/`).FindStringSubmatch(q.URL.Path)
	if m == nil {
		return nil
	}
	scopes := []string{"repository:" + m[1] + ":pull"}
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		scopes[0] += ",push"
	}
	if other := q.URL.Query().Get("from"); other != "" {
		scopes = append(scopes, "repository:"+other+":pull")
	}
	return scopes
}
