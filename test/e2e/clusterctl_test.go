//go:build e2e && linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
)

// soon is what a user waits for: without its home, clusterctl tries the network for minutes.
const soon = 2 * time.Second

// A disconnected machine has loopback only, an empty home, and no settings but these.
type disconnected struct {
	home string
	env  []string
}

func newDisconnected(t *testing.T, env ...string) disconnected {
	needNamespace(t)
	return disconnected{t.TempDir(), append(env, "PATH="+os.Getenv("PATH"))}
}

// run gives what a program prints; it has to succeed within the time.
func (d disconnected) run(t *testing.T, limit time.Duration, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--net", "--map-root-user"}, args...)...)
	cmd.Env = append([]string{"HOME=" + d.home}, d.env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start).Round(10 * time.Millisecond)
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, tail(out.String()), tail(errOut.String()))
	}
	t.Logf("%s: %.100s", took, strings.Join(args[1:], " "))
	if took > limit {
		t.Errorf("%s took %s, more than %s", strings.Join(args, " "), took, limit)
	}
	return out.String(), errOut.String()
}

// vsphere are values for the variables of CAPV's components and templates.
var vsphere = []string{
	"VSPHERE_SERVER=vc.example", "VSPHERE_USERNAME=u", "VSPHERE_PASSWORD=p", "VSPHERE_DATACENTER=dc", "VSPHERE_DATASTORE=ds",
	"VSPHERE_NETWORK=net", "VSPHERE_RESOURCE_POOL=rp", "VSPHERE_FOLDER=f", "VSPHERE_TEMPLATE=ubuntu", "VSPHERE_SSH_AUTHORIZED_KEY=key",
	"VSPHERE_TLS_THUMBPRINT=t", "VSPHERE_STORAGE_POLICY=s", "CONTROL_PLANE_ENDPOINT_IP=192.0.2.1", "CPI_IMAGE_K8S_VERSION=v1.36.0",
}

// site makes clusterctl's home from a real site of that year in out, and gives its configuration.
func site(t *testing.T, year, in, out string, flags ...string) string {
	t.Helper()
	needShared(t)
	run(t, "bash", filepath.Join(shared, "tools", "site.sh"), year, in)
	run(t, "kubectl-airgap", append([]string{"overrides", "-f", in, "--to", target, "-o", out}, flags...)...)
	return filepath.Join(out, "clusterctl.yaml")
}

// The real clusterctl, without any network, generates everything from the home and names the private registry alone.
func TestClusterctlGenerates(t *testing.T) {
	clusterctl, machine, dir := needClusterctl(t), newDisconnected(t, vsphere...), t.TempDir()
	config := filepath.Join(dir, "site.yaml")
	// A folder whose name is hard to write in URLs and in YAML.
	site(t, "2026", filepath.Join(dir, "in"), filepath.Join(dir, "o u#t $HOME ${X} 100%"), "--config-file", config)
	for _, args := range []struct {
		images int
		args   []string
	}{
		{1, []string{"generate", "provider", "--core", "cluster-api"}},
		{1, []string{"generate", "provider", "--core", "cluster-api:v1.14.0"}},
		{1, []string{"generate", "provider", "--bootstrap", "kubeadm"}},
		{1, []string{"generate", "provider", "--control-plane", "kubeadm"}},
		{1, []string{"generate", "provider", "--infrastructure", "vsphere"}},
		{11, []string{"generate", "cluster", "c1", "-n", "default", "-i", "vsphere:v1.12.0", "--kubernetes-version", "v1.36.0"}},
		{0, []string{"generate", "cluster", "c1", "-n", "default", "-i", "vsphere:v1.12.0", "--kubernetes-version", "v1.36.0", "--flavor", "ignition"}},
	} {
		out, _ := machine.run(t, soon, append([]string{clusterctl, "--config", config}, args.args...)...)
		onlyTarget(t, out, args.images)
	}
	out, _ := machine.run(t, soon, clusterctl, "--config", config, "config", "repositories")
	for _, name := range []string{"cluster-api ", "kubeadm ", "vsphere "} {
		for _, line := range lines(out) {
			if strings.HasPrefix(line, name) && !strings.Contains(line, " file:///") {
				t.Errorf("config repositories: %s", line)
			}
		}
	}
}

// A home that was moved, as it is carried into the site, works after --relocate.
func TestClusterctlAfterAMove(t *testing.T) {
	clusterctl, machine, dir := needClusterctl(t), newDisconnected(t, vsphere...), t.TempDir()
	made, moved := filepath.Join(dir, "made"), filepath.Join(dir, "mo ved")
	site(t, "2026", filepath.Join(dir, "in"), made)
	if err := os.Rename(made, moved); err != nil {
		t.Fatal(err)
	}
	run(t, "kubectl-airgap", "overrides", "--relocate", "-o", moved)
	for _, provider := range [][]string{{"--core", "cluster-api"}, {"--infrastructure", "vsphere"}} {
		out, _ := machine.run(t, soon, append([]string{clusterctl, "--config", filepath.Join(moved, "clusterctl.yaml"), "generate", "provider"}, provider...)...)
		onlyTarget(t, out, 1)
	}
}

// onlyTarget checks that a manifest names images of the target, and nothing of a registry elsewhere. want is how many
// there are, 0 for any number.
func onlyTarget(t *testing.T, manifest string, want int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	images := lines(run(t, "kubectl-airgap", "images", "-f", path))
	if want > 0 && len(images) != want || images[0] == "" {
		t.Errorf("%d images, want %d: %s", len(images), want, strings.Join(images, " "))
	}
	for _, image := range images {
		if !strings.HasPrefix(image, target+"/") {
			t.Errorf("names %s", image)
		}
	}
	// The same by eye, without our own walker.
	upstream := regexp.MustCompile(`(^|[^/\w.-])(registry\.k8s\.io|k8s\.gcr\.io|gcr\.io|quay\.io|ghcr\.io|docker\.io)/\S+:v?\d`)
	if found := upstream.FindString(manifest); found != "" {
		t.Errorf("holds %q", found)
	}
}

// initScript runs in the namespace: $1 is the API server, $2 clusterctl, $3 its configuration, $4 a new release of the
// core for the existing home. It leaves what each step printed in the home.
const initScript = `set -eu
ip link set lo up
"$1" 127.0.0.1:6443 "$HOME/kubeconfig" & server=$!
trap 'kill $server' EXIT
export KUBECONFIG="$HOME/kubeconfig"
until [ -s "$KUBECONFIG" ]; do sleep 0.05; done
clusterctl=$2 config=$3
step() { name=$1; shift; "$clusterctl" --config "$config" "$@" > "$HOME/$name" 2> "$HOME/$name.log" || { cat "$HOME/$name.log" >&2; exit 1; }; }
step list init list-images -i vsphere
step init init -i vsphere
step plan upgrade plan
step cluster generate cluster c1 -n default -i vsphere --kubernetes-version v1.36.0
cp -r "$4/." "$(dirname "$3")/overrides/"
step replan upgrade plan
curl -sSf http://127.0.0.1:6443/apis/apps/v1/deployments > "$HOME/deployments"
`

// The real clusterctl initialises a management cluster, lists and plans, without any network but a Kubernetes API
// in memory on loopback (test/e2e/apiserver).
func TestClusterctlInitialises(t *testing.T) {
	needTool(t, "curl")
	clusterctl, machine, dir := needClusterctl(t), newDisconnected(t, vsphere...), t.TempDir()
	server := filepath.Join(dir, "apiserver")
	run(t, "go", "build", "-o", server, filepath.Join(root, "test", "e2e", "apiserver"))
	in := filepath.Join(dir, "in")
	config := site(t, "2026", in, filepath.Join(dir, "out"))
	// The next release, as the same files in folders of another name.
	next := filepath.Join(dir, "next")
	for _, label := range []string{"cluster-api", "bootstrap-kubeadm", "control-plane-kubeadm"} {
		run(t, "mkdir", "-p", filepath.Join(next, label))
		run(t, "cp", "-r", filepath.Join(in, "clusterapi", label, "v1.14.0"), filepath.Join(next, label, "v1.14.1"))
	}
	after := filepath.Join(dir, "after")
	run(t, "kubectl-airgap", "overrides", "-f", next, "--to", target, "-o", after)

	machine.run(t, time.Minute, "sh", "-c", initScript, "sh", server, clusterctl, config, filepath.Join(after, "overrides"))
	printed := func(step string) string { return run(t, "cat", filepath.Join(machine.home, step)) }
	list := lines(printed("list"))
	if len(list) != 7 {
		t.Errorf("init list-images: %d images, want 7: %s", len(list), list)
	}
	for _, image := range list {
		if !strings.HasPrefix(image, target+"/") {
			t.Errorf("init list-images names %s", image)
		}
	}
	if log := printed("init.log"); !strings.Contains(log, "Your management cluster has been initialized successfully!") {
		t.Errorf("init said\n%s", log)
	}
	if plan := printed("plan"); !strings.Contains(plan, "You are already up to date!") {
		t.Errorf("upgrade plan said\n%s", plan)
	}
	if plan := printed("replan"); !regexp.MustCompile(`cluster-api .* v1\.14\.0 +v1\.14\.1`).MatchString(plan) {
		t.Errorf("with the next release, upgrade plan said\n%s", plan)
	}
	onlyTarget(t, printed("cluster"), 11)
	deployments := printed("deployments")
	onlyTarget(t, deployments, 8)
	if !strings.Contains(deployments, "--acme-http01-solver-image="+target+"/") {
		t.Error("the solver of cert-manager is not of the private registry")
	}
}

// listScript runs in the namespace: $1 is the API server, $2 clusterctl of 2020, $3 its configuration.
const listScript = `set -eu
ip link set lo up
"$1" 127.0.0.1:6443 "$HOME/kubeconfig" & server=$!
trap 'kill $server' EXIT
export KUBECONFIG="$HOME/kubeconfig"
until [ -s "$KUBECONFIG" ]; do sleep 0.05; done
"$2" --config "$3" init --list-images -i vsphere
`

// The flat folder of the document of 2020 makes a home for the clusterctl of its time, which has its own cert-manager.
func TestClusterctlOf2020(t *testing.T) {
	clusterctl, machine, dir := needOldClusterctl(t), newDisconnected(t, vsphere...), t.TempDir()
	server := filepath.Join(dir, "apiserver")
	run(t, "go", "build", "-o", server, filepath.Join(root, "test", "e2e", "apiserver"))
	config := site(t, "2020", filepath.Join(dir, "in"), filepath.Join(dir, "out"))
	for _, provider := range [][]string{{"--core", "cluster-api"}, {"--bootstrap", "kubeadm"}, {"--control-plane", "kubeadm:v0.3.3"}, {"--infrastructure", "vsphere"}} {
		out, _ := machine.run(t, soon, append([]string{clusterctl, "--config", config, "config", "provider", "-o", "yaml"}, provider...)...)
		onlyTarget(t, out, 2)
	}
	out, _ := machine.run(t, time.Minute, "sh", "-c", listScript, "sh", server, clusterctl, config)
	list := lines(out)
	for _, image := range list {
		if !strings.HasPrefix(image, target+"/") {
			t.Errorf("init --list-images names %s", image)
		}
	}
	if len(list) != 9 || !strings.Contains(out, "/quay.io/jetstack/cert-manager-webhook:v0.11.0\n") {
		t.Errorf("init --list-images: %s", out)
	}
}

// What pkg/overrides knows of clusterctl is what the binary says.
func TestProvidersAreThoseOfClusterctl(t *testing.T) {
	clusterctl, machine := needClusterctl(t), newDisconnected(t, "CLUSTERCTL_DISABLE_VERSIONCHECK=true")
	catalogue, err := overrides.NewCatalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range catalogue.Providers() {
		want = append(want, p.Name+" "+p.Type+" "+p.File)
	}
	out, _ := machine.run(t, soon, clusterctl, "config", "repositories")
	for _, line := range lines(out)[1:] {
		fields := strings.Fields(line)
		got = append(got, fields[0]+" "+fields[1]+" "+fields[3])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("we know\n%s\nclusterctl says\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}
