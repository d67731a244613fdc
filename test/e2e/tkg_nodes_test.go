//go:build e2e

package e2e

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// tkgObjects are objects as TKG's own templates and overlays leave them: the CA is in containerd's config.toml by lines
// that newer containerd does not read.
const tkgObjects = `apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata: {name: a}
spec:
  kubeadmConfigSpec:
    preKubeadmCommands:
    - hostname x
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: KubeadmConfigTemplate
metadata: {name: b}
spec:
  template:
    spec:
      files:
      - path: /etc/other
        content: other
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
`

// A tkgNode is what kubeadm's objects say of a node.
type tkgNode struct {
	Files []struct {
		Path, Owner, Permissions, Content string
	} `yaml:"files"`
	Commands []string `yaml:"preKubeadmCommands"`
}

// overlaid applies what nodes wrote to objects with the real ytt.
func overlaid(t *testing.T, dir string) []tkgNode {
	t.Helper()
	objects := writeFile(t, filepath.Join(t.TempDir(), "objects.yaml"), tkgObjects)
	out, err := exec.CommandContext(t.Context(), needCarvel(t, "ytt", "v0.52.1"), "-f", objects, "-f", filepath.Join(dir, "ytt")).CombinedOutput()
	if err != nil {
		t.Fatalf("ytt: %v\n%s", err, out)
	}
	var nodes []tkgNode
	d := yaml.NewDecoder(strings.NewReader(string(out)))
	for range 3 {
		var doc struct {
			Kind string
			Spec struct {
				KubeadmConfigSpec tkgNode `yaml:"kubeadmConfigSpec"`
				Template          struct{ Spec tkgNode }
			}
		}
		if err := d.Decode(&doc); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		switch doc.Kind {
		case "KubeadmControlPlane":
			nodes = append(nodes, doc.Spec.KubeadmConfigSpec)
		case "KubeadmConfigTemplate":
			nodes = append(nodes, doc.Spec.Template.Spec)
		}
	}
	return nodes
}

// T13: the real ytt gives both kinds of nodes the CA and the registry, in both forms, and keeps what they had.
func TestTKGOverlay(t *testing.T) {
	ca, _ := newAuthority(t)
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "ca.crt"), string(ca))
	for style, want := range map[string]map[string]string{
		"hosts":             {"/etc/containerd/certs.d/airgap-ca.crt": string(ca), "/etc/containerd/certs.d/harbor.example:8443/hosts.toml": "", "/etc/containerd/airgap-config-path.sh": ""},
		"containerd-config": {"/etc/containerd/harbor.example:8443.crt": string(ca)},
	} {
		out := filepath.Join(dir, style)
		must(t, "nodes", "--format", "tkg", "--style", style, "--to", "harbor.example:8443/tkg", "--ca-file", file, "-o", out)
		nodes := overlaid(t, out)
		if len(nodes) != 2 || nodes[0].Commands[0] != "hostname x" || len(nodes[0].Commands) != 2 || len(nodes[1].Commands) != 1 || nodes[1].Files[0].Path != "/etc/other" {
			t.Fatalf("%s: %+v", style, nodes)
		}
		for i, n := range nodes {
			found := 0
			for _, f := range n.Files {
				content, ours := want[f.Path]
				if ours {
					found++
				}
				if ours && (f.Owner != "root:root" || content != "" && f.Content != content) {
					t.Errorf("%s: node %d has %s as %+v", style, i, f.Path, f)
				}
			}
			if found != len(want) {
				t.Errorf("%s: node %d has %d files of ours", style, i, found)
			}
		}
		if style == "containerd-config" {
			appended(t, nodes[0].Commands[1])
		}
	}
}

// appended runs the command on a config.toml twice: the table is there once.
func appended(t *testing.T, command string) {
	t.Helper()
	dir := t.TempDir()
	config := writeFile(t, filepath.Join(dir, "config.toml"), "version = 2\n")
	writeFile(t, filepath.Join(dir, "systemctl"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, "systemctl"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", strings.ReplaceAll(command, "/etc/containerd/config.toml", config))
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	const want = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"harbor.example:8443\".tls]\n  ca_file = \"/etc/containerd/harbor.example:8443.crt\"\n"
	if got := readFile(t, config); got != want {
		t.Errorf("config.toml is\n%s", got)
	}
}

// T3, T9, T10: a shell runs what is written for the tanzu command line, and what that is told decodes to the CA.
func TestTKGConfig(t *testing.T) {
	ca, _ := newAuthority(t)
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "ca.crt"), string(ca))
	out := filepath.Join(dir, "out")
	must(t, "nodes", "--format", "tkg", "--to", "harbor.example:8443/tkg", "--ca-file", file, "-o", out)
	told := filepath.Join(dir, "told")
	writeFile(t, filepath.Join(dir, "tanzu"), "#!/bin/sh\n[ \"$1 $2\" = 'config set' ] && [ $# = 4 ] && echo \"$3 $4\" >> "+told+"\n")
	if err := os.Chmod(filepath.Join(dir, "tanzu"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(out, "tanzu-config.sh"))
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	const prefix = "TKG_CUSTOM_IMAGE_REPOSITORY"
	got := lines(readFile(t, told))
	if len(got) != 3 || got[0] != "env."+prefix+" harbor.example:8443/tkg" || got[1] != "env."+prefix+"_SKIP_TLS_VERIFY false" {
		t.Fatalf("tanzu is told %q", got)
	}
	var config map[string]any
	if err := yaml.Unmarshal([]byte(readFile(t, filepath.Join(out, "cluster-config.yaml"))), &config); err != nil {
		t.Fatal(err)
	}
	for _, coded := range []string{strings.TrimPrefix(got[2], "env."+prefix+"_CA_CERTIFICATE "), config[prefix+"_CA_CERTIFICATE"].(string)} {
		if plain, err := base64.StdEncoding.DecodeString(coded); err != nil || string(plain) != string(ca) {
			t.Errorf("%.60s… is not the CA: %v", coded, err)
		}
	}
	if config[prefix] != "harbor.example:8443/tkg" || config[prefix+"_SKIP_TLS_VERIFY"] != false || len(config) != 3 {
		t.Errorf("the cluster is told %v", config)
	}
	key := writeFile(t, filepath.Join(dir, "both.pem"), string(ca)+"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	if o := try(t, "nodes", "--format", "tkg", "--to", "harbor.example/tkg", "--ca-file", key); o.status != 2 || !strings.Contains(o.stderr, "PRIVATE KEY") {
		t.Errorf("a private key: exit status %d\n%s", o.status, o.stderr)
	}
}
