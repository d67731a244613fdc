//go:build e2e

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const target = "registry.airgap.example.com/airgap"

// Whole sites of real manifests, six years apart: listed, rewritten, listed again.
func TestSites(t *testing.T) {
	for era, want := range map[string][]string{
		"2026": {
			"quay.io/jetstack/cert-manager-acmesolver:v1.19.4",                                 // in an argument
			"ghcr.io/kube-vip/kube-vip:v0.6.4",                                                 // in a file of a KubeadmControlPlane
			"registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:${CPI_IMAGE_K8S_VERSION}", // in a ConfigMap, with a variable
		},
		"2020": {
			"docker.io/calico/node:v3.9.1", // calico/node:v3.9.1 in the file
		},
	} {
		t.Run(era, func(t *testing.T) { testSite(t, era, want) })
	}
}

func testSite(t *testing.T, era string, want []string) {
	needShared(t)
	needTool(t, "bash")
	dir := t.TempDir()
	in, out, again := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "again")
	run(t, "bash", filepath.Join(shared, "tools", "site.sh"), era, in)

	before := lines(run(t, "kubectl-airgap", "images", "-f", in))
	for _, ref := range want {
		if !slices.Contains(before, ref) {
			t.Errorf("images does not list %s, only\n%s", ref, strings.Join(before, "\n"))
		}
	}
	if template := in + "/clusterapi/infrastructure-vsphere/v1.12.0/cluster-template.yaml"; era == "2026" {
		if list := lines(run(t, "kubectl-airgap", "images", "-f", template)); len(list) != 11 {
			t.Errorf("the cluster template has 11 images, images lists %d:\n%s", len(list), strings.Join(list, "\n"))
		}
	}
	run(t, "kubectl-airgap", "rewrite", "-f", in, "--to", target, "-o", out)
	after := lines(run(t, "kubectl-airgap", "images", "-f", out))
	for i, ref := range after {
		if !strings.HasPrefix(ref, target+"/") {
			t.Errorf("after rewrite, images still lists %s", ref)
		}
		after[i] = strings.TrimPrefix(ref, target+"/")
	}
	if !slices.Equal(before, after) {
		t.Errorf("below %s images lists\n%s\nbefore\n%s", target, strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	run(t, "kubectl-airgap", "rewrite", "-f", out, "--to", target, "-o", again)
	sameTree(t, out, again)
	onlyReferencesChanged(t, in, out)
	t.Logf("%d images", len(before))
}

// sameTree checks that two folders hold the same files with the same bytes.
func sameTree(t *testing.T, a, b string) {
	t.Helper()
	want, got := readTree(t, a), readTree(t, b)
	if len(want) != len(got) {
		t.Errorf("%s has %d files, %s has %d", a, len(want), b, len(got))
	}
	for name := range want {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("the second rewrite changed %s", name)
		}
	}
}

// onlyReferencesChanged checks that every line is as it was, or names the target now. The sites hold no base64.
func onlyReferencesChanged(t *testing.T, in, out string) {
	t.Helper()
	was, is := readTree(t, in), readTree(t, out)
	for name := range was {
		a, b := strings.SplitAfter(string(was[name]), "\n"), strings.SplitAfter(string(is[name]), "\n")
		if len(a) != len(b) {
			t.Errorf("%s had %d lines and has %d", name, len(a), len(b))
			continue
		}
		for i := range a {
			if a[i] != b[i] && !strings.Contains(b[i], target) {
				t.Errorf("%s:%d: %q became %q", name, i+1, a[i], b[i])
			}
		}
	}
}

func readTree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = os.ReadFile(filepath.Join(dir, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
