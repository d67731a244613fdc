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

// The real clusterctl finds the plugin on PATH under its other name, and hands it its arguments.
func TestClusterctlCallsThePlugin(t *testing.T) {
	clusterctl := needClusterctl(t)
	site := filepath.Join(root, "examples", "site")
	direct := run(t, "kubectl-airgap", "images", "-f", site)
	if called := run(t, clusterctl, "airgap", "images", "-f", site); called != direct {
		t.Errorf("clusterctl airgap images:\n%s\nkubectl-airgap images:\n%s", called, direct)
	}
	if help := run(t, clusterctl, "airgap", "images", "--help"); !strings.Contains(help, "clusterctl airgap images") {
		t.Errorf("its help speaks of another program:\n%s", help)
	}
}

// kubectl completes the words of the plugin through a program of another name, a link to it.
func TestKubectlCompletesThePlugin(t *testing.T) {
	needTool(t, "kubectl")
	if said := run(t, "kubectl", "__complete", "airgap", "rewrite", "--layout", ""); !strings.HasPrefix(said, "host\npath\nname\ngroup\n:4") {
		t.Errorf("kubectl offers %q", said)
	}
}
