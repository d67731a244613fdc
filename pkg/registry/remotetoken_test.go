package registry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestRemoteNoTokens: where no token is to be had nobody is told that an image is missing,
// and nothing is tried again.
func TestRemoteNoTokens(t *testing.T) {
	service := httptest.NewServer(http.NotFoundHandler())
	defer service.Close()
	at := strings.TrimPrefix(service.URL, "http://")
	for challenge, want := range map[string]string{
		`Bearer realm="` + service.URL + `/token",service="x"`: ": the token service " + at + ", to which it sends, answered 404 Not Found",
		`Bearer realm="",service="x"`:                          "the realm of its answer is empty",
		`Bearer service="x"`:                                   "the realm of its answer is empty",
		`Bearer`:                                               "the realm of its answer is empty",
		`Bearer realm=":% nonsense"`:                           "is no URL",
		`Bearer realm="/token"`:                                `is no http or https URL: "/token"`,
		`bearer realm=ftp://me:` + secret + `@example.org/`:    `is no http or https URL: "ftp://me:xxxxx@example.org/"`,
	} {
		var asked atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		host := strings.TrimPrefix(s.URL, "http://")
		r, notes := remote(t, RemoteOptions{})
		for _, name := range []string{"a", "b"} {
			_, err := r.Resolve(t.Context(), ref(t, host+"/"+name+":v1"))
			if _, missing := asError[*NotFoundError](err); err == nil || missing || !strings.HasPrefix(err.Error(), host+": ") ||
				!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v\nwant %s", challenge, err, want)
			}
		}
		if asked.Load() != 1 || len(notes()) > 0 {
			t.Errorf("%s: asked %d times; waits %v", challenge, asked.Load(), notes())
		}
		s.Close()
	}
}

// TestRemoteTokenThenMissing: an image that is missing is, where there are tokens, and
// where the answer comes from where the registry redirects to.
func TestRemoteTokenThenMissing(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{Username: "me", Password: secret, Realm: "/token"})
	r, _ := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
	_, err := r.Resolve(t.Context(), ref(t, s.Host+"/a:v1"))
	if _, missing := asError[*NotFoundError](err); !missing {
		t.Error(err)
	}
	store := httptest.NewServer(http.NotFoundHandler())
	defer store.Close()
	sends := httptest.NewServer(http.RedirectHandler(store.URL+"/elsewhere", http.StatusTemporaryRedirect))
	defer sends.Close()
	_, err = r.Resolve(t.Context(), ref(t, strings.TrimPrefix(sends.URL, "http://")+"/a:v1"))
	if _, missing := asError[*NotFoundError](err); !missing {
		t.Error(err)
	}
}

// TestRemoteNoHead: a registry that does not let one ask for blobs may take them, and is
// not called read-only for it.
func TestRemoteNoHead(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead && strings.Contains(req.URL.Path, "/blobs/") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		resp, err := forward(s.Host, req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if location := resp.Header.Get("Location"); location != "" {
			w.Header().Set("Location", strings.TrimPrefix(location, "http://"+s.Host))
		}
		w.WriteHeader(resp.StatusCode)
	}))
	defer front.Close()
	blob := []byte("some content")
	r, _ := remote(t, RemoteOptions{})
	at := ref(t, strings.TrimPrefix(front.URL, "http://")+"/a:v1")
	if outcome, err := r.PutBlob(t.Context(), at, describe(blob), nil, opener(blob)); outcome != Sent || err != nil {
		t.Errorf("%v, %v", outcome, err)
	}
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }))
	defer mute.Close()
	if _, err := r.Holds(t.Context(), ref(t, strings.TrimPrefix(mute.URL, "http://")+"/a:v1"), describe(blob)); err == nil || strings.Contains(err.Error(), "read-only") {
		t.Error(err)
	}
	if held, err := r.HasBlob(t.Context(), at, describe(blob)); held || err == nil || strings.Contains(err.Error(), "read-only") {
		t.Errorf("%v, %v", held, err) // who only asks is told that there was no answer
	}
}

func forward(host string, req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host, out.Host = "", "http", host, host
	return http.DefaultTransport.RoundTrip(out)
}

// TestRemoteNoLocation: a registry that begins an upload without saying where is told of
// once, not for each blob.
func TestRemoteNoLocation(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	from := &Memory{}
	k := maker{t, from}
	var pairs []image.Pair
	for i := range 9 {
		at := ref(t, fmt.Sprintf("h.example/r%d:v1", i))
		k.image(at, "linux/amd64", fmt.Sprintf("layer %02d", i))
		pairs = append(pairs, image.Pair{Source: at, Target: ref(t, fmt.Sprintf("%s/r%d:v1", host, i))})
	}
	r, notes := remote(t, RemoteOptions{})
	_, err := Copy(t.Context(), pairs, from, r, PlanOptions{}, TransferOptions{})
	if err == nil || strings.Count(err.Error(), host+" does not say where to upload to") != 1 || strings.Contains(err.Error(), "\n") || len(notes()) > 0 {
		t.Errorf("%v; waits %v", err, notes())
	}
}
