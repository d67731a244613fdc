package overrides_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
)

// TestHomeFiles: all that clusterctl installs, or makes clusters of, with the values of its variables; cert-manager as it is.
func TestHomeFiles(t *testing.T) {
	h := newHome(t, releases(t), t.TempDir())
	const variables = "# ${VSPHERE_SERVER} ${OTHER} ${MORE:=more}\n"
	template := vsphere + "cluster-template-more.yaml"
	h.write(template, variables)
	h.write(config, h.read(config)+"\nVSPHERE_SERVER: vcenter.example\n")
	certManager, err := filepath.Glob(h.path("home/overrides/cert-manager/*/cert-manager.yaml"))
	if err != nil || len(certManager) != 1 {
		t.Fatal(certManager, err)
	}
	h.write(strings.TrimPrefix(filepath.ToSlash(certManager[0]), filepath.ToSlash(h.dir)+"/"), variables)
	files, err := overrides.HomeFiles(t.Context(), h.opts)
	if err != nil {
		t.Fatal(err)
	}
	filled := map[string]string{}
	components := 0
	for _, f := range files {
		filled[f.Path] = string(f.Filled)
		if strings.HasSuffix(f.Path, "-components.yaml") {
			components++
		}
		if want := strings.Contains(filepath.Base(f.Path), "template") || strings.Contains(filepath.Base(f.Path), "clusterclass"); f.Template != want {
			t.Errorf("%s: it is a template: %v", f.Path, f.Template)
		}
	}
	if components < 4 {
		t.Errorf("there are %d components among %d files", components, len(files))
	}
	if got := filled[h.path(template)]; got != "# vcenter.example ${OTHER} more\n" {
		t.Errorf("the template is %q", got)
	}
	if got := filled[certManager[0]]; got != variables {
		t.Errorf("cert-manager is %q", got)
	}
}

// TestHomeVariables: references are filled in as clusterctl would, with its functions as well.
func TestHomeVariables(t *testing.T) {
	h := newHome(t, releases(t), t.TempDir())
	h.write(config, h.read(config)+"\nTAG: v1+a\n")
	h.opts.Environ = []string{"OF_ENVIRONMENT=v3"}
	fill, err := overrides.HomeVariables(t.Context(), h.opts)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"r/x:${TAG/+/_}":        "r/x:v1_a",
		"r/x:${OF_ENVIRONMENT}": "r/x:v3",
		"r/x:${NOBODY}":         "r/x:${NOBODY}",
		"r/x:${NOBODY:=v2}":     "r/x:v2",
		"r/x:${NOBODY":          "r/x:${NOBODY",
		"r/x:v1":                "r/x:v1",
	} {
		if got := fill(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}
