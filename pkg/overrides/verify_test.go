package overrides_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

const privateRegistry = "registry.airgap.example/airgap"

// A testHome is a home as the command overrides writes it, in dir/home.
type testHome struct {
	*testing.T
	dir  string // the user's home directory as well
	opts overrides.HomeOptions
}

// newHome writes the home for all files below in.
func newHome(t *testing.T, in, dir string) *testHome {
	t.Helper()
	m, err := image.NewMapping(privateRegistry, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newCatalogue(t)
	var pieces []*overrides.Piece
	err = filepath.WalkDir(in, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := manifest.Parse(name, content)
		if err != nil {
			return err
		}
		p, err := c.Read(f, filepath.ToSlash(name), m, rewrite.Options{Least: manifest.Likely})
		if p != nil {
			pieces = append(pieces, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &testHome{T: t, dir: dir}
	h.opts = overrides.HomeOptions{Dir: h.path("home"), Mapping: m, Least: manifest.Likely}
	layout, err := c.Arrange(pieces, overrides.Options{Overrides: h.path("home/overrides")})
	text, configErr := overrides.Configure("clusterctl.yaml", nil, layout)
	if err := errors.Join(err, configErr); err != nil {
		t.Fatal(err)
	}
	if _, _, err := overrides.Write(layout, h.path("home/clusterctl.yaml"), text); err != nil {
		t.Fatal(err)
	}
	return h
}

// copy gives the same home in another folder.
func (h *testHome) copy(t *testing.T, dir string) *testHome {
	t.Helper()
	other := &testHome{T: t, dir: dir, opts: h.opts}
	other.opts.Dir = other.path("home")
	other.must(os.CopyFS(dir, os.DirFS(h.dir)))
	other.write(config, strings.ReplaceAll(h.read(config), h.dir, dir))
	return other
}

// releases are the files of testdata/releases.txtar, in a folder.
func releases(t *testing.T) string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/releases.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (h *testHome) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

func (h *testHome) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// Release folders of the fixture.
const (
	core    = "home/overrides/cluster-api/"
	core14  = core + "v1.14.2/"
	vsphere = "home/overrides/infrastructure-vsphere/v1.16.1/"
	config  = "home/clusterctl.yaml"
)

func (h *testHome) write(name, content string) {
	h.Helper()
	h.must(os.MkdirAll(filepath.Dir(h.path(name)), 0o700))
	h.must(os.WriteFile(h.path(name), []byte(content), 0o600))
}

// replace replaces all of old, which has to be there; HOME in both is the folder of the test.
func (h *testHome) replace(name, old, text string) {
	h.Helper()
	content, err := os.ReadFile(h.path(name))
	h.must(err)
	old, text = strings.ReplaceAll(old, "HOME", h.dir), strings.ReplaceAll(text, "HOME", h.dir)
	if !strings.Contains(string(content), old) {
		h.Fatalf("%s does not hold %q:\n%s", name, old, content)
	}
	h.must(os.WriteFile(h.path(name), []byte(strings.ReplaceAll(string(content), old, text)), 0o600))
}

func (h *testHome) read(name string) string {
	h.Helper()
	content, err := os.ReadFile(h.path(name))
	h.must(err)
	return string(content)
}

func (h *testHome) add(name, more string) {
	h.Helper()
	content, err := os.ReadFile(h.path(name))
	h.must(err)
	h.write(name, string(content)+strings.ReplaceAll(more, "HOME", h.dir))
}

func (h *testHome) remove(name string) {
	h.Helper()
	if _, err := os.Lstat(h.path(name)); err != nil {
		h.Fatal(err)
	}
	h.must(os.RemoveAll(h.path(name)))
}

func (h *testHome) rename(from, to string) {
	h.Helper()
	h.must(os.MkdirAll(filepath.Dir(h.path(to)), 0o700))
	h.must(os.Rename(h.path(from), h.path(to)))
}

// cut removes the lines from the one that begins with from up to the one before to.
func (h *testHome) cut(name, from, to string) {
	h.Helper()
	content, err := os.ReadFile(h.path(name))
	h.must(err)
	start := strings.Index(string(content), from)
	end := len(content)
	if to != "" {
		end = start + strings.Index(string(content)[start:], to)
	}
	h.must(os.WriteFile(h.path(name), slices.Concat(content[:start], content[end:]), 0o600))
}

// asOwn makes the home the one that clusterctl finds by itself.
func (h *testHome) asOwn() {
	h.Helper()
	h.must(os.MkdirAll(h.path("xdg"), 0o700))
	h.must(os.Symlink(h.path("home"), h.path("xdg/cluster-api")))
	h.opts.Dir = ""
	h.opts.Environment = overrides.Environment{GOOS: "linux", Home: h.dir, XDGConfigHome: h.path("xdg")}
}

// troubles are what Verify finds, a line each: check place: problem.
func (h *testHome) troubles() string {
	h.Helper()
	found, err := overrides.Verify(h.Context(), h.opts)
	h.must(err)
	var lines []string
	for _, trouble := range found {
		if trouble.Effect == "" || trouble.Remedy == "" || strings.Contains(trouble.Remedy, "{") && !strings.Contains(trouble.Remedy, "${") {
			h.Errorf("%s has no effect or remedy: %q, %q", trouble.Check, trouble.Effect, trouble.Remedy)
		}
		line := trouble.Check + " " + trouble.Place + ": " + trouble.Problem
		if trouble.Warning {
			line = "warning " + line
		}
		lines = append(lines, strings.ReplaceAll(line, h.dir+"/", ""))
	}
	return strings.Join(lines, "\n")
}

func TestVerifyFindsEachFault(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of Unix")
	}
	dir := t.TempDir() // the names of faults would be hard to write in URLs
	complete := newHome(t, releases(t), filepath.Join(dir, "complete"))
	for i, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			h := complete.copy(t, filepath.Join(dir, strconv.Itoa(i)))
			fault.act(h)
			if got := h.troubles(); got != fault.want {
				t.Errorf("got\n%s\nwant\n%s", got, fault.want)
			}
		})
	}
}

// TestFaultsCoverTheTraps: no check is without a fault that shows it.
func TestFaultsCoverTheTraps(t *testing.T) {
	for _, trap := range overrides.Traps() {
		if !slices.ContainsFunc(faults, func(f fault) bool { return strings.HasPrefix(strings.TrimPrefix(f.want, "warning "), trap.Check+" ") }) {
			t.Errorf("no fault shows %s", trap.Check)
		}
	}
}

// TestVerifySites: the homes of real sites are as they should be.
func TestVerifySites(t *testing.T) {
	const script = "../../../shared/tools/site.sh"
	if _, err := os.Stat(script); err != nil {
		t.Skip("../shared is absent: homes of real sites were NOT checked")
	}
	for _, year := range []string{"2026", "2020"} {
		in := t.TempDir()
		if out, err := exec.CommandContext(t.Context(), "bash", script, year, in).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		h := newHome(t, in, t.TempDir())
		if got := h.troubles(); got != "" {
			t.Errorf("%s: %s", year, got)
		}
		h.asOwn()
		if got := h.troubles(); got != "" {
			t.Errorf("%s, found by itself: %s", year, got)
		}
	}
}

// FuzzVerify: whatever clusterctl.yaml says, each trouble is told with its place, and nothing breaks.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{
		"", "a", "- a", "{}", "providers: [a, {name: x}, null, [b]]", "providers: {a: b}\nimages: a\n", "cert-manager: x", "cert-manager: {url: [a], version: {}}",
		"overridesFolder: [a]", "overridesFolder: ${A[@]}", "providers: [&a {name: vsphere, type: InfrastructureProvider, url: 'file:///a/infrastructure-vsphere/latest/x'}, *a]",
		"a: &a [*a]", "providers: [{name: vsphere, type: InfrastructureProvider, url: '/'}]", "cert-manager: {url: '/latest/x', version: latest}", "images: {all: {tag: 1}}\n---\na: b\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := &testHome{T: t, dir: t.TempDir()}
		h.opts.Dir = h.path("home")
		h.write(config, text)
		found, err := overrides.Verify(t.Context(), h.opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, trouble := range found {
			if !strings.HasPrefix(trouble.Place, h.dir) || trouble.Problem == "" {
				t.Errorf("%+v", trouble)
			}
		}
	})
}
