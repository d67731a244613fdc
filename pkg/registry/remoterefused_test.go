package registry

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func TestRemoteRefused(t *testing.T) {
	ctx := t.Context()
	blob := []byte("some content")
	push := func(r *Remote, at image.Ref) error {
		_, err := r.PutBlob(ctx, at, describe(blob), nil, opener(blob))
		return err
	}
	pull := func(r *Remote, at image.Ref) error {
		_, err := r.Resolve(ctx, at)
		return err
	}
	login := registrytest.Options{Username: "me", Password: "right"}
	token := login
	token.Realm = "/token"
	cases := []struct {
		name  string
		opts  registrytest.Options
		user  string
		do    func(*Remote, image.Ref) error
		want  string
		most  int // requests
		fatal bool
	}{
		{"basic, wrong password", login, "me", pull, "refuses the credentials that are given for it, to read a/b (401)", 3, true},
		{"token, wrong password", token, "me", pull, "refuses the credentials that are given for it, to read a/b (401)", 2, true},
		{"token, wrong password, writing", token, "me", push, "docker login", 2, true},
		{"basic, no password", login, "", pull, "wants credentials to read a/b", 1, false},
		{"token, no password", token, "", push, "wants credentials to write a/b", 2, true},
		{"no such project", registrytest.Options{Projects: []string{"z"}}, "", push, "may not be written to (403): requested access to the resource is denied: the project", 2, true},
		{"read-only 405", registrytest.Options{ReadOnly: 405}, "", push, "is read-only (405)", 2, true},
		{"read-only 403", registrytest.Options{ReadOnly: 403}, "", push, "is read-only (403)", 2, true},
		{"uploads elsewhere", registrytest.Options{UploadHost: "evil.example.com"}, "", push, "wants uploads sent to another host, evil.example.com", 2, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := registrytest.Start(t, c.opts)
			ropts := RemoteOptions{LoginHost: s.Host}
			if c.user != "" {
				ropts.Username, ropts.Password = c.user, secret
			}
			r, notes := remote(t, ropts)
			err := c.do(r, ref(t, s.Host+"/a/b:v1"))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), s.Host) && !strings.Contains(err.Error(), "evil") {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not a sentence to be shown: %v", err)
			}
			if n := len(s.Requests()); n > c.most || len(notes()) > 0 {
				t.Errorf("%d requests, want at most %d; waits %v", n, c.most, notes())
			}
			if isFatal(err) != c.fatal {
				t.Errorf("fatal: %v, want %v", isFatal(err), c.fatal)
			}
		})
	}
}

// TestRemoteLockout: a wrong password is not shown for every image, but one that
// is right is not forgotten because of a repository that it does not open.
func TestRemoteLockout(t *testing.T) {
	for name, opts := range map[string]registrytest.Options{
		"basic": {Username: "me", Password: "right"}, "token": {Username: "me", Password: "right", Realm: "/token"},
	} {
		s := registrytest.Start(t, opts)
		r, _ := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
		for i := range 9 {
			_, err := r.Resolve(t.Context(), ref(t, fmt.Sprintf("%s/a%d:v1", s.Host, i)))
			if err == nil || !strings.Contains(err.Error(), "refuse") || i == 0 && !isFatal(err) {
				t.Error(err)
			}
		}
		if n := len(s.Requests()); n != 2 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// TestRemoteLockoutAtOnce: a wrong password is not sent by everybody who asks at the
// same time.
func TestRemoteLockoutAtOnce(t *testing.T) {
	const most = 6 // the first request without and with the password, and who was let in before that was understood
	s := registrytest.Start(t, registrytest.Options{Username: "me", Password: "right"})
	r, _ := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			if _, err := r.Resolve(t.Context(), image.Ref{Registry: s.Host, Repository: fmt.Sprintf("a%d", i), Tag: "v1"}); err == nil {
				t.Error("a wrong password opens the registry")
			}
		})
	}
	all.Wait()
	if n := len(s.Requests()); n > most {
		t.Errorf("%d requests, want at most %d", n, most)
	}
}

func TestRemoteNotLockedOut(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, _, ok := req.BasicAuth(); !ok || strings.Contains(req.URL.Path, "closed") {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Content-Length", "2")
		w.Header().Set("Docker-Content-Digest", string(digest.FromString("{}")))
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	r, _ := remote(t, RemoteOptions{LoginHost: host, Username: "me", Password: secret})
	for range 2 {
		if _, err := r.Resolve(t.Context(), ref(t, host+"/open:v1")); err != nil {
			t.Error(err)
		}
		if _, err := r.Resolve(t.Context(), ref(t, host+"/closed:v1")); err == nil || !strings.Contains(err.Error(), "to read closed") {
			t.Error(err)
		}
	}
}

func TestRemoteEcho(t *testing.T) {
	var seen []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, password, ok := req.BasicAuth()
		seen = append(seen, req.Header.Get("Authorization"))
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
			return
		}
		w.WriteHeader(400)
		fmt.Fprintf(w, `{"errors":[{"code":"X","message":"your password is %s, your header %s\u001b[31m https://s3/x?sig=%[1]s %s"}]}`,
			password, req.Header.Get("Authorization"), strings.Repeat("long ", 200))
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	r, _ := remote(t, RemoteOptions{LoginHost: host, Username: "me", Password: secret})
	_, err := r.Fetch(t.Context(), ref(t, host+"/a:v1"), describe([]byte("x")))
	if err == nil || !strings.Contains(err.Error(), "your password is …") {
		t.Fatal(err)
	}
	text := err.Error()
	basic := strings.TrimPrefix(seen[len(seen)-1], "Basic ")
	if strings.Contains(text, secret) || strings.Contains(text, basic) || strings.Contains(text, "\x1b") || len(text) > 500 {
		t.Errorf("%q", text)
	}
}

// TestRemoteFull: what Docker's registry says when its disk is full (2.8.2, seen).
func TestRemoteFull(t *testing.T) {
	for _, detail := range []string{
		`"write /data/x/data: no space left on device"`,
		`{"DriverName":"filesystem","Enclosed":{"Op":"write","Path":"/data/x/startedat","Err":28}}`,
	} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			asked++
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":%s}]}`, detail)
		}))
		host := strings.TrimPrefix(s.URL, "http://")
		r, notes := remote(t, RemoteOptions{})
		_, err := r.PutBlob(t.Context(), ref(t, host+"/a:v1"), describe([]byte("x")), nil, opener([]byte("x")))
		if err == nil || !strings.HasPrefix(err.Error(), "the disk of "+host+" is full (500)") || !isFatal(err) {
			t.Error(err)
		}
		if asked != 1 || len(notes()) > 0 {
			t.Errorf("asked %d times, waits %v", asked, notes())
		}
		s.Close()
	}
}

// TestRemoteQuota: a project that may not have more wants no other rights, and no further try.
func TestRemoteQuota(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusPreconditionFailed} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(status)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"adding 1 GiB of storage resource, which when updated to current usage of 9 GiB will exceed the configured upper limit of 10 GiB."}]}`)
		}))
		host := strings.TrimPrefix(s.URL, "http://")
		r, _ := remote(t, RemoteOptions{})
		raw := []byte(`{"schemaVersion":2}`)
		desc := Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		err := r.PutManifest(t.Context(), ref(t, host+"/a:v1"), desc, raw)
		if err == nil || !strings.HasPrefix(err.Error(), host+" has no room for it: a quota is used up") || !isFatal(err) || asked != 1 {
			t.Errorf("%d: asked %d times: %v", status, asked, err)
		}
		s.Close()
	}
}

// TestRemoteSilent: a server that takes the request and says nothing.
func TestRemoteSilent(t *testing.T) {
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer s.Close()
	defer close(end)
	host := strings.TrimPrefix(s.URL, "http://")
	r, notes := remote(t, RemoteOptions{Stall: 20 * time.Millisecond})
	at := ref(t, host+"/a:v1")
	for step, do := range map[string]func() error{
		"resolving": func() error { _, err := r.Resolve(t.Context(), at); return err },
		"fetching":  func() error { _, err := r.Fetch(t.Context(), at, describe([]byte("x"))); return err },
	} {
		before := len(notes())
		err := do()
		if err == nil || !strings.HasSuffix(err.Error(), ": the connection has stalled (tried 5 times)") ||
			strings.Count(err.Error(), host) != 1 || len(notes())-before != 4 {
			t.Errorf("%s: %v; waits %v", step, err, notes())
		}
	}
}

// TestRemoteRefusedElsewhere: where some projects may be written to, those that may not
// are each told.
func TestRemoteRefusedElsewhere(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{Projects: []string{"z"}})
	r, _ := remote(t, RemoteOptions{})
	push := func(name string) error {
		blob := []byte("some content")
		_, err := r.PutBlob(t.Context(), ref(t, s.Host+"/"+name), describe(blob), nil, opener(blob))
		return err
	}
	if err := push("z/a:v1"); err != nil {
		t.Fatal(err)
	}
	if err := push("y/a:v1"); err == nil || isFatal(err) {
		t.Errorf("%v is fatal, though other projects may be written to", err)
	}
}

// TestRemoteManifestUnsettled: Docker's registry does not see a blob for a moment while
// somebody else writes it there, too; that is no fault of the manifest.
func TestRemoteManifestUnsettled(t *testing.T) {
	refusals := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if refusals--; refusals < 0 {
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`)
	}))
	defer server.Close()
	at := ref(t, strings.TrimPrefix(server.URL, "http://")+"/a:v1")
	raw := []byte(`{"schemaVersion":2}`)
	desc := Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	r, _ := remote(t, RemoteOptions{PlainHTTP: true})
	refusals = 2
	if err := r.PutManifest(t.Context(), at, desc, raw); err != nil {
		t.Error(err)
	}
	refusals = 9
	err := r.PutManifest(t.Context(), at, desc, raw)
	if err == nil || !strings.Contains(err.Error(), "blob unknown") || strings.Contains(err.Error(), "damaged") || refusals != 6 {
		t.Errorf("%d tries: %v", 9-refusals, err)
	}
}
