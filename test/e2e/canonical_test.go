//go:build e2e && linux

package e2e

import (
	"crypto/sha3"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// canonicalImages are the ten lines of the document of Canonical Kubernetes, sorted as k8s list-images prints them.
var canonicalImages = []string{
	"ghcr.io/canonical/cilium-operator-generic:1.15.2-ck2",
	"ghcr.io/canonical/cilium:1.15.2-ck2",
	"ghcr.io/canonical/coredns:1.11.1-ck4",
	"ghcr.io/canonical/k8s-snap/pause:3.10",
	"ghcr.io/canonical/k8s-snap/sig-storage/csi-node-driver-registrar:v2.10.1",
	"ghcr.io/canonical/k8s-snap/sig-storage/csi-provisioner:v5.0.1",
	"ghcr.io/canonical/k8s-snap/sig-storage/csi-resizer:v1.11.1",
	"ghcr.io/canonical/k8s-snap/sig-storage/csi-snapshotter:v8.0.1",
	"ghcr.io/canonical/metrics-server:0.7.0-ck2",
	"ghcr.io/canonical/rawfile-localpv:0.8.2",
}

// makeSnap packs a snap k8s with the real mksquashfs, and writes the assertion of it beside it, unsigned.
func makeSnap(t *testing.T, dir string) string {
	t.Helper()
	needTool(t, "mksquashfs")
	needTool(t, "unsquashfs")
	packed := filepath.Join(dir, "packed")
	if err := os.MkdirAll(filepath.Join(packed, "meta"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(packed, "images.txt"), strings.Join(canonicalImages, "\n")+"\n")
	writeFile(t, filepath.Join(packed, "bom.json"), `{"components": {"kubernetes": {"version": "v1.32.3"}}}`)
	writeFile(t, filepath.Join(packed, "meta", "snap.yaml"), "name: k8s\nversion: v1.32.3\nconfinement: classic\n")
	snap := filepath.Join(dir, "k8s.snap")
	run(t, "mksquashfs", packed, snap, "-noappend", "-comp", "xz", "-no-fragments", "-all-root", "-quiet", "-no-progress") // as snap pack does
	assert(t, snap)
	return snap
}

func assert(t *testing.T, snap string) {
	t.Helper()
	content := readFile(t, snap)
	sum := sha3.Sum384([]byte(content))
	writeFile(t, strings.TrimSuffix(snap, ".snap")+".assert", fmt.Sprintf("type: account-key\nauthority-id: canonical\n\nAcLB\n\ntype: snap-revision\nauthority-id: canonical\n"+
		"snap-sha3-384: %s\nsnap-size: %d\nsnap-revision: 2000\n\nAcLB\n", base64.RawURLEncoding.EncodeToString(sum[:]), len(content)))
}

// The images of a snap are read out of the squashfs itself, and openssl agrees on what its assertion says.
func TestCanonicalSnap(t *testing.T) {
	dir := t.TempDir()
	snap := makeSnap(t, dir)
	o := must(t, "images", "--snap", snap)
	if got := lines(o.stdout); !slices.Equal(got, canonicalImages) || !strings.Contains(o.stderr, "Kubernetes v1.32.3") {
		t.Errorf("%q\n%s", got, o.stderr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("something was unpacked: %v %v", entries, err)
	}
	site := filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "--file", snap, "--file", strings.TrimSuffix(snap, ".snap")+".assert", "-o", site)
	must(t, "bundle", "check", site)
	if listed := must(t, "bundle", "ls", site).stdout; !strings.Contains(listed, "files/k8s.snap ") || !strings.Contains(listed, "files/k8s.assert ") {
		t.Errorf("the archive has\n%s", listed)
	}
	needTool(t, "openssl")
	if sum := run(t, "sh", "-c", `openssl dgst -sha3-384 -binary "$1" | base64 -w0 | tr +/ -_`, "sh", snap); !strings.Contains(readFile(t, filepath.Join(dir, "k8s.assert")), sum) {
		t.Errorf("openssl says %s", sum)
	}
	// One bit.
	content := []byte(readFile(t, snap))
	content[len(content)-1] ^= 1
	writeFile(t, snap, string(content))
	refused(t, `k8s\.snap: it is not the snap that its assertion is about`, "pull", "--file", snap, "--file", filepath.Join(dir, "k8s.assert"), "-o", filepath.Join(dir, "wrong.tar"))
}

// A canonicalSite is the internet and a site's registry, both on loopback.
type canonicalSite struct {
	*testing.T
	up, site *dockerRegistry
	set      synthetic.Set
	dir      string
}

func newCanonicalSite(t *testing.T, site *dockerRegistry) *canonicalSite {
	t.Helper()
	s := &canonicalSite{T: t, up: new(dockerRegistry).start(t), site: site.start(t), set: synthetic.Named(canonicalImages, 5_000), dir: t.TempDir()}
	s.up.fill(t, "", s.set)
	return s
}

func (s *canonicalSite) path(name string) string { return filepath.Join(s.dir, name) }

// digest is what a registry says that a tag is.
func (s *canonicalSite) digest(r *dockerRegistry, name string) string {
	s.Helper()
	repository, tag, _ := strings.Cut(name, ":")
	q, err := http.NewRequestWithContext(s.Context(), http.MethodHead, r.url()+"/v2/"+repository+"/manifests/"+tag, nil)
	if err != nil {
		s.Fatal(err)
	}
	for _, kind := range []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"} {
		q.Header.Add("Accept", kind)
	}
	a, err := insecure().Do(q)
	if err != nil {
		s.Fatal(err)
	}
	if err := a.Body.Close(); err != nil || a.StatusCode != http.StatusOK {
		s.Errorf("%s at %s: %s %v", name, r.address, a.Status, err)
	}
	return a.Header.Get("Docker-Content-Digest")
}

// checkDigests: below the prefix of the site, every image is what it is upstream, all of it.
func (s *canonicalSite) checkDigests(prefix string) {
	s.Helper()
	var renamed synthetic.Set
	for _, im := range s.set {
		_, path, _ := strings.Cut(im.Name, "/") // layout path, as the targets of the document
		if up, here := s.digest(s.up, im.Name), s.digest(s.site, prefix+path); up != here || up != im.Root().Digest {
			s.Errorf("%s is %s upstream and %s here", im.Name, up, here)
		}
		other := *im
		other.Name = prefix + path
		renamed = append(renamed, &other)
	}
	checkHeads(s.T, everything(s.site, "", renamed))
}

// regsync runs the real one as the document says, with what the document has MIRROR be. The internet is played.
func (s *canonicalSite) regsync(program, file, mirror string) {
	s.Helper()
	played := writeFile(s.T, s.path("played.yaml"), readFile(s.T, file)+fmt.Sprintf("creds:\n- {registry: ghcr.io, hostname: %q, pathPrefix: ghcr.io, tls: disabled}\n- {registry: %q, tls: disabled}\n", s.up.address, s.site.address))
	cmd := exec.CommandContext(s.Context(), program, "once", "-c", played)
	cmd.Env = []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "USERNAME=nobody", "PASSWORD=none", "MIRROR=" + mirror}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("regsync: %v\n%s", err, tail(string(out)))
	}
}

// C5 to C8: the list out of the snap, sync-images.yaml of it, and the real regsync; then the same file carried in an
// archive. Digests at the site are those upstream, and the second time nothing is sent.
func TestCanonicalSyncImages(t *testing.T) {
	regsync := needRegsync(t)
	needTool(t, "curl")
	if !inNamespace(t) {
		return
	}
	s := newCanonicalSite(t, new(dockerRegistry))
	o := must(t, "images", "--snap", makeSnap(t, s.dir), "-o", "regsync", "--to", `{{ env "MIRROR" }}`, "--layout", "path")
	if want := "- source: ghcr.io/canonical/k8s-snap/pause:3.10\n    target: '{{ env \"MIRROR\" }}/canonical/k8s-snap/pause:3.10'\n    type: image\n"; !strings.Contains(o.stdout, want) {
		t.Errorf("this is not what the document has:\n%s", o.stdout)
	}
	file := writeFile(t, s.path("sync-images.yaml"), o.stdout)
	s.regsync(regsync, file, s.site.address+"/by-regsync")
	s.checkDigests("by-regsync/")
	before := len(s.site.requests(t))
	s.regsync(regsync, file, s.site.address+"/by-regsync")
	if again := s.site.requests(t)[before:]; again.count(request.sends) > 0 {
		t.Errorf("regsync sends something again:\n%s", again)
	}

	archive := s.path("site.tar")
	must(t, "pull", "-f", file, from("http://"+s.up.address), "-o", archive)
	must(t, "push", archive, "--to", s.site.address+"/by-us", "--layout", "path", "--plain-http")
	s.checkDigests("by-us/")
	before = len(s.site.requests(t))
	if o := must(t, "push", archive, "--to", s.site.address+"/by-us", "--layout", "path", "--plain-http"); !strings.Contains(o.stderr, "there already") {
		t.Error(o.stderr)
	}
	if again := s.site.requests(t)[before:]; again.count(request.sends) > 0 {
		t.Errorf("the second push sends something:\n%s", again)
	}
	// A source behind a template, as others write it.
	templated := writeFile(t, s.path("templated.yaml"), strings.ReplaceAll(o.stdout, "source: ghcr.io/", "source: '{{ env \"UPSTREAM\" | default \"ghcr.io\" }}/"))
	text := strings.ReplaceAll(readFile(t, templated), "\n    target", "'\n    target")
	writeFile(t, templated, text)
	s.regsync(regsync, templated, s.site.address+"/templated")
	s.checkDigests("templated/")
	must(t, "mirror", "-f", templated, from("http://"+s.up.address), "--to", s.site.address+"/expanded", "--layout", "path", "--plain-http")
	s.checkDigests("expanded/")
}

// C9 and C12 C: a tar an image, which the real containerd imports under exactly the name of it, whole. First Debian's.
func TestCanonicalSideLoad(t *testing.T) {
	needTool(t, "ctr")
	if inRootNamespace(t) {
		canonicalSideLoad(t)
	}
}

// The same with containerd 2, which the snap of 1.36 has (v2.3.3; that of 1.32 has v1.6.39, that of 1.34 v1.7.34).
func TestCanonicalSideLoadContainerd2(t *testing.T) {
	needTool(t, "ctr")
	if !strings.Contains(run(t, "containerd", "--version"), "/v2 ") {
		t.Setenv("PATH", containerds(t)[1]+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if inRootNamespace(t) {
		canonicalSideLoad(t)
	}
}

func canonicalSideLoad(t *testing.T) {
	s := newCanonicalSite(t, new(dockerRegistry))
	list := writeFile(t, s.path("images.txt"), strings.Join(canonicalImages, "\n")+"\n")
	must(t, "pull", "-f", list, from("http://"+s.up.address), "-o", s.path("site.tar"))
	dir := s.path("images")
	o := must(t, "load", s.path("site.tar"), "--per-image", "-o", dir)
	if !strings.Contains(o.stderr, "10 images for linux/amd64") {
		t.Error(o.stderr)
	}
	s.up.stop() // nobody is asked for what is missing
	node := startContainerd(t)
	var all []string
	for _, name := range canonicalImages {
		tar := filepath.Join(dir, strings.NewReplacer("/", "_", ":", "_").Replace(name)+".tar")
		if magic := readFile(t, tar)[:2]; magic == "\x1f\x8b" {
			t.Error(tar + " is compressed")
		}
		node.ctr(t, "images", "import", tar)
		all = append(all, name)
		slices.Sort(all)
		if got := lines(node.ctr(t, "images", "ls", "-q")); !slices.Equal(got, all) {
			t.Fatalf("after %s, containerd has %q", tar, got)
		}
		if state := node.ctr(t, "images", "check", "name=="+name); !strings.Contains(state, "complete (") || !strings.Contains(state, "true") {
			t.Errorf("%s is not whole and unpacked:\n%s", name, state)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(canonicalImages) {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

// inRootNamespace is inNamespace for tests whose containerd unpacks: that needs mounts, which only root itself may make.
func inRootNamespace(t *testing.T) bool {
	t.Helper()
	const inside = "AIRGAP_E2E_NAMESPACE"
	if os.Getenv(inside) != "" {
		return inNamespace(t)
	}
	if os.Geteuid() != 0 {
		needTool(t, "root, whom containerd needs,")
	}
	needTool(t, "unshare")
	needTool(t, "ip")
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	t.Logf("without network:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("without network: %v", err)
	}
	return false
}

// onSnapNode runs a command where etc and var of root are those of the machine.
func onSnapNode(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	script := `set -e; root=$1; shift
mkdir -p "$root/etc" "$root/var"
mount --bind "$root/etc" /etc
mount --bind "$root/var" /var
exec "$@"`
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "--propagation", "private", "sh", "-c", script, "sh", root}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// C12 B and C15: what nodes writes makes the real containerd and the simulated one pull from the site alone, in both
// confinements, with plain HTTP and with a private CA; and verify says when something is not there.
func TestCanonicalHosts(t *testing.T) {
	needTool(t, "ctr")
	if !inRootNamespace(t) {
		return
	}
	for name, test := range map[string]struct {
		registry dockerRegistry
		flags    []string
		hosts    string // below the root
		prefix   string
	}{
		"classic":              {hosts: "etc/containerd/hosts.d"},
		"classic with a CA":    {registry: dockerRegistry{tls: true}, hosts: "etc/containerd/hosts.d"},
		"classic, nested path": {registry: dockerRegistry{tls: true}, hosts: "etc/containerd/hosts.d", prefix: "my/own/"},
		"strict with a CA":     {registry: dockerRegistry{tls: true, password: true}, flags: []string{"--confinement", "strict"}, hosts: "var/snap/k8s/common/etc/containerd/hosts.d"},
	} {
		t.Run(name, func(t *testing.T) { canonicalHosts(t, &test.registry, test.prefix, test.hosts, test.flags) })
	}
}

func canonicalHosts(t *testing.T, registry *dockerRegistry, prefix, hosts string, flags []string) {
	s := newCanonicalSite(t, registry)
	list := writeFile(t, s.path("images.txt"), strings.Join(canonicalImages, "\n")+"\n")
	must(t, "pull", "-f", list, from("http://"+s.up.address), "-o", s.path("site.tar"))
	access, to := []string{"--plain-http"}, s.site.address
	if s.site.tls {
		access = []string{"--ca-file", s.site.caFile}
	}
	if s.site.password {
		access = append(access, "--username", carryUser, "--password-file", writeFile(t, s.path("password"), carryPassword))
	}
	if prefix != "" {
		to += "/" + strings.Trim(prefix, "/")
	}
	must(t, append([]string{"push", s.path("site.tar"), "--to", to, "--layout", "path"}, access...)...)
	root := s.path("root")
	must(t, append(append([]string{"nodes", "--format", "canonical", "--to", to, "--layout", "path", "-o", root}, flags...), access...)...)
	s.up.stop()

	for _, version := range []string{"1.6.39", "1.7.34", "2.3.3"} { // of the snaps 1.32, 1.34 and 1.36
		simulateSnap(t, version, filepath.Join(root, hosts), s.site.address)
	}

	// The real one.
	node := startContainerd(t)
	for _, name := range canonicalImages[:4] {
		args := []string{"ctr", "-a", node.socket, "-n", "k8s.io", "images", "pull", "--hosts-dir", "/" + hosts, name}
		if out, err := onSnapNode(t, root, args...); err != nil {
			t.Errorf("%s: %v\n%s", name, err, tail(out))
		}
	}
	if got := lines(node.ctr(t, "images", "ls", "-q")); !slices.Equal(got, canonicalImages[:4]) {
		t.Errorf("containerd has %q", got)
	}

	// C15: verify, and again without a tag.
	args := append([]string{"verify", "-f", list, "--certs-d", filepath.Join(root, hosts), "--to", to, "--layout", "path"}, access...)
	if o := try(t, args...); o.status != 0 {
		t.Errorf("verify: %d\n%s%s", o.status, o.stdout, o.stderr)
	}
	tag := filepath.Join(s.site.storage, "docker/registry/v2/repositories", prefix, "canonical/k8s-snap/pause/_manifests/tags/3.10")
	if err := errors.Join(func() error { _, err := os.Stat(tag); return err }(), os.RemoveAll(tag)); err != nil {
		t.Fatal(err)
	}
	if o := try(t, args...); o.status != 3 || !strings.Contains(o.stdout, "pause:3.10") || strings.Contains(o.stdout, "coredns") {
		t.Errorf("verify without a tag: %d\n%s%s", o.status, o.stdout, o.stderr)
	}
}

// simulateSnap: the containerd of a snap would ask the site, and nobody else.
func simulateSnap(t *testing.T, version, hosts, site string) {
	t.Helper()
	config := "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"\n"
	simulated, err := containerd.Load(os.DirFS(hosts), containerd.Options{Version: version, Config: []byte(config)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range canonicalImages {
		ref, err := image.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		attempts, _ := simulated.Attempts(ref)
		if len(attempts) == 0 {
			t.Errorf("containerd %s: %s: nobody is asked", version, name)
		}
		for _, a := range attempts {
			if a.Host != site || a.Upstream {
				t.Errorf("containerd %s: %s: %+v", version, name, a)
			}
		}
	}
}

// C12 A: systemd itself has nothing to say against the drop-in; that it would, a broken one shows.
func TestCanonicalDropIn(t *testing.T) {
	needTool(t, "systemd-analyze")
	root := t.TempDir()
	must(t, "nodes", "--format", "canonical", "--http-proxy", "http://ann:s%20c@squid.internal:3128", "-o", root)
	units := filepath.Join(root, "etc/systemd/system")
	unit := writeFile(t, filepath.Join(units, "snap.k8s.containerd.service"), "[Unit]\nDescription=containerd\n[Service]\nExecStart=/bin/true\n")
	analyze := func() string {
		cmd := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", unit)
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+units+":")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze: %v", err)
		}
		return string(out)
	}
	if said := analyze(); said != "" {
		t.Errorf("systemd says\n%s", said)
	}
	dropIn := filepath.Join(units, "snap.k8s.containerd.service.d/http-proxy.conf")
	text := readFile(t, dropIn)
	writeFile(t, dropIn, strings.Replace(text, ":3128\"", ":3128", 1))
	if said := analyze(); !strings.Contains(said, "http-proxy.conf:3: ") {
		t.Errorf("of a broken drop-in, systemd says\n%s", said)
	}
}
