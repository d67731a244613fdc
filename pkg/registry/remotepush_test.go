package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func TestRemotePutBlob(t *testing.T) {
	for name, opts := range map[string]registrytest.Options{
		"plain": {}, "absolute location": {AbsoluteUploads: true},
		"basic": {Username: "me", Password: secret}, "token": {Username: "me", Password: secret, Realm: "/token"},
		"no mounts": {NoMount: true}, "no mounts, absolute location": {NoMount: true, AbsoluteUploads: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Start(t, opts)
			ropts := RemoteOptions{}
			if opts.Username != "" {
				ropts = RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret}
			}
			r, _ := remote(t, ropts)
			data := bytes.Repeat([]byte("content "), 100000)
			desc := describe(data)
			a, b := ref(t, s.Host+"/one/a:v1"), ref(t, s.Host+"/two/b:v1")
			elsewhere := []image.Ref{b, {Registry: "other.example.com", Repository: "x"}, {Registry: s.Host, Repository: "not/there"}, a}
			put := func(at image.Ref, from []image.Ref, want Outcome) {
				t.Helper()
				got, err := r.PutBlob(t.Context(), at, desc, from, opener(data))
				if err != nil || got != want {
					t.Errorf("%d, want %d: %v", got, want, err)
				}
				if !bytes.Equal(s.Blob(at.Repository, desc.Digest), data) {
					t.Error("the registry does not hold it")
				}
			}
			put(a, nil, Sent)
			put(a, nil, Present)
			if opts.NoMount {
				put(b, elsewhere, Sent) // with the upload that the registry has begun instead of the mount
				if n := s.Count(registrytest.UploadPost); n != 1+2 || s.Count(registrytest.UploadPut) != 2 {
					t.Errorf("%d uploads begun", n)
				}
				return
			}
			put(b, elsewhere, Mounted)
			if s.Received() != desc.Size || s.Count(registrytest.Mount) != 1 || s.Count(registrytest.UploadPut) != 1 {
				t.Errorf("%d bytes sent, %d mounts, %d uploads", s.Received(), s.Count(registrytest.Mount), s.Count(registrytest.UploadPut))
			}
		})
	}
}

// TestRemoteMountLimited: what can be mounted is not sent because of a bad moment.
func TestRemoteMountLimited(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	r, notes := remote(t, RemoteOptions{})
	at, desc, data := blobOf(t, s, "one", 1600)
	s.Fail(registrytest.Faults{Status: 429, StatusTimes: 1, StatusKinds: []registrytest.Kind{registrytest.UploadPost}})
	got, err := r.PutBlob(t.Context(), ref(t, s.Host+"/two:v1"), desc, []image.Ref{at}, opener(data))
	if got != Mounted || err != nil || len(notes()) != 1 {
		t.Errorf("%d, %v; waits %v", got, err, notes())
	}
}

func TestRemoteUploadFaults(t *testing.T) {
	kinds := []registrytest.Kind{registrytest.UploadPost, registrytest.UploadPut}
	cases := map[string]struct {
		faults registrytest.Faults
		waits  int
		opened int
		err    string
	}{
		"cut in the middle": {registrytest.Faults{CutUpload: 300000, CutUploadTimes: 2}, 2, 3, ""},
		"cut always":        {registrytest.Faults{CutUpload: 300000}, 4, 5, "tried 5 times"},
		"503":               {registrytest.Faults{Status: 503, StatusTimes: 2, StatusKinds: kinds}, 2, 1, ""},
		"429 for the PUT":   {registrytest.Faults{Status: 429, StatusTimes: 1, StatusKinds: kinds[1:], RetryAfter: "3"}, 1, 2, ""},
		"answer is lost":    {registrytest.Faults{LoseUpload: 1}, 1, 1, ""},
		"forgotten":         {registrytest.Faults{Status: 404, StatusTimes: 1, StatusKinds: kinds[1:]}, 1, 2, ""},
		"400":               {registrytest.Faults{Status: 400, StatusKinds: kinds}, 0, 0, "answered 400"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Start(t, registrytest.Options{})
			r, notes := remote(t, RemoteOptions{})
			data := bytes.Repeat([]byte("content "), 1<<17)
			s.Fail(c.faults)
			opened, open := 0, 0
			var lock sync.Mutex
			_, err := r.PutBlob(t.Context(), ref(t, s.Host+"/a:v1"), describe(data), nil, func(context.Context) (io.ReadCloser, error) {
				lock.Lock()
				defer lock.Unlock()
				if opened++; open > 0 {
					t.Error("opened while it was open")
				}
				open++
				return &tracked{Reader: bytes.NewReader(data), close: func() { lock.Lock(); open--; lock.Unlock() }}, nil
			})
			if c.err == "" && (err != nil || !bytes.Equal(s.Blob("a", describe(data).Digest), data)) {
				t.Error(err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v, want %s", err, c.err)
			}
			if len(notes()) != c.waits || opened != c.opened {
				t.Errorf("%d waits, want %d: %q; opened %d times, want %d", len(notes()), c.waits, notes(), opened, c.opened)
			}
		})
	}
}

type tracked struct {
	io.Reader
	close func()
}

func (t *tracked) Close() error { t.close(); return nil }

func TestRemoteWrongContent(t *testing.T) {
	data := bytes.Repeat([]byte("content "), 1000)
	broken := errors.New("the disk is broken")
	for name, c := range map[string]struct {
		open Opener
		want string
	}{
		"other bytes": {opener(bytes.Repeat([]byte("CONTENT "), 1000)), "what should be sha256:"},
		"too short":   {opener(data[:100]), "ends after 100 of 8000 bytes"},
		"too long":    {opener(append(bytes.Clone(data), 'x')), "has more than 8000 bytes"},
		"unreadable":  {func(context.Context) (io.ReadCloser, error) { return nil, broken }, "the disk is broken"},
		"breaks off": {func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(data[:10]), failing{broken})), nil
		}, "the disk is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Start(t, registrytest.Options{})
			r, notes := remote(t, RemoteOptions{})
			_, err := r.PutBlob(t.Context(), ref(t, s.Host+"/a:v1"), describe(data), nil, c.open)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), s.Host) {
				t.Errorf("%v, want %s and nothing of the registry", err, c.want)
			}
			if len(notes()) > 0 {
				t.Errorf("tried again: %v", notes())
			}
			for _, d := range []Descriptor{describe(data), describe(data[:100])} {
				if s.Blob("a", d.Digest) != nil {
					t.Errorf("%s became a blob", d.Digest)
				}
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestRemotePutManifest(t *testing.T) {
	from, s := registrytest.Start(t, registrytest.Options{}), registrytest.Start(t, registrytest.Options{})
	r, _ := remote(t, RemoteOptions{})
	at, desc := seed(t, from, registrytest.Image{Name: "a/b:v1"})
	raw := from.Manifest("a/b", "v1")
	to := image.Ref{Registry: s.Host, Repository: "c", Tag: "v2"}
	if err := r.PutManifest(t.Context(), to, desc, raw); err == nil || !strings.Contains(err.Error(), "unknown to the repository") {
		t.Errorf("without its blobs: %v", err)
	}
	if held, err := r.Holds(t.Context(), to, desc); held || err != nil {
		t.Errorf("held: %v, %v", held, err)
	}
	doc, err := parseDocument(desc.MediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range append(doc.Layers, *doc.Config) {
		open := func(ctx context.Context) (io.ReadCloser, error) { return r.Fetch(ctx, at, b) }
		if _, err := r.PutBlob(t.Context(), to, b, nil, open); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.PutManifest(t.Context(), to, desc, append(bytes.Clone(raw), ' ')); err == nil {
		t.Error("other bytes were taken")
	}
	byDigest := to
	byDigest.Tag = ""
	for _, ref := range []image.Ref{byDigest, to} {
		if err := r.PutManifest(t.Context(), ref, desc, raw); err != nil {
			t.Fatal(err)
		}
		if held, err := r.Holds(t.Context(), ref, desc); !held || err != nil {
			t.Errorf("%s held: %v, %v", ref, held, err)
		}
	}
	other := desc
	other.Digest = digest.FromString("other")
	if held, err := r.Holds(t.Context(), to, other); held || err != nil {
		t.Errorf("another one held: %v, %v", held, err)
	}
	if s.Manifest("c", "v2") == nil || s.Manifest("c", string(desc.Digest)) == nil {
		t.Error("the manifest is not there")
	}
}

func TestRemoteReferrers(t *testing.T) {
	for name, opts := range map[string]registrytest.Options{"API": {}, "tag schema": {NoReferrers: true}} {
		t.Run(name, func(t *testing.T) {
			from, s := registrytest.Start(t, registrytest.Options{}), registrytest.Start(t, opts)
			r, _ := remote(t, RemoteOptions{})
			at, subject := seed(t, from, registrytest.Image{Name: "a:v1"})
			to := image.Ref{Registry: s.Host, Repository: "b"}
			if found, err := r.Referrers(t.Context(), at, subject); err != nil || len(found) > 0 {
				t.Errorf("of nothing: %v, %v", found, err)
			}
			var raws [][]byte
			const many = 20
			for i := range many {
				d, err := from.SeedReferrer("a", subject, "application/spdx+json", strings.Repeat("x", i))
				if err != nil {
					t.Fatal(err)
				}
				raws = append(raws, from.Manifest("a", string(d.Digest)))
			}
			_, signature, err := from.SeedCosign("a", subject, "sig")
			if err != nil {
				t.Fatal(err)
			}
			found, err := r.Referrers(t.Context(), at, subject)
			if err != nil || len(found) != many+1 || found[many].Digest != signature.Digest || found[many].Tag != referrersTag(subject.Digest)+".sig" {
				t.Fatalf("%v, %v", found, err)
			}
			var group sync.WaitGroup
			for _, raw := range raws { // all at once, none may get lost
				group.Go(func() { putArtifact(t, r, from, to, raw) })
			}
			group.Wait()
			putArtifact(t, r, from, to, raws[0]) // once more changes nothing
			got, err := r.Referrers(t.Context(), to, subject)
			if err != nil || len(got) != many {
				t.Errorf("%d at the target, %v", len(got), err)
			}
			for _, g := range got {
				if g.ArtifactType != "application/spdx+json" || g.Tag != "" {
					t.Errorf("%+v", g)
				}
			}
			if has := s.Manifest("b", referrersTag(subject.Digest)) != nil; has != opts.NoReferrers {
				t.Errorf("an index under the tag: %v", has)
			}
		})
	}
}

func putArtifact(t *testing.T, r *Remote, from *registrytest.Server, to image.Ref, raw []byte) {
	doc, err := parseDocument(ocispec.MediaTypeImageManifest, raw)
	if err != nil {
		t.Error(err)
		return
	}
	for _, b := range append(doc.Layers, *doc.Config) {
		if _, err := r.PutBlob(t.Context(), to, b, nil, opener(from.Blob("a", b.Digest))); err != nil {
			t.Error(err)
		}
	}
	desc := Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := r.PutManifest(t.Context(), to, desc, raw); err != nil {
		t.Error(err)
	}
}

// TestRemoteRedirect: blobs come from where the registry says, credentials do not go there.
func TestRemoteRedirect(t *testing.T) {
	store := registrytest.Start(t, registrytest.Options{})
	s := registrytest.Start(t, registrytest.Options{Username: "me", Password: secret, RedirectBlobs: "http://" + store.Host})
	at, desc, data := blobOf(t, s, "a", 1<<16)
	if _, _, same := blobOf(t, store, "a", 1<<16); !bytes.Equal(same, data) {
		t.Fatal("other data")
	}
	r, _ := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
	var lock sync.Mutex
	var shown []string
	r.http.Transport.(*line).base = spy{r.bare, func(req *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		if req.URL.Host == store.Host {
			shown = append(shown, req.Header.Get("Authorization"))
		}
	}}
	store.Fail(registrytest.Faults{Cut: 10000, CutTimes: 1})
	got, err := read(t.Context(), r, at, desc)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if len(shown) != 2 || shown[0] != "" || shown[1] != "" {
		t.Errorf("the store was shown %q", shown)
	}
}

type spy struct {
	http.RoundTripper
	see func(*http.Request)
}

func (s spy) RoundTrip(req *http.Request) (*http.Response, error) {
	s.see(req)
	return s.RoundTripper.RoundTrip(req)
}

func TestRemoteLocation(t *testing.T) {
	for location, want := range map[string]string{
		"/v2/a/blobs/uploads/1?_state=x":       "https://r.example.com/v2/a/blobs/uploads/1?_state=x",
		"1":                                    "https://r.example.com/v2/a/blobs/uploads/1",
		"https://r.example.com/v2/u":           "https://r.example.com/v2/u",
		"http://R.example.com/v2/u":            "https://r.example.com/v2/u",
		"http://r.example.com:80/v2/u":         "https://r.example.com/v2/u",
		"https://user:word@r.example.com/v2/u": "https://r.example.com/v2/u",
		"https://r.example.com:5000/v2/u":      "",
		"https://r.example.com.evil.org/v2/u":  "",
		"//evil.org/v2/u":                      "",
		"file:///etc/passwd":                   "",
		"":                                     "",
		"%":                                    "",
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://r.example.com/v2/a/blobs/uploads/", nil)
		got, err := (&answer{url: req.URL, header: http.Header{"Location": {location}}}).location()
		if want == "" && err == nil {
			t.Errorf("%q: %s", location, got)
		}
		if want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q: %v, %v, want %s", location, got, err, want)
		}
	}
}
