//go:build e2e && linux

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// A kubespraySite is the lists of v2.31.0, the internet that has what they name, and the site's registry.
type kubespraySite struct {
	*testing.T
	dir           string
	images, files string // the lists
	names         []string
	set           synthetic.Set
	up, site      *dockerRegistry
	web           *httptest.Server // /HOST/PATH
}

func newKubespraySite(t *testing.T, site *dockerRegistry) *kubespraySite {
	t.Helper()
	s := &kubespraySite{
		T: t, dir: t.TempDir(), up: new(dockerRegistry).start(t), site: site.start(t),
		images: filepath.Join(shared, "samples/kubespray-v2.31.0-images.list"), files: filepath.Join(shared, "samples/kubespray-v2.31.0-files.list"),
	}
	s.names = s.lines(s.images)
	s.set = synthetic.Named(s.names, 3_000)
	s.up.fill(t, "", s.set)
	for _, url := range s.lines(s.files) {
		_, place, _ := strings.Cut(url, "://")
		file := filepath.Join(s.dir, "web", place)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, strings.Repeat("what is at "+url+"\n", 2000))
	}
	s.web = httptest.NewServer(http.FileServer(http.Dir(filepath.Join(s.dir, "web"))))
	t.Cleanup(s.web.Close)
	return s
}

func (s *kubespraySite) lines(list string) []string {
	text, err := os.ReadFile(list)
	if err != nil {
		s.Fatal(err)
	}
	return lines(string(text))
}

func (s *kubespraySite) path(name string) string { return filepath.Join(s.dir, name) }

// pull makes the archive of both lists.
func (s *kubespraySite) pull() string {
	archive := s.path("site.tar")
	must(s.T, "pull", "-q", "-f", s.images, "--file-list", s.files, "-o", archive, from("http://"+s.up.address), "--file-source-map", "*="+s.web.URL+"/{host}")
	return archive
}

// The way of Kubespray's contrib/offline: what generate_list.sh lists goes into one archive, and from there every image to
// the name that Kubespray asks for (K7), every file to the place (K4).
func TestKubesprayLists(t *testing.T) {
	needShared(t)
	if !inNamespace(t) {
		return
	}
	s := newKubespraySite(t, new(dockerRegistry))
	if got := lines(must(t, "images", "-f", s.images).stdout); len(got) != 48 || !slices.Equal(got, slices.Sorted(slices.Values(s.names))) {
		t.Errorf("%d images are listed:\n%s", len(got), strings.Join(got, "\n"))
	}
	archive := s.pull()
	must(t, "bundle", "check", archive)
	run(t, "mkdir", s.path("whole"))
	run(t, "tar", "-xf", archive, "-C", s.path("whole"))
	if n := strings.Count(run(t, "find", s.path("whole/files"), "-type", "f"), "\n"); n != 24 {
		t.Errorf("there are %d files", n)
	}
	for name, want := range readTree(t, s.path("web")) {
		if got, err := os.ReadFile(filepath.Join(s.path("whole/files"), name)); err != nil || string(got) != string(want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if o := try(t, "pull", "-f", s.images, "--file-list", s.files, "-o", archive, from("http://"+s.up.address), "--file-source-map", "*="+s.web.URL+"/{host}"); !strings.Contains(o.stderr, "nothing has changed, nothing was fetched") {
		t.Errorf("the second run:\n%s", tail(o.stderr))
	}

	must(t, "push", archive, "--to", s.site.address, "--layout", "path")
	for _, image := range s.set {
		_, path, _ := strings.Cut(image.Name, "/")
		if got := digest(inspect(t, s.site, path)); got != image.Root().Digest {
			t.Errorf("%s is %s, not %s", path, got, image.Root().Digest)
		}
	}
	before := len(s.site.requests(t))
	must(t, "push", archive, "--to", s.site.address, "--layout", "path")
	if again := s.site.requests(t)[before:]; again.count(request.sends) > 0 {
		t.Errorf("the second push sends something:\n%s", again)
	}
}

// An archive that is served is Kubespray's registry and its files_repo, with a certificate and users (K4, K8).
func TestKubesprayServe(t *testing.T) {
	needShared(t)
	needTool(t, "curl")
	needTool(t, "skopeo")
	if !inNamespace(t) {
		return
	}
	s := newKubespraySite(t, new(dockerRegistry))
	archive := s.pull()
	const kubeadm = "dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubeadm"
	want, err := os.ReadFile(filepath.Join(s.dir, "web", kubeadm))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("plain", func(t *testing.T) {
		address, stop := serve(t, archive, "--listen", "127.0.0.1:0")
		defer stop()
		for _, path := range []string{kubeadm, "files/" + kubeadm, "files/files/" + kubeadm} {
			if got := run(t, "curl", "-fsS", "http://"+address+"/"+path); got != string(want) {
				t.Errorf("%s has %d bytes", path, len(got))
			}
		}
		if got := run(t, "curl", "-fsS", "-r", "5-14", "http://"+address+"/"+kubeadm); got != string(want[5:15]) {
			t.Errorf("a range is %q", got)
		}
		for _, path := range []string{"../../../etc/passwd", "dl.k8s.io/../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "dl.k8s.io/..", "files/../index.json"} {
			if got := status(t, "--path-as-is", "http://"+address+"/"+path); got != "404" {
				t.Errorf("%s: %s", path, got)
			}
		}
		for _, url := range s.lines(s.files) {
			if got := status(t, "http://"+address+"/"+strings.TrimPrefix(url, "https://")); got != "200" {
				t.Errorf("%s: %s", url, got)
			}
		}
	})
	t.Run("TLS and users", func(t *testing.T) {
		htpasswd := writeFile(t, s.path("htpasswd"), carryHtpasswd)
		pair := (&dockerRegistry{tls: true}).start(t) // for its certificate
		address, stop := serve(t, archive, "--listen", "127.0.0.1:0", "--tls-cert", filepath.Join(pair.dir, "server.crt"), "--tls-key", filepath.Join(pair.dir, "server.key"), "--htpasswd", htpasswd)
		defer stop()
		for _, path := range []string{"/v2/", "/" + kubeadm} {
			url := "https://" + address + path
			if got := status(t, "--cacert", pair.caFile, url); got != "401" {
				t.Errorf("%s without password: %s", path, got)
			}
			if got := status(t, "--cacert", pair.caFile, "-u", carryUser+":wrong", url); got != "401" {
				t.Errorf("%s with a wrong password: %s", path, got)
			}
			if got := status(t, "--cacert", pair.caFile, "-u", carryUser+":"+carryPassword, url); got != "200" {
				t.Errorf("%s: %s", path, got)
			}
		}
		name := "docker://" + address + "/quay.io/coreos/etcd:v3.6.10"
		if got := digest([]byte(run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "--creds", carryUser+":"+carryPassword, name))); got != s.set[slices.Index(s.names, "quay.io/coreos/etcd:v3.6.10")].Root().Digest {
			t.Errorf("etcd is %s", got)
		}
	})
}

// status is what a server answers to curl.
func status(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "curl", append([]string{"-s", "-o", os.DevNull, "-w", "%{http_code}"}, args...)...)
}

// Files go to a server with PUT, as upload2artifactory.py sends them, but not twice (K4).
func TestKubesprayFilesTo(t *testing.T) {
	needShared(t)
	if !inNamespace(t) {
		return
	}
	s := newKubespraySite(t, new(dockerRegistry))
	archive := s.pull()
	store := artifactory{files: map[string][]byte{}}
	server := httptest.NewServer(&store)
	t.Cleanup(server.Close)
	password := writeFile(t, s.path("password"), carryPassword+"\n")
	args := []string{"push", archive, "--files-to", server.URL + "/artifactory/kubespray", "--files-username", carryUser, "--files-password-file", password}
	if o := must(t, args...); !strings.Contains(o.stderr, "25 files: 25 sent, 0 there already") {
		t.Errorf("%s", o.stderr)
	}
	for name, want := range readTree(t, s.path("web")) {
		if got := store.files["/artifactory/kubespray/"+name]; string(got) != string(want) {
			t.Errorf("%s has %d bytes", name, len(got))
		}
	}
	if o := must(t, args...); !strings.Contains(o.stderr, "25 files: 0 sent, 25 there already; 0 B sent") || store.puts != 25 {
		t.Errorf("%d files were sent in all\n%s", store.puts, o.stderr)
	}
	wrong := writeFile(t, s.path("wrong"), "wr0ng\n")
	o := try(t, "push", archive, "--files-to", server.URL, "--files-username", carryUser, "--files-password-file", wrong)
	if o.status != 1 || !strings.Contains(o.stderr, "401 Unauthorized") || strings.Contains(o.stderr, "wr0ng") {
		t.Errorf("exit status %d\n%s", o.status, tail(o.stderr))
	}
}

// An artifactory takes files and says what they hash to. What is sent has to be what its header says.
type artifactory struct {
	lock  sync.Mutex
	files map[string][]byte
	puts  int
}

func (a *artifactory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != carryUser || password != carryPassword {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	a.lock.Lock()
	defer a.lock.Unlock()
	sum := sha256.Sum256(body)
	switch have, ok := a.files[r.URL.Path]; {
	case r.Method == http.MethodPut && (err != nil || r.Header.Get("X-Checksum-Sha256") != hex.EncodeToString(sum[:])):
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodPut:
		a.files[r.URL.Path] = body
		a.puts++
		w.WriteHeader(http.StatusCreated)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		sum := sha256.Sum256(have)
		w.Header().Set("X-Checksum-Sha256", hex.EncodeToString(sum[:]))
	}
}

// A mirror of an operating system's packages is carried and served as it is (K9).
func TestKubesprayPackages(t *testing.T) {
	needTool(t, "curl")
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "mirror")
	for i := range 40 {
		file := filepath.Join(tree, fmt.Sprintf("pool/main/%c/pkg_1%%3a%d-1~deb12+u1_amd64.deb", 'a'+i%5, i))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, strings.Repeat(fmt.Sprint(i), 1000))
	}
	if err := os.MkdirAll(filepath.Join(tree, "dists/stable"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(tree, "dists/stable/Release"), "Origin: Debian\n")
	if err := os.Symlink("Release", filepath.Join(tree, "dists/stable/InRelease")); err != nil {
		t.Fatal(err)
	}
	archive, whole := filepath.Join(dir, "site.tar"), filepath.Join(dir, "whole")
	must(t, "pull", "-q", "--file", tree+",path=files/debian", "-o", archive)
	run(t, "mkdir", whole)
	run(t, "tar", "-xf", archive, "-C", whole)
	sums := func(dir string) string {
		return run(t, "sh", "-c", `cd "$0" && find . \( -type f -o -type l \) | LC_ALL=C sort | xargs sha256sum`, dir)
	}
	if want, got := sums(tree), sums(filepath.Join(whole, "files/debian")); got != want || strings.Count(got, "\n") != 42 {
		t.Errorf("the tree was\n%sand is\n%s", want, got)
	}
	address, stop := serve(t, archive, "--listen", "127.0.0.1:0")
	defer stop()
	err := fs.WalkDir(os.DirFS(tree), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got := run(t, "curl", "-fsS", "http://"+address+"/debian/"+strings.ReplaceAll(name, "%", "%25"))
		if want, err := os.ReadFile(filepath.Join(tree, name)); err != nil || got != string(want) {
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
