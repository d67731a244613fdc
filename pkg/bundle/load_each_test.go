package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func TestLoadEach(t *testing.T) {
	s := newSite(t)
	dir := filepath.Join(t.TempDir(), "k8s", "images")
	loaded, err := LoadEach(t.Context(), s.Archive, ownPairs(t, s.Archive), dir, LoadOptions{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	pinned := "quay.io_x_y_v1_" + strings.Replace(s.tool.Digest.String(), ":", "_", 1) + ".tar"
	want := []string{"docker.io_library_nginx_1.25.tar", pinned, "registry.k8s.io_pause_3.10.tar"}
	got := names(t, dir)
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("no %s among %q", name, got)
		}
	}
	var size int64
	var images []string
	for _, name := range got {
		raw := get(t, filepath.Join(dir, name))
		size += int64(len(raw))
		for full, d := range untar(t, raw).index(t) { // holds that nothing is missing, nothing too much
			images = append(images, full)
			if full == "registry.k8s.io/pause:3.10" && d == s.pause.Digest {
				t.Error("the index for several platforms is there, though only one is")
			}
		}
	}
	slices.Sort(images)
	if loaded.Size != size || len(loaded.Images) != len(got) || !slices.Contains(images, "registry.k8s.io/pause:3.10") || !slices.Contains(images, "docker.io/library/nginx:1.25") {
		t.Errorf("%+v of %d bytes, %q", loaded, size, images)
	}
	// Again: the same bytes.
	first := get(t, filepath.Join(dir, want[0]))
	if _, err := LoadEach(t.Context(), s.Archive, ownPairs(t, s.Archive), dir, LoadOptions{Platform: "linux/amd64"}); err != nil || !bytes.Equal(first, get(t, filepath.Join(dir, want[0]))) {
		t.Error("a second run writes something else", err)
	}
}

func TestLoadEachRefuses(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	loaded, err := LoadEach(t.Context(), s.Archive, ownPairs(t, s.Archive), dir, LoadOptions{Platform: "linux/arm64"})
	if err != nil || len(loaded.LeftOut) != 2 || slices.Contains(names(t, dir), "docker.io_library_nginx_1.25.tar") {
		t.Errorf("%+v, %v", loaded, err)
	}
	_, err = LoadEach(t.Context(), s.Archive, ownPairs(t, s.Archive), dir, LoadOptions{Platform: "windows/amd64"})
	wantError(t, err, "no image that a node could run", "nginx", "pause")
	pairs := append([]image.Pair{{Source: parse(t, "missing"), Target: parse(t, "missing")}}, ownPairs(t, s.Archive)...)
	into := filepath.Join(t.TempDir(), "into")
	_, err = LoadEach(t.Context(), s.Archive, append(pairs, image.Pair{Source: parse(t, "gone"), Target: parse(t, "gone")}), into, LoadOptions{})
	wantError(t, err, "library/missing:latest", "library/gone:latest")
	if !slices.Contains(names(t, into), "registry.k8s.io_pause_3.10.tar") {
		t.Error("what is wrong with one image keeps the others away")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = LoadEach(t.Context(), s.Archive, ownPairs(t, s.Archive), file, LoadOptions{})
	wantError(t, err, "loading images", "file")
}

func TestTarNames(t *testing.T) {
	var pairs []image.Pair
	long := strings.Repeat("a/", 90) + strings.Repeat("b", 40)
	for _, name := range []string{"quay.io/a/b:v1", "quay.io/a_b:v1", "quay.io/c:V1", "quay.io/c:v1", "quay.io/" + long, "x@" + digest.FromString("").String()} {
		pairs = append(pairs, image.Pair{Target: parse(t, name)})
	}
	got := tarNames(pairs)
	seen := map[string]bool{}
	for i, name := range got {
		if seen[strings.ToLower(name)] || len(name) > 255-len(".loaded") || strings.ContainsAny(name, "/:@\\") || !strings.HasSuffix(name, ".tar") {
			t.Errorf("%s is called %s", pairs[i].Target, name)
		}
		seen[strings.ToLower(name)] = true
	}
	if !strings.HasPrefix(got[0], "quay.io_a_b_v1_") || got[5] != "docker.io_library_x_"+strings.Replace(digest.FromString("").String(), ":", "_", 1)+".tar" {
		t.Errorf("%q", got)
	}
}
