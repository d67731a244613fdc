//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// imgpkgVersion is the version in tools/carvel/go.mod.
const imgpkgVersion = "v0.46.1"

// The real imgpkg copies as the script says.
func TestExportImgpkgScript(t *testing.T) {
	needTool(t, "bash")
	folder := t.TempDir()
	if err := os.Symlink(needCarvel(t, "imgpkg", imgpkgVersion), filepath.Join(folder, "imgpkg")); err != nil {
		t.Fatal(err)
	}
	s := newExportSite(t)
	file := s.export("image-copy-list", "imgpkg-script", "--to", s.site.address+"/p", "--ca-file", s.up.caFile)
	env := []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "SSL_CERT_FILE=/nonexistent"}
	s.run(env, "bash", file)
	s.check(s.site, s.below("p/"), exportPinned, exportDigest) // imgpkg names those by a tag of its own

	// As download-images.sh takes it: the lines that name imgpkg, each once, run word by word.
	var script strings.Builder
	for _, line := range lines(readFile(t, file)) {
		if strings.Contains(line, "imgpkg") {
			script.WriteString(strings.ReplaceAll(line, "/p/", "/q/") + "\n")
		}
	}
	list := writeFile(t, filepath.Join(s.path, "list"), script.String())
	s.run(env, "bash", "-euc", `sort "$0" | uniq | while read -r command; do $command </dev/null; done`, list)
	s.check(s.site, s.below("q/"), exportPinned, exportDigest)
}

// An imagesLock is an ImagesLock as imgpkg reads it: pkg/imgpkg/lockconfig/images_lock.go of imgpkg.
type imagesLock struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Images     []struct {
		Image       string            `yaml:"image"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"images"`
}

// Digests that the registries tell are those that the archive tells; the lock is as imgpkg wants it, and imgpkg copies
// what it names.
func TestExportImgpkgLock(t *testing.T) {
	imgpkg := needCarvel(t, "imgpkg", imgpkgVersion)
	s := newExportSite(t)
	refused(t, `--lock, or ask the registries with --resolve`, "images", "-f", s.list, "-o", "imgpkg-lock")
	file := s.export("images.yml", "imgpkg-lock", "--resolve", "--ca-file", s.up.caFile)
	archive := filepath.Join(s.path, "site.tar")
	must(t, "pull", "-f", s.list, "-o", archive, "--ca-file", s.up.caFile, "--platform", "linux/amd64") // its own digests are others
	resolved := readFile(t, file)
	for name, got := range map[string]string{
		"images --lock": must(t, "images", "-f", s.list, "-o", "imgpkg-lock", "--lock", archive).stdout,
		"bundle ls":     must(t, "bundle", "ls", archive, "-o", "imgpkg-lock").stdout,
	} {
		if got != resolved {
			t.Errorf("%s: the archive says\n%sthe registries say\n%s", name, got, resolved)
		}
	}
	var lock imagesLock
	decoder := yaml.NewDecoder(strings.NewReader(resolved))
	decoder.KnownFields(true)
	if err := decoder.Decode(&lock); err != nil || lock.APIVersion != "imgpkg.carvel.dev/v1alpha1" || lock.Kind != "ImagesLock" || len(lock.Images) != len(s.set) {
		t.Errorf("%v: %d images in\n%s", err, len(lock.Images), resolved)
	}
	for _, image := range lock.Images {
		if !regexp.MustCompile(`^[^@]+/[^@:]+@sha256:[0-9a-f]{64}$`).MatchString(image.Image) || image.Annotations["kbld.carvel.dev/id"] == "" {
			t.Errorf("%+v is no image of a lock", image)
		}
	}
	s.run(nil, imgpkg, "copy", "--lock", file, "--to-repo", s.site.address+"/locked")
	var urls []string
	for _, image := range s.set {
		renamed := *image
		renamed.Name = "locked:" + image.Tag()
		urls = append(urls, everything(s.site, "", synthetic.Set{&renamed})[1:]...)
	}
	checkHeads(t, urls)
}
