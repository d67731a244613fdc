package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// secret is a password that no error may show.
const secret = "hunter2-xyzzy"

// remote is a Remote that does not wait between tries, and the notes of its waits.
func remote(t testing.TB, opts RemoteOptions) (*Remote, func() []string) {
	t.Helper()
	var lock sync.Mutex
	var notes []string
	if opts.Report == nil {
		opts.Report = func(e Event) {
			lock.Lock()
			defer lock.Unlock()
			if e.Kind == Waiting {
				notes = append(notes, e.Note)
			}
		}
	}
	r, err := NewRemote(opts)
	if err != nil {
		t.Fatal(err)
	}
	r.policy.Sleep = func(context.Context, time.Duration) error { return nil }
	return r, func() []string {
		lock.Lock()
		defer lock.Unlock()
		return slices.Clone(notes)
	}
}

// seed puts an image into a registry and gives its reference there.
func seed(t testing.TB, s *registrytest.Server, img registrytest.Image) (image.Ref, Descriptor) {
	t.Helper()
	desc, err := s.Seed(img)
	if err != nil {
		t.Fatal(err)
	}
	return ref(t, s.Host+"/"+img.Name), desc
}

func read(ctx context.Context, r *Remote, at image.Ref, desc Descriptor) ([]byte, error) {
	from, err := r.Fetch(ctx, at, desc)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	return io.ReadAll(from)
}

// blobOf is a blob that a registry holds.
func blobOf(t testing.TB, s *registrytest.Server, repository string, size int) (image.Ref, Descriptor, []byte) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	desc, err := s.PutBlob(repository, "application/octet-stream", data)
	if err != nil {
		t.Fatal(err)
	}
	return image.Ref{Registry: s.Host, Repository: repository}, desc, data
}

func opener(data []byte) Opener {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

func describe(data []byte) Descriptor {
	return Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func TestRemoteResolve(t *testing.T) {
	for name, opts := range map[string]registrytest.Options{
		"plain": {}, "HEAD says no digest": {NoDigest: true}, "no HEAD": {NoHead: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Start(t, opts)
			r, _ := remote(t, RemoteOptions{})
			for _, docker := range []bool{false, true} {
				at, want := seed(t, s, registrytest.Image{Name: "a/b:v1", Index: true, Docker: docker})
				got, err := r.Resolve(t.Context(), at)
				if err != nil || got.Digest != want.Digest || got.Size != want.Size || got.MediaType != want.MediaType {
					t.Errorf("by tag: %+v, %v; want %+v", got, err, want)
				}
				at.Tag, at.Digest = "none", string(want.Digest)
				if got, err = r.Resolve(t.Context(), at); err != nil || got.Digest != want.Digest {
					t.Errorf("by digest: %+v, %v; want %+v", got, err, want)
				}
			}
		})
	}
}

// TestRemoteWhole: the manifest comes with its name, by one request, and a plan asks for
// it no more.
func TestRemoteWhole(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	r, _ := remote(t, RemoteOptions{})
	at, want := seed(t, s, registrytest.Image{Name: "a/b:v1", Index: true})
	before := len(s.Requests())
	plan, err := NewPlan(t.Context(), stay(at), r.Whole(), PlanOptions{})
	if err != nil || plan.Images[0].Root.Digest != want.Digest || plan.Images[0].Root.Data != nil {
		t.Fatalf("%+v, %v; want %s", plan, err, want.Digest)
	}
	once, err := NewPlan(t.Context(), stay(at), r, PlanOptions{})
	if err != nil || !reflect.DeepEqual(plan, once) {
		t.Errorf("the plan is %+v, not %+v (%v)", plan, once, err)
	}
	asked := map[string]int{}
	for _, q := range s.Requests()[before:] {
		asked[q.Method+" "+q.Path]++
	}
	name, digested := "/v2/a/b/manifests/v1", "/v2/a/b/manifests/"+want.Digest.String()
	if asked["GET "+name] != 1 || asked["HEAD "+name] != 1 || asked["GET "+digested] != 1 {
		t.Errorf("asked %v", asked)
	}
	var missing *NotFoundError
	if _, err := r.Whole().Resolve(t.Context(), ref(t, s.Host+"/a/b:v2")); !errors.As(err, &missing) {
		t.Errorf("a tag that is not there: %v", err)
	}
}

func TestRemoteNotFound(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	r, notes := remote(t, RemoteOptions{})
	at, desc := seed(t, s, registrytest.Image{Name: "a:v1"})
	var missing *NotFoundError
	for _, name := range []string{"a:v2", "b:v1", "a@" + strings.Repeat("0", 0) + "sha256:" + strings.Repeat("0", 64)} {
		_, err := r.Resolve(t.Context(), ref(t, s.Host+"/"+name))
		if !errors.As(err, &missing) || !strings.Contains(missing.Name, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	desc.Digest = digest.FromString("other")
	if _, err := r.Fetch(t.Context(), at, desc); !errors.As(err, &missing) {
		t.Errorf("manifest: %v", err)
	}
	desc.MediaType = "x/y"
	if _, err := r.Fetch(t.Context(), at, desc); !errors.As(err, &missing) {
		t.Errorf("blob: %v", err)
	}
	if n := len(s.Requests()); n != 5 || len(notes()) > 0 {
		t.Errorf("%d requests for 5 questions, waits %v", n, notes())
	}
}

func TestRemoteSchema1(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	r, _ := remote(t, RemoteOptions{})
	if _, err := s.PutManifest("old", "v1", schema1Signed, []byte(`{"schemaVersion":1}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(t.Context(), ref(t, s.Host+"/old:v1")); !errors.Is(err, errSchema1) {
		t.Error(err)
	}
}

func TestRemoteFetch(t *testing.T) {
	const size = 1 << 20
	cases := map[string]struct {
		faults registrytest.Faults
		waits  int   // how often it waits
		sent   int64 // bytes that the registry sends
		err    string
	}{
		"whole":              {sent: size},
		"cut once":           {registrytest.Faults{Cut: 300000, CutTimes: 1}, 1, size, ""},
		"cut each time":      {registrytest.Faults{Cut: 300000}, 3, size, ""},
		"cut, no ranges":     {registrytest.Faults{Cut: 300000, CutTimes: 1, IgnoreRange: true}, 1, size + 300000, ""},
		"never whole":        {registrytest.Faults{Cut: 300000, IgnoreRange: true}, 4, 5 * 300000, "unexpected EOF"},
		"stalls":             {registrytest.Faults{Stall: 300000, StallTimes: 1}, 1, size, ""},
		"429":                {registrytest.Faults{Status: 429, StatusTimes: 2, RetryAfter: "7"}, 2, size, ""},
		"429 all the time":   {registrytest.Faults{Status: 429}, 4, 0, "rate limited by"},
		"503":                {registrytest.Faults{Status: 503, StatusTimes: 3}, 3, size, ""},
		"500 and cut":        {registrytest.Faults{Status: 500, StatusTimes: 1, Cut: 600000, CutTimes: 1}, 2, size, ""},
		"a limit called 403": {registrytest.Faults{Status: 403, StatusTimes: 1, Code: "TOOMANYREQUESTS"}, 1, size, ""},
		"400 is final":       {registrytest.Faults{Status: 400}, 0, 0, "answered 400"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Start(t, registrytest.Options{})
			r, notes := remote(t, RemoteOptions{Stall: 200 * time.Millisecond})
			at, desc, data := blobOf(t, s, "a/b", size)
			s.Fail(c.faults)
			got, err := read(t.Context(), r, at, desc)
			if c.err == "" && (err != nil || !bytes.Equal(got, data)) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %s", err, c.err)
			}
			if n := len(notes()); n != c.waits || s.Sent() != c.sent {
				t.Errorf("%d waits, want %d: %q; %d bytes, want %d", n, c.waits, notes(), s.Sent(), c.sent)
			}
			if strings.HasPrefix(name, "429") && !strings.HasPrefix(notes()[0], "rate limited by "+s.Host+", trying again in ") {
				t.Error(notes())
			}
		})
	}
}

func TestRemoteTokens(t *testing.T) {
	login := registrytest.Options{Username: "me", Password: secret}
	bearer, elsewhere, public := login, login, login
	bearer.Realm, elsewhere.Realm = "/auth/token", "filled in below"
	public.Realm, public.Anonymous = "/token", true
	for name, opts := range map[string]registrytest.Options{"basic": login, "token": bearer, "token from elsewhere": elsewhere, "anonymous": public} {
		t.Run(name, func(t *testing.T) {
			var issuer *registrytest.Registry
			if name == "token from elsewhere" {
				service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { issuer.ServeToken(w, req) }))
				t.Cleanup(service.Close)
				opts.Realm = strings.Replace(service.URL, "127.0.0.1", "localhost", 1) + "/jwt/auth?client=x"
			}
			s := registrytest.Start(t, opts)
			issuer = s.Registry
			at, want := seed(t, s, registrytest.Image{Name: "a/b:v1"})
			ropts := RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret}
			if name == "anonymous" {
				ropts = RemoteOptions{}
			}
			r, _ := remote(t, ropts)
			for range 3 {
				got, err := r.Resolve(t.Context(), at)
				if err != nil || got.Digest != want.Digest {
					t.Fatal(err)
				}
			}
			if _, err := read(t.Context(), r, at, want); err != nil {
				t.Error(err)
			}
			wantTokens, wantRequests := 1, 3+1+1+1
			if name == "basic" {
				wantTokens, wantRequests = 0, 3+1+1
			}
			if n := s.Count(registrytest.Token); n != wantTokens || len(s.Requests()) != wantRequests {
				t.Errorf("%d tokens, %d requests, want %d, %d", n, len(s.Requests()), wantTokens, wantRequests)
			}
		})
	}
}
