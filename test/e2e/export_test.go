//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// An exportSite is what an export is made from and copied between: two registries with one authority, and the list of
// the images of the first one, some of them by digest.
type exportSite struct {
	*testing.T
	up, site *dockerRegistry
	set      synthetic.Set
	list     string
	refs     []string // of the list
	path     string   // its folder
}

// Images of the set that the list names otherwise than by tag.
const (
	exportPinned = 1 // by tag and digest
	exportDigest = 2 // by digest
)

func newExportSite(t *testing.T) *exportSite {
	t.Helper()
	needTool(t, "curl")
	s := &exportSite{T: t, up: &dockerRegistry{tls: true}, set: synthetic.Cluster(8, 20_000), path: t.TempDir()}
	s.up.start(t)
	s.site = (&dockerRegistry{tls: true, like: s.up}).start(t)
	s.up.fill(t, "", s.set)
	for i, image := range s.set {
		ref := s.up.address + "/" + image.Name
		switch i {
		case exportPinned:
			ref += "@" + image.Root().Digest
		case exportDigest:
			ref = s.up.address + "/" + image.Repository() + "@" + image.Root().Digest
		}
		s.refs = append(s.refs, ref)
	}
	slices.Sort(s.refs)
	s.list = writeFile(t, filepath.Join(s.path, "images.txt"), strings.Join(s.refs, "\n")+"\n")
	return s
}

// export writes the list in a format into a file, and holds against it what we read in that file ourselves.
func (s *exportSite) export(name, format string, flags ...string) string {
	s.Helper()
	o := must(s.T, append([]string{"images", "-f", s.list, "-o", format}, flags...)...)
	if o.stderr != "" {
		s.Errorf("-o %s says %s", format, o.stderr)
	}
	file := writeFile(s.T, filepath.Join(s.path, name), o.stdout)
	want := s.refs
	if format == "imgpkg-lock" || format == "skopeo-sync" { // what the format has no room for
		want = nil
		for i, image := range s.set {
			ref := s.up.address + "/" + image.Name
			if format == "imgpkg-lock" || i == exportPinned || i == exportDigest {
				ref = s.up.address + "/" + image.Repository() + "@" + image.Root().Digest
			}
			want = append(want, ref)
		}
		slices.Sort(want)
	}
	if got := must(s.T, "images", "-f", file).stdout; got != strings.Join(want, "\n")+"\n" {
		s.Errorf("-o %s reads back as\n%snot as\n%s\nin\n%s", format, got, strings.Join(want, "\n"), o.stdout)
	}
	return file
}

// run runs a program that trusts the registries' authority and knows nothing of the user.
func (s *exportSite) run(env []string, name string, args ...string) string {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), name, args...)
	cmd.Dir = s.path
	cmd.Env = append([]string{"HOME=" + s.path, "DOCKER_CONFIG=" + s.path, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.path, "SSL_CERT_FILE=" + s.up.caFile}, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		s.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(out.String()))
	}
	return out.String()
}

// check asks the site for every manifest and blob of every image below prefix, by the digests that it has upstream,
// and for its tag unless the image with that number is there by digest alone.
func (s *exportSite) check(site *dockerRegistry, name func(string) string, untagged ...int) {
	s.Helper()
	var urls []string
	for i, image := range s.set {
		renamed := *image
		renamed.Name = name(image.Name)
		all := everything(site, "", synthetic.Set{&renamed})
		if slices.Contains(untagged, i) {
			all = all[1:] // the first one is the tag
		}
		urls = append(urls, all...)
	}
	checkHeads(s.T, urls)
}

// below puts a name below a prefix as layout host does.
func (s *exportSite) below(prefix string) func(string) string {
	return func(name string) string { return prefix + strings.Replace(s.up.address, ":", "_", 1) + "/" + name }
}

// needCopier gives the path of a program of tools/copiers, built once into bin.
func needCopier(t *testing.T, name, of, version string) string {
	t.Helper()
	path := filepath.Join(bin, name+"-"+version)
	return needBuilt(t, name+"-"+version, "build", "-C", filepath.Join(root, "test/e2e/tools/copiers"), "-p", "2", "-trimpath",
		"-ldflags", "-s -w", "-o", path, of+"/cmd/"+name)
}

// Versions are those in tools/copiers/go.mod.
func needRegsync(t *testing.T) string {
	return needCopier(t, "regsync", "github.com/regclient/regclient", "v0.11.7")
}

func needCrane(t *testing.T) string {
	return needCopier(t, "crane", "github.com/google/go-containerregistry", "v0.22.1")
}

// The real regsync carries out what is written for it.
func TestExportRegsync(t *testing.T) {
	regsync := needRegsync(t)
	s := newExportSite(t)
	t.Run("host", func(t *testing.T) {
		s.T = t
		file := s.export("sync.yaml", "regsync", "--to", s.site.address+"/p")
		s.run(nil, regsync, "once", "-c", file)
		s.check(s.site, s.below("p/"), exportDigest)
	})
	t.Run("template", func(t *testing.T) {
		s.T = t
		file := s.export("template.yaml", "regsync", "--to", `{{ env "MIRROR" }}/deep`, "--layout", "path")
		if text := readFile(t, file); strings.Contains(text, s.site.address) {
			t.Errorf("the file names the registry, which its template is to name:\n%s", text)
		}
		s.run([]string{"MIRROR=" + s.site.address + "/canonical"}, regsync, "once", "-c", file)
		s.check(s.site, func(name string) string { return "canonical/deep/" + name }, exportDigest)
	})
	t.Run("again", func(t *testing.T) {
		s.T = t
		before := len(s.site.requests(t))
		s.run(nil, regsync, "once", "-c", filepath.Join(s.path, "sync.yaml"))
		if sent := s.site.requests(t)[before:]; sent.count(request.sends) > 0 {
			t.Errorf("the second time sends something:\n%s", sent)
		}
	})
}

// How the registry is reached is in the file: without TLS, or by an authority that the machine does not know.
func TestExportRegsyncReaches(t *testing.T) {
	regsync := needRegsync(t)
	for name, r := range map[string]*dockerRegistry{"plain": {}, "CA": {tls: true}} {
		t.Run(name, func(t *testing.T) {
			r.start(t)
			s := &exportSite{T: t, up: r, site: r, set: synthetic.Cluster(2, 5_000), path: t.TempDir()}
			r.fill(t, "up/", s.set)
			list := writeFile(t, filepath.Join(s.path, "images.txt"), r.address+"/up/"+s.set[0].Name+"\n"+r.address+"/up/"+s.set[1].Name+"\n")
			args := []string{"images", "-f", list, "-o", "regsync", "--to", r.address + "/p", "--map", r.address + "/up=" + r.address + "/p"}
			if r.tls {
				args = append(args, "--ca-file", r.caFile)
			} else {
				args = append(args, "--plain-http")
			}
			file := writeFile(t, filepath.Join(s.path, "sync.yaml"), must(t, args...).stdout)
			s.run([]string{"SSL_CERT_FILE=/nonexistent"}, regsync, "once", "-c", file)
			s.check(r, func(name string) string { return "p/" + name })
		})
	}
}

// The real crane runs from the script, and a shell reads that.
func TestExportCrane(t *testing.T) {
	crane := needCrane(t)
	s := newExportSite(t)
	file := s.export("copy.sh", "crane", "--to", s.site.address+"/p")
	dir := t.TempDir()
	if err := os.Symlink(crane, filepath.Join(dir, "crane")); err != nil {
		t.Fatal(err)
	}
	s.run([]string{"PATH=" + dir + ":" + os.Getenv("PATH")}, "sh", file)
	s.check(s.site, s.below("p/"), exportDigest)
}

// The real skopeo sync carries out what is written for it: under the last elements of names, as it does without --scoped.
func TestExportSkopeo(t *testing.T) {
	needTool(t, "skopeo")
	s := newExportSite(t)
	file := s.export("skopeo.yaml", "skopeo-sync")
	s.run(nil, "skopeo", "--insecure-policy", "sync", "--all", "--src", "yaml", "--dest", "docker", file, s.site.address+"/p")
	s.check(s.site, func(name string) string { return "p/" + name[strings.LastIndexByte(name, '/')+1:] }, exportPinned, exportDigest)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
