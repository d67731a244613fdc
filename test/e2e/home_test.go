//go:build e2e && linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
)

// A homeCase is one thing that is done to the home of a site, what Verify is to say of it, and the command of
// clusterctl that shows it.
type homeCase struct {
	name  string
	act   func(h *ownHome)
	check string // the only one that finds something, empty if none does
	args  []string
	says  string // what clusterctl says among others, empty if it works
}

// stopped is said in the place of clusterctl where it tried the network until it was stopped.
const stopped = "stopped"

// An ownHome is a home of clusterctl that it finds by itself, below a home directory.
type ownHome struct {
	*testing.T
	user string // the home directory
	dir  string // the configuration folder
	env  []string
}

func (h *ownHome) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

func (h *ownHome) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *ownHome) write(name, text string) {
	h.Helper()
	h.must(os.MkdirAll(filepath.Dir(h.path(name)), 0o700))
	h.must(os.WriteFile(h.path(name), []byte(text), 0o600))
}

// replace replaces old, which has to be there; DIR is the home.
func (h *ownHome) replace(name, old, text string) {
	h.Helper()
	content, err := os.ReadFile(h.path(name))
	h.must(err)
	old, text = strings.ReplaceAll(old, "DIR", h.dir), strings.ReplaceAll(text, "DIR", h.dir)
	if !strings.Contains(string(content), old) {
		h.Fatalf("%s does not hold %q", name, old)
	}
	h.write(name, strings.ReplaceAll(string(content), old, text))
}

func (h *ownHome) add(text string) {
	h.Helper()
	content, err := os.ReadFile(h.path(overrides.ConfigName))
	h.must(err)
	h.write(overrides.ConfigName, string(content)+text)
}

func (h *ownHome) remove(name string) {
	h.Helper()
	h.must(os.RemoveAll(h.path(name)))
}

// Commands that show what is wrong with one provider, or with any.
var (
	core          = []string{"generate", "provider", "--core", "cluster-api"}
	bootstrap     = []string{"generate", "provider", "--bootstrap", "kubeadm"}
	capv          = []string{"generate", "provider", "--infrastructure", "vsphere"}
	capvCluster   = []string{"generate", "cluster", "c1", "-n", "default", "-i", "vsphere:v1.12.0", "--kubernetes-version", "v1.36.0"}
	initialise    = []string{"init", "-i", "vsphere"}
	upgrade       = []string{"upgrade", "plan"} // after init
	capvURL       = "file://DIR/overrides/infrastructure-vsphere/v1.12.0/infrastructure-components.yaml"
	coreFolder    = "overrides/cluster-api/v1.14.0/"
	vsphereFolder = "overrides/infrastructure-vsphere/v1.12.0/"
)

// setURL gives CAPV another URL.
func setURL(url string) func(h *ownHome) {
	return func(h *ownHome) { h.replace(overrides.ConfigName, capvURL, url) }
}

// set replaces in clusterctl.yaml.
func set(old, text string) func(h *ownHome) {
	return func(h *ownHome) { h.replace(overrides.ConfigName, old, text) }
}

// in replaces in a file of the tree.
func in(name, old, text string) func(h *ownHome) {
	return func(h *ownHome) { h.replace(name, old, text) }
}

func environment(variable string) func(h *ownHome) {
	return func(h *ownHome) { h.env = append(h.env, variable) }
}

var homeCases = []homeCase{
	{"complete", func(*ownHome) {}, "", core, ""},
	{"complete", func(*ownHome) {}, "", capv, ""},
	{"complete", func(*ownHome) {}, "", capvCluster, ""},
	{"complete", func(*ownHome) {}, "", initialise, ""},
	{"no overridesFolder", set("overridesFolder: DIR/overrides\n", ""), "", capv, ""},
	{"a variable in paths", func(h *ownHome) {
		h.replace(overrides.ConfigName, "DIR", "${AIRGAP}")
		h.env = append(h.env, "AIRGAP="+h.dir)
	}, "", capv, ""},
	{"images that change nothing", func(h *ownHome) {
		h.add("images:\n  cert-manager: {repository: " + target + "/quay.io/jetstack}\n")
	}, "", core, ""},
	{"a provider twice, of which the last counts", func(h *ownHome) {
		h.replace(overrides.ConfigName, "providers:\n", "providers:\n- {name: vsphere, type: InfrastructureProvider, url: 'https://github.com/x/y/releases/latest/z.yaml'}\n")
	}, "", capv, ""},
	{"one slash", setURL(strings.Replace(capvURL, "file://", "file:", 1)), "", capv, ""},
	{"no url of cert-manager", set("  url: file://DIR/overrides/cert-manager/v1.19.4/cert-manager.yaml\n", ""), "", initialise, ""},
	{"cert-manager of GitHub in the overrides", set("file://DIR/overrides/cert-manager", "https://github.com/cert-manager/cert-manager/releases"), "", initialise, ""},

	{"clusterctl.json", func(h *ownHome) { h.write("clusterctl.json", "{}") }, "clusterctl-hidden", core, stopped},
	{"PROVIDERS", environment("PROVIDERS="), "clusterctl-environment", core, stopped},
	{"IMAGES", environment("IMAGES="), "clusterctl-environment", core, "failed to unmarshal image override"},
	{"OVERRIDESFOLDER", environment("OVERRIDESFOLDER=${A[@]}"), "clusterctl-environment", core, "missing closing brace"},
	{"CERT_MANAGER", environment("CERT_MANAGER="), "clusterctl-environment", initialise, "failed to unmarshal certManager"},
	{"a key twice", func(h *ownHome) { h.add("overridesFolder: /x\n") }, "clusterctl-config", core, "already defined"},
	{"version check", set("CLUSTERCTL_DISABLE_VERSIONCHECK: \"true\"\n", ""), "clusterctl-version-check", core, stopped},
	{"version check TRUE", set("\"true\"", "\"TRUE\""), "clusterctl-version-check", core, stopped},
	{"images that are no section", func(h *ownHome) { h.add("images: [a]\n") }, "clusterctl-images", core, "failed to unmarshal image override"},
	{"a broken variable", set("overridesFolder: ", "overridesFolder: ${A[@]}"), "clusterctl-folder", core, "missing closing brace"},
	{"unknown type", set("InfrastructureProvider", "InfraProvider"), "clusterctl-provider", core, "invalid provider type"},
	{"upper case", set("name: vsphere", "name: vSphere"), "clusterctl-provider", core, "must be in lower case"},
	{"GitHub", setURL("https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/latest/infrastructure-components.yaml"), "clusterctl-url", capv, stopped},
	{"a mirror", setURL("https://mirror.example/infrastructure-vsphere/latest/infrastructure-components.yaml"), "clusterctl-url", capv, "Only GitHub and GitLab"},
	{"a registry", setURL("oci://registry.example/infrastructure-vsphere"), "clusterctl-url", capv, "no provider implementation"},
	{"relative", setURL("infrastructure-vsphere/latest/infrastructure-components.yaml"), "clusterctl-url", capv, "must be an absolute path"},
	{"nowhere", setURL("file:///opt/infrastructure-vsphere/latest/infrastructure-components.yaml"), "clusterctl-url", capv, "failed to list release directories"},
	{"another label", setURL("file://DIR/overrides/vsphere/latest/infrastructure-components.yaml"), "clusterctl-url", capv, "must contain provider"},
	{"main", setURL("file://DIR/overrides/infrastructure-vsphere/main/infrastructure-components.yaml"), "clusterctl-url", capv, "invalid version"},
	{"a version that is not there", setURL("file://DIR/overrides/infrastructure-vsphere/v1.12.1/infrastructure-components.yaml"), "clusterctl-url", capv, "failed to read"},
	{"a series that is not there", setURL("file://DIR/overrides/infrastructure-vsphere/latest/infrastructure-components.yaml"), "clusterctl-latest", capv, "failed to find releases"},
	{"undeclared", func(h *ownHome) {
		h.replace(overrides.ConfigName, "- name: vsphere\n  type: InfrastructureProvider\n  url: "+capvURL+"\n", "")
	}, "clusterctl-undeclared", capv, stopped},
	{"without v", func(h *ownHome) {
		h.must(os.Rename(h.path(coreFolder), h.path("overrides/cluster-api/1.14.0")))
	}, "clusterctl-version", core, "failed to read file"},
	{"no metadata", func(h *ownHome) { h.remove(coreFolder + "metadata.yaml") }, "clusterctl-metadata", core, "failed to read file"},
	{"metadata without apiVersion", in(coreFolder+"metadata.yaml", "apiVersion: clusterctl.cluster.x-k8s.io/v1alpha3", ""), "clusterctl-metadata", initialise, "unexpected apiVersion"},
	{"metadata without the series", in(coreFolder+"metadata.yaml", "minor: 14", "minor: 99"), "clusterctl-metadata", initialise, "failed to find releases"},
	{"contract too old", in(vsphereFolder+"metadata.yaml", "minor: 12\n    contract: v1beta1", "minor: 12\n    contract: v1alpha4"), "clusterctl-contract", initialise, "only compatible with provider"},
	{"complete", func(*ownHome) {}, "", upgrade, ""},
	{"one version, nowhere", setURL("file:///opt/infrastructure-vsphere/v1.12.0/infrastructure-components.yaml"), "clusterctl-url", upgrade, "failed to list release directories"},
	{"metadata without the older series", func(h *ownHome) {
		next := "overrides/infrastructure-vsphere/v1.13.0"
		h.must(os.CopyFS(h.path(next), os.DirFS(h.path(vsphereFolder))))
		h.replace(next+"/metadata.yaml", "minor: 12\n", "minor: 99\n")
	}, "clusterctl-metadata", upgrade, "does not match any release series"},
	{"no components", func(h *ownHome) { h.remove(coreFolder + "core-components.yaml") }, "clusterctl-components", core, "failed to read"},
	{"components of another name", setURL("file://DIR/overrides/infrastructure-vsphere/v1.12.0/vsphere.yaml"), "clusterctl-components", capv, "failed to read"},
	{"two namespaces", in("overrides/bootstrap-kubeadm/v1.14.0/bootstrap-components.yaml", "kind: Namespace\n", "kind: Namespace\nmetadata: {name: two}\n---\napiVersion: v1\nkind: Namespace\n"), "clusterctl-namespace", bootstrap, "no more than one resource with Kind Namespace"},
	{"a shell variable", in(vsphereFolder+"cluster-template.yaml", "kind: Cluster\n", "kind: Cluster # ${A[@]}\n"), "clusterctl-variables", capvCluster, "missing closing brace"},
	{"no cert-manager", func(h *ownHome) { h.remove("overrides/cert-manager") }, "clusterctl-cert-manager", initialise, "failed to read"},
	{"no version of cert-manager", set("  version: v1.19.4", ""), "clusterctl-cert-manager", initialise, "failed to read"},
	{"latest cert-manager", set("cert-manager/v1.19.4", "cert-manager/latest"), "clusterctl-cert-manager", initialise, "failed to"},
	{"moved", func(h *ownHome) {
		h.replace(overrides.ConfigName, "DIR", "/opt/airgap")
	}, "clusterctl-moved", core, "failed to list release directories"},
	{"not canonical", in("overrides/bootstrap-kubeadm/v1.14.0/bootstrap-components.yaml", target+"/registry.k8s.io/cluster-api/kubeadm-bootstrap-controller", target+"/A"), "clusterctl-image-name", bootstrap, "couldn't parse image name"},
}

// inCluster runs clusterctl beside a Kubernetes API in memory: $1 is that, the rest is clusterctl's.
const inCluster = `set -eu
ip link set lo up
server=$1; shift
"$server" 127.0.0.1:6443 "$HOME/kubeconfig" & server=$!
trap 'kill $server' EXIT
export KUBECONFIG="$HOME/kubeconfig"
until [ -s "$KUBECONFIG" ]; do sleep 0.05; done
if [ "$2" = upgrade ]; then "$1" init -i vsphere:v1.12.0; fi
timeout 20 "$@"
`

// works says whether the real clusterctl does the command without network: in time, not after trying for minutes.
func (h *ownHome) works(clusterctl, server string, args []string) (ok bool, said string) {
	h.Helper()
	limit := 2 * soon
	line := append([]string{"--net", "--map-root-user", clusterctl}, args...)
	if args[0] == "init" || args[0] == "upgrade" {
		limit = 30 * time.Second
		line = append([]string{"--net", "--map-root-user", "sh", "-c", inCluster, "sh", server, clusterctl}, args...)
	}
	ctx, cancel := context.WithTimeout(h.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", line...)
	cmd.Env = slices.Concat([]string{"HOME=" + h.user, "PATH=" + os.Getenv("PATH")}, vsphere, h.env)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return false, stopped
	}
	return err == nil, tail(string(out))
}

// What Verify calls an error keeps the real clusterctl from working without network, and where it finds nothing
// clusterctl works.
func TestVerifyAgreesWithClusterctl(t *testing.T) {
	clusterctl, dir := needClusterctl(t), t.TempDir()
	needNamespace(t)
	server := filepath.Join(dir, "apiserver")
	run(t, "go", "build", "-o", server, filepath.Join(root, "test", "e2e", "apiserver"))
	complete := filepath.Join(dir, "complete")
	site(t, "2026", filepath.Join(dir, "in"), complete)
	m, err := image.NewMapping(target, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range homeCases {
		t.Run(test.name, func(t *testing.T) {
			h := &ownHome{T: t, user: filepath.Join(dir, strconv.Itoa(i))}
			h.dir = filepath.Join(h.user, ".config", "cluster-api")
			h.must(os.CopyFS(h.dir, os.DirFS(complete)))
			h.replace(overrides.ConfigName, complete, h.dir)
			test.act(h)
			found, err := overrides.Verify(t.Context(), overrides.HomeOptions{
				Environment: overrides.Environment{GOOS: "linux", Home: h.user}, Environ: slices.Concat(vsphere, h.env),
				Mapping: m, Least: manifest.Likely,
			})
			h.must(err)
			var checks []string
			for _, trouble := range found {
				checks = append(checks, trouble.Check)
			}
			if got := strings.Join(checks, " "); got != test.check {
				t.Errorf("Verify finds %q, want %q: %+v", got, test.check, found)
			}
			start := time.Now()
			ok, said := h.works(clusterctl, server, test.args)
			t.Logf("%s: %t after %s", strings.Join(test.args, " "), ok, time.Since(start).Round(10*time.Millisecond))
			if ok != (test.check == "") || !strings.Contains(said, test.says) {
				t.Errorf("clusterctl works: %t, while Verify finds %q; it should say %q:\n%s", ok, test.check, test.says, said)
			}
		})
	}
}
