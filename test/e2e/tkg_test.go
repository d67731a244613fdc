//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// needCarvel gives the path of a program of tools/carvel, built once into bin. Versions are those in its go.mod.
func needCarvel(t *testing.T, name, version string) string {
	t.Helper()
	return needBuilt(t, name+"-"+version, "build", "-C", filepath.Join(root, "test/e2e/tools/carvel"), "-p", "2", "-trimpath",
		"-ldflags", "-s -w", "-o", filepath.Join(bin, name+"-"+version), "carvel.dev/"+name+"/cmd/"+name)
}

// tkgSource is where the names of TKG's images begin. Nothing has been there since 2024; the tests have it on loopback.
const tkgSource = "projects.registry.vmware.com/tkg"

// A tkgSite is a registry that plays VMware's, and the site's.
type tkgSite struct {
	*testing.T
	imgpkg   string
	up, site *dockerRegistry
	dir      string
}

func newTKGSite(t *testing.T) *tkgSite {
	t.Helper()
	return &tkgSite{T: t, imgpkg: needCarvel(t, "imgpkg", "v0.46.1"), up: new(dockerRegistry).start(t), site: new(dockerRegistry).start(t), dir: t.TempDir()}
}

// run runs the real imgpkg, which must succeed.
func (s *tkgSite) run(args ...string) string {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), s.imgpkg, append(args, "--tty", "--registry-insecure")...)
	cmd.Dir = s.dir
	cmd.Env = []string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("imgpkg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// upstream is where an image of TKG is on loopback.
func (s *tkgSite) upstream(path string) string { return s.up.address + "/" + tkgSource + "/" + path }

// push has imgpkg push a folder with one file, and gives its digest.
func (s *tkgSite) push(kind, path, file, content string) string {
	s.Helper()
	dir := s.TempDir()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
		s.Fatal(err)
	}
	writeFile(s.T, filepath.Join(dir, file), content)
	s.run("push", kind, s.upstream(path), "-f", dir)
	repository, tag, _ := strings.Cut(path, ":")
	return digestAt(s.T, s.up, tkgSource+"/"+repository, tag)
}

// digestAt is what a registry has under a name; empty if it has nothing.
func digestAt(t *testing.T, r *dockerRegistry, repository, reference string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, r.url()+"/v2/"+repository+"/manifests/"+reference, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, accept := range []string{synthetic.OCIIndex, synthetic.OCIManifest, synthetic.DockerList, synthetic.DockerManifest} {
		req.Header.Add("Accept", accept)
	}
	resp, err := insecure().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("Docker-Content-Digest")
}

// tagsAt are the tags of a repository with their digests.
func tagsAt(t *testing.T, r *dockerRegistry, repository string) map[string]string {
	t.Helper()
	resp, err := insecure().Get(r.url() + "/v2/" + repository + "/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range list.Tags {
		tags[tag] = digestAt(t, r, repository, tag)
	}
	return tags
}

func imagesLockOf(refs ...string) string {
	text := "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n"
	for _, ref := range refs {
		text += "- image: " + ref + "\n  annotations: {kbld.carvel.dev/id: " + ref + "}\n"
	}
	return text
}

// repo puts TKG's repository of core packages upstream, as VMware built it: a bundle of an image, of one for two platforms
// that is elsewhere, and of a bundle with the same image. It gives what its repository has once it is relocated: tags and
// digests, without those by which imgpkg names what it has tagged already.
func (s *tkgSite) repo() map[string]string {
	s.Helper()
	single := s.push("-i", "apps/single:v1", "a.txt", "single")
	s.up.fill(s.T, "", synthetic.Named([]string{"registry.example/many:v1"}, 10_000))
	many := digestAt(s.T, s.up, "registry.example/many", "v1")
	inner := s.push("-b", "packages/inner:v1", ".imgpkg/images.yml", imagesLockOf(tkgSource+"/apps/single@"+single))
	outer := s.push("-b", "packages/core/repo:v1", ".imgpkg/images.yml",
		imagesLockOf(tkgSource+"/apps/single@"+single, "registry.example/many@"+many, tkgSource+"/packages/inner@"+inner))
	want := map[string]string{"v1": outer}
	for _, member := range []string{single, many, inner} {
		want[strings.Replace(member, ":", "-", 1)+".imgpkg"] = member
	}
	return want
}

// relocated checks the repository of a bundle: by its tags, and as the real imgpkg sees it.
func (s *tkgSite) relocated(repository string, want map[string]string) {
	s.Helper()
	got := tagsAt(s.T, s.site, repository)
	locations := 0
	for tag, d := range got {
		if strings.HasSuffix(tag, ".image-locations.imgpkg") {
			locations++
		} else if want[tag] != d {
			s.Errorf("%s: %s is %s, not %s", repository, tag, d, want[tag])
		}
	}
	if len(got)-locations != len(want) || locations != 2 { // of the outer bundle, and of the inner one
		s.Errorf("%s has %d tags and %d locations: %v", repository, len(got), locations, got)
	}
	dir := filepath.Join(s.TempDir(), "out")
	if out := s.run("pull", "--recursive", "-b", s.site.address+"/"+repository+":v1", "-o", dir); !strings.Contains(out, "is hosting every image specified") {
		s.Errorf("imgpkg does not find every image in %s:\n%s", repository, out)
	}
	var lock imagesLock
	if err := yaml.Unmarshal([]byte(readFile(s.T, filepath.Join(dir, ".imgpkg", "images.yml"))), &lock); err != nil {
		s.Fatal(err)
	}
	for _, image := range lock.Images {
		if !strings.HasPrefix(image.Image, s.site.address+"/"+repository+"@") {
			s.Errorf("imgpkg leaves %s where it was", image.Image)
		}
	}
	if len(lock.Images) != 3 {
		s.Errorf("imgpkg names %d images", len(lock.Images))
	}
}

// T7: a bundle arrives with its members, and the real imgpkg takes it for relocated; a second time nothing is sent; what
// imgpkg itself makes of the source has the same digests.
func TestTKGBundle(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newTKGSite(t)
	want := s.repo()
	archive := filepath.Join(s.dir, "site.tar")
	const image = tkgSource + "/packages/core/repo:v1"
	must(t, "pull", "--image", image, from(s.up.address), "-o", archive, "--platform", "linux/amd64")
	must(t, "bundle", "check", archive)
	to := []string{"--to", s.site.address + "/tkg-1-5-3", "--map", tkgSource + "=" + s.site.address + "/tkg-1-5-3"}
	must(t, append([]string{"push", archive}, to...)...)
	s.relocated("tkg-1-5-3/packages/core/repo", want)
	before := len(s.site.requests(t))
	must(t, append([]string{"push", archive}, to...)...)
	if again := s.site.requests(t)[before:]; again.count(request.sends) != 0 {
		t.Errorf("a second push sends\n%s", again)
	}

	must(t, "mirror", "--image", image, from(s.up.address), "--to", s.site.address+"/mirrored", "--layout", "path")
	s.relocated("mirrored/tkg/packages/core/repo", want)

	// imgpkg copies what is relocated: its source names registries that are not here.
	s.run("copy", "-b", s.site.address+"/tkg-1-5-3/packages/core/repo:v1", "--to-repo", s.site.address+"/oracle/repo")
	ours, theirs := tagsAt(t, s.site, "tkg-1-5-3/packages/core/repo"), tagsAt(t, s.site, "oracle/repo")
	for tag, d := range ours {
		if theirs[tag] != d {
			t.Errorf("%s is %s, but imgpkg makes it %q", tag, d, theirs[tag])
		}
	}
}

// T8: verify sees when a member is gone that nothing else names, and asks nobody but the site.
func TestTKGVerify(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newTKGSite(t)
	want := s.repo()
	archive := filepath.Join(s.dir, "site.tar")
	must(t, "pull", "--image", tkgSource+"/packages/core/repo:v1", from(s.up.address), "-o", archive)
	to := []string{"--to", s.site.address, "--layout", "path"}
	must(t, append([]string{"push", archive}, to...)...)
	verify := append([]string{"verify", "--bundle", archive}, to...)
	must(t, verify...)
	for tag, member := range want {
		if tag == "v1" {
			continue
		}
		for _, path := range []string{"_manifests/revisions/sha256/", "_manifests/tags/" + tag} {
			if strings.HasSuffix(path, "/") {
				path += strings.TrimPrefix(member, "sha256:")
			}
			if err := os.RemoveAll(filepath.Join(s.site.storage, "docker/registry/v2/repositories/tkg/packages/core/repo", path)); err != nil {
				t.Fatal(err)
			}
		}
		o := try(t, verify...)
		if o.status != 3 || !strings.Contains(o.stdout, "member ") || !strings.Contains(o.stdout, member) {
			t.Errorf("without %s: exit status %d\n%s%s", member, o.status, o.stdout, o.stderr)
		}
		must(t, append([]string{"push", archive}, to...)...) // pushing again mends it
		must(t, verify...)
	}
}

// What the site has need not be carried again, but a list of members always is: nobody could push without it.
func TestTKGHave(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newTKGSite(t)
	want := s.repo()
	first, second, have := filepath.Join(s.dir, "first.tar"), filepath.Join(s.dir, "second.tar"), filepath.Join(s.dir, "have.json")
	const image = tkgSource + "/packages/core/repo:v1"
	must(t, "pull", "--image", image, from(s.up.address), "-o", first)
	writeFile(t, have, must(t, "bundle", "ls", first, "-o", "json").stdout)
	to := []string{"--to", s.site.address, "--layout", "path"}
	must(t, append([]string{"push", first}, to...)...)
	must(t, "pull", "--image", image, "--image", tkgSource+"/packages/inner:v1", "--have", have, from(s.up.address), "-o", second)
	if out := must(t, "bundle", "diff", first, second).stdout; !strings.Contains(out, "packages/inner:v1") {
		t.Errorf("diff says\n%s", out)
	}
	must(t, append([]string{"push", second}, to...)...)
	s.relocated("tkg/packages/core/repo", want)
	if got, inner := digestAt(t, s.site, "tkg/packages/inner", "v1"), digestAt(t, s.up, tkgSource+"/packages/inner", "v1"); got != inner {
		t.Errorf("what was lacking is %q", got)
	}
}

// T7b: imgpkg takes our tars, and we take imgpkg's.
func TestTKGTars(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newTKGSite(t)
	want := s.repo()
	s.push("-i", "ako:v1.6.0_vmware.16", "a.txt", "ako")
	archive, tars := filepath.Join(s.dir, "site.tar"), filepath.Join(s.dir, "tars")
	must(t, "pull", "--image", tkgSource+"/packages/core/repo:v1", "--image", tkgSource+"/ako:v1.6.0_vmware.16", from(s.up.address), "-o", archive)
	load := []string{"load", archive, "--format", "imgpkg", "--to", "harbor.example/tkg", "--map", tkgSource + "=harbor.example/tkg", "-o"}
	must(t, append(load, tars)...)
	const list = "ako-v1.6.0_vmware.16.tar: ako\npackages-core-repo-v1.tar: packages/core/repo\n"
	if got := readFile(t, filepath.Join(tars, "publish-images-fromtar.yaml")); got != list {
		t.Errorf("publish-images-fromtar.yaml is\n%s", got)
	}
	for _, line := range lines(list) { // as tanzu isolated-cluster upload-bundle does it
		tar, path, _ := strings.Cut(line, ": ")
		s.run("copy", "--tar", filepath.Join(tars, tar), "--to-repo", s.site.address+"/uploaded/"+path)
	}
	uploaded := tagsAt(t, s.site, "uploaded/packages/core/repo")
	for tag, d := range want {
		if uploaded[tag] != d {
			t.Errorf("of our tar, imgpkg makes %s %q, not %s", tag, uploaded[tag], d)
		}
	}
	if got := digestAt(t, s.site, "uploaded/ako", "v1.6.0_vmware.16"); got != digestAt(t, s.up, tkgSource+"/ako", "v1.6.0_vmware.16") {
		t.Errorf("of our tar, imgpkg makes ako %q", got)
	}

	// What imgpkg writes of it comes back under the names that it has there.
	theirs := filepath.Join(s.dir, "theirs")
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	for tar, path := range map[string]string{"repo.tar": "-b uploaded/packages/core/repo:v1", "ako.tar": "-i uploaded/ako:v1.6.0_vmware.16"} {
		kind, name, _ := strings.Cut(path, " ")
		s.run("copy", kind, s.site.address+"/"+name, "--to-tar", filepath.Join(theirs, tar))
	}
	writeFile(t, filepath.Join(theirs, "publish-images-fromtar.yaml"), "repo.tar: packages/core/repo\nako.tar: ako\n")
	imported := filepath.Join(s.dir, "imported.tar")
	must(t, "bundle", "import", theirs, "-o", imported)
	must(t, "bundle", "check", imported)
	must(t, "push", imported, "--to", s.site.address+"/again", "--map", s.site.address+"/uploaded="+s.site.address+"/again")
	s.relocated("again/packages/core/repo", want)
	one := filepath.Join(s.dir, "one.tar")
	must(t, "bundle", "import", filepath.Join(theirs, "ako.tar"), "-o", one)
	if out := must(t, "bundle", "ls", one).stdout; !strings.Contains(out, s.site.address+"/uploaded/ako:v1.6.0_vmware.16") {
		t.Errorf("one tar is imported as\n%s", out)
	}
	raw, err := os.ReadFile(filepath.Join(theirs, "repo.tar"))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-2000] ^= 1 // in the last layer
	if err := os.WriteFile(filepath.Join(theirs, "repo.tar"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, "damaged", "bundle", "import", theirs, "-o", filepath.Join(s.dir, "damaged.tar"))
}
