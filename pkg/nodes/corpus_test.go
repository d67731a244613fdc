package nodes

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpusDir holds real manifests that are not part of this repository.
const corpusDir = "../../../shared/corpus"

// usual are the registries that nearly every cluster pulls from.
var usual = []string{"docker.io", "gcr.io", "ghcr.io", "k8s.gcr.io", "quay.io", "registry.k8s.io"}

func mirror(t *testing.T, change func(*Options)) Mirror {
	t.Helper()
	opts := Options{Registry: "registry.airgap.test:5000/airgap", Upstreams: usual, CA: authority(t)}
	if change != nil {
		change(&opts)
	}
	m, err := NewMirror(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCorpus patches every real manifest.
func TestCorpus(t *testing.T) {
	m, other := mirror(t, nil), mirror(t, func(o *Options) { o.Registry, o.CA, o.PlainHTTP = "elsewhere.test/x", nil, true })
	objects, changed := 0, 0
	err := filepath.WalkDir(corpusDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/TRUTH/") || filepath.Ext(path) == ".txt" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil || !Concerns(string(src)) {
			return err
		}
		p, err := Patch(path, src, m, PatchOptions{})
		if err != nil {
			t.Error(err)
			return nil
		}
		for _, f := range p.Findings {
			t.Log(f.Error())
		}
		objects, changed = objects+p.Objects, changed+p.Changed
		if gone := firstGone(string(src), string(p.Output)); gone != "" {
			t.Errorf("%s: a line is gone: %s", path, gone)
		}
		again, err := Patch(path, p.Output, m, PatchOptions{})
		if err != nil || again.Changed != 0 || string(again.Output) != string(p.Output) {
			t.Errorf("%s: a second run changed %d objects: %v", path, again.Changed, err)
		}
		moved, err := Patch(path, p.Output, other, PatchOptions{})
		if err != nil || strings.Contains(string(moved.Output), "registry.airgap.test") {
			t.Errorf("%s: a run with another registry leaves the old one: %v", path, err)
		}
		straight, err := Patch(path, src, other, PatchOptions{})
		if err != nil || string(straight.Output) != string(moved.Output) {
			t.Errorf("%s: a run after another one differs from one alone: %v", path, err)
		}
		return nil
	})
	if err != nil || objects == 0 {
		t.Skip("NOT RUN: the corpus is not at ", corpusDir, err)
	}
	t.Logf("%d of %d objects changed", changed, objects)
}
