//go:build e2e

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A haulerManifest is an Images as Hauler 2.1 reads it: pkg/apis/hauler.cattle.io/v1/image.go of hauler-dev/hauler.
type haulerManifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Images []struct {
			Name     string `yaml:"name"`
			Key      string `yaml:"key"`
			Platform string `yaml:"platform"`
			Rewrite  string `yaml:"rewrite"`
		} `yaml:"images"`
	} `yaml:"spec"`
}

// What is written is what Hauler reads. The real one fills its store from it, where there is one: neither the Go module
// proxy nor Debian has it.
func TestExportHauler(t *testing.T) {
	s := newExportSite(t)
	file := s.export("hauler.yaml", "hauler")
	var manifest haulerManifest
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, file)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.APIVersion != "content.hauler.cattle.io/v1" || manifest.Kind != "Images" || manifest.Metadata.Name == "" {
		t.Errorf("%+v", manifest)
	}
	var names []string
	for _, image := range manifest.Spec.Images {
		names = append(names, image.Name)
	}
	if got, want := strings.Join(names, "\n"), strings.Join(s.refs, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := exec.LookPath("hauler"); err != nil {
		t.Log("hauler is not installed: store sync was NOT checked")
		return
	}
	s.run(nil, "hauler", "store", "sync", "--store", "haul", "--filename", file)
	// Its layout names every image; skopeo finds in it the digest that the source has.
	info := s.run(nil, "hauler", "store", "info", "--store", "haul", "--output", "json")
	for i, image := range s.set {
		name := image.Repository() + ":" + image.Tag()
		if i == exportPinned || i == exportDigest {
			name = image.Repository()
		}
		if !strings.Contains(info, name) {
			t.Errorf("hauler's store lacks %s:\n%s", name, tail(info))
		}
		if !strings.Contains(readFile(t, s.path+"/haul/index.json"), image.Root().Digest) {
			t.Errorf("hauler's store lacks the digest of %s", image.Name)
		}
	}
}
