package registrytest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
)

func do(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		text = append(text, "ERR"...)
	}
	return resp, string(text)
}

func TestMount(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	desc, err := s.PutBlob("a/b", "application/octet-stream", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + s.Host + "/v2/c/d/blobs/"
	if resp, _ := do(t, "HEAD", base+desc.Digest.String(), ""); resp.StatusCode != 404 {
		t.Errorf("a blob of another repository: %s", resp.Status)
	}
	mount := base + "uploads/?mount=" + desc.Digest.String() + "&from="
	if resp, _ := do(t, "POST", mount+"no/where", ""); resp.StatusCode != 202 {
		t.Errorf("mount from a repository that is none: %s", resp.Status)
	}
	if resp, _ := do(t, "POST", mount+"a/b", ""); resp.StatusCode != 201 {
		t.Errorf("mount: %s", resp.Status)
	}
	if resp, _ := do(t, "HEAD", base+desc.Digest.String(), ""); resp.StatusCode != 200 {
		t.Errorf("after the mount: %s", resp.Status)
	}
	var summary bytes.Buffer
	if err := s.Summary(&summary); err != nil {
		t.Fatal(err)
	}
	if want := "2 blob HEAD\n1 mount POST\n1 upload POST\n"; summary.String() != want {
		t.Errorf("summary\n%swant\n%s", &summary, want)
	}
}

func TestSeed(t *testing.T) {
	img := registrytest.Image{Name: "x/y:v1", Platforms: []string{"linux/amd64", "linux/arm/v7"}, Docker: true, Foreign: true, Attestations: true, Base: "base"}
	one, other := registrytest.Start(t, registrytest.Options{}), registrytest.Start(t, registrytest.Options{})
	a, err := one.Seed(img)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := other.Seed(img); err != nil || b.Digest != a.Digest {
		t.Errorf("seeded twice: %v and %v, %v", a, b, err)
	}
	resp, text := do(t, "GET", "http://"+one.Host+"/v2/x/y/manifests/v1", "")
	if digest.FromString(text) != a.Digest || resp.Header.Get("Content-Type") != registrytest.DockerList {
		t.Errorf("%v: %s", resp.Header, text)
	}
	if !strings.Contains(text, `"variant":"v7"`) || strings.Count(text, "attestation-manifest") != 2 {
		t.Errorf("index %s", text)
	}
	resp, text = do(t, "PUT", "http://"+one.Host+"/v2/z/manifests/v1", string(one.Manifest("x/y", "v1")), "Content-Type", registrytest.DockerList)
	if resp.StatusCode != 400 || !strings.Contains(text, "MANIFEST_UNKNOWN") {
		t.Errorf("an index without its children was taken: %s %s", resp.Status, text)
	}
}

func TestFaults(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	content := strings.Repeat("0123456789", 100)
	desc, err := s.PutBlob("a", "application/octet-stream", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	blob := "http://" + s.Host + "/v2/a/blobs/" + desc.Digest.String()
	s.Fail(registrytest.Faults{Cut: 15, CutTimes: 1, Status: 429, StatusTimes: 1, StatusKinds: []registrytest.Kind{registrytest.BlobGet}, RetryAfter: "7"})
	if resp, _ := do(t, "GET", blob, ""); resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("429: %s %v", resp.Status, resp.Header)
	}
	if _, text := do(t, "GET", blob, ""); text != content[:15]+"ERR" {
		t.Errorf("cut: %q", text)
	}
	if resp, text := do(t, "GET", blob, "", "Range", "bytes=10-19"); resp.StatusCode != 206 || text != content[10:20] {
		t.Errorf("range: %s %q", resp.Status, text)
	}
	s.Fail(registrytest.Faults{IgnoreRange: true})
	if resp, text := do(t, "GET", blob, "", "Range", "bytes=10-19"); resp.StatusCode != 200 || text != content {
		t.Errorf("no range: %s %q", resp.Status, text)
	}
	if n := s.Sent(); n != 15+10+1000 {
		t.Errorf("%d bytes sent", n)
	}
}

func TestToken(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{Username: "u", Password: "p", Realm: "/auth/token"})
	desc, err := s.Seed(registrytest.Image{Name: "a:v"})
	if err != nil {
		t.Fatal(err)
	}
	resp, _ := do(t, "GET", "http://"+s.Host+"/v2/a/manifests/v", "")
	want := `Bearer realm="http://` + s.Host + `/auth/token",service="registrytest",scope="repository:a:pull"`
	if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || got != want {
		t.Errorf("%s, challenge\n%s\nwant\n%s", resp.Status, got, want)
	}
	if resp, _ = do(t, "GET", "http://"+s.Host+"/auth/token?scope=repository:a:pull", "", "Authorization", "Basic dTp4"); resp.StatusCode != 401 {
		t.Errorf("wrong password: %s", resp.Status)
	}
	_, text := do(t, "GET", "http://"+s.Host+"/auth/token?scope=repository:a:pull", "", "Authorization", "Basic dTpw")
	if !strings.Contains(text, `"token":"token-1"`) {
		t.Fatal(text)
	}
	_, text = do(t, "GET", "http://"+s.Host+"/v2/a/manifests/v", "", "Authorization", "Bearer token-1")
	if digest.FromString(text) != desc.Digest {
		t.Errorf("with token: %s", text)
	}
	if resp, _ = do(t, "PUT", "http://"+s.Host+"/v2/a/manifests/v", text, "Authorization", "Bearer token-1"); resp.StatusCode != 401 {
		t.Errorf("writing with a token for reading: %s", resp.Status)
	}
}
