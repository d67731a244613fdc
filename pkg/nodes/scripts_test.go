package nodes

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// A node is a folder with the files of a node, whose paths are below it.
type node struct {
	t   *testing.T
	dir string
}

func newNode(t *testing.T, files []File, err error) node {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	n := node{t, t.TempDir()}
	for _, f := range files {
		n.write(f.Path, string(f.Content))
	}
	return n
}

func (n node) write(name, text string) {
	n.t.Helper()
	name = filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		n.t.Fatal(err)
	}
}

func (n node) read(name string) string {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}

// run runs a script twice: the second time it must change nothing.
func (n node) run(script, result string, args ...string) string {
	n.t.Helper()
	n.write("script.sh", script)
	var first string
	for i := range 2 {
		cmd := exec.Command("sh", append([]string{filepath.Join(n.dir, "script.sh")}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			n.t.Fatalf("%v\n%s", err, out)
		}
		if text := n.read(result); i == 1 && text != first {
			n.t.Errorf("the second run makes of\n%s\n%s", first, text)
		} else {
			first = text
		}
	}
	info, err := os.Stat(filepath.Join(n.dir, result))
	if err != nil || info.Mode().Perm() != 0o600 {
		n.t.Errorf("%s: %v, %v, want -rw-------", result, info.Mode(), err)
	}
	return first
}

const hardPassword = `p"a$s: 'word' \n#{{`

func TestRegistriesScript(t *testing.T) {
	for _, ca := range [][]byte{nil, authority(t)} {
		m := otherMirror(t, func(o *Options) { o.CA, o.AuthSecret = ca, "registry-auth" })
		files, err := k3s.files(m)
		n := newNode(t, files, err)
		n.write("/etc/rancher/k3s/airgap-auth/username", "ann")
		n.write("/etc/rancher/k3s/airgap-auth/password", hardPassword)
		text := n.run(registriesAuthScript, "/etc/rancher/k3s/registries.yaml", filepath.Join(n.dir, "etc/rancher/k3s"))
		var got registries
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		config := got.Configs["registry.example:5000"]
		if config.Auth == nil || config.Auth.Username != "ann" || config.Auth.Password != hardPassword || (config.TLS != nil) != (ca != nil) || len(got.Mirrors) != 3 {
			t.Errorf("%+v from\n%s", config.Auth, text)
		}
	}
}

func TestHostsScript(t *testing.T) {
	m := otherMirror(t, func(o *Options) { o.CA, o.AuthSecret = authority(t), "registry-auth" })
	files, err := canonicalDir.files(m)
	n := newNode(t, files, err)
	n.write("/auth/username", "ann")
	n.write("/auth/password", hardPassword)
	dir := string(canonicalDir)
	n.write(dir+"theirs.example/hosts.toml", "server = \"https://theirs.example\"\n")
	text := n.run(hostsAuthScript, dir+"registry.k8s.io/hosts.toml", filepath.Join(n.dir, "auth"), filepath.Join(n.dir, dir), "/no/such/folder")
	var got hostsServer
	if err := toml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+hardPassword))
	host := got.Host["https://registry.example:5000/v2/airgap/registry.k8s.io"]
	if got.Header["Authorization"] != want || host.Header["Authorization"] != want || host.CA != dir+"airgap-ca.crt" {
		t.Errorf("%+v from\n%s", got, text)
	}
	if theirs := n.read(dir + "theirs.example/hosts.toml"); strings.Contains(theirs, "Basic") {
		t.Errorf("another's file got the credentials:\n%s", theirs)
	}
}

// reader is a containerd that dumps where it looks for hosts.toml: in the tables that the release in $RELEASE reads.
const reader = `#!/bin/sh
# containerd --config FILE config dump
version=$(sed -n 's/^version = //p' "$2" | head -n 1)
case $RELEASE-${version:-1} in
1.7-1) table='plugins."*cri"*' ;;
2.2-1) table='read over' ;;
*-3) table="plugins.'io.containerd.cri.v1.images'" ;;
*) table='plugins."io.containerd.grpc.v1.cri"' ;;
esac
echo "[plugins.\"io.containerd.grpc.v1.cri\".registry]"
awk -v table="^ *[[]$table.registry[]]" '/^ *[[]/ { on = $0 ~ table } on && /config_path/' "$2"
`

// Whatever the version of config.toml says, the release that is there reads the folder from it.
func TestConfigPathScript(t *testing.T) {
	for _, release := range []string{"1.7", "2.2"} {
		for name, config := range map[string]string{
			"no version":              "disabled_plugins = []\n",
			"no version, later names": "[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"a\"\n",
			"version 1":               "version = 1\n[plugins.cri]\n  sandbox_image = \"a\"\n[plugins.cri.registry.mirrors.\"docker.io\"]\n  endpoint = []\n",
			"version 2":               "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"a\"\n",
		} {
			n := newNode(t, nil, nil)
			n.write("bin/containerd", reader)
			n.write("config.toml", config)
			n.write("script.sh", configPathScript)
			for i, want := range []string{"changed " + filepath.Join(n.dir, "config.toml") + "\n", ""} {
				cmd := exec.Command("sh", filepath.Join(n.dir, "script.sh"), filepath.Join(n.dir, "config.toml"))
				cmd.Env = append(os.Environ(), "RELEASE="+release, "PATH="+filepath.Join(n.dir, "bin")+":"+os.Getenv("PATH"))
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
					t.Errorf("%s, containerd %s, run %d: %v, %q\n%s", name, release, i+1, err, out, n.read("config.toml"))
				}
			}
			if got := n.read("config.toml"); strings.Contains(config, "sandbox_image") && !strings.Contains(got, "sandbox_image") || strings.Contains(got, "mirrors") {
				t.Errorf("%s, containerd %s:\n%s", name, release, got)
			}
		}
	}
}
