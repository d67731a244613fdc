//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Real kind takes the configuration, mounts certs.d and patches its node's containerd, which
// then pulls from the private registry. Only docker is a stand-in.
func TestKindPulls(t *testing.T) {
	tools, upstream := nodeTools(t), trap(t)
	folders := containerds(t)
	for _, version := range []string{"v0.21.0", "v0.33.0"} { // before and after patches knew of versions
		t.Run(version, func(t *testing.T) {
			kind := install(t, "sigs.k8s.io/kind@"+version)
			for major, path := range folders {
				r := nodeRegistry{tls: true}
				r.start(t)
				n := node{tools: tools, path: path, root: t.TempDir()}
				n.createCluster(t, kind, &r)
				if out := n.pull(t, &r, nodeImages...); strings.Count(out, "ok ") != len(nodeImages) {
					t.Errorf("containerd %d: not all images were pulled:\n%s%s", major+1, out, n.logs())
				}
			}
		})
	}
	if n := upstream.Load(); n > 0 {
		t.Errorf("%d connections to upstream registries", n)
	}
}

// createCluster makes n the node of a kind cluster, as far as that goes without docker.
func (n node) createCluster(t *testing.T, kind string, r *nodeRegistry) {
	t.Helper()
	dir, etc := t.TempDir(), filepath.Join(n.root, "etc/containerd")
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "ca.crt"), r.ca, 0o644),
		os.WriteFile(filepath.Join(dir, "config.toml"), []byte(imageBuilder), 0o644),
		os.WriteFile(filepath.Join(n.root, "boot.sh"), nil, 0o755),
		os.Symlink(filepath.Join(root, "test/e2e/docker.sh"), filepath.Join(dir, "docker")),
		os.MkdirAll(etc, 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	site := filepath.Join(dir, "site")
	run(t, "kubectl-airgap", "nodes", "--format", "kind", "--to", r.address()+"/airgap", "--ca-file", filepath.Join(dir, "ca.crt"), "-o", site)
	cmd := exec.CommandContext(t.Context(), kind, "create", "cluster", "--config", "kind.yaml", "--retain")
	cmd.Dir = site
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KIND_LOG="+filepath.Join(dir, "log"), "KIND_CONFIG="+filepath.Join(dir, "config.toml"), "KUBECONFIG="+filepath.Join(dir, "kubeconfig"))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "kubeadm init") {
		t.Fatalf("kind did not come as far as kubeadm: %v\n%s", err, out)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if mount := site + "/certs.d:/etc/containerd/certs.d:ro"; err != nil || !strings.Contains(string(log), mount) {
		t.Fatalf("%s is not mounted: %v\n%s", mount, err, log)
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.toml.new"))
	if err != nil || !strings.Contains(string(config), "SystemdCgroup = true") {
		t.Fatalf("the node's configuration: %v\n%s", err, config)
	}
	if err := os.WriteFile(filepath.Join(etc, "config.toml"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(etc, "certs.d"), os.DirFS(filepath.Join(site, "certs.d"))); err != nil {
		t.Fatal(err)
	}
}

// install builds a program of a module at a version, and gives its path.
func install(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "install", program)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s", program, err, out))
	}
	files, _ := filepath.Glob(dir + "/*")
	if len(files) != 1 {
		t.Fatalf("%s: %v", program, files)
	}
	return files[0]
}
