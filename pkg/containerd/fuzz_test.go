package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// seeds calls add for the files of the goldens.
func seeds(f *testing.F, add func(name, content string)) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal("no goldens: ", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if !strings.HasPrefix(file.Name, "asks ") {
				add(file.Name, string(file.Data))
			}
		}
	}
}

// FuzzLoad: whatever stands in the files, nothing panics, places are in the files, and a
// pull is attempts or a reason why there are none.
func FuzzLoad(f *testing.F) {
	seeds(f, func(name, content string) {
		for _, release := range []string{"1.6.20", "1.7", "2.4"} {
			f.Add(content, content, release)
		}
	})
	f.Fuzz(func(t *testing.T, hosts, config, release string) {
		fsys := fstest.MapFS{"a.test/hosts.toml": {Data: []byte(hosts)}, "a.test/ca.crt": {Data: []byte(config)}}
		for _, opts := range []Options{{Version: release}, {Version: release, Config: []byte(config)}} {
			c, err := Load(fsys, opts)
			if err != nil {
				t.Skip()
			}
			checkConfig(t, c)
		}
	})
}

// FuzzFromManifests is FuzzLoad for objects.
func FuzzFromManifests(f *testing.F) {
	seeds(f, func(name, content string) {
		if strings.HasSuffix(name, ".yaml") {
			f.Add(content)
		}
	})
	f.Fuzz(func(t *testing.T, source string) {
		configs, err := FromManifests([]Manifest{{"a.yaml", source}}, Options{})
		if err != nil && len(configs) == 0 {
			t.Skip()
		}
		for _, c := range configs {
			checkConfig(t, c)
		}
	})
}

func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	for _, p := range c.Problems() {
		if p.Place == "" || p.Reason == "" || p.Effect == "" || strings.Contains(p.Reason, "struct field") {
			t.Errorf("a problem without a place or a reason: %+v", p)
		}
	}
	for _, ref := range []image.Ref{{Registry: "a.test", Repository: "x", Tag: "v1"}, {Registry: "b.test:5000", Repository: "x/y", Digest: "sha256:00"}, {Registry: "docker.io", Repository: "x", Tag: "v1"}} {
		attempts, problems := c.Attempts(ref)
		if (len(attempts) == 0) != (len(problems) > 0) && c.agent == nil {
			t.Errorf("%d attempts and %d problems for %s", len(attempts), len(problems), ref)
		}
		c.Reach(ref, "a.test")
	}
}

// A real folder: links that lead nowhere, and what is no file.
func TestLoadFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "elsewhere"), 0o755),
		os.WriteFile(filepath.Join(dir, "elsewhere/hosts.toml"), []byte("server = \"https://registry.example\"\n"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"a.test": "elsewhere", "b.test": "nowhere", "elsewhere/up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	c, err := Load(os.DirFS(dir), Options{Name: "certs.d"})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Reach(image.Ref{Registry: "a.test", Repository: "x", Tag: "v1"}, "registry.example"); !r.Found || len(r.Outside) > 0 {
		t.Errorf("the folder behind the link is not read: %+v", r)
	}
	if r := c.Reach(image.Ref{Registry: "b.test", Repository: "x", Tag: "v1"}, "registry.example"); r.Found || len(r.Outside) != 1 {
		t.Errorf("there is nothing behind the link: %+v", r)
	}
	if p := c.Problems(); len(p) != 1 || p[0].Place != "certs.d/b.test" || p[0].Effect != Outside {
		t.Errorf("problems %v", p)
	}
}

// What cannot be read is an error that names it.
func TestLoadErrors(t *testing.T) {
	if _, err := Load(os.DirFS("testdata/nowhere"), Options{Name: "some/certs.d"}); err == nil || !strings.Contains(err.Error(), "some/certs.d") {
		t.Errorf("a folder that is not there: %v", err)
	}
	for _, version := range []string{"1", "1.5", "1.4.13", "two", "2.x", "1.7.35.1", "-", "1.7.1000"} {
		if _, err := Load(fstest.MapFS{}, Options{Version: version}); err == nil {
			t.Errorf("version %q is one", version)
		}
		if _, err := FromManifests(nil, Options{Version: version}); err == nil {
			t.Errorf("version %q is one", version)
		}
	}
	for _, version := range []string{"", "1.6", "v1.7.35", "2.4.2-rc.1", "2.4.2+unknown", "3.0"} {
		if _, err := Load(fstest.MapFS{}, Options{Version: version}); err != nil {
			t.Errorf("version %q: %v", version, err)
		}
	}
	configs, err := FromManifests([]Manifest{
		{"broken.yaml", "kind: KubeadmConfig\n\ta: b: c\n"},
		{"good.yaml", "apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: KubeadmConfig\n"},
		{"binary.yaml", "kind: KubeadmConfig\x00"},
	}, Options{})
	if err == nil || len(configs) != 1 || !strings.Contains(err.Error(), "broken.yaml:2:") || !strings.Contains(err.Error(), "binary.yaml:1:") {
		t.Errorf("%d configurations, %v", len(configs), err)
	}
}
