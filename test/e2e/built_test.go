//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clusterctlVersion is the version in tools/go.mod.
const clusterctlVersion = "v1.14.2"

// needClusterctl gives the path of the real clusterctl, built once into bin from its module.
func needClusterctl(t *testing.T) string {
	t.Helper()
	return needBuilt(t, "clusterctl-"+clusterctlVersion, "build", "-C", filepath.Join(root, "test", "e2e", "tools"),
		"-p", "2", "-trimpath", "-ldflags", "-s -w -X sigs.k8s.io/cluster-api/version.gitVersion="+clusterctlVersion,
		"-o", filepath.Join(bin, "clusterctl-"+clusterctlVersion), "sigs.k8s.io/cluster-api/cmd/clusterctl")
}

// needOldClusterctl gives the path of the clusterctl that the document of 2020 used.
func needOldClusterctl(t *testing.T) string {
	t.Helper()
	return needBuilt(t, "clusterctl-v0.3.3", "build", "-C", filepath.Join(root, "test", "e2e", "tools", "clusterctl-v0.3"),
		"-p", "2", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(bin, "clusterctl-v0.3.3"), "sigs.k8s.io/cluster-api/cmd/clusterctl")
}

// needBuilt gives the path of a program in bin, built with these arguments of go if it is not there.
func needBuilt(t *testing.T, name string, goArgs ...string) string {
	t.Helper()
	path := filepath.Join(bin, name)
	if exists(path) {
		return path
	}
	if out, err := exec.CommandContext(t.Context(), "go", goArgs...).CombinedOutput(); err != nil {
		missing(t, name+" cannot be built: "+tail(string(out)))
	}
	return path
}

// missing skips a test that lacks something, or fails it with AIRGAP_E2E=1.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("AIRGAP_E2E") == "1" {
		t.Fatalf("%s, and AIRGAP_E2E=1 wants it", what)
	}
	t.Skipf("%s: NOT checked", what)
}

// needNamespace skips a test where no network namespace can be made.
func needNamespace(t *testing.T) {
	t.Helper()
	needTool(t, "unshare")
	needTool(t, "ip")
	if err := exec.CommandContext(t.Context(), "unshare", "--net", "--map-root-user", "true").Run(); err != nil {
		missing(t, "no network namespace can be made")
	}
}

// inNamespace says that the test runs where nothing but loopback is. If it does not yet, it is run there, and its output
// shown.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const inside = "AIRGAP_E2E_NAMESPACE"
	if os.Getenv(inside) != "" {
		if out, err := exec.CommandContext(t.Context(), "ip", "-brief", "link").CombinedOutput(); err != nil || strings.Count(string(out), "\n") != 1 {
			t.Fatalf("there is more than loopback: %v\n%s", err, out)
		}
		return true
	}
	needNamespace(t)
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", "--map-root-user", "sh", "-c", `ip link set lo up && exec "$@"`,
		"sh", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	t.Logf("without network:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("without network: %v", err)
	}
	return false
}
