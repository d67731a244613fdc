//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// What load writes, containerd imports under the full names, and skopeo reads as Docker's archive and as OCI's.
func TestCarryLoad(t *testing.T) {
	needTool(t, "skopeo")
	needTool(t, "ctr")
	set := synthetic.Cluster(12, 100_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	dir := t.TempDir()
	site := filepath.Join(dir, "site.tar")
	must(t, "pull", "-f", imageList(t, set), "-o", site, from(source.address))
	var names []string
	for _, image := range set {
		names = append(names, image.Name)
	}
	slices.Sort(names)
	for name, choice := range map[string][]string{
		"all platforms": nil, "one platform": {"--platform", "linux/amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			images := filepath.Join(t.TempDir(), "images.tar")
			must(t, append([]string{"load", site, "-o", images}, choice...)...)
			node := startContainerd(t)
			for _, flags := range [][]string{{"images", "import", images}, {"images", "import", "--all-platforms", "--no-unpack", images}} {
				if name == "one platform" && slices.Contains(flags, "--all-platforms") {
					continue
				}
				node.ctr(t, flags...)
			}
			if got := lines(node.ctr(t, "images", "ls", "-q")); !slices.Equal(got, names) {
				t.Errorf("containerd has %q", got)
			}
			if name == "all platforms" {
				for _, image := range set {
					if got := node.ctr(t, "images", "ls", "name=="+image.Name); !strings.Contains(got, image.Root().Digest) {
						t.Errorf("%s has another digest:\n%s", image.Name, got)
					}
				}
			}
			checkArchives(t, images, set, name == "all platforms")
		})
	}
	// The archive itself is an OCI layout in a tar, too.
	t.Run("the archive itself", func(t *testing.T) {
		node := startContainerd(t)
		node.ctr(t, "images", "import", "--all-platforms", "--no-unpack", site)
		if got := lines(node.ctr(t, "images", "ls", "-q")); !slices.Equal(got, names) {
			t.Errorf("containerd has %q", got)
		}
		checkArchives(t, site, set, true)
	})
}

// checkArchives lets skopeo copy an image of every kind out of an archive: it checks every digest on the way. In an OCI
// archive, skopeo 1.9 passes by what has Docker's media types.
func checkArchives(t *testing.T, images string, set synthetic.Set, same bool) {
	t.Helper()
	copied := func(from string) {
		run(t, "skopeo", "copy", "-q", "--override-os=linux", "--override-arch=amd64", from, "dir:"+t.TempDir())
	}
	for _, image := range set[:6] {
		copied("docker-archive:" + images + ":" + image.Name)
		if strings.Contains(image.Root().MediaType, "docker") {
			continue
		}
		name := "oci-archive:" + images + ":" + image.Name
		copied(name)
		if raw := run(t, "skopeo", "inspect", "--raw", name); same && digest([]byte(raw)) != image.Root().Digest {
			t.Errorf("oci-archive: %s is %s", image.Name, digest([]byte(raw)))
		}
	}
	listed := run(t, "skopeo", "list-tags", "docker-archive:"+images)
	for _, image := range set {
		if !strings.Contains(listed, image.Name) && !strings.Contains(listed, familiar(image.Name)) {
			t.Errorf("docker-archive: %s is not listed:\n%s", image.Name, listed)
		}
	}
}

// familiar is a name as docker shows it.
func familiar(name string) string {
	name = strings.TrimPrefix(name, "docker.io/")
	return strings.TrimPrefix(name, "library/")
}

// A containerdNode is a containerd that has nothing of the machine's own.
type containerdNode struct{ socket string }

func startContainerd(t *testing.T) containerdNode {
	t.Helper()
	needTool(t, "containerd")
	if os.Geteuid() != 0 {
		needTool(t, "root, whom containerd needs,")
	}
	dir, err := os.MkdirTemp("", "e2e-ctd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := writeFile(t, filepath.Join(dir, "config.toml"), "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"+
		"[plugins.\"io.containerd.internal.v1.opt\"]\n  path = \""+dir+"/opt\"\n")
	node := containerdNode{filepath.Join(dir, "c.sock")}
	daemon := exec.Command("containerd", "--config", config, "--root", dir+"/root", "--state", dir+"/state", "--address", node.socket)
	log := createFile(t, filepath.Join(dir, "log"))
	daemon.Stdout, daemon.Stderr, daemon.SysProcAttr = log, log, dieWithParent()
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	for range 200 {
		if exec.Command("ctr", "-a", node.socket, "version").Run() == nil {
			return node
		}
		time.Sleep(50 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	t.Fatalf("containerd does not start:\n%s", tail(string(said)))
	return node
}

func (n containerdNode) ctr(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "ctr", append([]string{"-a", n.socket, "-n", "k8s.io"}, args...)...)
}
