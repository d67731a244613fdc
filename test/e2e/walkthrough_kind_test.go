//go:build e2e && linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// V27, V29: kind v0.7.0, the one of the document, takes the configuration, mounts the CA and patches its node's containerd,
// which then pulls from the private registry by what it knew in 2020. Only docker is a stand-in. TestKindPulls does the same
// for kind of today.
func TestWalkthrough2020Kind(t *testing.T) {
	tools, upstream := nodeTools(t), trap(t)
	debian, err := exec.LookPath("containerd") // 1.6, which reads what 1.3 did
	if err != nil {
		t.Fatal(err)
	}
	kind := install(t, "sigs.k8s.io/kind@v0.7.0")
	r := nodeRegistry{tls: true, password: "s3cret"}
	r.start(t)
	n := node{tools: tools, path: filepath.Dir(debian), root: t.TempDir()}
	n.createCluster2020(t, kind, &r)
	if out := n.pull(t, &r, nodeImages...); strings.Count(out, "ok ") != len(nodeImages) {
		t.Errorf("not all images were pulled:\n%s%s", out, n.logs())
	}
	if n := upstream.Load(); n > 0 {
		t.Errorf("%d connections to upstream registries", n)
	}
}

// createCluster2020 is createCluster with the style of 2020: the CA is mounted, and no certs.d.
func (n node) createCluster2020(t *testing.T, kind string, r *nodeRegistry) {
	t.Helper()
	dir, etc := t.TempDir(), filepath.Join(n.root, "etc/containerd")
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "ca.crt"), r.ca, 0o644),
		os.WriteFile(filepath.Join(dir, "password"), []byte(r.password), 0o600),
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
	run(t, "kubectl-airgap", "nodes", "--format", "kind", "--style", "containerd-config", "--to", r.address()+"/airgap",
		"--ca-file", filepath.Join(dir, "ca.crt"), "--username", "ann", "--password-file", filepath.Join(dir, "password"), "-o", site)
	cmd := exec.CommandContext(t.Context(), kind, "create", "cluster", "--name", "kind", "--image", r.address()+"/airgap/kind/node:v1.17.2", "--config", "kind.yaml", "--retain")
	cmd.Dir = site
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KIND_LOG="+filepath.Join(dir, "log"), "KIND_CONFIG="+filepath.Join(dir, "config.toml"), "KUBECONFIG="+filepath.Join(dir, "kubeconfig"))
	out, err := cmd.CombinedOutput()
	config, readErr := os.ReadFile(filepath.Join(dir, "config.toml.new"))
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	if err == nil || readErr != nil || !strings.Contains(string(config), "SystemdCgroup = true") {
		t.Fatalf("kind did not come as far as kubeadm: %v, %v\n%s\n%s\n%s", err, readErr, out, log, config)
	}
	for _, want := range []string{site + "/airgap-ca.crt:/etc/containerd/airgap-ca.crt:ro", r.address() + "/airgap/kind/node:v1.17.2"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("docker was not told of %s:\n%s", want, log)
		}
	}
	for name, content := range map[string][]byte{"config.toml": config, "airgap-ca.crt": r.ca} {
		if err := os.WriteFile(filepath.Join(etc, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
