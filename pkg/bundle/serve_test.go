package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/crypto/bcrypt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// handle gives a site's handler.
func handle(t testing.TB, a *Archive, opts HandlerOptions) http.Handler {
	t.Helper()
	h, err := Handler(a, opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask sends a request; headers are name, value, name, value.
func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// wantRefusal holds that an answer is an error of the specification.
func wantRefusal(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	err := json.Unmarshal(w.Body.Bytes(), &body)
	if w.Code != status || err != nil || len(body.Errors) != 1 || body.Errors[0].Code != code || body.Errors[0].Message == "" {
		t.Errorf("status %d, %s; want %d and %s", w.Code, w.Body, status, code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("the error has type %q", got)
	}
}

func TestServeManifests(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	for _, c := range []struct {
		path string
		want registry.Descriptor
	}{
		{"registry.k8s.io/pause/manifests/3.10", s.pause},
		{"registry.k8s.io/pause/manifests/" + s.pause.Digest.String(), s.pause},
		{"registry.k8s.io/pause/manifests/" + s.amd64.Digest.String(), s.amd64},
		{"registry.k8s.io/pause/manifests/" + s.sbom.Digest.String(), s.sbom},
		{"pause/manifests/3.10?ns=registry.k8s.io", s.pause},
		{"pause/manifests/" + s.amd64.Digest.String() + "?ns=registry.k8s.io", s.amd64},
		{"registry.k8s.io/pause/manifests/3.10?ns=registry.k8s.io", s.pause},
		{"docker.io/library/nginx/manifests/1.25", s.nginx},
		{"library/nginx/manifests/1.25?ns=docker.io", s.nginx},
		{"quay.io/x/y/manifests/v1", s.tool},
		{"quay.io/x/y/manifests/" + s.tool.Digest.String(), s.tool},
		{"quay.io/x/y/manifests/sha256-" + s.tool.Digest.Encoded() + ".sig", s.cert},
		{"localhost_5000/a/b/manifests/v2", s.port},
		{"a/b/manifests/v2?ns=localhost:5000", s.port},
	} {
		get, head := ask(h, "GET", "/v2/"+c.path), ask(h, "HEAD", "/v2/"+c.path)
		if get.Code != 200 || digest.FromBytes(get.Body.Bytes()) != c.want.Digest {
			t.Errorf("GET %s: %d %s", c.path, get.Code, get.Body)
		}
		if head.Code != 200 || head.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d, %d bytes", c.path, head.Code, head.Body.Len())
		}
		for _, w := range []*httptest.ResponseRecorder{get, head} {
			for name, want := range map[string]string{
				"Content-Type": c.want.MediaType, "Docker-Content-Digest": c.want.Digest.String(),
				"Content-Length": fmt.Sprint(c.want.Size), "Docker-Distribution-Api-Version": "registry/2.0",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
				}
			}
		}
	}
}

func TestServeNothing(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	blob := s.plan.Images[0].Blobs[0].Digest.String()
	unknown := digest.FromString("?").String()
	pause := "/v2/registry.k8s.io/pause"
	for _, c := range []struct {
		path   string
		status int
		code   string
	}{
		{pause + "/manifests/3.11", 404, "MANIFEST_UNKNOWN"},
		{pause + "/manifests/" + unknown, 404, "MANIFEST_UNKNOWN"},
		{pause + "/manifests/" + s.nginx.Digest.String(), 404, "MANIFEST_UNKNOWN"}, // another repository's
		{pause + "/manifests/" + s.plan.Images[2].Blobs[0].Digest.String(), 404, "MANIFEST_UNKNOWN"},
		{pause + "/manifests/sha256:x", 400, "DIGEST_INVALID"},
		{pause + "/blobs/" + unknown, 404, "BLOB_UNKNOWN"},
		{pause + "/blobs/" + blob, 404, "BLOB_UNKNOWN"}, // another repository's
		{pause + "/blobs/3.10", 400, "DIGEST_INVALID"},
		{pause + "/referrers/3.10", 400, "DIGEST_INVALID"},
		{pause + "/blobs/../../../etc/passwd", 404, "UNSUPPORTED"},
		{"/v2/pause/manifests/3.10", 404, "NAME_UNKNOWN"},
		{"/v2/pause/manifests/3.10?ns=k8s.gcr.io", 404, "NAME_UNKNOWN"},
		{"/v2/pause/tags/list", 404, "NAME_UNKNOWN"},
		{"/v2/x/blobs/" + unknown, 404, "NAME_UNKNOWN"},
		{"/v2/registry.k8s.io/pause/tags/x", 404, "UNSUPPORTED"},
		{"/v2/registry.k8s.io/pause", 404, "UNSUPPORTED"},
		{"/v2/manifests/x", 404, "UNSUPPORTED"},
		{"/v2//manifests/x", 404, "UNSUPPORTED"},
		{pause + "/manifests/", 404, "UNSUPPORTED"},
		{pause + "/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"},
		{pause + "/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"},
	} {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.path, "?")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		wantRefusal(t, w, c.status, c.code)
	}
	if got := ask(h, "HEAD", pause+"/manifests/3.11"); got.Code != 404 || got.Body.Len() > 0 {
		t.Errorf("HEAD: %d %s", got.Code, got.Body)
	}
}

// Nothing can be written, and who tries is told so.
func TestServeReadOnly(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	for _, method := range []string{"PUT", "POST", "PATCH", "DELETE", "OPTIONS"} {
		for _, path := range []string{"/v2/", "/v2/x/blobs/uploads/", "/v2/registry.k8s.io/pause/manifests/3.10", "/files/binaries/v1.36/kubectl"} {
			w := ask(h, method, path)
			wantRefusal(t, w, 405, "UNSUPPORTED")
			if w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s allows %q", method, path, w.Header().Get("Allow"))
			}
		}
	}
}

func TestServeBlobs(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	for _, img := range s.plan.Images {
		for _, b := range img.Blobs {
			path := "/v2/" + fullName(img.Source) + "/blobs/" + b.Digest.String()
			w := ask(h, "GET", path)
			if w.Code != 200 || digest.FromBytes(w.Body.Bytes()) != b.Digest || w.Header().Get("Docker-Content-Digest") != b.Digest.String() {
				t.Errorf("%s: %d, %d bytes", path, w.Code, w.Body.Len())
			}
			if w := ask(h, "HEAD", path); w.Code != 200 || w.Header().Get("Content-Length") != fmt.Sprint(b.Size) || w.Body.Len() > 0 {
				t.Errorf("HEAD %s: %d %v", path, w.Code, w.Header())
			}
		}
	}
}

func TestServeRanges(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	img := s.plan.Images[0]
	b := img.Blobs[0]
	path := "/v2/" + fullName(img.Source) + "/blobs/" + b.Digest.String()
	whole := ask(h, "GET", path).Body.Bytes()
	size := len(whole)
	etag := `"` + b.Digest.String() + `"`
	for _, c := range []struct {
		headers []string
		status  int
		from    int
		to      int // exclusive
	}{
		{[]string{"Range", "bytes=0-9"}, 206, 0, 10},
		{[]string{"Range", "bytes=5-5"}, 206, 5, 6},
		{[]string{"Range", "bytes=7-"}, 206, 7, size},
		{[]string{"Range", "bytes=-4"}, 206, size - 4, size},
		{[]string{"Range", "bytes=10-99999"}, 206, 10, size},
		{[]string{"Range", "bytes=3-", "If-Range", etag}, 206, 3, size},
		{[]string{"Range", "bytes=3-", "If-Range", `"sha256:other"`}, 200, 0, size},
		{[]string{"Range", fmt.Sprintf("bytes=%d-", size)}, 416, 0, 0},
		{[]string{"If-None-Match", etag}, 304, 0, 0},
	} {
		w := ask(h, "GET", path, c.headers...)
		if w.Code != c.status || c.status < 300 && !bytes.Equal(w.Body.Bytes(), whole[c.from:c.to]) {
			t.Errorf("%q: %d, %d bytes", c.headers, w.Code, w.Body.Len())
		}
		want := ""
		if c.status == 206 {
			want = fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, size)
		}
		if got := w.Header().Get("Content-Range"); c.status != 416 && got != want {
			t.Errorf("%q: Content-Range %q, want %q", c.headers, got, want)
		}
	}
	if w := ask(h, "HEAD", path); w.Header().Get("Accept-Ranges") != "bytes" || w.Header().Get("Etag") != etag {
		t.Errorf("%v", w.Header())
	}
}

func TestServeLists(t *testing.T) {
	s := newSite(t)
	pause := parse(t, "registry.k8s.io/pause:3.10")
	to := func(tag string) image.Ref { return image.Ref{Registry: "any", Repository: "p", Tag: tag} }
	h := handle(t, s.Archive, HandlerOptions{Pairs: []image.Pair{
		{Source: pause, Target: to("b")}, {Source: pause, Target: to("A")}, {Source: pause, Target: to("c")}, {Source: pause, Target: to("C")},
	}})
	for _, c := range []struct{ path, body, next string }{
		{"/v2/p/tags/list", `{"name":"p","tags":["A","b","C","c"]}`, ""},
		{"/v2/p/tags/list?n=2", `{"name":"p","tags":["A","b"]}`, "/v2/p/tags/list?last=b&n=2"},
		{"/v2/p/tags/list?n=2&last=b", `{"name":"p","tags":["C","c"]}`, ""},
		{"/v2/p/tags/list?n=1&last=aa", `{"name":"p","tags":["b"]}`, "/v2/p/tags/list?last=b&n=1"},
		{"/v2/p/tags/list?last=c", `{"name":"p","tags":[]}`, ""},
		{"/v2/p/tags/list?n=0", `{"name":"p","tags":[]}`, ""},
		{"/v2/p/tags/list?n=9999999", `{"name":"p","tags":["A","b","C","c"]}`, ""},
		{"/v2/pause/tags/list?ns=registry.k8s.io", `{"name":"pause","tags":["3.10"]}`, ""},
		{"/v2/_catalog", `{"repositories":["docker.io/library/nginx","localhost_5000/a/b","p","quay.io/x/y","registry.k8s.io/pause"]}`, ""},
		{"/v2/_catalog?n=1&last=p", `{"repositories":["quay.io/x/y"]}`, "/v2/_catalog?last=quay.io%2Fx%2Fy&n=1"},
		{"/v2/", `{}`, ""},
		{"/v2", `{}`, ""},
	} {
		w := ask(h, "GET", c.path)
		if w.Code != 200 || w.Body.String() != c.body || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
		if c.next != "" {
			c.next = "<" + c.next + `>; rel="next"`
		}
		if got := w.Header().Get("Link"); got != c.next {
			t.Errorf("%s: link %q, want %q", c.path, got, c.next)
		}
	}
}

func TestServeReferrers(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	both := []string{s.sbom.Digest.String(), s.sign.Digest.String()}
	slices.Sort(both)
	for _, c := range []struct {
		path   string
		filter string
		want   []string
	}{
		{"/v2/registry.k8s.io/pause/referrers/" + s.pause.Digest.String(), "", both},
		{"/v2/pause/referrers/" + s.pause.Digest.String() + "?ns=registry.k8s.io", "", both},
		{"/v2/registry.k8s.io/pause/referrers/" + s.pause.Digest.String() + "?artifactType=example/sbom", "artifactType", []string{s.sbom.Digest.String()}},
		{"/v2/registry.k8s.io/pause/referrers/" + s.pause.Digest.String() + "?artifactType=other", "artifactType", nil},
		{"/v2/registry.k8s.io/pause/referrers/" + s.amd64.Digest.String(), "", nil},
		{"/v2/registry.k8s.io/pause/referrers/" + digest.FromString("?").String(), "", nil},
		{"/v2/quay.io/x/y/referrers/" + s.pause.Digest.String(), "", nil}, // another repository's
	} {
		w := ask(h, "GET", c.path)
		var index ocispec.Index
		if err := json.Unmarshal(w.Body.Bytes(), &index); err != nil || w.Code != 200 || index.SchemaVersion != 2 || index.Manifests == nil {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
		var got []string
		for _, d := range index.Manifests {
			got = append(got, d.Digest.String())
			if d.ArtifactType == "" || d.Annotations["says"] == "" || d.Size == 0 || d.MediaType != ocispec.MediaTypeImageManifest {
				t.Errorf("%s: %+v", c.path, d)
			}
		}
		if !slices.Equal(got, c.want) || w.Header().Get("OCI-Filters-Applied") != c.filter || w.Header().Get("Content-Type") != ocispec.MediaTypeImageIndex {
			t.Errorf("%s: %v, %v, want %v", c.path, got, w.Header(), c.want)
		}
	}
}

// Pairs serve images as a registry would have them after a push.
func TestServePairs(t *testing.T) {
	s := newSite(t)
	m, err := image.NewMapping("registry.site/airgap", image.LayoutName, nil)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := s.Lock().Pairs(m, PairsOptions{AlsoTag: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	h := handle(t, s.Archive, HandlerOptions{Pairs: pairs})
	for path, want := range map[string]registry.Descriptor{
		"airgap/pause/manifests/3.10": s.pause, "airgap/pause/manifests/latest": s.pause, "airgap/y/manifests/v1": s.tool,
		"airgap/pause/manifests/" + s.sbom.Digest.String():                     s.sbom,
		"airgap/y/manifests/sha256-" + s.tool.Digest.Encoded() + ".sig":        s.cert,
		"docker.io/library/nginx/manifests/" + s.nginx.Digest.String():         s.nginx,
		"airgap/nginx/manifests/" + s.nginx.Digest.String() + "?ns=r.site:999": s.nginx,
	} {
		if w := ask(h, "GET", "/v2/"+path); w.Header().Get("Docker-Content-Digest") != want.Digest.String() {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	one, two := parse(t, "registry.k8s.io/pause:3.10"), parse(t, "nginx:1.25")
	_, err = Handler(s.Archive, HandlerOptions{Pairs: []image.Pair{
		{Source: one, Target: two}, {Source: parse(t, "missing"), Target: two}, {Source: one, Target: parse(t, "a/x:1")}, {Source: two, Target: parse(t, "b/a/x:1")}, {Source: two, Target: parse(t, "c.io/a/x:1")},
	}})
	wantError(t, err, "missing:latest: the archive does not have it", "a/x:1 would be two images")
}

func TestServeFiles(t *testing.T) {
	s := newSite(t)
	h := handle(t, s.Archive, HandlerOptions{})
	odd := "/files/resources/cni/a%20%3Cb%3E&%252f.yaml"
	for _, c := range []struct {
		path, kind, body string
		status           int
	}{
		{"/files/binaries/v1.36/kubectl", "application/octet-stream", "#!/bin/kubectl", 200},
		{odd, "text/plain; charset=utf-8", "kind: List\n", 200},
		{"/files/airgap.lock.yaml", "text/plain; charset=utf-8", "", 200},
		{"/files/SHA256SUMS", "text/plain; charset=utf-8", "", 200},
		{"/files/missing", "", "", 404},
		{"/files/missing/", "", "", 404},
		{"/files/index.json", "", "", 404},
		{"/files/" + blobPath(s.pause.Digest), "", "", 404},
		{"/files/../../etc/passwd", "", "", 404},
		{"/elsewhere", "", "", 404},
		{"/", "", "", 302},
		{"/files", "", "", 302},
	} {
		w := ask(h, "GET", c.path)
		if w.Code != c.status || c.body != "" && w.Body.String() != c.body || c.kind != "" && w.Header().Get("Content-Type") != c.kind {
			t.Errorf("%s: %d %v %s", c.path, w.Code, w.Header(), w.Body)
		}
	}
	if w := ask(h, "GET", "/files/binaries/v1.36/kubectl", "Range", "bytes=2-5"); w.Code != 206 || w.Body.String() != "/bin" {
		t.Errorf("range: %d %s", w.Code, w.Body)
	}
	top, below := ask(h, "GET", "/files/").Body.String(), ask(h, "GET", "/files/resources/").Body.String()
	link := `<a href="/files/resources/cni/a%20%3Cb%3E&amp;%252f.yaml">`
	if !strings.Contains(top, link+"resources/cni/a &lt;b&gt;&amp;%2f.yaml</a>") || !strings.Contains(top, "SHA256SUMS") || strings.Contains(top, "blobs") {
		t.Error(top)
	}
	if !strings.Contains(below, link+"cni/a &lt;b&gt;&amp;%2f.yaml</a>") || strings.Contains(below, "kubectl<") {
		t.Error(below)
	}
}

// users are ann, whose password is "secret", as htpasswd -B writes her.
func users(t testing.TB) string {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return "# users\n\nann:" + strings.Replace(string(hash), "$2a$", "$2y$", 1) + "\n"
}

func TestServeUsers(t *testing.T) {
	s := newSite(t)
	u, err := ParseHtpasswd([]byte(users(t)))
	if err != nil {
		t.Fatal(err)
	}
	h := handle(t, s.Archive, HandlerOptions{Users: u})
	for _, c := range []struct {
		name, password string
		status         int
	}{
		{"ann", "secret", 200},
		{"ann", "secret", 200}, // known by now
		{"ann", "wrong", 401},
		{"ann", "", 401},
		{"", "secret", 401},
		{"bob", "secret", 401},
		{"ann", "secret", 200},
	} {
		for _, path := range []string{"/v2/", "/v2/registry.k8s.io/pause/manifests/3.10", "/files/"} {
			r := httptest.NewRequest("GET", path, nil)
			r.SetBasicAuth(c.name, c.password)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%s as %s with %q: %d", path, c.name, c.password, w.Code)
			}
		}
	}
	w := ask(h, "GET", "/v2/")
	wantRefusal(t, w, 401, "UNAUTHORIZED")
	if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic realm=") {
		t.Errorf("%v", w.Header())
	}
	wantRefusal(t, ask(h, "PUT", "/v2/x/manifests/y"), 401, "UNAUTHORIZED")
	wantRefusal(t, ask(h, "GET", "/v2/", "Authorization", "Bearer x"), 401, "UNAUTHORIZED")
}

// A password that was right is not put through bcrypt again.
func TestServeUsersRemember(t *testing.T) {
	u, err := ParseHtpasswd([]byte(users(t)))
	if err != nil {
		t.Fatal(err)
	}
	if !u.check("ann", "secret") {
		t.Fatal("the right password is wrong")
	}
	u.hashes["ann"] = u.nobody // bcrypt would say no from now on
	if !u.check("ann", "secret") || u.check("ann", "Secret") {
		t.Error("what was right is not remembered, or something else is")
	}
}

func TestParseHtpasswdRefuses(t *testing.T) {
	good := users(t)
	for text, want := range map[string]string{
		"":           "there are no users",
		"# nobody\n": "there are no users",
		"ann:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=\n":  "line 1: this is not NAME:HASH",
		"ann:$apr1$x$y\n":                          "line 1",
		good + "bob\n":                             "line 4",
		good + ":" + good[len("# users\n\nann:"):]: "line 4",
		good + good:                                `line 6: user "ann" is there twice`,
	} {
		_, err := ParseHtpasswd([]byte(text))
		wantError(t, err, want)
		if err != nil && (strings.Contains(err.Error(), "0DPi") || strings.Contains(err.Error(), "$")) {
			t.Errorf("%q holds a hash", err)
		}
	}
}

// What is damaged is sent as it is, and is not taken for what it was.
func TestServeDamaged(t *testing.T) {
	s := newSite(t)
	b := s.plan.Images[0].Blobs[0]
	raw := get(t, s.path)
	section, _ := s.Blob(b.Digest)
	good, _ := io.ReadAll(section)
	raw[bytes.Index(raw, good)+5] ^= 1
	put(t, s.path, raw)
	a, err := Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	w := ask(handle(t, a, HandlerOptions{}), "GET", "/v2/"+fullName(s.plan.Images[0].Source)+"/blobs/"+b.Digest.String())
	if digest.FromBytes(w.Body.Bytes()) == b.Digest || w.Header().Get("Docker-Content-Digest") != b.Digest.String() {
		t.Error("a client would not see that the blob is damaged")
	}
}

// A client of many years pulls everything there is, with all platforms.
func TestServeSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip(err)
	}
	s := newSite(t)
	u, err := ParseHtpasswd([]byte(users(t)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handle(t, s.Archive, HandlerOptions{Users: u}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for name, want := range map[string]registry.Descriptor{
		"registry.k8s.io/pause:3.10": s.pause, "docker.io/library/nginx:1.25": s.nginx, "quay.io/x/y:v1": s.tool,
		"quay.io/x/y@" + s.tool.Digest.String(): s.tool, "localhost_5000/a/b:v2": s.port,
	} {
		dir := t.TempDir()
		cmd := exec.Command(skopeo, "copy", "--all", "--insecure-policy", "--preserve-digests", "--src-creds=ann:secret", "--src-tls-verify=false", "docker://"+host+"/"+name, "dir:"+dir)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, text)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil || digest.FromBytes(raw) != want.Digest {
			t.Errorf("%s: %v, %s", name, err, raw)
		}
	}
}

// What pushes into registries reads from this one as from any other.
func TestServeRemote(t *testing.T) {
	s := newSite(t)
	server := httptest.NewServer(handle(t, s.Archive, HandlerOptions{}))
	defer server.Close()
	m, err := image.NewMapping(strings.TrimPrefix(server.URL, "http://"), image.LayoutHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []image.Pair
	for _, ref := range s.Images() {
		at, _ := m.Target(ref)
		pairs = append(pairs, image.Pair{Source: at, Target: ref})
	}
	from, err := registry.NewRemote(registry.RemoteOptions{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := registry.NewPlan(t.Context(), pairs, from, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	var to registry.Memory
	results, err := registry.Transfer(t.Context(), plan, from, &to, registry.TransferOptions{})
	if err != nil || len(results) != 4 {
		t.Fatal(results, err)
	}
	for i, img := range plan.Images {
		old := s.plan.Images[i]
		if img.Root.Digest != old.Root.Digest || len(img.Manifests) != len(old.Manifests) || img.Size() != old.Size() {
			t.Errorf("%s came as %s with %d bytes, want %s with %d", old.Source, img.Root.Digest, img.Size(), old.Root.Digest, old.Size())
		}
	}
}

// containerd pulls through hosts.toml in both styles: a mirror that is told the
// upstream by ns, and one that has a folder for each upstream.
func TestServeContainerd(t *testing.T) {
	run := ctr(t)
	s := newSite(t)
	server := httptest.NewServer(handle(t, s.Archive, HandlerOptions{}))
	defer server.Close()
	hosts := t.TempDir()
	for host, toml := range map[string]string{
		"registry.k8s.io": "server = \"" + server.URL + "\"\n[host.\"" + server.URL + "\"]\ncapabilities = [\"pull\", \"resolve\"]\n",
		"docker.io":       "server = \"" + server.URL + "/v2/docker.io\"\n[host.\"" + server.URL + "/v2/docker.io\"]\ncapabilities = [\"pull\", \"resolve\"]\noverride_path = true\n",
	} {
		put(t, filepath.Join(hosts, host, "hosts.toml"), []byte(toml))
	}
	for _, name := range []string{"registry.k8s.io/pause:3.10", "docker.io/library/nginx:1.25", "registry.k8s.io/pause@" + s.pause.Digest.String()} {
		run("images", "pull", "--hosts-dir", hosts, "--snapshotter", "native", "--platform", "linux/amd64", name)
	}
	if got := run("images", "check", "--snapshotter", "native", "--quiet"); len(strings.Fields(got)) != 3 {
		t.Errorf("containerd has %q", got)
	}
}
