//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// The site that is verified: its registry speaks TLS with a private CA and wants a password.
const (
	provenTarget  = nodeRegistryHost + "/airgap"
	provenSandbox = "registry.k8s.io/pause:3.10.1" // what the nodes' containerd asks for, which is not kubeadm's
)

// provenApps are the ways to name an image that the releases of 2026 do not use, of a registry that nodes have no mirror
// of. $SECRET is a manifest in base64.
const provenApps = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: apps}
spec:
  template:
    spec:
      containers:
      - name: web
        image: apps.example/web:v1
        imagePullPolicy: IfNotPresent
        args: ["--sidecar-image=apps.example/sidecar:v1"]
        env:
        - {name: RELATED_IMAGE_WORKER, value: "apps.example/worker:v2"}
      - name: other
        image: ${APPS:=apps.example}/other:v3
---
apiVersion: v1
kind: Secret
metadata: {name: manifests, namespace: apps}
data:
  job.yaml: $SECRET
---
apiVersion: v1
kind: ConfigMap
metadata: {name: values, namespace: apps}
data:
  values.yaml: |
    image:
      repository: apps.example/chart
      tag: v5
    sidecar:
      image:
        repository: apps.example/of-the-charts-version
    cni:
      name: whatever
      repository: quay.io
`

// provenCluster is one whose nodes and whose kubeadm are told of the registry by nodes.
const provenCluster = `apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata: {name: plant, namespace: default}
spec:
  version: v1.36.3
  kubeadmConfigSpec:
    clusterConfiguration:
      clusterName: plant
    files:
    - path: /etc/kubernetes/manifests/static.yaml
      content: |
        apiVersion: v1
        kind: Pod
        metadata: {name: static}
        spec:
          containers: [{name: static, image: "apps.example/static:v1"}]
`

// provenClass replaces the files of its templates, as that of CAPV does.
const provenClass = `apiVersion: cluster.x-k8s.io/v1beta2
kind: ClusterClass
metadata: {name: plant}
spec:
  controlPlane: {templateRef: {apiVersion: controlplane.cluster.x-k8s.io/v1beta2, kind: KubeadmControlPlaneTemplate, name: nowhere}}
  patches:
  - name: createEmptyArrays
    definitions:
    - jsonPatches:
      - op: add
        path: /spec/template/spec/files
        value: []
      selector:
        apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
        kind: KubeadmConfigTemplate
        matchResources: {machineDeploymentClass: {names: [plant-worker]}}
  workers:
    machineDeployments:
    - class: plant-worker
      bootstrap: {templateRef: {apiVersion: bootstrap.cluster.x-k8s.io/v1beta2, kind: KubeadmConfigTemplate, name: plant-worker}}
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
kind: KubeadmConfigTemplate
metadata: {name: plant-worker}
spec:
  template:
    spec:
      joinConfiguration: {}
`

const provenJob = `apiVersion: batch/v1
kind: Job
metadata: {name: inner}
spec:
  template:
    spec:
      containers: [{name: inner, image: apps.example/inner:v4}]
`

// A provenSite is a folder with all that a site is brought up from, and the registry of the site.
type provenSite struct {
	*testing.T
	dir      string
	registry *dockerRegistry
	gate     *gate
	args     []string
	env      []string
}

// newProvenSite does all that a user does before he verifies.
func newProvenSite(t *testing.T) *provenSite {
	s := &provenSite{T: t, dir: t.TempDir(), registry: (&dockerRegistry{tls: true, password: true}).start(t)}
	s.gate = newGate(t, s.registry)
	s.layOut()
	internet := new(dockerRegistry).start(t)
	internet.fill(t, "", s.images())
	s.write("ca.crt", s.read(s.registry.caFile))
	s.write("password", carryPassword)
	s.do("pull", "-f", "in", "--kubernetes-version", "v1.36.3", "--node-image-pause", provenSandbox, "--platform", "linux/amd64",
		"--variable", "CPI_IMAGE_K8S_VERSION=v1.36.0", from(internet.address), "-o", "site.tar")
	internet.stop()
	login := []string{"--to", provenTarget, "--ca-file", "ca.crt", "--username", carryUser, "--password-file", "password"}
	s.do(append([]string{"push", "site.tar"}, login...)...)
	s.do("rewrite", "-f", "in", "--to", provenTarget, "-o", "out")
	s.do(append([]string{"nodes", "-f", "out", "--image-repository", "--in-place"}, login...)...)
	s.do(append([]string{"nodes", "--format", "hosts", "-o", "."}, login...)...)
	s.do("overrides", "-f", "out", "--to", provenTarget, "-o", "home")
	s.args = append([]string{
		"verify", "-f", "out", "--bundle", "site.tar", "--certs-d", "certs.d", "--clusterctl-home", "home",
		"--kubernetes-version", "v1.36.3", "--node-image-pause", provenSandbox, "--platform", "linux/amd64", "-o", "json",
	}, login...)
	return s
}

// layOut lays the manifests of the site out: those of 2026 where they are, else small ones.
func (s *provenSite) layOut() {
	if exists(shared) {
		run(s.T, "bash", filepath.Join(shared, "tools", "site.sh"), "2026", s.path("in"))
	} else {
		archive, err := txtar.ParseFile(filepath.Join(root, "pkg", "overrides", "testdata", "releases.txtar"))
		s.must(err)
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return strings.Contains(f.Name, "v1.13.5") })
		s.must(txtar.Write(archive, s.path("in/clusterapi")))
		s.must(os.Rename(s.path("in/clusterapi/cert-manager"), s.path("in/cert-manager")))
	}
	s.write("in/apps/apps.yaml", strings.Replace(provenApps, "$SECRET", encode(provenJob), 1))
	s.write("in/apps/cluster.yaml", provenCluster)
	s.write("in/apps/class.yaml", provenClass)
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// images are what the internet has: two platforms of everything that the manifests name.
func (s *provenSite) images() synthetic.Set {
	list := s.do("images", "-f", "in", "--kubernetes-version", "v1.36.3", "--node-image-pause", provenSandbox)
	names := slices.DeleteFunc(lines(list), func(name string) bool { return strings.Contains(name, "$") })
	names = append(names, "apps.example/other:v3", "ghcr.io/kube-vip/kube-vip:v1.0.1", "registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:v1.36.0")
	slices.Sort(names)
	var set synthetic.Set
	for _, name := range slices.Compact(names) {
		set = append(set, provenImage(name, name, "amd64", "arm64"))
	}
	return set
}

// provenImage is an image with layers of its own. Another seed makes others under the same name.
func provenImage(name, seed string, platforms ...string) *synthetic.Image {
	return synthetic.Shape{Platforms: platforms, Layers: func(platform string) []synthetic.Layer {
		return slices.Collect(maps.Values(synthetic.Large(seed+"/"+platform, 2_000).Layers))
	}}.Build(name)
}

func (s *provenSite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// path is that of a file of the site; a * in it stands for what is there.
func (s *provenSite) path(name string) string {
	s.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if !strings.Contains(name, "*") {
		return path
	}
	found, err := filepath.Glob(path)
	s.must(err)
	if len(found) != 1 {
		s.Fatalf("%s is %q", name, found)
	}
	return found[0]
}

func (s *provenSite) read(name string) string {
	s.Helper()
	if !filepath.IsAbs(name) {
		name = s.path(name)
	}
	content, err := os.ReadFile(name)
	s.must(err)
	return string(content)
}

func (s *provenSite) write(name, content string) {
	s.Helper()
	s.must(os.MkdirAll(filepath.Dir(s.path(name)), 0o700))
	s.must(os.WriteFile(s.path(name), []byte(content), 0o600))
}

// replace replaces what a file holds once.
func (s *provenSite) replace(name, old, text string) {
	s.Helper()
	content := s.read(name)
	if n := strings.Count(content, old); n != 1 {
		s.Fatalf("%s holds %q %d times", name, old, n)
	}
	s.write(name, strings.Replace(content, old, text, 1))
}

// line replaces the line that holds part.
func (s *provenSite) line(name, part, line string) {
	s.Helper()
	all := lines(s.read(name))
	i := slices.IndexFunc(all, func(l string) bool { return strings.Contains(l, part) })
	if i < 0 {
		s.Fatalf("%s holds no %q", name, part)
	}
	all[i] = line
	s.write(name, strings.Join(all, "\n")+"\n")
}

// remove removes a file or folder, which has to be there.
func (s *provenSite) remove(name string) {
	s.Helper()
	if !exists(s.path(name)) {
		s.Fatalf("%s is not there", name)
	}
	s.must(os.RemoveAll(s.path(name)))
}

// login does as docker login.
func (s *provenSite) login() {
	s.write("docker/config.json", `{"auths": {"`+nodeRegistryHost+`": {"auth": "`+encode(carryUser+":"+carryPassword)+`"}}}`)
	s.env = append(s.env, "DOCKER_CONFIG="+s.path("docker"))
}

// set gives a flag another value; without leaves flags with a value out.
func (s *provenSite) set(flag, value string) { s.args[s.flag(flag)+1] = value }

func (s *provenSite) without(flags ...string) {
	for _, flag := range flags {
		i := s.flag(flag)
		s.args = slices.Delete(s.args, i, i+2)
	}
}

// unbundled verifies without the archive, which said what the variable of the templates stands for.
func (s *provenSite) unbundled() {
	s.without("--bundle")
	s.add("--variable", "CPI_IMAGE_K8S_VERSION=v1.36.0")
}

func (s *provenSite) add(args ...string) { s.args = append(s.args, args...) }

func (s *provenSite) flag(flag string) int {
	i := slices.Index(s.args, flag)
	if i < 0 {
		s.Fatalf("%s is not among %q", flag, s.args)
	}
	return i
}

// plugin prepares a run in the site's folder, which reaches its registry and whoever is on this machine.
func (s *provenSite) plugin(args ...string) *exec.Cmd {
	cmd := plugin(s.T, args...)
	cmd.Dir = s.dir
	cmd.Env = append(cmd.Env, "HTTPS_PROXY=http://"+s.gate.address, "HTTP_PROXY=http://"+s.gate.address)
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// do runs the plugin, which must succeed.
func (s *provenSite) do(args ...string) string {
	s.Helper()
	o := finish(s.T, s.plugin(args...))
	if o.status != 0 {
		s.Fatalf("kubectl-airgap %s: exit status %d\n%s%s", strings.Join(args, " "), o.status, tail(o.stdout), tail(o.stderr))
	}
	return o.stdout
}

// verify gives the report and the exit status.
func (s *provenSite) verify() (verify.Report, int) {
	s.Helper()
	o := finish(s.T, s.plugin(s.args...))
	var report verify.Report
	if err := json.Unmarshal([]byte(o.stdout), &report); err != nil {
		s.Fatalf("exit status %d, and the report is no JSON: %v\n%s%s", o.status, err, tail(o.stdout), tail(o.stderr))
	}
	if leaks := s.gate.leaks(); len(leaks) > 0 {
		s.Errorf("verify reached out to %q", leaks)
	}
	if strings.Contains(o.stdout+o.stderr, carryPassword) {
		s.Errorf("the password is in the output:\n%s%s", tail(o.stdout), tail(o.stderr))
	}
	return report, o.status
}

// copy gives the same site in another folder, with the same registry, which nobody writes to.
func (s *provenSite) copy(t *testing.T) *provenSite {
	t.Helper()
	other := &provenSite{T: t, dir: t.TempDir(), registry: s.registry, gate: s.gate, args: slices.Clone(s.args)}
	other.must(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(s.dir, path)
		switch {
		case err != nil:
			return err
		case name == "in":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(other.path(name), 0o700)
		case name == "site.tar": // who changes it writes another
			return os.Link(path, other.path(name))
		}
		content, err := os.ReadFile(path)
		if err == nil && name == filepath.Join("home", "clusterctl.yaml") {
			content = []byte(strings.ReplaceAll(string(content), s.dir, other.dir))
		}
		if err != nil {
			return err
		}
		return os.WriteFile(other.path(name), content, 0o600)
	}))
	return other
}

// ownRegistry gives the site a registry that may be spoilt: a copy.
func (s *provenSite) ownRegistry() {
	s.Helper()
	storage := s.TempDir()
	s.must(os.CopyFS(storage, os.DirFS(s.registry.storage)))
	s.registry = (&dockerRegistry{tls: true, password: true, storage: storage, like: s.registry}).start(s.T)
	s.gate = newGate(s.T, s.registry)
}

// kept is a path below what the registry keeps.
func (s *provenSite) kept(path ...string) string {
	return filepath.Join(append([]string{s.registry.storage, "docker", "registry", "v2"}, path...)...)
}

// lose removes what the registry keeps.
func (s *provenSite) lose(path ...string) {
	s.Helper()
	if !exists(s.kept(path...)) {
		s.Fatalf("%s is not there", s.kept(path...))
	}
	s.must(os.RemoveAll(s.kept(path...)))
}

// loseTag makes the registry forget a tag.
func (s *provenSite) loseTag(name string) {
	s.Helper()
	s.ownRegistry()
	repository, tag, _ := strings.Cut(name, ":")
	s.lose("repositories", "airgap", filepath.FromSlash(repository), "_manifests", "tags", tag)
}

// loseManifest makes the registry forget the manifest of linux/amd64.
func (s *provenSite) loseManifest(name string) {
	s.Helper()
	s.ownRegistry()
	repository, _, _ := strings.Cut(name, ":")
	m := provenImage(name, name, "amd64", "arm64").Manifests[0]
	s.lose("repositories", "airgap", filepath.FromSlash(repository), "_manifests", "revisions", "sha256", strings.TrimPrefix(m.Digest, "sha256:"))
}

// loseBlob removes a layer of linux/amd64.
func (s *provenSite) loseBlob(name string) {
	s.Helper()
	s.ownRegistry()
	hex := strings.TrimPrefix(slices.Collect(maps.Keys(synthetic.Large(name+"/amd64", 2_000).Layers))[0], "sha256:")
	s.lose("blobs", "sha256", hex[:2], hex)
}

// push puts another image into the registry.
func (s *provenSite) push(image *synthetic.Image) {
	s.Helper()
	s.ownRegistry()
	s.registry.fill(s.T, "airgap/", synthetic.Set{image})
}
