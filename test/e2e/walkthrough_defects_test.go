//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// A defects is the site of examples/walkthrough-2020, carried and pushed, with which each defect of the document is looked for.
type defects struct {
	*testing.T
	dir            string // a copy of the example's resources, and site.tar
	source, target *dockerRegistry
	set            synthetic.Set
}

// The document of 2020 has twelve defects. None of them is in what this program does.
func TestDocumentDefects(t *testing.T) {
	for _, tool := range []string{"docker-registry", "skopeo", "sha256sum", "sh"} {
		needTool(t, tool)
	}
	d := newDefects(t)
	for _, defect := range []struct {
		name string
		look func(*defects)
	}{
		{"1 two versions of an image overwrite each other", (*defects).overwritten},
		{"2 grep finds what is no image, and misses what is one", (*defects).grepped},
		{"3 two versions fight for latest", (*defects).latest},
		{"4 another version is installed than was carried", (*defects).otherVersion},
		{"5 what is rewritten is not what was pushed", (*defects).otherName},
		{"6 a file has two names", (*defects).twoNames},
		{"7 the archive is in itself", (*defects).inItself},
		{"8 nobody sets sandbox and imageRepository", (*defects).unset},
		{"9 TLS is not verified", (*defects).unverified},
		{"10 there are no checksums", (*defects).unchecked},
		{"11 digests and platforms are lost", (*defects).lost},
		{"12 the files of nodes are empty", (*defects).empty},
	} {
		t.Run(defect.name, func(t *testing.T) { of := *d; of.T = t; defect.look(&of) })
	}
}

func newDefects(t *testing.T) *defects {
	t.Helper()
	d := &defects{T: t, dir: t.TempDir(), source: new(dockerRegistry).start(t), target: new(dockerRegistry).start(t)}
	run(t, "cp", "-r", filepath.Join(root, "examples/walkthrough-2020/resources"), d.dir)
	run(t, "mkdir", d.path("resources/kind"))
	writeFile(t, d.path("resources/kind/list.yaml"), "image: docker.io/kindest/node:v1.17.2\n")
	writeFile(t, d.path("node.ova"), "an OVA")
	d.set = synthetic.Named(lines(must(t, "images", "-f", d.path("resources"), "--kubernetes-version", "v1.17.4").stdout), 10_000)
	d.source.fill(t, "", d.set)
	d.must("pull", "-f", "resources", "--kubernetes-version", "v1.17.4", "--file", "node.ova", from(d.source.address), "-o", "site.tar")
	d.must("push", "site.tar", "--to", d.to(), "--layout", "group")
	d.must("rewrite", "-f", "resources", "--to", d.to(), "--layout", "group", "-o", "site")
	return d
}

func (d *defects) path(name string) string { return filepath.Join(d.dir, name) }
func (d *defects) to() string              { return d.target.address + "/airgap" }

func (d *defects) try(args ...string) outcome {
	d.Helper()
	cmd := plugin(d.T, args...)
	cmd.Dir = d.dir
	return finish(d.T, cmd)
}

func (d *defects) must(args ...string) outcome {
	d.Helper()
	o := d.try(args...)
	if o.status != 0 {
		d.Fatalf("kubectl-airgap %s: exit status %d\n%s%s", strings.Join(args, " "), o.status, tail(o.stdout), tail(o.stderr))
	}
	return o
}

func (d *defects) shell(script string) string {
	d.Helper()
	cmd := exec.CommandContext(d.Context(), "sh", "-ec", script)
	cmd.Dir = d.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.Errorf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

func (d *defects) digest(repository, version string) string {
	d.Helper()
	return digest(inspect(d.T, d.target, "airgap/"+repository+":"+version))
}

// docker save wrote both to clusterapi/kube-rbac-proxy.tar.
func (d *defects) overwritten() {
	a, b := d.digest("clusterapi/kube-rbac-proxy", "v0.4.0"), d.digest("clusterapi/kube-rbac-proxy", "v0.4.1")
	if a == b {
		d.Errorf("both versions are %s", a)
	}
}

// The pipeline of the document, and images, on the ways in which a manifest of its time says what an image is.
func (d *defects) grepped() {
	writeFile(d.T, d.path("ways.yaml"), `apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec:
  validation:
    openAPIV3Schema:
      properties:
        image: {description: "image: registry.example.org/no/image:v1", type: string}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      # image: registry.example.org/no/comment:v1
      initContainers: [{name: a, image: 'registry.example.org/in/list:v1'}]
      containers:
      - name: b
        image: registry.example.org/before/comment:v1 # this one
        args: ["--solver-image=registry.example.org/in/argument:v1"]
        env: [{name: RELATED_IMAGE_X, value: "registry.example.org/in/env:v1"}]
      - name: c
        image: >-
          registry.example.org/on/the-next-line:v1
`)
	var want []string
	for _, name := range []string{"before/comment", "in/argument", "in/env", "in/list", "on/the-next-line"} {
		want = append(want, "registry.example.org/"+name+":v1")
	}
	if got := lines(d.must("images", "-f", "ways.yaml").stdout); !slices.Equal(got, want) {
		d.Errorf("images lists %s", got)
	}
	grepped := lines(d.shell(`grep image: ways.yaml | awk '{print $NF}' | tr -d '"' | sort -u`))
	if slices.Equal(grepped, want) || !slices.Contains(grepped, "one") {
		d.Errorf("the document's pipeline finds %s: this test shows nothing", grepped)
	}
}

// The document pushed every image as latest, too.
func (d *defects) latest() {
	before := len(d.target.requests(d.T))
	o := d.try("push", "-q", "site.tar", "--to", d.to()+"-latest", "--layout", "group", "--also-tag", "latest")
	checkRefusal(d.T, `kube-rbac-proxy:v0\.4\.1.*kube-rbac-proxy:v0\.4\.0.*/clusterapi/kube-rbac-proxy:latest`, o)
	if n := d.target.requests(d.T)[before:].count(request.sends); n > 0 {
		d.Errorf("%d requests write", n)
	}
	if names := d.must("images", "-f", "site").stdout; strings.Contains(names, ":latest") {
		d.Errorf("a manifest names latest:\n%s", names)
	}
}

// v1.17.4 was carried, and v1.17.3 asked for.
func (d *defects) otherVersion() {
	for version, want := range map[string]int{"v1.17.4": 0, "v1.17.3": 4} {
		d.shell("sed 's/${KUBERNETES_VERSION}/" + version + "/; s/${[A-Z_]*}/1/g' resources/clusterapi/cluster-template.yaml >cluster.yaml")
		d.must("nodes", "-f", "cluster.yaml", "--to", d.to(), "--layout", "group", "--image-repository", "--plain-http", "--in-place")
		o := d.try("verify", "-f", "cluster.yaml", "--kubernetes-version", "v1.17.4", "--node-image-pause", d.to()+"/kubernetes/pause:3.1", "--to", d.to())
		if n := strings.Count(o.stdout, ":v1.17.3"); n != want || o.status != min(3, want) {
			d.Errorf("%s: exit status %d, %d images are missed, not %d\n%s%s", version, o.status, n, want, o.stdout, o.stderr)
		}
	}
}

// csi-node-driver in the example, csi-node-driver-registrar in the registry.
func (d *defects) otherName() {
	images := lines(d.must("images", "-f", "site").stdout)
	for _, image := range images {
		name, ok := strings.CutPrefix(image, d.target.address+"/")
		if !ok {
			d.Errorf("%s is named", image)
			continue
		}
		inspect(d.T, d.target, name) // an error if it is not there
	}
	if !slices.Contains(images, d.to()+"/csi/csi-node-driver-registrar:v1.1.0") {
		d.Errorf("named are %s", images)
	}
}

// kind-image.tar where it was saved, kind.tar where it was shown: here an image is found by its own name.
func (d *defects) twoNames() {
	const name = "docker.io/kindest/node:v1.17.2"
	if ls := lines(d.must("bundle", "ls", "site.tar", "-o", "text").stdout); !slices.Contains(ls, name) {
		d.Errorf("bundle ls: %s", ls)
	}
	d.must("load", "site.tar", "-o", "images.tar")
	if manifest := d.shell("tar xOf images.tar manifest.json"); !strings.Contains(manifest, `"`+name+`"`) {
		d.Errorf("docker load would not know %s:\n%s", name, tail(manifest))
	}
	d.digest("kind/node", "v1.17.2")
}

// tar czvf kube-cluster-api.tar.gz ./*
func (d *defects) inItself() {
	d.shell("mkdir own && cp -r resources own/")
	pull := []string{"pull", "-f", "own", from(d.source.address), "-o", "own/site.tar"}
	d.must(pull...)
	d.shell("cp own/site.tar first.tar")
	if o := d.must(pull...); !strings.Contains(o.stderr, "nothing has changed, nothing was fetched") {
		d.Errorf("again:\n%s", tail(o.stderr))
	}
	d.shell("cmp own/site.tar first.tar")
	if ls := d.must("bundle", "ls", "own/site.tar").stdout; strings.Contains(ls, "site.tar") {
		d.Errorf("in it is\n%s", ls)
	}
	if o := d.try("bundle", "import", "own", "-o", "own/again.tar"); o.status != 2 || exists(d.path("own/again.tar")) {
		d.Errorf("bundle import into its own folder: exit status %d\n%s", o.status, o.stderr)
	}
}

// Nothing said where kubeadm and containerd find what they pull by themselves.
func (d *defects) unset() {
	o := d.try("verify", "-f", "site", "--kubernetes-version", "v1.17.4", "--to", d.to(), "--layout", "group")
	for _, want := range []string{"kubeadm v1.17.4 asks for k8s.gcr.io/", "nothing says which sandbox (pause) image the nodes ask for"} {
		if o.status != 3 || !strings.Contains(o.stdout, want) {
			d.Errorf("verify: exit status %d, does not say %q\n%s%s", o.status, want, o.stdout, o.stderr)
		}
	}
	out := d.must("nodes", "-f", "site/clusterapi/cluster-template.yaml", "--to", d.to(), "--layout", "group", "--image-repository", "--plain-http").stdout
	if n := strings.Count(out, "imageRepository: "+d.to()+"/kubernetes\n"); n != 2 {
		d.Errorf("imageRepository is set %d times, not for all and for the DNS:\n%s", n, out)
	}
	d.digest("kubernetes/pause", "3.1")
}

// insecure_skip_verify = true: no format and no style has anything like it, all have the CA.
func (d *defects) unverified() {
	ca, _ := newAuthority(d.T)
	writeFile(d.T, d.path("ca.crt"), string(ca))
	flags := []string{"--to", "registry.example.com/airgap", "--ca-file", "ca.crt", "-o", "nodes"}
	args := [][]string{
		{"nodes", "-f", "resources/clusterapi/cluster-template.yaml"},
		{"nodes", "-f", "resources/clusterapi/cluster-template.yaml", "--style", "containerd-config"},
		{"nodes", "--format", "kind", "--style", "containerd-config"},
	}
	for _, format := range nodes.Formats() {
		args = append(args, []string{"nodes", "--format", format})
	}
	authority := strings.Fields(strings.Split(string(ca), "\n")[1])[0]
	for _, a := range args {
		d.shell("rm -rf nodes")
		if o := d.try(append(a, flags...)...); o.status != 0 {
			d.Errorf("%s: exit status %d\n%s", a, o.status, o.stderr)
			continue
		}
		all := ""
		for _, content := range readTree(d.T, d.path("nodes")) {
			all += string(content)
		}
		for _, bad := range []string{"skip_verify", "skipverify", "insecure = true", "insecureskipverify"} {
			if strings.Contains(strings.ToLower(all), bad) {
				d.Errorf("%s: %q in\n%s", a, bad, all)
			}
		}
		if !strings.Contains(all, authority) && !strings.Contains(all, "LS0tLS1CRUdJTi") {
			d.Errorf("%s: the CA is not in\n%s", a, all)
		}
	}
}

// The checksums of OVAs were listed, and never looked at.
func (d *defects) unchecked() {
	d.shell("mkdir whole && tar xf site.tar -C whole && cd whole && sha256sum --quiet -c SHA256SUMS")
	if sums, err := os.ReadFile(d.path("whole/SHA256SUMS")); err != nil || !strings.Contains(string(sums), "  ovas/node.ova\n") {
		d.Errorf("%v\n%s", err, tail(string(sums)))
	}
	writeFile(d.T, d.path("other.ova.sha256"), fmt.Sprintf("%064d  other.ova\n", 1))
	d.shell("cp node.ova other.ova")
	o := d.try("pull", "-q", "--file", "other.ova,sha256=other.ova.sha256", "-o", "other.tar")
	if checkRefusal(d.T, `other\.ova`, o); exists(d.path("other.tar")) {
		d.Error("there is an archive")
	}
}

// docker save kept one platform, under another digest.
func (d *defects) lost() {
	for _, image := range d.set {
		if !strings.HasPrefix(image.Name, "quay.io/jetstack/") {
			continue
		}
		place := "airgap/cert-manager" + image.Repository()[strings.LastIndexByte(image.Repository(), '/'):]
		for _, m := range image.Manifests { // both platforms and the index, each by its digest
			if got := digest(inspect(d.T, d.target, place+"@"+m.Digest)); got != m.Digest {
				d.Errorf("%s@%s is %s", place, m.Digest, got)
			}
		}
		if len(image.Manifests) != 3 {
			d.Errorf("%s has %d manifests: this test shows nothing", image.Name, len(image.Manifests))
		}
	}
}

// The block of V35 is empty. Here both objects get files, of either style, and a restart where that is needed.
func (d *defects) empty() {
	for style, want := range map[string][]string{
		"hosts":             {"path: /etc/containerd/certs.d/registry.example.com/hosts.toml", "/etc/containerd/airgap-config-path.sh | grep -q . && systemctl restart containerd"},
		"containerd-config": {"path: /etc/containerd/config.toml", "systemctl restart containerd"},
	} {
		out := d.must("nodes", "-f", "resources/clusterapi/cluster-template.yaml", "--style", style, "--to", "registry.example.com/airgap").stdout
		for _, w := range want {
			if n := strings.Count(out, w); n != 2 {
				d.Errorf("style %s: %q is there %d times, not in both objects", style, w, n)
			}
		}
	}
}
