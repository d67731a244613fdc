//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// kubectl finds the plugin on PATH and hands it its arguments.
func TestKubectlCallsThePlugin(t *testing.T) {
	needTool(t, "kubectl")
	site := filepath.Join(root, "examples", "site")
	direct := run(t, "kubectl-airgap", "images", "-f", site)
	if called := run(t, "kubectl", "airgap", "images", "-f", site); called != direct {
		t.Errorf("kubectl airgap images:\n%s\nkubectl-airgap images:\n%s", called, direct)
	}
}

// The help speaks of the program by the name it was called by.
func TestHelpHasTheNameItWasCalledBy(t *testing.T) {
	for called, want := range map[string]string{
		"kubectl-airgap":    "kubectl airgap",
		"clusterctl-airgap": "clusterctl airgap",
	} {
		if help := run(t, called, "images", "--help"); !strings.Contains(help, want+" images") {
			t.Errorf("%s images --help does not say %q:\n%s", called, want+" images", help)
		}
	}
}
