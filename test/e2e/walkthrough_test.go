//go:build e2e && linux

package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// The walk-through of 2020 on its own manifests, step by step, where nothing but loopback is: docs/vsphere.md has the steps
// with their numbers.
func TestWalkthrough2020(t *testing.T) {
	needShared(t)
	for _, tool := range []string{"docker-registry", "skopeo", "curl", "sha256sum"} {
		needTool(t, tool)
	}
	needOldClusterctl(t) // they may have to be built, which needs a network
	needClusterctl(t)
	if !inNamespace(t) {
		return
	}
	s := newSite2020(t)
	for _, step := range []struct {
		name string
		run  func(*site2020)
	}{
		{"V18 V20 images", (*site2020).images},
		{"V4 V9 V13 V22 pull", (*site2020).pull},
		{"V7 V8 damaged OVA", (*site2020).damaged},
		{"V10 V11 releases", (*site2020).releases},
		{"V22 V24 parts", (*site2020).parts},
		{"V25 login and TLS", (*site2020).refusals},
		{"V26 push", (*site2020).push},
		{"V30 rewrite", (*site2020).rewrite},
		{"V35 V38 nodes", (*site2020).nodes},
		{"V32 V34 V37 clusterctl", (*site2020).clusterctl},
		{"V39 V40 verify", (*site2020).verify},
	} {
		if !t.Run(step.name, func(t *testing.T) { of := *s; of.T = t; step.run(&of) }) {
			t.Fatalf("%s failed: what follows stands on it", step.name)
		}
	}
}

// images: what a person finds in the manifests, and what kubeadm v1.17.4 said when it was asked.
func (s *site2020) images() {
	want := slices.DeleteFunc(slices.Sorted(maps.Keys(images2020)), func(name string) bool { return slices.Contains(unnamed2020, name) })
	got := lines(s.must("images", "-f", "resources", "--kubernetes-version", "v1.17.4").stdout)
	if !slices.Equal(got, want) {
		s.Errorf("listed are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := s.must("images", "--kubernetes-version", "v1.17.4").stdout; strings.Count(got, "k8s.gcr.io/") != 7 || strings.Count(got, "\n") != 7 {
		s.Errorf("of kubeadm v1.17.4:\n%s", got)
	}
}

// pull: one archive, whose checksums sha256sum believes and whose images skopeo finds as they were.
func (s *site2020) pull() {
	s.must("pull", "-o", "site.tar")
	if o := s.must("pull", "-o", "site.tar"); !strings.Contains(o.stderr, "nothing has changed, nothing was fetched") {
		s.Errorf("again:\n%s", tail(o.stderr))
	}
	whole := s.path("whole")
	s.program(nil, "mkdir", whole)
	s.program(nil, "tar", "-xf", "site.tar", "-C", whole)
	s.program(nil, "sh", "-c", "cd whole && sha256sum --quiet -c SHA256SUMS && test -x binaries/clusterctl")
	for name, want := range map[string][]byte{"ovas/node.ova": ova(300_000), "ovas/large.ova": ova(500_000)} {
		if got, err := os.ReadFile(filepath.Join(whole, name)); err != nil || !bytes.Equal(got, want) {
			s.Errorf("%s is not what was published: %v", name, err)
		}
	}
	for _, image := range s.set {
		raw := s.program(nil, "skopeo", "inspect", "--raw", "oci:"+whole+":"+image.Name)
		if got := digest([]byte(raw)); got != image.Root().Digest {
			s.Errorf("%s is %s in the archive, not %s", image.Name, got, image.Root().Digest)
		}
	}
}

// damaged: a byte that is another one, a checksum that is nowhere: no archive.
func (s *site2020) damaged() {
	part := filepath.Join(s.files, "github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates/v1.17.4/large.ova.part2")
	was, err := os.ReadFile(part)
	if err != nil {
		s.Fatal(err)
	}
	damaged := slices.Clone(was)
	damaged[len(damaged)/2] ^= 1
	writeFile(s.T, part, string(damaged))
	checkRefusal(s.T, `ovas/large\.ova: .*its digest is sha256:`, s.try(true, "pull", "-q", "-o", "damaged.tar"))
	writeFile(s.T, part, string(was))
	sum := filepath.Join(s.files, "storage.googleapis.com/capv-images/release/v1.17.4/node.ova.sha256")
	run(s.T, "mv", sum, sum+".away")
	checkRefusal(s.T, `node\.ova\.sha256 \(at .*\): not found`, s.try(true, "pull", "-q", "-o", "damaged.tar"))
	run(s.T, "mv", sum+".away", sum)
	if exists(s.path("damaged.tar")) {
		s.Error("there is an archive")
	}
	s.must("pull", "-q", "-o", "damaged.tar")
	s.program(nil, "cmp", "damaged.tar", "site.tar")
}

// releases: providers by name and version, from releases/download alone, and none without its metadata.
func (s *site2020) releases() {
	below := "github.com/kubernetes-sigs/cluster-api/releases/download/v1.14.0/"
	for name, path := range map[string]string{"core-components.yaml": "rendered/core-components.yaml", "metadata.yaml": "metadata.yaml"} {
		content, err := os.ReadFile(filepath.Join(shared, "corpus/clusterapi/cluster-api/v1.14.0", path))
		if err != nil {
			s.Fatal(err)
		}
		s.publish(below+name, content, false)
	}
	s.internet.fill(s.T, "", synthetic.Named([]string{"registry.k8s.io/cluster-api/cluster-api-controller:v1.14.0"}, 20_000))
	pull := []string{
		"pull", "-q", "--provider", "cluster-api:v1.14.0", "--cert-manager", "none", "-o", "release.tar",
		"--source-map", "*=" + s.internet.address + "/{host}", "--file-source-map", "*=" + s.web.URL + "/{host}",
	}
	s.must(pull...)
	if ls := s.must("bundle", "ls", "release.tar").stdout; !strings.Contains(ls, "providers/cluster-api/v1.14.0/metadata.yaml ") {
		s.Errorf("carried is\n%s", ls)
	}
	run(s.T, "rm", filepath.Join(s.files, below, "metadata.yaml"), s.path("release.tar"))
	checkRefusal(s.T, `metadata\.yaml.*: not found`, s.try(true, pull...))
	if exists(s.path("release.tar")) {
		s.Error("there is an archive without metadata.yaml")
	}
}

// parts: each is checked, and one that is damaged or lost is named.
func (s *site2020) parts() {
	s.must("bundle", "split", "site.tar", "--size", "2M")
	s.program(nil, "sha256sum", "--quiet", "-c", "site.tar.parts.sha256")
	first, second := s.path("site.tar.part-0001"), s.path("site.tar.part-0002")
	s.must("bundle", "check", first)
	whole, err := os.ReadFile(second)
	if err != nil {
		s.Fatal(err)
	}
	damaged := slices.Clone(whole)
	damaged[len(damaged)/3] ^= 1
	writeFile(s.T, second, string(damaged))
	checkPartNamed(s.T, first, second)
	run(s.T, "rm", second)
	checkPartNamed(s.T, first, second)
	writeFile(s.T, second, string(whole))
	s.must("bundle", "join", first, "-o", "joined.tar")
	s.program(nil, "cmp", "joined.tar", "site.tar")
}

// refusals: the registry wants a CA that is known and a login that is right.
func (s *site2020) refusals() {
	checkRefusal(s.T, `(?i)certificate`, s.try(true, "push", "site.tar"))
	checkRefusal(s.T, `(?i)unauthorized|password|credential|401`, s.try(false, "push", "site.tar", "--ca-file", s.registry.caFile))
	if n := s.registry.requests(s.T).count(request.sends); n > 0 {
		s.Errorf("%d requests write", n)
	}
}

// push: as the document has it in the registry, with every digest; nothing is sent again, and latest is not fought for.
func (s *site2020) push() {
	push := []string{"push", "site.tar", "--ca-file", s.registry.caFile}
	o := s.try(true, append(push, "--also-tag", "latest")...)
	checkRefusal(s.T, `kube-rbac-proxy:v0\.4\.1.* but .*kube-rbac-proxy:v0\.4\.0 is .*clusterapi/kube-rbac-proxy:latest`, o)
	if n := s.registry.requests(s.T).count(request.sends); n > 0 {
		s.Errorf("%d requests write", n)
	}
	s.must(push...)
	before := len(s.registry.requests(s.T))
	s.must(push...)
	if again := s.registry.requests(s.T)[before:]; again.count(request.sends) > 0 {
		s.Errorf("again, requests write:\n%s", again)
	}
	for _, image := range s.set {
		if got := digest(inspect(s.T, s.registry, "airgap/"+placed2020(image.Name))); got != image.Root().Digest {
			s.Errorf("%s is %s at the site, not %s", image.Name, got, image.Root().Digest)
		}
	}
	// Where no two versions share a name, latest is given as the document gave it.
	s.must("pull", "-q", "-f", "resources/cni", "-o", "cni.tar", "--source-map", "*="+s.internet.address+"/{host}")
	s.must("push", "cni.tar", "--layout", "name", "--to", s.registry.address+"/latest", "--also-tag", "latest", "--ca-file", s.registry.caFile)
	for _, image := range s.set {
		if images2020[image.Name] != "cni" {
			continue
		}
		if got := digest(inspect(s.T, s.registry, "latest"+image.Repository()[strings.LastIndexByte(image.Repository(), '/'):]+":latest")); got != image.Root().Digest {
			s.Errorf("latest of %s is %s", image.Name, got)
		}
	}
}

// rewrite: the manifests name what was pushed, and no other byte of them changes.
func (s *site2020) rewrite() {
	s.must("rewrite", "-f", "resources", "-o", "site")
	was, is := readTree(s.T, s.path("resources")), readTree(s.T, s.path("site"))
	for name := range was {
		a, b := strings.SplitAfter(string(was[name]), "\n"), strings.SplitAfter(string(is[name]), "\n")
		if len(a) != len(b) {
			s.Errorf("%s had %d lines and has %d", name, len(a), len(b))
			continue
		}
		for i := range a {
			if a[i] != b[i] && !strings.Contains(b[i], s.registry.address+"/airgap/") {
				s.Errorf("%s:%d: %q became %q", name, i+1, a[i], b[i])
			}
		}
	}
	for _, image := range lines(s.must("images", "-f", "site").stdout) {
		if _, ok := strings.CutPrefix(image, s.registry.address+"/airgap/"); !ok {
			s.Errorf("%s is named", image)
			continue
		}
		inspect(s.T, s.registry, strings.TrimPrefix(image, s.registry.address+"/")) // an error if it is not there
	}
}

// nodes: what the document leaves empty. A second run changes nothing; TestNodesPull has a real containerd read it.
func (s *site2020) nodes() {
	nodes := []string{"nodes", "-f", "site", "--ca-file", s.registry.caFile, "--image-repository", "--style", "containerd-config", "-o"}
	s.must(append(nodes, "site-2020")...)
	nodes[2] = "site-2020"
	if o := s.must(append(nodes, "site-again")...); !strings.Contains(o.stderr, " 2 objects of nodes, 0 changed") {
		s.Errorf("again:\n%s", o.stderr)
	}
	s.program(nil, "diff", "-r", "site-2020", "site-again")
	text, err := os.ReadFile(s.path("site-2020/clusterapi/cluster-template.yaml"))
	if err != nil {
		s.Fatal(err)
	}
	for want, times := range map[string]int{
		"path: /etc/containerd/config.toml":                                      2,
		"path: /etc/containerd/airgap-ca.crt":                                    2,
		`registry.mirrors."` + s.registry.address + `"]`:                         2,
		`endpoint = ["https://` + s.registry.address + `/v2/airgap/kubernetes"]`: 2,
		"imageRepository: " + s.registry.address + "/airgap/kubernetes":          2, // of all, of the DNS
		"insecure_skip_verify":                                                   0,
		"SystemdCgroup":                                                          0,
	} {
		if n := strings.Count(string(text), want); n != times {
			s.Errorf("%q is there %d times, not %d, in\n%s", want, n, times, text)
		}
	}
}

// clusterctl: that of 2020 finds all releases and the template, asks nobody, and names what was pushed.
func (s *site2020) clusterctl() {
	s.must("overrides", "-f", "site-2020", "-o", "home")
	own := s.registry.address + "/airgap/"
	old := []string{s.path("whole/binaries/clusterctl"), "--config", s.path("home/clusterctl.yaml")}
	for _, provider := range [][]string{{"--core", "cluster-api"}, {"--bootstrap", "kubeadm"}, {"--control-plane", "kubeadm"}, {"--infrastructure", "vsphere"}} {
		s.named(s.program(vsphere, slices.Concat(old, []string{"config", "provider", "-o", "yaml"}, provider)...), own, 2)
	}
	s.listed(old, own)
	variables := append(slices.Clone(vsphere), "VSPHERE_HAPROXY_TEMPLATE=haproxy")
	cluster := s.program(variables, slices.Concat(old, []string{
		"config", "cluster", "vsphere-quickstart", "--infrastructure", "vsphere:v0.6.4", "-n", "default",
		"--kubernetes-version", "v1.17.4", "--control-plane-machine-count", "1", "--worker-machine-count", "3",
	})...)
	if !strings.Contains(cluster, "version: v1.17.4") || strings.Count(cluster, "path: /etc/containerd/config.toml") != 2 {
		s.Errorf("the cluster is\n%s", cluster)
	}
	writeFile(s.T, s.path("cluster.yaml"), cluster)
	// That of today reads the same home.
	today := s.program(append(variables, "CLUSTERCTL_DISABLE_VERSIONCHECK=true"), needClusterctl(s.T), "--config", s.path("home/clusterctl.yaml"), "config", "repositories")
	if n := strings.Count(today, "file://"+s.path("home")); n != 4 {
		s.Errorf("clusterctl %s reads %d of 4 providers:\n%s", clusterctlVersion, n, today)
	}
}

// listed checks what init --list-images says, which asks an API server, here one in memory: V34.
func (s *site2020) listed(clusterctl []string, own string) {
	s.Helper()
	server, kubeconfig := s.path("apiserver"), s.path("kubeconfig")
	run(s.T, "go", "build", "-o", server, filepath.Join(root, "test/e2e/apiserver"))
	const script = `"$1" 127.0.0.1:6443 "$KUBECONFIG" & trap "kill $!" EXIT
until [ -s "$KUBECONFIG" ]; do sleep 0.05; done
shift; "$@" init --list-images -i vsphere`
	out := s.program(append(slices.Clone(vsphere), "KUBECONFIG="+kubeconfig), slices.Concat([]string{"sh", "-c", script, "sh", server}, clusterctl)...)
	list := lines(out)
	for _, image := range list {
		name, ok := strings.CutPrefix(image, own)
		if !ok || !slices.ContainsFunc(slices.Collect(maps.Keys(images2020)), func(i string) bool { return placed2020(i) == name }) {
			s.Errorf("init --list-images names %s, which was not pushed", image)
		}
	}
	if len(list) != 9 {
		s.Errorf("init --list-images:\n%s", out)
	}
}

// named checks that a manifest names so many images, all of the site's own registry.
func (s *site2020) named(manifest, own string, want int) {
	s.Helper()
	images := lines(s.must("images", "-f", writeFile(s.T, filepath.Join(s.TempDir(), "x.yaml"), manifest)).stdout)
	if len(images) != want {
		s.Errorf("%d images, not %d: %s", len(images), want, images)
	}
	for _, image := range images {
		if !strings.HasPrefix(image, own) {
			s.Errorf("names %s", image)
		}
	}
}

// verify: cert-manager starts a solver that no manifest of 2020 names, and containerd of 2020 cannot be kept from asking
// outside for what is missing. With the solver named, the files for later nodes and the login in them, nothing is found; a
// tag that is gone is.
func (s *site2020) verify() {
	flags := []string{"--bundle", "site.tar", "--ca-file", s.registry.caFile, "--clusterctl-home", "home"}
	found := func(dir string, more ...string) (what []string, status int) {
		o := s.try(true, slices.Concat([]string{"verify", "-f", dir, "-o", "json"}, flags, more)...)
		var report verify.Report
		if err := json.Unmarshal([]byte(o.stdout), &report); err != nil {
			s.Fatalf("%v\n%s", err, o.stderr)
		}
		for _, f := range report.Findings {
			if what = append(what, f.Image); f.Image == "" {
				what[len(what)-1] = f.Check
			}
		}
		slices.Sort(what)
		return slices.Compact(what), o.status
	}
	solver := unnamed2020[1]
	// containerd 1.6 is the oldest that is known here that reads the configuration as that of 2020 did.
	// While its files are wrong, nobody knows where it would ask for the solver, which the archive has.
	if what, status := found("site-2020", "--containerd-version", "1.6"); status != 3 || !slices.Equal(what, []string{verify.CheckNodeOutside}) {
		s.Errorf("the site of 2020: exit status %d, %s", status, what)
	}
	writeFile(s.T, s.path("password"), carryPassword)
	s.must("nodes", "-f", "site", "--ca-file", s.registry.caFile, "--username", carryUser, "--password-file", "password", "--image-repository", "-o", "site-now")
	s.must("overrides", "-f", "site-now", "-o", "home")
	if what, status := found("site-now"); status != 3 || !slices.Equal(what, []string{solver}) {
		s.Errorf("with the files for later nodes: exit status %d, %s", status, what)
	}
	certManager := s.path("site-now/cert-manager/cert-manager.yaml")
	run(s.T, "sed", "-i", "s|^\\( *- \\)--cluster-resource-namespace=.*|&\\n\\1--acme-http01-solver-image="+s.registry.address+"/airgap/cert-manager/cert-manager-acmesolver:v0.11.0|", certManager)
	s.must("overrides", "-f", "site-now", "-o", "home")
	if what, status := found("site-now"); status != 0 {
		s.Errorf("with the solver: exit status %d, %s", status, what)
	}
	gone := "airgap/cni/node"
	tag := filepath.Join(s.registry.storage, "docker/registry/v2/repositories", gone, "_manifests/tags/v3.9.1")
	run(s.T, "mv", tag, s.path("tag"))
	o := s.try(true, append([]string{"verify", "-f", "site-now"}, flags...)...)
	if o.status != 3 || !strings.Contains(o.stdout, s.registry.address+"/"+gone+":v3.9.1  it is not there") {
		s.Errorf("exit status %d\n%s%s", o.status, o.stdout, o.stderr)
	}
}
