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
