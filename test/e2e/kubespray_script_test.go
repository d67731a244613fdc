//go:build e2e && linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// scriptImages are some that show how Kubespray's script names things.
var scriptImages = []string{
	"docker.io/library/nginx:1.28", "docker.io/library/registry:latest", "quay.io/coreos/etcd:v3.6.10", "registry.k8s.io/coredns/coredns:v1.12.4", "mcr.microsoft.com/x/y:1",
}

// An archive of Kubespray's script, made by skopeo and tar in place of docker, becomes one of ours; one that we write is
// registered as the script does it (K6, K7).
func TestKubesprayScript(t *testing.T) {
	for _, tool := range []string{"skopeo", "tar", "docker-registry"} {
		needTool(t, tool)
	}
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	up, site := new(dockerRegistry).start(t), new(dockerRegistry).start(t)
	set := synthetic.Named(scriptImages, 20_000)
	up.fill(t, "", set)
	t.Run("import", func(t *testing.T) { importScript(t, dir, up, site) })
	t.Run("export", func(t *testing.T) { exportScript(t, dir, up, site) })
}

// importScript does what the script does with create, and reads that.
func importScript(t *testing.T, dir string, up, site *dockerRegistry) {
	images := filepath.Join(dir, "container-images")
	run(t, "mkdir", images)
	index := ""
	for _, name := range scriptImages {
		file := strings.NewReplacer("/", "-", ":", "-").Replace(name) + ".tar"
		_, short, _ := strings.Cut(name, "/")
		if strings.HasPrefix(name, "mcr.") {
			short = name
		}
		if strings.HasSuffix(name, "registry:latest") {
			file = "registry-latest.tar"
		} else {
			index += file + "  " + short + "\n"
		}
		run(t, "skopeo", "copy", "-q", "--src-tls-verify=false", "--override-arch", "amd64", "--override-os", "linux",
			"docker://"+up.address+"/"+name, "docker-archive:"+filepath.Join(images, file)+":"+strings.TrimPrefix(name, "docker.io/library/"))
	}
	writeFile(t, filepath.Join(images, "container-images.txt"), index)
	packed, archive := filepath.Join(dir, "container-images.tar.gz"), filepath.Join(dir, "imported.tar")
	run(t, "tar", "-C", dir, "-zcf", packed, "./container-images")
	must(t, "bundle", "import", packed, "-o", archive)
	must(t, "bundle", "check", archive)
	listed := must(t, "bundle", "ls", archive).stdout
	for _, name := range scriptImages {
		if !strings.Contains(listed, name+" ") {
			t.Errorf("%s is not there:\n%s", name, listed)
		}
	}
	must(t, "push", archive, "--to", site.address+"/imported", "--layout", "path")
	for _, name := range scriptImages {
		_, path, _ := strings.Cut(name, "/")
		want := run(t, "skopeo", "inspect", "--tls-verify=false", "--config", "--raw", "--override-arch", "amd64", "docker://"+up.address+"/"+name)
		if got := run(t, "skopeo", "inspect", "--tls-verify=false", "--config", "--raw", "docker://"+site.address+"/imported/"+path); got != want {
			t.Errorf("%s is another image", path)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".airgap-import-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// exportScript writes the archive, and does what the script does with register.
func exportScript(t *testing.T, dir string, up, site *dockerRegistry) {
	archive, packed := filepath.Join(dir, "site.tar"), filepath.Join(dir, "export.tar.gz")
	args := []string{"pull", "-q", "-o", archive, from("http://" + up.address)}
	for _, name := range scriptImages {
		args = append(args, "--image", name)
	}
	must(t, args...)
	must(t, "load", archive, "--format", "kubespray", "--platform", "linux/amd64", "-o", packed)
	out := filepath.Join(dir, "export")
	run(t, "mkdir", out)
	run(t, "tar", "-C", out, "-zxf", packed)
	images := filepath.Join(out, "container-images")
	text, err := os.ReadFile(filepath.Join(images, "container-images.txt"))
	if err != nil {
		t.Fatal(err)
	}
	index := lines(string(text))
	for _, want := range []string{"docker.io-library-nginx-1.28.tar  library/nginx:1.28", "quay.io-coreos-etcd-v3.6.10.tar  coreos/etcd:v3.6.10", "mcr.microsoft.com-x-y-1.tar  mcr.microsoft.com/x/y:1"} {
		if !slices.Contains(index, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if !exists(filepath.Join(images, "registry-latest.tar")) || len(index) != len(scriptImages) {
		t.Errorf("the index is\n%s", text)
	}
	for _, line := range index {
		file, name, _ := strings.Cut(line, "  ")
		run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", "docker-archive:"+filepath.Join(images, file), "docker://"+site.address+"/registered/"+name)
	}
	for _, name := range []string{"library/nginx:1.28", "coreos/etcd:v3.6.10", "coredns/coredns:v1.12.4", "mcr.microsoft.com/x/y:1"} {
		run(t, "skopeo", "inspect", "--tls-verify=false", "docker://"+site.address+"/registered/"+name)
	}
}
