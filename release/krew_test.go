package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// A manifest is what krew reads (krew.sigs.k8s.io/docs/developer-guide/plugin-manifest).
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Version          string
		ShortDescription string `yaml:"shortDescription"`
		Platforms        []struct {
			Selector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
			URI, SHA256, Bin string
		}
	}
}

// plugins/krew.yaml is what the template gives for the release that it names, and keeps the rules of krew's index.
func TestKrewManifest(t *testing.T) {
	t.Chdir("..")
	text, err := os.ReadFile("plugins/krew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&m); err != nil {
		t.Fatal(err)
	}
	checkManifest(t, m)

	r := release{Version: m.Spec.Version, out: t.TempDir()}
	for i, p := range platforms {
		a := newArchive(m.Spec.Version, p[0], p[1])
		if i < len(m.Spec.Platforms) {
			a.SHA256 = m.Spec.Platforms[i].SHA256
		}
		r.Archives = append(r.Archives, a)
	}
	if err := r.krew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if made, err := os.ReadFile(filepath.Join(r.out, "krew.yaml")); err != nil || !bytes.Equal(made, text) {
		t.Errorf("plugins/krew.yaml is not what plugins/krew.yaml.tmpl gives (%v):\n%s", err, made)
	}
}

// checkManifest holds a manifest to what krew's index demands (krew.sigs.k8s.io/docs/developer-guide/release/new-plugin,
// and internal/index/validation of krew v0.5.0).
func checkManifest(t *testing.T, m manifest) {
	t.Helper()
	if m.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || m.Kind != "Plugin" || m.Metadata.Name != "airgap" {
		t.Errorf("it is %s %s %s", m.APIVersion, m.Kind, m.Metadata.Name)
	}
	if !semver.MatchString(m.Spec.Version) {
		t.Errorf("version %q", m.Spec.Version)
	}
	if short := m.Spec.ShortDescription; short == "" || len(short) > 50 || strings.HasSuffix(short, ".") {
		t.Errorf("the short description has %d characters: %q", len(short), short)
	}
	seen := map[string]bool{}
	for _, p := range m.Spec.Platforms {
		labels := p.Selector.MatchLabels
		platform := labels["os"] + "/" + labels["arch"]
		if seen[platform] || len(labels) != 2 {
			t.Errorf("%s: selector %v", platform, labels)
		}
		seen[platform] = true
		if !strings.HasPrefix(p.URI, "https://") || !strings.Contains(p.URI, "/"+m.Spec.Version+"/") {
			t.Errorf("%s: uri %s", platform, p.URI)
		}
		if !regexp.MustCompile(`^[a-f0-9]{64}$`).MatchString(p.SHA256) {
			t.Errorf("%s: sha256 %s", platform, p.SHA256)
		}
		if want := map[bool]string{true: "kubectl-airgap.exe", false: "kubectl-airgap"}[labels["os"] == "windows"]; p.Bin != want {
			t.Errorf("%s: bin %s", platform, p.Bin)
		}
	}
	if len(seen) != len(platforms) {
		t.Errorf("%d platforms, want %d", len(seen), len(platforms))
	}
}

// Archives hold no clock and no owner: members have the time that they are given, and the same members give the same bytes.
func TestArchivesAreReproducible(t *testing.T) {
	members := []member{{"LICENSE", 0o644, []byte("license")}, {"kubectl-airgap", 0o755, bytes.Repeat([]byte("program"), 1000)}}
	when := time.Unix(1_700_000_000, 0)
	for name, kind := range map[string]struct {
		pack func(time.Time, []member) ([]byte, error)
		time func([]byte) (time.Time, error)
	}{"tar": {packTar, tarTime}, "zip": {packZip, zipTime}} {
		first, err := kind.pack(when, members)
		if err != nil {
			t.Fatal(err)
		}
		second, err := kind.pack(when.UTC(), members)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: other bytes in another time zone, %v", name, err)
		}
		if got, err := kind.time(first); err != nil || !got.Equal(when) {
			t.Errorf("%s: the first member is of %v, not of %v (%v)", name, got, when, err)
		}
	}
}

func tarTime(packed []byte) (time.Time, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return time.Time{}, err
	}
	header, err := tar.NewReader(z).Next()
	if err != nil {
		return time.Time{}, err
	}
	return header.ModTime, nil
}

func zipTime(packed []byte) (time.Time, error) {
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return time.Time{}, err
	}
	return r.File[0].Modified, nil
}
