package overrides_test

import (
	"os"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A fault is one act upon a home, and the lines that it makes Verify find.
type fault struct {
	name string
	act  func(h *testHome)
	want string
}

// faults are what may be wrong with a home, and what seems to be and is not.
var faults = []fault{
	{"nothing", func(*testHome) {}, ``},
	{"a prerelease and a folder that is no version", func(h *testHome) {
		h.write(core+"main/x.yaml", "a: b\n")
		h.write(core+"v1.15.0-rc.0/core-components.yaml", h.read(core14+"core-components.yaml"))
		h.write(core+"v1.15.0-rc.0/metadata.yaml", h.read(core14+"metadata.yaml")+"- {major: 1, minor: 15, contract: v1beta2}\n")
		h.add(core14+"metadata.yaml", "- {major: 1, minor: 15, contract: v1beta2}\n")
	}, ``},
	{"no clusterctl.yaml", func(h *testHome) { h.remove(config) }, `clusterctl-no-config home/clusterctl.yaml: it is not there`},
	{"clusterctl.yaml is no YAML", func(h *testHome) { h.add(config, "a: [\n") }, `clusterctl-config home/clusterctl.yaml:19:1: clusterctl cannot read it: did not find expected node content`},
	{"a key twice", func(h *testHome) { h.add(config, "overridesFolder: /x\n") }, `clusterctl-config home/clusterctl.yaml:19:1: clusterctl cannot read it: mapping key "overridesFolder" already defined at line 2`},
	{"clusterctl.json beside it", func(h *testHome) {
		h.asOwn()
		h.write("home/clusterctl.json", "{}")
	}, `clusterctl-hidden xdg/cluster-api/clusterctl.json: it is there as well, and clusterctl takes it instead of clusterctl.yaml`},
	{"clusterctl.json beside it, but --config", func(h *testHome) { h.write("home/clusterctl.json", "{}") }, ``},
	{"a configuration where it used to be", func(h *testHome) {
		h.asOwn()
		h.write(".cluster-api/clusterctl.yaml", "a: b\n")
	}, `warning clusterctl-second-config .cluster-api/clusterctl.yaml: clusterctl does not read it, as there is xdg/cluster-api/clusterctl.yaml`},
	{"the configuration where it used to be, and another one", func(h *testHome) {
		h.asOwn()
		h.must(os.Symlink(h.path("home"), h.path(".cluster-api")))
		h.opts.Dir = h.path(".cluster-api")
	}, `clusterctl-second-config .cluster-api/clusterctl.yaml: clusterctl does not read it, as there is xdg/cluster-api/clusterctl.yaml`},
	{"the configuration where it used to be alone", func(h *testHome) {
		h.asOwn()
		h.rename("home", ".cluster-api")
		h.replace(".cluster-api/clusterctl.yaml", "/home/overrides", "/.cluster-api/overrides")
	}, ``},
	{"PROVIDERS=", func(h *testHome) { h.opts.Environ = []string{"PROVIDERS="} }, `clusterctl-environment $PROVIDERS: it is set, and clusterctl takes it instead of the key in home/clusterctl.yaml`},
	{"IMAGES=x", func(h *testHome) { h.opts.Environ = []string{"IMAGES=x"} }, `clusterctl-environment $IMAGES: it is set, and clusterctl takes it instead of the key in home/clusterctl.yaml`},
	{"CERT_MANAGER=", func(h *testHome) { h.opts.Environ = []string{"CERT_MANAGER="} }, `clusterctl-environment $CERT_MANAGER: it is set, and clusterctl takes it instead of the key in home/clusterctl.yaml`},
	{"OVERRIDESFOLDER=/x", func(h *testHome) { h.opts.Environ = []string{"OVERRIDESFOLDER=/x"} }, `clusterctl-environment $OVERRIDESFOLDER: it is set, and clusterctl takes it instead of the key in home/clusterctl.yaml`},
	{"CLUSTERCTL_DISABLE_VERSIONCHECK=1", func(h *testHome) { h.opts.Environ = []string{"CLUSTERCTL_DISABLE_VERSIONCHECK=1"} }, `clusterctl-environment $CLUSTERCTL_DISABLE_VERSIONCHECK: it is set, and clusterctl takes it instead of the key in home/clusterctl.yaml`},
	{"version check", func(h *testHome) { h.cut(config, "CLUSTERCTL", "overridesFolder") }, `clusterctl-version-check home/clusterctl.yaml: it does not say CLUSTERCTL_DISABLE_VERSIONCHECK: "true"`},
	{"version check in the environment", func(h *testHome) {
		h.cut(config, "CLUSTERCTL", "overridesFolder")
		h.opts.Environ = []string{"CLUSTERCTL_DISABLE_VERSIONCHECK=true"}
	}, ``},
	{"version check 1", func(h *testHome) { h.replace(config, `"true"`, `"1"`) }, `clusterctl-version-check home/clusterctl.yaml:1:34: CLUSTERCTL_DISABLE_VERSIONCHECK is "1", and only the word true counts`},
	{"version check TRUE", func(h *testHome) { h.replace(config, `"true"`, `"TRUE"`) }, `clusterctl-version-check home/clusterctl.yaml:1:34: CLUSTERCTL_DISABLE_VERSIONCHECK is "TRUE", and only the word true counts`},
	{"version check as a boolean", func(h *testHome) { h.replace(config, `"true"`, "true") }, ``},
	{"images of all", func(h *testHome) { h.add(config, "images:\n  all:\n    repository: registry.airgap.example/airgap\n") }, `clusterctl-images home/clusterctl.yaml:19:1: images: by this section registry.airgap.example/airgap/registry.k8s.io/cluster-api/cluster-api-controller:v1.13.5 becomes registry.airgap.example/airgap/cluster-api-controller:v1.13.5`},
	{"images of one", func(h *testHome) { h.add(config, "images:\n  cert-manager: {tag: v9}\n") }, `clusterctl-images home/clusterctl.yaml:19:1: images: by this section registry.airgap.example/airgap/quay.io/jetstack/cert-manager-controller:v1.20.0 becomes registry.airgap.example/airgap/quay.io/jetstack/cert-manager-controller:v9`},
	{"images that are no section", func(h *testHome) { h.add(config, "images: [a]\n") }, `clusterctl-images home/clusterctl.yaml:19:1: clusterctl cannot read the section images: failed to unmarshal image override configurations: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]config.imageMeta`},
	{"images that change nothing", func(h *testHome) {
		h.add(config, "images:\n  cert-manager: {repository: registry.airgap.example/airgap/quay.io/jetstack/}\n")
	}, ``},
	{"relative folder", func(h *testHome) { h.replace(config, "overridesFolder: HOME/", "overridesFolder: ") }, `clusterctl-folder home/clusterctl.yaml:2:18: overridesFolder is home/overrides, which is not absolute: it depends on where clusterctl is called, and ~ means nothing to it`},
	{"folder with ~", func(h *testHome) { h.replace(config, "overridesFolder: HOME/", "overridesFolder: ~/") }, `clusterctl-folder home/clusterctl.yaml:2:18: overridesFolder is ~/home/overrides, which is not absolute: it depends on where clusterctl is called, and ~ means nothing to it`},
	{"folder as a URL", func(h *testHome) { h.replace(config, "overridesFolder: ", "overridesFolder: file://") }, `clusterctl-folder home/clusterctl.yaml:2:18: overridesFolder is a path, not a URL: file://home/overrides`},
	{"folder with a broken variable", func(h *testHome) { h.replace(config, "overridesFolder: ", "overridesFolder: ${A[@]}") }, `clusterctl-folder home/clusterctl.yaml:2:18: overridesFolder: clusterctl cannot fill in its variables: missing closing brace`},
	{"folder with an unset variable", func(h *testHome) {
		h.replace(config, "overridesFolder: HOME", "overridesFolder: ${AIRGAP}/nowhere")
		h.rename("home/overrides", "home/tree")
		h.replace(config, "file://HOME/home/overrides", "file://HOME/home/tree")
	}, `clusterctl-folder home/clusterctl.yaml:2:18: /nowhere/home/overrides is not there`},
	{"variables", func(h *testHome) {
		h.replace(config, "HOME/home", "${AIRGAP}")
		h.opts.Environ = []string{"AIRGAP=" + h.path("home")}
	}, ``},
	{"no folder", func(h *testHome) { h.cut(config, "overridesFolder", "providers") }, ``},
	{"moved", func(h *testHome) {
		h.rename("home", "moved")
		h.opts.Dir = h.path("moved")
	}, `clusterctl-moved moved/clusterctl.yaml:2:18: the tree is not at home/overrides, but at moved/overrides`},
	{"gone", func(h *testHome) { h.remove("home/overrides") }, `clusterctl-folder home/clusterctl.yaml:2:18: home/overrides is not there`},
	{"unknown type", func(h *testHome) { h.replace(config, "InfrastructureProvider", "InfraProvider") }, `clusterctl-provider home/clusterctl.yaml:13:3: clusterctl does not take this provider: invalid provider type. Allowed values are [CoreProvider, BootstrapProvider, InfrastructureProvider, ControlPlaneProvider, IPAMProvider, RuntimeExtensionProvider, AddonProvider]`},
	{"upper case", func(h *testHome) { h.replace(config, "name: vsphere", "name: vSphere") }, `clusterctl-provider home/clusterctl.yaml:13:3: clusterctl does not take this provider: provider name vSphere must be in lower case`},
	{"no url", func(h *testHome) {
		h.cut(config, "  url: file://"+h.path("home/overrides/infrastructure-vsphere"), "cert-manager:")
	}, `clusterctl-provider home/clusterctl.yaml:13:3: clusterctl does not take this provider: provider URL value cannot be empty`},
	{"providers that are no list", func(h *testHome) {
		h.cut(config, "providers:", "cert-manager:")
		h.add(config, "providers: {}\n")
	}, `clusterctl-provider home/clusterctl.yaml:6:12: providers has to be a list`},
	{"url of GitHub", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/latest/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: clusterctl asks github.com for versions, whatever lies in the overrides`},
	{"url of GitHub, one version", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/v1.16.1/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: clusterctl asks github.com for versions, whatever lies in the overrides`},
	{"url of a mirror", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "https://user:secret@mirror.example/infrastructure-vsphere/latest/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: clusterctl takes https:// from no other host than GitHub and GitLab: name a file://`},
	{"url of a registry", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "oci://registry.airgap.example/infrastructure-vsphere")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: clusterctl takes oci:// from no other host than GitHub and GitLab: name a file://`},
	{"url that is relative", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "infrastructure-vsphere/latest/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: infrastructure-vsphere/latest/infrastructure-components.yaml is no absolute path, which file:///… is`},
	{"url with one slash", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file:HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml")
	}, ``},
	{"url with too few slashes", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file:///infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: /infrastructure-components.yaml is not …/infrastructure-vsphere/VERSION/FILE`},
	{"url of our GitLab", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "https://gitlab.corp.example/api/v4/projects/g%2Fp/packages/generic/vsphere/v1.16.1/infrastructure-components.yaml")
	}, `warning clusterctl-url home/clusterctl.yaml:15:8: url: clusterctl asks gitlab.corp.example for versions, whatever lies in the overrides`},
	{"url with a host", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://tree/infrastructure-vsphere/latest/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: it leads nowhere: /infrastructure-vsphere is not there`},
	{"url that leads nowhere", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file:///opt/other/infrastructure-vsphere/latest/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: it leads nowhere: /opt/other/infrastructure-vsphere is not there`},
	{"url with a query", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml?x")
	}, ``},
	{"url with another label", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://HOME/home/overrides/vsphere/latest/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: home/overrides/vsphere/latest/infrastructure-components.yaml is in a folder vsphere, and clusterctl wants it to be infrastructure-vsphere`},
	{"url of a version that is none", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://HOME/home/overrides/infrastructure-vsphere/main/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: main is neither latest nor a version`},
	{"url of a version that is not there", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://HOME/home/overrides/infrastructure-vsphere/v1.16.0/infrastructure-components.yaml")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: it leads nowhere: there is no v1.16.0 in home/overrides/infrastructure-vsphere`},
	{"url of the version that is there", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://HOME/home/overrides/infrastructure-vsphere/v1.16.1/infrastructure-components.yaml")
	}, ``},
	{"url that is malformed", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://%zz:secret/x")
	}, `clusterctl-url home/clusterctl.yaml:15:8: url: it is malformed (not shown, it may hold a password)`},
	{"url of components of another name", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml", "file://HOME/home/overrides/infrastructure-vsphere/latest/vsphere.yaml")
	}, `clusterctl-components home/overrides/infrastructure-vsphere/v1.16.1/vsphere.yaml: it is not there; there is infrastructure-components.yaml, which clusterctl does not look for`},
	{"undeclared", func(h *testHome) { h.cut(config, "- name: vsphere", "cert-manager:") }, `clusterctl-undeclared home/overrides/infrastructure-vsphere: home/clusterctl.yaml has no url for it, so clusterctl takes its own: https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/latest/infrastructure-components.yaml`},
	{"undeclared core", func(h *testHome) {
		h.cut(config, "- name: cluster-api", "- name: kubeadm")
	}, `clusterctl-undeclared home/overrides/cluster-api: home/clusterctl.yaml has no url for it, so clusterctl takes its own: https://github.com/kubernetes-sigs/cluster-api/releases/latest/core-components.yaml`},
	{"undeclared own provider", func(h *testHome) {
		h.write("home/overrides/infrastructure-lab/v0.1.0/infrastructure-components.yaml", "a: b\n")
	}, `clusterctl-undeclared home/overrides/infrastructure-lab: home/clusterctl.yaml does not declare it, and clusterctl does not know it by itself`},
	{"no core", func(h *testHome) {
		h.cut(config, "- name: cluster-api", "- name: kubeadm")
		h.remove(core)
	}, `clusterctl-absent home/clusterctl.yaml: there is no core provider, and clusterctl init installs cluster-api unless it is told another`},
	{"no bootstrap provider", func(h *testHome) {
		h.cut(config, "- name: kubeadm", "- name: kubeadm\n  type: Control")
		h.remove("home/overrides/bootstrap-kubeadm")
	}, `clusterctl-absent home/clusterctl.yaml: there is no bootstrap provider, and clusterctl init installs bootstrap-kubeadm unless it is told another`},
	{"a version without v", func(h *testHome) { h.rename(core14, core+"1.14.2") }, `clusterctl-version home/overrides/cluster-api/1.14.2: clusterctl looks for version 1.14.2 as v1.14.2: name it so`},
	{"a version of two numbers", func(h *testHome) { h.rename(core14, core+"v1.14") }, `clusterctl-version home/overrides/cluster-api/v1.14: clusterctl does not take it for a version`},
	{"no metadata of the newest", func(h *testHome) { h.remove(core14 + "metadata.yaml") }, `clusterctl-metadata home/overrides/cluster-api/v1.14.2/metadata.yaml: it is not there, and clusterctl does not take cluster-api v1.14.2 without`},
	{"no metadata of an older one", func(h *testHome) { h.remove(core + "v1.13.5/metadata.yaml") }, `clusterctl-metadata home/overrides/cluster-api/v1.13.5/metadata.yaml: it is not there, and clusterctl does not take cluster-api v1.13.5 without`},
	{"pinned without metadata", func(h *testHome) {
		h.replace(config, "/infrastructure-vsphere/latest/", "/infrastructure-vsphere/v1.16.1/")
		h.remove(vsphere + "metadata.yaml")
	}, `clusterctl-metadata home/overrides/infrastructure-vsphere/v1.16.1/metadata.yaml: it is not there, and clusterctl does not take infrastructure-vsphere v1.16.1 without`},
	{"metadata without its series", func(h *testHome) { h.replace(vsphere+"metadata.yaml", "minor: 16", "minor: 17") }, `clusterctl-metadata home/overrides/infrastructure-vsphere/v1.16.1/metadata.yaml: it does not list the series of this version`},
	{"metadata without the other series", func(h *testHome) { h.replace(core14+"metadata.yaml", "minor: 13", "minor: 12") }, `clusterctl-metadata home/overrides/cluster-api/v1.14.2/metadata.yaml: it does not list the series of v1.13.5, which is there too: clusterctl plans upgrades by it`},
	{"metadata without apiVersion", func(h *testHome) { h.cut(core14+"metadata.yaml", "apiVersion", "kind") }, `clusterctl-metadata home/overrides/cluster-api/v1.14.2/metadata.yaml: its apiVersion is "", clusterctl wants clusterctl.cluster.x-k8s.io/v1alpha3`},
	{"metadata of another kind", func(h *testHome) { h.replace(core14+"metadata.yaml", "kind: Metadata", "kind: Meta") }, `clusterctl-metadata home/overrides/cluster-api/v1.14.2/metadata.yaml: its kind is Meta, clusterctl wants Metadata`},
	{"metadata that is no YAML", func(h *testHome) { h.write(core14+"metadata.yaml", "a: [") }, `clusterctl-metadata home/overrides/cluster-api/v1.14.2/metadata.yaml: it is no metadata of clusterctl: error converting YAML to JSON: yaml: line 1: did not find expected node content`},
	{"contract too old", func(h *testHome) {
		h.replace(vsphere+"metadata.yaml", "16, contract: v1beta2", "16, contract: v1alpha4")
	}, `clusterctl-contract home/overrides/infrastructure-vsphere/v1.16.1/metadata.yaml: infrastructure-vsphere speaks v1alpha4, and this clusterctl installs only what speaks v1beta1 or v1beta2`},
	{"contract of the core too new", func(h *testHome) { h.replace(core14+"metadata.yaml", "14, contract: v1beta2", "14, contract: v1beta3") }, `clusterctl-contract home/overrides/cluster-api/v1.14.2/metadata.yaml: cluster-api speaks v1beta3, and this clusterctl installs only what speaks v1beta1 or v1beta2`},
	{"latest is a series that is not here", func(h *testHome) {
		h.replace(vsphere+"metadata.yaml", "16, contract: v1beta2", "16, contract: v1beta1}\n- {major: 1, minor: 17, contract: v1beta2")
	}, `clusterctl-latest home/clusterctl.yaml:15:8: url: the metadata of v1.16.1 gives contract v1beta2 to a series that is not here, and latest means that one`},
	{"no components", func(h *testHome) { h.remove(vsphere + "infrastructure-components.yaml") }, `clusterctl-components home/overrides/infrastructure-vsphere/v1.16.1/infrastructure-components.yaml: it is not there`},
	{"components by another name", func(h *testHome) { h.rename(core14+"core-components.yaml", core14+"cluster-api-components.yaml") }, `clusterctl-components home/overrides/cluster-api/v1.14.2/core-components.yaml: it is not there; there is cluster-api-components.yaml, which clusterctl does not look for`},
	{"a file that nobody may read", func(h *testHome) { h.must(os.Chmod(h.path(vsphere+"cluster-template.yaml"), 0)) }, `clusterctl-file-mode home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml: its mode is 0: nobody but root may read it`},
	{"a file that everybody may write", func(h *testHome) { h.must(os.Chmod(h.path(core14+"core-components.yaml"), 0o666)) }, `warning clusterctl-file-writable home/overrides/cluster-api/v1.14.2/core-components.yaml: its mode is 0666: everybody may write it`},
	{"components that are a folder", func(h *testHome) {
		h.remove(core14 + "core-components.yaml")
		h.write(core14+"core-components.yaml/x", "")
	}, `clusterctl-file-mode home/overrides/cluster-api/v1.14.2/core-components.yaml: it is a folder`},
	{"components that are no YAML", func(h *testHome) {
		h.write(core14+"core-components.yaml", "kind: Pod\nspec: {containers: [{image: nginx:1}\n")
	}, `clusterctl-file-syntax home/overrides/cluster-api/v1.14.2/core-components.yaml:2:1: not valid YAML: did not find expected ',' or ']'`},
	{"no namespace", func(h *testHome) { h.cut(core14+"core-components.yaml", "apiVersion: v1", "apiVersion: apps") }, `clusterctl-namespace home/overrides/cluster-api/v1.14.2/core-components.yaml: there is no Namespace in it, so clusterctl does not know where to install it`},
	{"two namespaces", func(h *testHome) {
		h.add(core14+"core-components.yaml", "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: two}\n")
	}, `clusterctl-namespace home/overrides/cluster-api/v1.14.2/core-components.yaml: there is more than one Namespace in it: cluster-api-system, two`},
	{"a shell variable", func(h *testHome) { h.add(vsphere+"cluster-template.yaml", "# ${A[@]}\n") }, `clusterctl-variables home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml: clusterctl cannot fill in its variables: missing closing brace`},
	{"no cert-manager section", func(h *testHome) { h.cut(config, "cert-manager:", "") }, `clusterctl-cert-manager home/clusterctl.yaml: it says nothing of cert-manager, so clusterctl wants cert-manager/v1.21.1/cert-manager.yaml, which is not in the tree`},
	{"no cert-manager section, but the version that clusterctl wants", func(h *testHome) {
		h.cut(config, "cert-manager:", "")
		h.rename("home/overrides/cert-manager/v1.20.0", "home/overrides/cert-manager/v1.21.1")
	}, `warning clusterctl-cert-manager-version home/clusterctl.yaml: its version is not set, and this clusterctl happens to want v1.21.1, which is there`},
	{"no version of cert-manager", func(h *testHome) { h.cut(config, "  version: v1.20.0", "") }, `clusterctl-cert-manager home/clusterctl.yaml:17:3: cert-manager has no version, so clusterctl wants v1.21.1 whatever its url says, and there is no cert-manager/v1.21.1/cert-manager.yaml`},
	{"no version of cert-manager, but the one that clusterctl wants", func(h *testHome) {
		h.cut(config, "  version: v1.20.0", "")
		h.rename("home/overrides/cert-manager/v1.20.0", "home/overrides/cert-manager/v1.21.1")
		h.replace(config, "v1.20.0", "v1.21.1")
	}, `warning clusterctl-cert-manager-version home/clusterctl.yaml:17:3: its version is not set, and this clusterctl happens to want v1.21.1, which is there`},
	{"no url of cert-manager", func(h *testHome) {
		h.cut(config, "  url: file://"+h.path("home/overrides/cert-manager"), "  version: v1.20.0")
	}, ``},
	{"no url of cert-manager, and no overrides", func(h *testHome) {
		h.cut(config, "  url: file://"+h.path("home/overrides/cert-manager"), "  version: v1.20.0")
		h.cut(config, "overridesFolder", "providers")
	}, `clusterctl-cert-manager home/clusterctl.yaml:16:12: there is no cert-manager/v1.20.0/cert-manager.yaml`},
	{"another version of cert-manager", func(h *testHome) { h.replace(config, "version: v1.20.0", "version: v1.20.1") }, `clusterctl-cert-manager home/clusterctl.yaml:18:12: there is no cert-manager/v1.20.1/cert-manager.yaml`},
	{"latest cert-manager", func(h *testHome) { h.replace(config, "cert-manager/v1.20.0", "cert-manager/latest") }, `clusterctl-cert-manager home/clusterctl.yaml:17:8: url: cert-manager has no latest, for that wants a metadata.yaml: name the version`},
	{"cert-manager from a mirror", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/cert-manager", "https://mirror.example/cert-manager")
	}, `clusterctl-cert-manager home/clusterctl.yaml:17:8: url: clusterctl takes https:// from no other host than GitHub and GitLab: name a file://`},
	{"cert-manager of GitHub in the overrides", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/cert-manager", "https://github.com/cert-manager/cert-manager/releases")
	}, ``},
	{"latest cert-manager of GitHub in the overrides", func(h *testHome) {
		h.replace(config, "file://HOME/home/overrides/cert-manager/v1.20.0", "https://github.com/cert-manager/cert-manager/releases/latest")
	}, `clusterctl-cert-manager home/clusterctl.yaml:17:8: url: clusterctl asks github.com for versions, whatever lies in the overrides`},
	{"no file of cert-manager", func(h *testHome) { h.remove("home/overrides/cert-manager/v1.20.0/cert-manager.yaml") }, `clusterctl-cert-manager home/clusterctl.yaml:18:12: there is no cert-manager/v1.20.0/cert-manager.yaml`},
	{"no cert-manager at all, for there is one", func(h *testHome) {
		h.cut(config, "cert-manager:", "")
		h.add(config, "cert-manager: {externallyProvisioned: true}\n")
		h.remove("home/overrides/cert-manager")
	}, ``},
	{"an image outside", func(h *testHome) {
		h.replace(core14+"core-components.yaml", "registry.airgap.example/airgap/registry.k8s.io", "registry.k8s.io")
	}, `clusterctl-image-outside home/overrides/cluster-api/v1.14.2/core-components.yaml:15:16: it is not at the private registry, where it would be registry.airgap.example/airgap/registry.k8s.io/cluster-api/cluster-api-controller:v1.14.2`},
	{"an argument outside", func(h *testHome) {
		h.replace("home/overrides/cert-manager/v1.20.0/cert-manager.yaml", "=registry.airgap.example/airgap/quay.io", "=quay.io")
	}, `clusterctl-image-outside home/overrides/cert-manager/v1.20.0/cert-manager.yaml:16:44: it is not at the private registry, where it would be registry.airgap.example/airgap/quay.io/jetstack/cert-manager-acmesolver:v1.20.0`},
	{"a template outside", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "registry.airgap.example/airgap/registry.k8s.io", "registry.k8s.io")
	}, `clusterctl-image-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:22:16: it is not at the private registry, where it would be registry.airgap.example/airgap/registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:${CPI_VERSION:=v1.36.0}`},
	{"a default outside", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", ":=registry.airgap.example/airgap/ghcr.io", ":=ghcr.io")
	}, `clusterctl-image-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:34: it is not at the private registry, where it would be registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.1`},
	{"a value outside", func(h *testHome) { h.add(config, "KUBE_VIP_IMAGE: ghcr.io/kube-vip/kube-vip:v1.0.2\n") }, `clusterctl-variable-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:16: KUBE_VIP_IMAGE in home/clusterctl.yaml:19:1 makes it ghcr.io/kube-vip/kube-vip:v1.0.2, which is not at the private registry`},
	{"a value outside for a variable in the default of another", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "image: ${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/", "image: ${KUBE_VIP_IMAGE:=${MIRROR:=registry.airgap.example/airgap}/")
		h.add(config, "MIRROR: mirror.example\n")
	}, `clusterctl-variable-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:16: MIRROR in home/clusterctl.yaml:19:1 makes it mirror.example/ghcr.io/kube-vip/kube-vip:v1.0.1, which is not at the private registry`},
	{"a variable in the default of another", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "image: ${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/", "image: ${KUBE_VIP_IMAGE:=${MIRROR:=registry.airgap.example/airgap}/")
	}, ``},
	{"an upstream in the default of a default", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "image: ${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.1}", "image: ${KUBE_VIP_IMAGE:=${MIRROR:=upstream.example/x}}/kube-vip:v1.0.1")
	}, `clusterctl-image-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:16: it is not at the private registry, where it would be registry.airgap.example/airgap/upstream.example/x/kube-vip:v1.0.1`},
	{"an upstream as a default of another spelling", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "image: ${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.1}", "image: ${KUBE_VIP_IMAGE:-${MIRROR:-upstream.example}/kube-vip:${TAG:-v1}}")
	}, `clusterctl-image-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:34: it is not at the private registry, where it would be registry.airgap.example/airgap/upstream.example/kube-vip:${TAG:-v1}`},
	{"a value outside in the environment", func(h *testHome) { h.opts.Environ = []string{"KUBE_VIP_IMAGE=ghcr.io/kube-vip/kube-vip:v1.0.2"} }, `clusterctl-variable-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:16: KUBE_VIP_IMAGE in the environment makes it ghcr.io/kube-vip/kube-vip:v1.0.2, which is not at the private registry`},
	{
		"a value outside, of a variable with spaces", func(h *testHome) {
			h.replace(vsphere+"cluster-template.yaml", "${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.1}", "${ KUBE_VIP_IMAGE }")
			h.add(config, "KUBE_VIP_IMAGE: ghcr.io/kube-vip/kube-vip:v1.0.2\n")
		}, `clusterctl-variable-outside home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:16: KUBE_VIP_IMAGE in home/clusterctl.yaml:19:1 makes it ghcr.io/kube-vip/kube-vip:v1.0.2, which is not at the private registry`,
	},
	{"a value at the registry", func(h *testHome) {
		h.add(config, "KUBE_VIP_IMAGE: registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.2\nCPI_VERSION: v1.36.1\n")
	}, ``},
	{"a variable that nobody sets", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.1}", "${KUBE_VIP_IMAGE}")
	}, `warning clusterctl-variable-unset home/overrides/infrastructure-vsphere/v1.16.1/cluster-template.yaml:20:16: which image this is nobody has said: ${KUBE_VIP_IMAGE}`},
	{"a variable that is set well", func(h *testHome) {
		h.replace(vsphere+"cluster-template.yaml", "${KUBE_VIP_IMAGE:=registry.airgap.example/airgap/ghcr.io/kube-vip/kube-vip:v1.0.1}", "${KUBE_VIP_IMAGE}")
		h.add(config, "KUBE_VIP_IMAGE: registry.airgap.example/airgap/x:v1\n")
	}, ``},
	{"a name that is not whole", func(h *testHome) {
		h.replace(core14+"core-components.yaml", "registry.airgap.example/airgap/registry.k8s.io/cluster-api/cluster-api-controller:v1.14.2", "${R}/x:v1")
	}, `clusterctl-image-name home/overrides/cluster-api/v1.14.2/core-components.yaml:15:16: clusterctl does not take this name of an image: couldn't parse image name: invalid reference format`},
	{"a name that is not whole, and outside", func(h *testHome) {
		h.replace(core14+"core-components.yaml", "registry.airgap.example/airgap/registry.k8s.io/cluster-api/cluster-api-controller:v1.14.2", "nginx:1")
	}, `clusterctl-image-outside home/overrides/cluster-api/v1.14.2/core-components.yaml:15:16: it is not at the private registry, where it would be registry.airgap.example/airgap/docker.io/library/nginx:1`},
	{"a name that is not whole, and no private registry", func(h *testHome) {
		h.opts.Mapping = image.Mapping{}
		h.replace(core14+"core-components.yaml", "registry.airgap.example/airgap/registry.k8s.io/cluster-api/cluster-api-controller:v1.14.2", "nginx:1")
	}, `clusterctl-image-name home/overrides/cluster-api/v1.14.2/core-components.yaml:15:16: clusterctl does not take this name of an image: couldn't parse image name: repository name must be canonical`},
	{"images outside, and no private registry", func(h *testHome) {
		h.opts.Mapping = image.Mapping{}
		h.replace(core14+"core-components.yaml", "registry.airgap.example/airgap/registry.k8s.io", "registry.k8s.io")
	}, ``},
	{"a provider twice, of which the last counts", func(h *testHome) {
		h.replace(config, "providers:\n", "providers:\n- {name: vsphere, type: InfrastructureProvider, url: \"https://github.com/x/y/releases/latest/z.yaml\"}\n")
	}, ``},
	{"a provider twice, the last of GitHub", func(h *testHome) {
		h.replace(config, "cert-manager:\n", "- {name: vsphere, type: InfrastructureProvider, url: \"https://github.com/x/y/releases/latest/z.yaml\"}\ncert-manager:\n")
	}, `clusterctl-url home/clusterctl.yaml:16:54: url: clusterctl asks github.com for versions, whatever lies in the overrides`},
	{"an alias", func(h *testHome) {
		h.replace(config, "overridesFolder: HOME/home/overrides", "X: &tree home/overrides\noverridesFolder: *tree")
	}, `clusterctl-folder home/clusterctl.yaml:2:4: overridesFolder is home/overrides, which is not absolute: it depends on where clusterctl is called, and ~ means nothing to it`},
	{"no configuration at all, and no folder", func(h *testHome) {
		h.write("empty/clusterctl.yaml", "")
		h.opts.Dir = h.path("empty")
	}, `clusterctl-version-check empty/clusterctl.yaml: it does not say CLUSTERCTL_DISABLE_VERSIONCHECK: "true"` + "\n" +
		`clusterctl-cert-manager empty/clusterctl.yaml: it says nothing of cert-manager, so clusterctl wants cert-manager/v1.21.1/cert-manager.yaml, which is not in the tree` + "\n" +
		`clusterctl-absent empty/clusterctl.yaml: there is no core provider, and clusterctl init installs cluster-api unless it is told another` + "\n" +
		`clusterctl-absent empty/clusterctl.yaml: there is no bootstrap provider, and clusterctl init installs bootstrap-kubeadm unless it is told another` + "\n" +
		`clusterctl-absent empty/clusterctl.yaml: there is no control-plane provider, and clusterctl init installs control-plane-kubeadm unless it is told another`},
}
