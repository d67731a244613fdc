package nodes

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// decoded are the objects of a file.
func decoded(t *testing.T, text []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for d := yaml.NewDecoder(strings.NewReader(string(text))); ; {
		var o map[string]any
		if err := d.Decode(&o); err != nil {
			if err.Error() != "EOF" {
				t.Fatalf("%v in\n%s", err, text)
			}
			return all
		}
		all = append(all, o)
	}
}

// at is what stands at a path of keys.
func at(o any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		m, ok := o.(map[string]any)
		if !ok {
			return nil
		}
		o = m[key]
	}
	return o
}

const otherObjects = `apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: RKE2ConfigTemplate
metadata: {name: rke2}
spec:
  template:
    spec:
      # mine
      agentConfig: {version: v1.33.1+rke2r1}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: KThreesControlPlane
metadata: {name: k3s}
spec:
  kthreesConfigSpec:
    preK3sCommands:
    - "true"
  version: v1.33.1+k3s1
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: CK8sControlPlane
metadata: {name: canonical}
spec:
  spec:
    airGapped: true
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: MicroK8sConfigTemplate
metadata: {name: microk8s}
spec:
  template:
    spec:
      initConfiguration:
        joinTokenTTLInSecs: 9000
---
apiVersion: controlplane.cluster.x-k8s.io/v1alpha3
kind: TalosControlPlane
metadata: {name: talos}
spec:
  controlPlaneConfig:
    controlplane:
      generateType: controlplane
      talosVersion: v1.12
---
apiVersion: bootstrap.cluster.x-k8s.io/v1alpha3
kind: TalosConfigTemplate
metadata: {name: old-talos}
spec:
  template:
    spec:
      generateType: join
      strategicPatches:
      - |
        machine: {install: {disk: /dev/sda}}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: K0sControlPlane
metadata: {name: k0s}
spec:
  version: v1.36.1+k0s.0
  k0sConfigSpec:
    args: [--enable-worker]
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: K0sWorkerConfigTemplate
metadata: {name: old-k0s}
spec:
  template:
    spec:
      version: v1.32.1+k0s.0
`

// where says where each object has its files, commands and patches.
var otherLists = map[string][2]string{
	"rke2":      {"spec.template.spec.files", "spec.template.spec.preRKE2Commands"},
	"k3s":       {"spec.kthreesConfigSpec.files", "spec.kthreesConfigSpec.preK3sCommands"},
	"canonical": {"spec.spec.files", "spec.spec.preRunCommands"},
	"microk8s":  {"spec.template.spec.initConfiguration.extraWriteFiles", "spec.template.spec.initConfiguration.postRunCommands"},
	"talos":     {"spec.controlPlaneConfig.controlplane.strategicPatches", ""},
	"old-talos": {"spec.template.spec.strategicPatches", ""},
	"k0s":       {"spec.k0sConfigSpec.files", "spec.k0sConfigSpec.preStartCommands"},
	"old-k0s":   {"spec.template.spec.files", "spec.template.spec.preStartCommands"},
}

func otherMirror(t *testing.T, change func(*Options)) Mirror {
	t.Helper()
	opts := Options{Registry: "registry.example:5000/airgap", Upstreams: []string{"registry.k8s.io", "docker.io"}}
	change(&opts)
	m, err := NewMirror(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func patchOthers(t *testing.T, src string, m Mirror) *Patched {
	t.Helper()
	p, err := Patch("others.yaml", []byte(src), m, PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every object gets its files, in one call, by inserted lines only, and once.
func TestPatchOtherSystems(t *testing.T) {
	ca := authority(t)
	m := otherMirror(t, func(o *Options) { o.CA, o.Username, o.Password = ca, "ann", "p" })
	p := patchOthers(t, otherObjects, m)
	if len(p.Findings) > 0 || p.Changed != 8 || !p.Secret {
		t.Errorf("%d changed, secret %v, findings %v", p.Changed, p.Secret, p.Findings)
	}
	onlyInserted(t, otherObjects, string(p.Output))
	if again := patchOthers(t, string(p.Output), m); again.Changed != 0 || string(again.Output) != string(p.Output) {
		t.Errorf("the second run changes %d objects", again.Changed)
	}
	wanted := map[string][]string{
		"rke2":      {"/etc/rancher/rke2/registries.yaml", "/etc/rancher/rke2/config.yaml.d/90-airgap.yaml", "/etc/rancher/rke2/airgap-ca.crt"},
		"k3s":       {"/etc/rancher/k3s/registries.yaml", "/etc/rancher/k3s/config.yaml.d/90-airgap.yaml", "/etc/rancher/k3s/airgap-ca.crt"},
		"canonical": append(under("/etc/containerd/hosts.d/"), under("/var/snap/k8s/common/etc/containerd/hosts.d/")...),
		"microk8s":  under("/var/lib/airgap-certs.d/"),
		"k0s":       append(under("/etc/k0s/containerd.d/certs.d/"), "/etc/k0s/containerd.d/airgap-registry.toml"),
		"old-k0s":   append(under("/etc/k0s/containerd.d/certs.d/"), "/etc/k0s/containerd.d/airgap-registry.toml"),
	}
	for _, o := range decoded(t, p.Output) {
		name := at(o, "metadata.name").(string)
		entries, _ := at(o, otherLists[name][0]).([]any)
		var paths []string
		for _, e := range entries {
			if path, ok := at(e, "path").(string); ok {
				paths = append(paths, path)
			}
		}
		if strings.Join(paths, " ") != strings.Join(wanted[name], " ") {
			t.Errorf("%s: files %q, want %q", name, paths, wanted[name])
		}
	}
}

func under(dir string) []string {
	return []string{dir + "airgap-ca.crt", dir + "docker.io/hosts.toml", dir + "registry.k8s.io/hosts.toml", dir + "registry.example:5000/hosts.toml"}
}

// onlyInserted holds that out is in with lines between its lines.
func onlyInserted(t *testing.T, in, out string) {
	t.Helper()
	rest := strings.SplitAfter(out, "\n")
	for line := range strings.Lines(in) {
		for len(rest) > 0 && rest[0] != line {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Fatalf("%q is lost or moved in\n%s", line, out)
		}
		rest = rest[1:]
	}
}

// With a Secret, the objects hold references and a script, and no credentials.
func TestPatchOtherSystemsSecret(t *testing.T) {
	m := otherMirror(t, func(o *Options) { o.AuthSecret = "registry-auth" })
	p := patchOthers(t, otherObjects, m)
	var findings []string
	for _, f := range p.Findings {
		findings = append(findings, f.Object)
	}
	if got := strings.Join(findings, ", "); got != "MicroK8sConfigTemplate microk8s, TalosControlPlane talos, TalosConfigTemplate old-talos" || p.Changed != 5 {
		t.Errorf("%d changed, findings %s", p.Changed, got)
	}
	onlyInserted(t, otherObjects, string(p.Output))
	for _, o := range decoded(t, p.Output) {
		name := at(o, "metadata.name").(string)
		commands, _ := at(o, otherLists[name][1]).([]any)
		if n := strings.Count(strings.Join(toStrings(commands), "\n"), "airgap-"); name != "talos" && name != "old-talos" && name != "microk8s" && n == 0 {
			t.Errorf("%s: commands %q", name, commands)
		}
	}
	// Credentials given instead take the place of the references, and the other way round.
	password := otherMirror(t, func(o *Options) { o.Username, o.Password = "ann", "p" })
	given := patchOthers(t, string(p.Output), password)
	if strings.Contains(string(given.Output), "registry-auth") || len(given.Findings) > 0 {
		t.Errorf("the Secret is still there, or %v", given.Findings)
	}
	back := patchOthers(t, string(given.Output), m)
	if n := strings.Count(string(back.Output), "name: registry-auth"); n != 10 {
		t.Errorf("%d references, want 10", n)
	}
}

func toStrings(all []any) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.(string))
	}
	return out
}

// What an object has already, and what it lacks, is said with its place.
func TestPatchOtherSystemsFindings(t *testing.T) {
	tests := []struct{ src, want string }{
		{
			"apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: RKE2ControlPlane\nmetadata: {name: a}\nspec:\n  privateRegistriesConfig:\n    mirrors: {docker.io: {endpoint: [https://x.example]}}\n",
			"others.yaml:4:1: RKE2ControlPlane a: its privateRegistriesConfig would have no effect beside a registries.yaml: remove it",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta2\nkind: KThreesConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      agentConfig: {privateRegistry: /etc/r.yaml}\n",
			"its agentConfig.privateRegistry is /etc/r.yaml, so that K3s reads no /etc/rancher/k3s/registries.yaml",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta2\nkind: KThreesConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      files:\n      - path: /etc/rancher/k3s/registries.yaml\n        content: |\n          mirrors: {}\n",
			"others.yaml:8:7: KThreesConfigTemplate a: /etc/rancher/k3s/registries.yaml is there already",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: K0sWorkerConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      version: ${KUBERNETES_VERSION}+k0s.0\n",
			"it has no version of k0s, such as v1.36.0+k0s.0",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: MicroK8sConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      clusterConfiguration: {}\n",
			"MicroK8sConfigTemplate a: it has no spec.template.spec.initConfiguration",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: TalosConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n",
			"others.yaml:6:5: TalosConfigTemplate a: it has no generateType, so that it describes no machine",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: CK8sConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec: {}\n",
			"CK8sConfigTemplate a: it has no spec.template.spec that lines can be inserted into",
		},
		{
			"apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: CK8sConfigTemplate\nmetadata: {name: a}\nspec:\n  template:\n    spec: &none\n",
			"CK8sConfigTemplate a: spec is empty: write something into it",
		},
	}
	for _, test := range tests {
		p := patchOthers(t, test.src, otherMirror(t, func(*Options) {}))
		if len(p.Findings) != 1 || !strings.Contains(p.Findings[0].Error(), test.want) || string(p.Output) != test.src {
			t.Errorf("%v, want %s", p.Findings, test.want)
		}
	}
}

// The forms of Talos and k0s follow the version that an object names.
func TestPatchByVersion(t *testing.T) {
	m := otherMirror(t, func(*Options) {})
	for _, o := range decoded(t, patchOthers(t, otherObjects, m).Output) {
		name := at(o, "metadata.name").(string)
		want, text := map[string]string{
			"talos": "kind: RegistryMirrorConfig", "old-talos": "machine:\n  registries:",
			"k0s": "version = 3", "old-k0s": "version = 2",
		}[name], ""
		entries, _ := at(o, otherLists[name][0]).([]any)
		for _, e := range entries {
			if s, ok := e.(string); ok {
				text += s
			} else {
				text += at(e, "content").(string)
			}
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %q:\n%s", name, want, text)
		}
	}
}

// A password may hold whatever clusterctl, cloud-init and YAML hold dear.
func TestPasswordsPass(t *testing.T) {
	for _, password := range []string{`${HOME}`, `a$$b`, `{{ x }}`, `{% if %}`, `'"\: #`, "yes", "é"} {
		m := otherMirror(t, func(o *Options) { o.Username, o.Password = "ann", password })
		p := patchOthers(t, otherObjects, m)
		if len(p.Findings) > 0 || p.Changed != 8 {
			t.Errorf("%s: %d changed, findings %v", password, p.Changed, p.Findings)
		}
	}
}

// Below a key with nothing behind it there is room, whatever follows.
func TestPatchEmptySpecification(t *testing.T) {
	for _, after := range []string{"", "\n", " # nothing\n", "\n# a comment\n\n---\nkind: X\n", "\r\n---\r\nkind: X\r\n"} {
		src := "apiVersion: bootstrap.cluster.x-k8s.io/v1beta2\nkind: KThreesConfigTemplate\nmetadata:\n  name: a\nspec:\n  template:\n    spec:"
		if strings.Contains(after, "\r") {
			src = strings.ReplaceAll(src, "\n", "\r\n")
		}
		src += after
		m := otherMirror(t, func(*Options) {})
		p := patchOthers(t, src, m)
		if p.Changed != 1 || len(p.Findings) > 0 || !strings.HasPrefix(string(p.Output), src[:len(src)-len(after)]) {
			t.Fatalf("%q: %d changed, %v\n%s", after, p.Changed, p.Findings, p.Output)
		}
		files, _ := at(decoded(t, p.Output)[0], "spec.template.spec.files").([]any)
		if again := patchOthers(t, string(p.Output), m); len(files) != 2 || again.Changed != 0 {
			t.Errorf("%q: %d files, the second run changes %d objects\n%s", after, len(files), again.Changed, p.Output)
		}
	}
}
