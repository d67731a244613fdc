//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The libraries that RKE2, K3s and CRI-O pull with find every image in the private registry,
// by nothing but what nodes wrote, and ask nobody else.
func TestOtherSystemsPull(t *testing.T) {
	needTool(t, "unshare")
	if os.Geteuid() != 0 {
		needTool(t, "root, whose mounts these tests need,") // a tool that nobody has
	}
	pulls := buildModule(t, "pulls", "-tags", "containers_image_openpgp")
	upstream := trap(t)
	tests := []struct {
		name, format string
		registry     nodeRegistry
		flags        []string
	}{
		{name: "RKE2 with a private CA", format: "rke2", registry: nodeRegistry{tls: true}},
		{name: "K3s with a password", format: "k3s", registry: nodeRegistry{tls: true, password: "s3c'r\"et"}},
		{name: "K3s with a password that looks like a variable", format: "k3s", registry: nodeRegistry{tls: true, password: "${x}{{y}}"}},
		{name: "RKE2 with plain HTTP", format: "rke2", flags: []string{"--plain-http"}},
		{name: "K3s with layout path", format: "k3s", registry: nodeRegistry{tls: true, path: true}, flags: []string{"--layout", "path"}},
		{name: "CRI-O with a private CA", format: "cri-o", registry: nodeRegistry{tls: true}},
		{name: "CRI-O with a password", format: "cri-o", registry: nodeRegistry{tls: true, password: "s3c'r\"et"}},
		{name: "CRI-O with plain HTTP", format: "cri-o", flags: []string{"--plain-http"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := test.registry
			r.start(t)
			root := writeFormat(t, test.format, &r, test.flags)
			args := []string{pulls, test.format, root}
			if test.format != "cri-o" {
				args = []string{pulls, "rke2", atRoot(t, root, "etc/rancher/"+test.format+"/registries.yaml")}
			}
			out, err := onNode(t, append(args, nodeImages...)...)
			if err != nil || strings.Count(out, "\n") != len(nodeImages) {
				t.Errorf("not all images were pulled: %v\n%s", err, out)
			}
		})
	}
	if n := upstream.Load(); n > 0 {
		t.Errorf("%d connections to upstream registries", n)
	}
}

// Talos reads both patches alike, as what was meant.
func TestTalosReadsPatches(t *testing.T) {
	pulls := buildModule(t, "pulls", "-tags", "containers_image_openpgp")
	r := nodeRegistry{tls: true, password: "s3cret"}
	r.start(t)
	root := writeFormat(t, "talos", &r, []string{"--upstream", "registry.example.com:8443"})
	documents := run(t, pulls, "talos", filepath.Join(root, "registries.yaml"))
	if patch := run(t, pulls, "talos", filepath.Join(root, "registries-before-1.12.yaml")); patch != documents {
		t.Errorf("the patch is\n%s\nthe documents are\n%s", patch, documents)
	}
	for _, line := range []string{
		"mirror registry.example.com:8443 https://" + r.address() + "/v2/airgap/registry.example.com_8443 true true",
		"mirror registry.k8s.io https://" + r.address() + "/v2/airgap/registry.k8s.io true true",
		"mirror " + r.address() + " https://" + r.address() + " false true",
		"auth " + r.address() + ` "ann" "s3cret" ""`,
	} {
		if !strings.Contains(documents, line+"\n") {
			t.Errorf("%q is missing in\n%s", line, documents)
		}
	}
	if n := strings.Count(documents, "ca "+r.address()+` "-----BEGIN CERTIFICATE-----`); n != 1 {
		t.Errorf("the CA is there %d times in\n%s", n, documents)
	}
}

// What kubeadm pulls is what we say, in its order.
func TestKubeadmAgrees(t *testing.T) {
	kubeadm := buildModule(t, "kubeadm", "-ldflags",
		"-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36")
	place := regexp.MustCompile(`(?m)^(\S+)\n    kubernetes \S+:(\d):1: `)
	for _, version := range []string{"v1.36.0", "v1.36.3"} {
		want := strings.Fields(run(t, kubeadm, "config", "images", "list", "--kubernetes-version", version))
		got := make([]string, len(want))
		text := run(t, "kubectl-airgap", "images", "--kubernetes-version", version, "--explain")
		for _, m := range place.FindAllStringSubmatch(text, -1) {
			if i := int(m[2][0] - '1'); i < len(got) {
				got[i] = m[1]
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || len(want) != 7 {
			t.Errorf("%s: we say\n%s\nkubeadm says\n%s", version, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// buildModule builds the program of a module below tools, and gives its path.
func buildModule(t *testing.T, name string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	args := append([]string{"build", "-C", filepath.Join(root, "test/e2e/tools", name), "-o", program}, flags...)
	if out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// writeFormat writes a format for the registry into a folder.
func writeFormat(t *testing.T, format string, r *nodeRegistry, flags []string) string {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"nodes", "--format", format, "--to", r.address() + "/airgap", "-o", filepath.Join(dir, "node")}, flags...)
	for flag, text := range map[string]string{"--ca-file": string(r.ca), "--password-file": r.password} {
		if text == "" {
			continue
		}
		file := filepath.Join(dir, flag)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if args = append(args, flag, file); flag == "--password-file" {
			args = append(args, "--username", "ann")
		}
	}
	run(t, "kubectl-airgap", args...)
	return filepath.Join(dir, "node")
}

// atRoot is the file of a node whose root is a folder here.
func atRoot(t *testing.T, root, name string) string {
	t.Helper()
	file := filepath.Join(root, name)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.ReplaceAll(string(text), "ca_file: /", "ca_file: "+root+"/")
	if err := os.WriteFile(file, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// onNode runs a program where the private registry and its upstreams have the names that
// nodes know.
func onNode(t *testing.T, args ...string) (string, error) {
	t.Helper()
	hosts := filepath.Join(t.TempDir(), "hosts")
	text := "127.0.0.1 localhost " + nodeRegistryHost + "\n" +
		trapAddress + " registry-1.docker.io index.docker.io docker.io registry.k8s.io quay.io ghcr.io\n"
	if err := os.WriteFile(hosts, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	inner := append([]string{"-m", "--propagation", "private", "--", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts}, args...)
	cmd := exec.CommandContext(t.Context(), "unshare", inner...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Log(said.String())
	}
	return string(out), err
}
