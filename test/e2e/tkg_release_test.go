//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

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
