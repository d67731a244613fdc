//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A release made twice, in folders of two names, is the same to the last byte; what is in it runs, is what it says, and
// is installed by the real krew for each platform, without network: of two systems, and with AIRGAP_E2E_FULL=1 of all.
func TestRelease(t *testing.T) {
	const version = "v0.0.1"
	dist := makeRelease(t, version)
	again := makeRelease(t, version)
	names := fileNames(t, dist)
	if got := fileNames(t, again); strings.Join(names, " ") != strings.Join(got, " ") {
		t.Fatalf("two releases hold %q and %q", names, got)
	}
	for _, name := range names {
		if readFile(t, filepath.Join(dist, name)) != readFile(t, filepath.Join(again, name)) {
			t.Errorf("%s has other bytes the second time", name)
		}
	}
	t.Run("checksums", func(t *testing.T) { checkReleaseSums(t, dist, names) })
	t.Run("bills", func(t *testing.T) { checkBills(t, dist, version) })
	t.Run("man", func(t *testing.T) { checkManual(t, dist, version) })
	t.Run("runs", func(t *testing.T) { checkUnpacked(t, dist, version) })
	t.Run("krew", func(t *testing.T) { checkKrew(t, dist, version) })
}

// makeRelease makes a release of the sources as they are here, in a folder of their own that git does not know, and
// gives the folder that it is in.
func makeRelease(t *testing.T, version string) string {
	t.Helper()
	sources := t.TempDir()
	for _, part := range []string{"cmd", "internal", "pkg", "plugins", "release"} {
		if err := os.CopyFS(filepath.Join(sources, part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"LICENSE", "go.mod", "go.sum"} {
		writeFile(t, filepath.Join(sources, file), readFile(t, filepath.Join(root, file)))
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./release", "-any-go", "-version", version, "-only", strings.Join(releasePlatforms(), ","))
	cmd.Dir = sources
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(sources))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(sources, "dist")
}

// releasePlatforms are what is built here: each takes a minute, if nothing is in Go's cache.
func releasePlatforms() []string {
	if full() {
		return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
	}
	return []string{"linux/amd64", "windows/arm64"}
}

func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// SHA256SUMS names every other file, with its sum.
func checkReleaseSums(t *testing.T, dist string, names []string) {
	var want strings.Builder
	for _, name := range names {
		if name != "SHA256SUMS" {
			fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256([]byte(readFile(t, filepath.Join(dist, name)))), name)
		}
	}
	if got := readFile(t, filepath.Join(dist, "SHA256SUMS")); got != want.String() {
		t.Errorf("SHA256SUMS:\n%swant:\n%s", got, want.String())
	}
}

// A bill of materials names what go itself finds in the program, each with version and package URL.
func checkBills(t *testing.T, dist, version string) {
	program := filepath.Join(unpackProgram(t, dist, version), "kubectl-airgap")
	var bill struct {
		Format     string `json:"bomFormat"`
		Components []struct{ Name, Version, PURL string }
	}
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(dist, "kubectl-airgap_"+version+"_linux_amd64.tar.gz.cdx.json"))), &bill); err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	for _, c := range bill.Components {
		named[c.Name] = c.Version
		if !strings.HasPrefix(c.PURL, "pkg:golang/"+strings.ToLower(c.Name)+"@") {
			t.Errorf("%s has the package URL %s", c.Name, c.PURL)
		}
	}
	deps := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(run(t, "go", "version", "-m", program), -1)
	if bill.Format != "CycloneDX" || len(deps) == 0 || len(bill.Components) != len(deps)+1 {
		t.Errorf("%s with %d components, of %d modules and the standard library", bill.Format, len(bill.Components), len(deps))
	}
	for _, dep := range deps {
		if named[dep[1]] != dep[2] {
			t.Errorf("%s is %q in the bill, %s in the program", dep[1], named[dep[1]], dep[2])
		}
	}
}

// The real man reads each page without a warning.
func checkManual(t *testing.T, dist, version string) {
	needTool(t, "man")
	dir := t.TempDir()
	run(t, "tar", "-xzf", filepath.Join(dist, "kubectl-airgap_"+version+"_man.tar.gz"), "-C", dir)
	for _, verb := range []string{"", "-images", "-bundle-check"} {
		page := run(t, "man", "--warnings", "-l", filepath.Join(dir, "man1", "kubectl-airgap"+verb+".1"))
		if !strings.Contains(page, "kubectl airgap") || !strings.Contains(page, version) {
			t.Errorf("the manual of kubectl airgap%s reads:\n%s", verb, page)
		}
	}
}

// The program for this machine does its work on examples/.
func checkUnpacked(t *testing.T, dist, version string) {
	program, site := filepath.Join(unpackProgram(t, dist, version), "kubectl-airgap"), filepath.Join(root, "examples", "site")
	if info, err := os.Stat(program); err != nil || info.Mode().Perm() != 0o755 || info.Size() > 60_000_000 {
		t.Errorf("the program is %v, %v", info, err)
	}
	if said := run(t, program, "version"); !strings.HasPrefix(said, "kubectl-airgap "+version+" ") {
		t.Errorf("it says that it is %q", said)
	}
	if run(t, program, "images", "-f", site) != run(t, "kubectl-airgap", "images", "-f", site) {
		t.Error("it lists other images than the one that was built here")
	}
	out := t.TempDir()
	run(t, program, "rewrite", "-f", site, "--to", "registry.example.com/airgap", "-o", filepath.Join(out, "rewritten"))
	run(t, program, "overrides", "-f", site, "--provider", "infrastructure-lab:v0.3.1="+filepath.Join(site, "clusterapi", "infrastructure-lab", "v0.3.1"), "--to", "registry.example.com/airgap", "-o", filepath.Join(out, "home"))
	if !exists(filepath.Join(out, "home", "clusterctl.yaml")) {
		t.Error("overrides wrote no clusterctl.yaml")
	}
}

func unpackProgram(t *testing.T, dist, version string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "tar", "-xzf", filepath.Join(dist, "kubectl-airgap_"+version+"_linux_amd64.tar.gz"), "-C", dir)
	return dir
}

// krew's own check of manifests passes, and krew installs every archive that the manifest names, with the program under
// its name and the license beside it. Here, kubectl then finds the plugin.
func checkKrew(t *testing.T, dist, version string) {
	needNamespace(t)
	tools := filepath.Join(root, "test", "e2e", "tools", "krew")
	krew := needBuilt(t, "krew", "build", "-C", tools, "-p", "2", "-o", filepath.Join(bin, "krew"), "sigs.k8s.io/krew/cmd/krew")
	validate := needBuilt(t, "validate-krew-manifest", "build", "-C", tools, "-p", "2", "-o", filepath.Join(bin, "validate-krew-manifest"), "sigs.k8s.io/krew/cmd/validate-krew-manifest")
	manifest := writeFile(t, filepath.Join(t.TempDir(), "airgap.yaml"), readFile(t, filepath.Join(dist, "krew.yaml"))) // krew wants the plugin's name
	run(t, validate, "-skip-install", "-manifest", manifest)
	for _, platform := range releasePlatforms() {
		system, arch, _ := strings.Cut(platform, "/")
		archive, binary := "kubectl-airgap_"+version+"_"+system+"_"+arch+".tar.gz", "kubectl-airgap"
		if system == "windows" {
			archive, binary = strings.TrimSuffix(archive, "tar.gz")+"zip", binary+".exe"
		}
		home := t.TempDir()
		run(t, "unshare", "--net", "--map-root-user", "env", "KREW_ROOT="+home, "KREW_OS="+system, "KREW_ARCH="+arch, "KREW_NO_UPGRADE_CHECK=1",
			krew, "install", "--manifest="+manifest, "--archive="+filepath.Join(dist, archive))
		for _, file := range []string{binary, "LICENSE"} {
			if !exists(filepath.Join(home, "store", "airgap", version, file)) {
				t.Errorf("%s: krew installed no %s", platform, file)
			}
		}
		if platform == "linux/amd64" {
			needTool(t, "kubectl")
			if said := run(t, "env", "PATH="+filepath.Join(home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "kubectl", "airgap", "version"); !strings.HasPrefix(said, "kubectl-airgap "+version+" ") {
				t.Errorf("kubectl airgap version says %q", said)
			}
		}
	}
}
