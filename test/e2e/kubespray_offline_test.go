//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// renderOffline gives the variables of Kubespray with an offline.yml over them, and the folder of what its roles write.
func renderOffline(t *testing.T, offline string) (map[string]any, string) {
	t.Helper()
	needTool(t, "python3")
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import jinja2, yaml").Run(); err != nil {
		needTool(t, "python3-jinja2 and python3-yaml") // tools that nobody has by that name
	}
	dir := t.TempDir()
	fixture := filepath.Join(root, "test/e2e/testdata/kubespray")
	out := run(t, "python3", filepath.Join(fixture, "render.py"), filepath.Join(fixture, "defaults.yml"), offline, dir)
	variables := map[string]any{}
	if err := json.Unmarshal([]byte(out), &variables); err != nil {
		t.Fatal(err)
	}
	return variables, dir
}

// offline.yml over Kubespray's defaults leaves nothing that is outside (K2), and its mirrors are hosts.toml that lead
// nowhere else, for every line of containerd (K8).
func TestKubesprayOffline(t *testing.T) {
	const to, files = "registry.airgap.test:5000/below/it", "https://files.airgap.test/kubespray"
	ca, _ := newAuthority(t)
	dir := t.TempDir()
	for name, flags := range map[string][]string{
		"plain HTTP": {"--plain-http"},
		"by path":    {"--layout", "path"},
		"CA and password": {
			"--ca-file", writeFile(t, filepath.Join(dir, "ca.crt"), string(ca)), "--username", carryUser, "--password-file", writeFile(t, filepath.Join(dir, "pw"), `s3c:r$et"'\`),
		},
		"elsewhere": {"--map", "quay.io=other.airgap.test/quay", "--username", carryUser, "--password-file", writeFile(t, filepath.Join(dir, "pw2"), carryPassword)},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			run(t, "kubectl-airgap", append([]string{"nodes", "-q", "--format", "kubespray", "--to", to, "--files-url", files, "-o", out}, flags...)...)
			variables, rendered := renderOffline(t, filepath.Join(out, "offline.yml"))
			urls, repositories := 0, 0
			for name, value := range variables {
				text := fmt.Sprint(value)
				switch {
				case strings.Contains(text, "{{"):
					t.Errorf("%s is %s", name, text)
				case strings.HasSuffix(name, "_url"):
					urls++
					if !strings.HasPrefix(text, files+"/") {
						t.Errorf("%s is %s", name, text)
					}
				case strings.HasSuffix(name, "_image_repo"):
					repositories++
					if !strings.HasPrefix(text, to) && !strings.HasPrefix(text, "other.airgap.test/") {
						t.Errorf("%s is %s", name, text)
					}
				}
			}
			if urls < 11 || repositories < 20 {
				t.Errorf("only %d URLs and %d repositories", urls, repositories)
			}
			if ca := filepath.Join(out, "airgap-ca.crt"); exists(ca) { // which the user brings there
				run(t, "cp", ca, filepath.Join(rendered, "certs.d"))
			}
			checkMirrors(t, variables, filepath.Join(rendered, "certs.d"))
		})
	}
}

// checkMirrors: whoever pulls an image of Kubespray's asks the private registry for what push has put there, and nobody else.
func checkMirrors(t *testing.T, variables map[string]any, certs string) {
	t.Helper()
	for _, version := range []string{"1.6", "1.7", "2.0", "2.1", "2.2", "2.4"} {
		config, err := containerd.Load(os.DirFS(certs), containerd.Options{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]string{
			{"quay.io/coreos/etcd:v3.6.10", "etcd_image_repo"},
			{"registry.k8s.io/coredns/coredns:v3.6.10", "coredns_image_repo"},
			{"docker.io/library/nginx:v3.6.10", "nginx_image_repo"},
			{fmt.Sprint(variables["multus_image_repo"]) + ":v3.6.10", "multus_image_repo"},
		} {
			name, variable := pair[0], pair[1]
			ref, err := image.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			want, err := image.Parse(fmt.Sprint(variables[variable]) + ":v3.6.10")
			if err != nil {
				t.Fatal(err)
			}
			reach := config.Reach(ref, want.Registry)
			if !reach.Found || reach.At != want {
				t.Errorf("containerd %s: %s is asked for as %s, and is %s there", version, name, reach.At, want)
			}
			for _, a := range reach.Outside {
				if a.Upstream || !strings.HasSuffix(a.Host, "airgap.test") && !strings.HasSuffix(a.Host, "airgap.test:5000") {
					t.Errorf("containerd %s: %s is asked of %s", version, name, a.URL)
				}
			}
		}
	}
}

// Real containerds pull with what Kubespray makes of offline.yml: a private CA, a password, names of upstreams and of the
// registry (K8).
func TestKubesprayPull(t *testing.T) {
	tools, upstream := nodeTools(t), trap(t)
	for major, path := range containerds(t) {
		for name, r := range map[string]nodeRegistry{
			"private CA and password": {tls: true, password: `s3c:r$et"'`},
			"plain HTTP":              {},
			"by path":                 {tls: true, path: true},
		} {
			t.Run(fmt.Sprintf("containerd %d/%s", major+1, name), func(t *testing.T) {
				r.start(t)
				flags := []string{"-q"}
				if !r.tls {
					flags = append(flags, "--plain-http")
				}
				if r.path {
					flags = append(flags, "--layout", "path")
				}
				out := writeFormat(t, "kubespray", &r, flags)
				variables, rendered := renderOffline(t, filepath.Join(out, "offline.yml"))
				n := node{tools: tools, path: path, root: t.TempDir()}
				etc := filepath.Join(n.root, "etc/containerd")
				if err := os.MkdirAll(etc, 0o755); err != nil {
					t.Fatal(err)
				}
				run(t, "cp", "-r", filepath.Join(rendered, "certs.d"), etc)
				if r.tls { // which Kubespray's user brings there
					run(t, "cp", filepath.Join(out, "airgap-ca.crt"), filepath.Join(etc, "certs.d"))
				}
				writeFile(t, filepath.Join(etc, "config.toml"), certsD)
				writeFile(t, filepath.Join(n.root, "boot.sh"), "")
				images := append([]string{fmt.Sprint(variables["pod_infra_image_repo"]) + ":3.9"}, nodeImages...)
				if got := n.pull(t, &r, images...); strings.Count(got, "ok ") != len(images) {
					t.Errorf("not all images were pulled:\n%s%s", got, n.logs())
				}
				if got := n.pull(t, &r, "registry.k8s.io/not/there:v1"); !strings.Contains(got, "FAIL") {
					t.Errorf("it was pulled:\n%s", got)
				}
			})
		}
	}
	if n := upstream.Load(); n > 0 {
		t.Errorf("%d connections to upstream registries", n)
	}
}
