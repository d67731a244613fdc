//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

const tkgBOM = `apiVersion: run.tanzu.vmware.com/v1alpha2
default: {k8sVersion: v1.23.8+vmware.2-tkg.1}
release: {version: v1.6.0}
components:
  contour:
  - version: v1.17.2+vmware.1
    images: {contourImage: {imagePath: contour, tag: v1.17.2_vmware.1}}
  - version: v1.18.2+vmware.1
    images: {contourImage: {imagePath: contour, tag: v1.18.2_vmware.1}}
  crash-diagnostics:
  - version: v0.3.7+vmware.5
  kubernetes:
  - version: v1.23.8+vmware.2
    images:
      kubeAPIServer: {imagePath: kube-apiserver, tag: v1.23.8_vmware.2}
      pause: {imagePath: pause, tag: "3.6"}
kindKubeadmConfigSpec: ['kind: Cluster', 'apiVersion: kind.x-k8s.io/v1alpha4', 'name: a', '    imageRepository: projects.registry.vmware.com/tkg']
imageConfig: {imageRepository: projects-stg.registry.vmware.com/tkg}
tkr-bom: {imagePath: tkr-bom}
tkr-compatibility: {imagePath: v18-v1.6.0/tkr-compatibility}
tkr-package-repo: {vsphere-nonparavirt: tkr-repository-vsphere-nonparavirt}
tkr-package: {vsphere-nonparavirt: tkr-vsphere-nonparavirt}
`

func tkrBOM(version string) string {
	return `apiVersion: run.tanzu.vmware.com/v1alpha2
release: {version: ` + version + `}
components:
  etcd:
  - version: v3.5.4+vmware.6
    images: {etcd: {imagePath: etcd, tag: v3.5.4_vmware.6}}
  pause:
  - version: v3.6
    images: {pause: {imagePath: pause, tag: "3.6"}}
  tkg-core-packages:
  - version: ` + version + `
    images:
      tanzuCorePackageRepositoryImage: {imagePath: packages/core/repo, tag: v1}
imageConfig: {imageRepository: projects-stg.registry.vmware.com/tkg}
`
}

// release puts a release of TKG with two TKrs upstream, as images of one file.
func (s *tkgSite) release() {
	s.Helper()
	s.repo()
	s.push("-i", "tkg-bom:v1.6.0", "tkg-bom-v1.6.0.yaml", tkgBOM)
	tkrs := []string{"v1.22.9+vmware.1-tkg.1", "v1.23.8+vmware.2-tkg.1"}
	for _, tkr := range tkrs {
		tag := strings.ReplaceAll(tkr, "+", "_")
		s.push("-i", "tkr-bom:"+tag, "tkr-bom-"+tkr+".yaml", tkrBOM(tkr))
		s.push("-b", "tkr-repository-vsphere-nonparavirt:"+tag, ".imgpkg/images.yml", imagesLockOf())
		s.push("-b", "tkr-vsphere-nonparavirt:"+tag, ".imgpkg/images.yml", imagesLockOf())
	}
	for tag, supported := range map[string]string{"v9": "", "v10": strings.Join(tkrs, ", ")} {
		s.push("-i", "v18-v1.6.0/tkr-compatibility:"+tag, "tkr-compatibility.yaml",
			"version: "+tag+"\nmanagementClusterVersions:\n- {version: v1.6.0, supportedKubernetesVersions: ["+supported+"]}\n")
	}
	s.push("-i", "tkg-compatibility:v3", "tkg-compatibility.yaml", "version: v3\nmanagementClusterPluginVersions: []\n")
	var names []string
	for _, name := range []string{"contour:v1.17.2_vmware.1", "contour:v1.18.2_vmware.1", "kube-apiserver:v1.23.8_vmware.2", "pause:3.6", "etcd:v3.5.4_vmware.6"} {
		names = append(names, tkgSource+"/"+name)
	}
	s.up.fill(s.T, "", synthetic.Named(names, 10_000))
}

// tkgImages are the images of a release as gen-publish-images.sh lists them, with the packages that download-bundle adds.
func tkgImages(tkrs ...string) []string {
	all := []string{
		"contour:v1.17.2_vmware.1", "contour:v1.18.2_vmware.1", "kube-apiserver:v1.23.8_vmware.2", "pause:3.6", "etcd:v3.5.4_vmware.6",
		"packages/core/repo:v1", "tkg-bom:v1.6.0", "tkg-compatibility:v3", "v18-v1.6.0/tkr-compatibility:v10",
	}
	for _, tkr := range tkrs {
		all = append(all, "tkr-bom:"+tkr, "tkr-repository-vsphere-nonparavirt:"+tkr, "tkr-vsphere-nonparavirt:"+tkr)
	}
	for i := range all {
		all[i] = tkgSource + "/" + all[i]
	}
	slices.Sort(all)
	return all
}

// T3, T5 to T8: a release by its name, all of it and one TKr; carried, relocated, and proved.
func TestTKGRelease(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newTKGSite(t)
	s.release()
	release := []string{"--tkg", tkgSource + ":v1.6.0", from(s.up.address)}
	for _, test := range []struct{ flags, tkrs []string }{
		{nil, []string{"v1.22.9_vmware.1-tkg.1", "v1.23.8_vmware.2-tkg.1"}},
		{[]string{"--tkr", "v1.23.8+vmware.2-tkg.1"}, []string{"v1.23.8_vmware.2-tkg.1"}},
	} {
		o := must(t, slices.Concat([]string{"images"}, release, test.flags)...)
		if got, want := lines(o.stdout), tkgImages(test.tkrs...); !slices.Equal(got, want) {
			t.Errorf("%v lists\n%swant\n%s", test.flags, o.stdout, strings.Join(want, "\n"))
		}
	}
	refused(t, `it does not go with TKr v1.24.0, but with v1.22.9\+vmware.1-tkg.1, `, slices.Concat([]string{"images"}, release, []string{"--tkr", "v1.24.0"})...)
	refused(t, `tkg-bom:v1.7.0: not found`, "images", "--tkg", tkgSource+":v1.7.0", from(s.up.address))

	archive := filepath.Join(s.dir, "site.tar")
	must(t, slices.Concat([]string{"pull", "-o", archive}, release)...)
	if out := must(t, "bundle", "ls", archive).stdout; !strings.Contains(out, "resources/tkg/tkr-bom-v1.23.8+vmware.2-tkg.1.yaml") {
		t.Errorf("the bills of materials are not carried:\n%s", out)
	}
	to := []string{"--to", s.site.address + "/p", "--map", tkgSource + "=" + s.site.address + "/p"}
	must(t, append([]string{"push", archive}, to...)...)
	for _, name := range tkgImages("v1.22.9_vmware.1-tkg.1", "v1.23.8_vmware.2-tkg.1") {
		repository, tag, _ := strings.Cut(strings.TrimPrefix(name, tkgSource+"/"), ":")
		if got, want := digestAt(t, s.site, "p/"+repository, tag), digestAt(t, s.up, tkgSource+"/"+repository, tag); got != want {
			t.Errorf("%s is %q, not %s", name, got, want)
		}
	}
	verify := append([]string{"verify", "--bundle", archive}, to...)
	must(t, verify...)
	if err := os.RemoveAll(filepath.Join(s.site.storage, "docker/registry/v2/repositories/p/contour/_manifests/tags/v1.17.2_vmware.1")); err != nil {
		t.Fatal(err)
	}
	if o := try(t, verify...); o.status != 3 || !strings.Contains(o.stdout, "contour:v1.17.2_vmware.1") {
		t.Errorf("a tag is gone: exit status %d\n%s", o.status, o.stdout)
	}

	// The same from an airgap.yaml.
	writeFile(t, filepath.Join(s.dir, "airgap.yaml"), "apiVersion: kubectl-airgap.io/v1alpha1\nkind: Site\ntkg:\n- release: "+tkgSource+
		":v1.6.0\n  tkrs: [v1.23.8+vmware.2-tkg.1]\nsourceMap:\n- '*="+s.up.address+"/{host}'\n")
	o := must(t, "images", "--config", filepath.Join(s.dir, "airgap.yaml"))
	if got, want := lines(o.stdout), tkgImages("v1.23.8_vmware.2-tkg.1"); !slices.Equal(got, want) {
		t.Errorf("the site file lists\n%s", o.stdout)
	}
}

// T5, T6 without a registry: the files themselves. What has no tag there is no image, and pull says so.
func TestTKGBillsOfMaterials(t *testing.T) {
	dir := t.TempDir()
	tkg, tkr := filepath.Join(dir, "tkg-bom-v1.6.0.yaml"), filepath.Join(dir, "tkr-bom.yaml")
	writeFile(t, tkg, strings.Replace(tkgBOM, "tag: v1.18.2_vmware.1}", "tag: v1.18.2_vmware.1, imageRepository: other.example/tkg}", 1))
	writeFile(t, tkr, tkrBOM("v1.23.8+vmware.2-tkg.1"))
	got := lines(must(t, "images", "-f", tkg, "-f", tkr).stdout)
	const stg = "projects-stg.registry.vmware.com/tkg/"
	want := []string{
		"other.example/tkg/contour:v1.18.2_vmware.1", stg + "contour:v1.17.2_vmware.1", stg + "etcd:v3.5.4_vmware.6",
		stg + "kube-apiserver:v1.23.8_vmware.2", stg + "packages/core/repo:v1", stg + "pause:3.6",
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasSuffix(s, ":latest") })
	if !slices.Equal(got, want) {
		t.Errorf("listed is\n%s", strings.Join(got, "\n"))
	}
	up := new(dockerRegistry).start(t)
	up.fill(t, "", synthetic.Named(want, 1000))
	o := try(t, "pull", "-f", tkg, "-f", tkr, from(up.address), "-o", filepath.Join(dir, "site.tar"))
	for _, name := range []string{"tkr-bom", "v18-v1.6.0/tkr-compatibility"} {
		if !strings.Contains(o.stderr, stg+name+": no image, its tag is chosen when it is installed") {
			t.Errorf("nothing is said of %s:\n%s", name, o.stderr)
		}
	}
	if o.status != 3 || strings.Count(o.stderr, "no image") != 2 {
		t.Errorf("exit status %d\n%s", o.status, o.stderr)
	}
	if n := strings.Count(must(t, "bundle", "ls", filepath.Join(dir, "site.tar")).stdout, ".vmware.com/tkg/"); n != len(want)-1 {
		t.Errorf("%d images of TKG were carried", n)
	}
}

// T5 to T7 from the list of gen-publish-images.sh: its duplicates are dropped, what it calls a plain image is a bundle all
// the same, nothing in it is run.
func TestTKGCopyList(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newTKGSite(t)
	want := s.repo()
	s.push("-i", "ako:v1", "a.txt", "ako")
	var list strings.Builder
	list.WriteString("set -euo pipefail\n# Processing TKG BOM file tkg-bom-v1.6.0.yaml\n")
	for range 3 {
		for _, name := range []string{"ako:v1", "packages/core/repo:v1"} { // -i for the bundle, as e3de5b155 has it
			repository, _, _ := strings.Cut(name, ":")
			fmt.Fprintf(&list, "\nimgpkg copy -i %s/%s --to-repo harbor.example/tkg/%s --registry-ca-cert-path /tmp/cacrtbase64d.crt\n", tkgSource, name, repository)
		}
	}
	file := writeFile(t, filepath.Join(s.dir, "image-copy-list"), list.String())
	if got := must(t, "images", "-f", file).stdout; got != tkgSource+"/ako:v1\n"+tkgSource+"/packages/core/repo:v1\n" {
		t.Errorf("listed is\n%s", got)
	}
	must(t, "mirror", "-f", file, from(s.up.address), "--to", s.site.address+"/tkg", "--map", tkgSource+"="+s.site.address+"/tkg")
	s.relocated("tkg/packages/core/repo", want)
	if got := digestAt(t, s.site, "tkg/ako", "v1"); got != digestAt(t, s.up, tkgSource+"/ako", "v1") {
		t.Errorf("ako is %q", got)
	}
	writeFile(t, file, "set -euo pipefail\n\nimgpkg copy --tar ako-v1.tar --to-repo harbor.example/tkg/ako\n")
	refused(t, `image-copy-list:3:19: it copies a tar, ako-v1.tar, and names no image: bundle import reads the folder`, "images", "-f", file)
}
