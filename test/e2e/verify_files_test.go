//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
)

const (
	quay         = "certs.d/quay.io/hosts.toml"
	k8s          = "certs.d/registry.k8s.io/hosts.toml"
	provenConfig = "home/clusterctl.yaml"
)

const class = "out/apps/class.yaml"

// laterPatch is one that puts another list in place of what is there, for all workers of the class.
const laterPatch = `  - name: later
    definitions:
    - jsonPatches:
      - op: replace
        path: /spec/template/spec/files
        valueFrom:
          template: |
            - path: /etc/motd
              content: "{{ .motd }}"
      selector:
        apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
        kind: KubeadmConfigTemplate
        matchResources: {machineDeploymentClass: {names: ["*-worker"]}}
`

// release is the version of the infrastructure provider.
func (s *provenSite) release() string {
	return filepath.Base(s.path("home/overrides/infrastructure-vsphere/v*"))
}

// head replaces what a hosts.toml says before its hosts.
func head(name, text string) func(s *provenSite) {
	return func(s *provenSite) {
		_, host, found := strings.Cut(s.read(name), "[host.")
		if !found {
			s.Fatalf("%s names no host", name)
		}
		s.write(name, text+"[host."+host)
	}
}

// everywhere replaces in a file all that it holds of old.
func everywhere(name, old, text string) func(s *provenSite) {
	return func(s *provenSite) {
		content := s.read(name)
		if !strings.Contains(content, old) {
			s.Fatalf("%s does not hold %q", name, old)
		}
		s.write(name, strings.ReplaceAll(content, old, text))
	}
}

var nodeFaults = []siteFault{
	{"hosts.toml without [host]", func(s *provenSite) {
		start, _, _ := strings.Cut(s.read(k8s), "[host.")
		s.write(k8s, start)
		s.add("--containerd-version", "1.6") // later ones take it
	}, "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"hosts.toml with the upstream alone", func(s *provenSite) { s.write(k8s, "server = \"https://registry.k8s.io\"\n") }, "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"hosts.toml of nothing", func(s *provenSite) { s.write(k8s, "# to be written\n") }, "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"no server: falls back to the upstream", head(quay, ""), "node-outside certs.d/quay.io/hosts.toml…"},
	{"no server, and the registry is used", head(k8s, ""), "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"the upstream as server", head(quay, "server = \"https://quay.io\"\n"), "node-outside certs.d/quay.io/hosts.toml…"},
	{"the upstream as server, and the registry is used", head(k8s, "server = \"https://registry.k8s.io\"\n"), "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"resolve missing in the capabilities", everywhere(quay, `"pull", "resolve"`, `"pull"`), "node-outside certs.d/quay.io/hosts.toml…"},
	{"resolve missing, and the registry is used", everywhere(k8s, `"pull", "resolve"`, `"pull"`), "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"CA file missing", removing("certs.d/airgap-ca.crt"), "node-broken certs.d/docker.io/hosts.toml…"},
	{"CA of another registry", func(s *provenSite) {
		ca, _ := newAuthority(s.T)
		s.write("certs.d/airgap-ca.crt", string(ca))
	}, "node-ca certs.d/docker.io/hosts.toml…"},
	{"CA file that holds none", func(s *provenSite) { s.write("certs.d/airgap-ca.crt", "none\n") }, "node-broken certs.d/docker.io/hosts.toml…"},
	{"unquoted server", everywhere(quay, `server = "`, `server = `), "node-outside certs.d/quay.io/hosts.toml:2:…"},
	{"unquoted server, and the registry is used", everywhere(k8s, `server = "`, `server = `), "node-outside certs.d/registry.k8s.io/hosts.toml:2:…"},
	{"override_path missing", everywhere(quay, "override_path = true\n", ""), "node-broken certs.d/quay.io/hosts.toml…"},
	{"override_path missing, and the registry is used", everywhere(k8s, "override_path = true\n", ""), "node-broken certs.d/registry.k8s.io/hosts.toml…"},
	{"another registry as mirror", everywhere(k8s, "https://"+nodeRegistryHost+"/", "https://mirror.example/"), "node-outside certs.d/registry.k8s.io/hosts.toml…"},
	{"another project as mirror", everywhere(k8s, "/v2/airgap/registry.k8s.io", "/v2/other/registry.k8s.io"), "name-outside --node-image-pause"},
	{"sandbox image's registry without a folder", removing("certs.d/registry.k8s.io"), "name-outside --node-image-pause"},
	{"Docker Hub's folder under another name", func(s *provenSite) {
		s.write("certs.d/registry-1.docker.io/hosts.toml", s.read("certs.d/docker.io/hosts.toml"))
	}, "node-ignored certs.d/registry-1.docker.io/hosts.toml"},
	{"upstream as server in a node's object", func(s *provenSite) {
		const server = `server = "https://` + nodeRegistryHost + `/v2/airgap/quay.io"`
		_, rest, _ := strings.Cut(s.read("out/apps/cluster.yaml"), server)
		head, _, _ := strings.Cut(rest, "[host.")
		s.replace("out/apps/cluster.yaml", server+head+"[host.", "server = \"https://quay.io\"\n          [host.")
	}, "node-outside out/apps/cluster.yaml:…"},
	{"patch of a class that takes the files away", replacing(class, "  workers:\n", laterPatch+"  workers:\n"), "node-patched out/apps/class.yaml:*:15"},
	{"class in clusterctl's home that takes the files away", func(s *provenSite) {
		s.write("home/overrides/infrastructure-vsphere/"+s.release()+"/clusterclass-plant.yaml", strings.Replace(s.read(class), "  workers:\n", laterPatch+"  workers:\n", 1))
	}, "node-patched $DIR/home/overrides/infrastructure-vsphere/v*/clusterclass-plant.yaml:*:15"},
	{"class from before nodes, as nodes left its templates", func(s *provenSite) {
		written := s.read(class)
		_, templates, _ := strings.Cut(written, "\n---\n")
		before, _, _ := strings.Cut(provenClass, "\n---\n")
		s.write(class, before+"\n---\n"+templates)
	}, "node-patched out/apps/class.yaml:*:15"},
	{"template in clusterctl's home from before nodes", func(s *provenSite) {
		s.without("--certs-d")
		s.write("home/overrides/infrastructure-vsphere/"+s.release()+"/cluster-template-old.yaml", strings.ReplaceAll(`apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata: {name: old}
spec:
  kubeadmConfigSpec:
    clusterConfiguration:
      imageRepository: R/registry.k8s.io
      dns: {imageRepository: R/registry.k8s.io/coredns}
`, "R/", below))
	}, "node-outside $DIR/home/overrides/infrastructure-vsphere/v*/cluster-template-old.yaml:1:1"},
	{"folder of the private registry that leads elsewhere", everywhere("certs.d/"+nodeRegistryHost+"/hosts.toml", nodeRegistryHost, "elsewhere.example"), "node-outside certs.d/" + nodeRegistryHost + "/hosts.toml…"},
	{"folder of the private registry, which holds its login, missing", removing("certs.d/" + nodeRegistryHost), "manifest-secret out/apps/apps.yaml:10:26"},
	{"CA missing in a node's object", replacing("out/apps/cluster.yaml", "- path: /etc/containerd/certs.d/airgap-ca.crt", "- path: /etc/airgap-ca.crt"), "node-broken out/apps/cluster.yaml:…"},
}

var homeFaults = []siteFault{
	{"no clusterctl.yaml", removing(provenConfig), "clusterctl-no-config home/clusterctl.yaml"},
	{"images: in clusterctl.yaml", func(s *provenSite) {
		s.write(provenConfig, s.read(provenConfig)+"\nimages: {all: {repository: "+provenTarget+"}}\n")
	}, "clusterctl-images home/clusterctl.yaml:…"},
	{"missing metadata.yaml", removing("home/overrides/cluster-api/v*/metadata.yaml"), "clusterctl-metadata $DIR/home/overrides/cluster-api/v*/metadata.yaml"},
	{"overrides folder moved", func(s *provenSite) {
		s.write(provenConfig, strings.ReplaceAll(s.read(provenConfig), s.dir, "/opt/airgap"))
	}, "clusterctl-moved home/clusterctl.yaml:…"},
	{"provider of GitHub", func(s *provenSite) {
		s.line(provenConfig, "infrastructure-components.yaml", "  url: https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/latest/infrastructure-components.yaml")
	}, "clusterctl-url home/clusterctl.yaml:…"},
	{"version check", replacing(provenConfig, "CLUSTERCTL_DISABLE_VERSIONCHECK: \"true\"\n", ""), "clusterctl-version-check home/clusterctl.yaml"},
	{"variable that brings an upstream back", func(s *provenSite) {
		template := filepath.Join(s.path("home/overrides/infrastructure-vsphere/v*"), "cluster-template-apps.yaml")
		s.must(os.WriteFile(template, []byte("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: \"${APPS:="+below+"apps.example}/web:v1\"}]}\n"), 0o600))
		s.write(provenConfig, s.read(provenConfig)+"\nAPPS: apps.example\n")
	}, "clusterctl-variable-outside $DIR/home/overrides/infrastructure-vsphere/v*/cluster-template-apps.yaml:3:*"},
	{"variable in the default of another that brings an upstream back", func(s *provenSite) {
		template := filepath.Join(s.path("home/overrides/infrastructure-vsphere/v*"), "cluster-template-apps.yaml")
		s.must(os.WriteFile(template, []byte("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: \"${APPS:=${HUB:="+below+"apps.example}}/web:v1\"}]}\n"), 0o600))
		s.write(provenConfig, s.read(provenConfig)+"\nHUB: apps.example\n")
	}, "clusterctl-variable-outside $DIR/home/overrides/infrastructure-vsphere/v*/cluster-template-apps.yaml:3:*"},
	{"image in a template of the home that nobody carried", func(s *provenSite) {
		template := filepath.Join(s.path("home/overrides/infrastructure-vsphere/v*"), "cluster-template-apps.yaml")
		s.must(os.WriteFile(template, []byte("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: \""+below+"apps.example/nobody:v1\"}]}\n"), 0o600))
		s.unbundled()
	}, "registry-tag " + below + "apps.example/nobody:v1"},
	{"upstream image in the components", func(s *provenSite) {
		s.replace("home/overrides/cluster-api/v*/core-components.yaml", below+"registry.k8s.io/cluster-api/", "registry.k8s.io/cluster-api/")
	}, "clusterctl-image-outside $DIR/home/overrides/cluster-api/…"},
	{"image of the components that nobody carried", replacing("home/overrides/cluster-api/v*/core-components.yaml", "/cluster-api-controller:", "/cluster-api-controller-by-hand:"), "registry-tag " + below + "registry.k8s.io/cluster-api/cluster-api-controller-by-hand:*"},
	{"variable in a template of the home that nobody gave a value", func(s *provenSite) {
		template := filepath.Join(s.path("home/overrides/infrastructure-vsphere/v*"), "cluster-template-apps.yaml")
		s.must(os.WriteFile(template, []byte("apiVersion: v1\nkind: Pod\nspec: {containers: [{image: \""+below+"apps.example/web:${WEB}\"}]}\n"), 0o600))
	}, "manifest-unknown $DIR/home/overrides/infrastructure-vsphere/v*/cluster-template-apps.yaml:3:*"},
	{"cert-manager missing", removing("home/overrides/cert-manager"), "clusterctl-cert-manager home/clusterctl.yaml:…"},
}
