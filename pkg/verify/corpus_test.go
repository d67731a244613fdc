package verify

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// corpusDir holds real manifests that are not part of this repository.
const corpusDir = "../../../shared/corpus"

// Real manifests that were rewritten have nothing outside but what rewriting refuses: the
// variables that hide a registry. Of operators, cert-manager up to v1.1 names no
// acmesolver.
func TestCorpus(t *testing.T) {
	m := NewManifests(siteAt(t), ManifestsOptions{Least: manifest.Likely})
	files := 0
	err := filepath.WalkDir(corpusDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" || strings.Contains(path, "/TRUTH/") {
			return err
		}
		files++
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := manifest.Parse(path, src)
		if err != nil {
			return err
		}
		out, _ := f.Replace(func(u manifest.Use) (image.Ref, bool) { // what it refuses is found again
			if u.Confidence < manifest.Likely || u.Ref.IsZero() {
				return image.Ref{}, false
			}
			return u.Target(m.site.Mapping)
		})
		if f, err = manifest.Parse(path, out); err == nil {
			m.Add(f, "")
		}
		return err
	})
	if files == 0 {
		t.Skip("NOT RUN: the corpus is not at ", corpusDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Findings() {
		hides := (f.Check == CheckManifestVariable || f.Check == CheckManifestUnknown) && strings.ContainsAny(f.Problem, "$<{")
		if f.Check != CheckManifestLatest && f.Check != CheckNodeFetch && !hides {
			t.Errorf("%s %s: %s", f.Check, f.Place, f.Problem)
		}
	}
	if n := len(m.Wanted()); n < 500 {
		t.Errorf("%d images in %d files, want 500 or more", n, files)
	}
	_, findings, err := m.Names(NamesOptions{})
	if err != nil {
		t.Error(err)
	}
	for _, f := range findings {
		hidden := strings.HasPrefix(f.Problem, "nobody has said which version of Kubernetes this is")
		if !hidden && !strings.Contains(f.Problem, "cert-manager-acmesolver:v0.") && !strings.Contains(f.Problem, "cert-manager-acmesolver:v1.1.0") {
			t.Errorf("%s %s: %s", f.Check, f.Place, f.Problem)
		}
	}
}
