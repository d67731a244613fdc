//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// bundleComponents are those for which gen-publish-images.sh says -b (tanzu-framework f07a8853e, hack/).
var bundleComponents = []string{
	"tkg-standard-packages", "standalone-plugins-package", "tanzu-framework-management-packages",
	"tkg-core-packages", "capabilities-package", "tkg-storageclass-package",
}

// generated are the lines that gen-publish-images.sh prints for the components of a bill of materials, each once.
func generated(t *testing.T, file, to string) []string {
	t.Helper()
	var bom struct {
		ImageConfig struct {
			ImageRepository string `yaml:"imageRepository"`
		} `yaml:"imageConfig"`
		Components map[string][]struct {
			Images map[string]struct {
				ImagePath string `yaml:"imagePath"`
				Tag       string `yaml:"tag"`
			} `yaml:"images"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, file)), &bom); err != nil {
		t.Fatal(err)
	}
	var all []string
	for name, versions := range bom.Components {
		kind := "-i"
		if slices.Contains(bundleComponents, name) {
			kind = "-b"
		}
		for _, version := range versions {
			for _, i := range version.Images {
				all = append(all, "imgpkg copy "+kind+" "+bom.ImageConfig.ImageRepository+"/"+i.ImagePath+":"+i.Tag+" --to-repo "+to+"/"+i.ImagePath)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// T5: of VMware's own bills of materials, the lines that VMware's own script prints, and no others.
func TestTKGScript(t *testing.T) {
	needShared(t)
	const repository, to = "projects-stg.registry.vmware.com/tkg", "harbor.example/tkg"
	for name, status := range map[string]int{"example-tkg-bom.yaml": 3, "example-tkr-bom.yaml": 0} { // 3: it names images without tag, too
		file := filepath.Join(shared, "corpus/bom/tanzu-framework/v0.29.0", name)
		o := try(t, "images", "-f", file, "-o", "imgpkg-script", "--to", to, "--map", repository+"="+to)
		var got []string
		for _, line := range lines(o.stdout) {
			if strings.HasPrefix(line, "imgpkg") {
				got = append(got, line)
			}
		}
		slices.Sort(got)
		if want := generated(t, file, to); !slices.Equal(got, want) || o.status != status || len(want) < 70 {
			t.Errorf("%s: exit status %d, %d lines of %d\n%s", name, o.status, len(got), len(want), o.stderr)
		}
	}
}
