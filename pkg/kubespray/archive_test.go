package kubespray_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// The golden lines are those of the script itself, run with a stub for docker.
func TestNames(t *testing.T) {
	for name, want := range map[string][2]string{
		"docker.io/library/nginx:1.28":           {"docker.io-library-nginx-1.28.tar", "library/nginx:1.28"},
		"quay.io/coreos/etcd:v3.6.10":            {"quay.io-coreos-etcd-v3.6.10.tar", "coreos/etcd:v3.6.10"},
		"mcr.microsoft.com/x/y:1":                {"mcr.microsoft.com-x-y-1.tar", "mcr.microsoft.com/x/y:1"},
		"k8s.gcr.io/pause:3.2":                   {"k8s.gcr.io-pause-3.2.tar", "k8s.gcr.io/pause:3.2"},
		"registry.k8s.io/a@" + sum("x"):          {"registry.k8s.io-a.tar", "a"},
		"registry.k8s.io/a:v1@" + sum("x"):       {"registry.k8s.io-a-v1.tar", "a:v1"},
		"localhost:5000/a/b:v1":                  {"localhost-5000-a-b-v1.tar", "localhost:5000/a/b:v1"},
		"registry.example.com/quay.io/calico:v3": {"registry.example.com-quay.io-calico-v3.tar", "registry.example.com/quay.io/calico:v3"},
	} {
		ref := parse(t, name)
		if got := [2]string{kubespray.TarName(ref), kubespray.IndexName(ref)}; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// What is written for the script is what it writes, and is read back as it was.
func TestExportImport(t *testing.T) {
	names := []string{"docker.io/library/nginx:1.28", "docker.io/library/registry:latest", "quay.io/coreos/etcd:v3.6.10", "registry.k8s.io/pause:3.10.1"}
	a := archive(t, names...)
	var first, second bytes.Buffer
	exported, err := kubespray.Export(t.Context(), a, &first, bundle.LoadOptions{})
	if err != nil || exported.NoRegistry || len(exported.Images) != 4 {
		t.Fatalf("%+v, %v", exported, err)
	}
	if _, err := kubespray.Export(t.Context(), a, &second, bundle.LoadOptions{}); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("two exports differ, %v", err)
	}
	entries := untar(t, first.Bytes())
	if got := string(entries["./container-images/container-images.txt"]); got != "docker.io-library-nginx-1.28.tar  library/nginx:1.28\n"+
		"docker.io-library-registry-latest.tar  library/registry:latest\nquay.io-coreos-etcd-v3.6.10.tar  coreos/etcd:v3.6.10\n"+
		"registry.k8s.io-pause-3.10.1.tar  pause:3.10.1\n" {
		t.Error(got)
	}
	if !bytes.Equal(entries["./container-images/registry-latest.tar"], entries["./container-images/docker.io-library-registry-latest.tar"]) || len(entries) != 7 {
		t.Errorf("%d entries", len(entries))
	}
	tree := imported(t, first.Bytes(), nil)
	for _, name := range names {
		want, err := a.Resolve(t.Context(), parse(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tree.Resolve(t.Context(), parse(t, name)); err != nil || got.Digest != want.Digest {
			t.Errorf("%s is %s, %v, and was %s", name, got.Digest, err, want.Digest)
		}
	}
	if len(tree.Images()) != 4 || len(tree.Files()) != 0 {
		t.Errorf("%v, %v", tree.Images(), tree.Files())
	}
}

func TestExportRefuses(t *testing.T) {
	a := archive(t, "quay.io/a/b-c:v1", "quay.io/a-b/c:v1")
	if _, err := kubespray.Export(t.Context(), a, io.Discard, bundle.LoadOptions{}); err == nil || !strings.Contains(err.Error(), "quay.io/a-b/c:v1 and quay.io/a/b-c:v1: the script would call both quay.io-a-b-c-v1.tar") {
		t.Error(err)
	}
	a = archive(t, "quay.io/a:v1")
	exported, err := kubespray.Export(t.Context(), a, io.Discard, bundle.LoadOptions{})
	if err != nil || !exported.NoRegistry {
		t.Errorf("%+v, %v", exported, err)
	}
	if _, err = kubespray.Export(t.Context(), a, io.Discard, bundle.LoadOptions{Platform: "linux/s390x"}); err == nil || !strings.Contains(err.Error(), "no image that a node could run") {
		t.Error(err)
	}
}

// saved is a tar as docker save of old writes it.
func saved(t testing.TB, text string, tags ...string) []byte {
	t.Helper()
	layer := tarOf(t, entry{"x", []byte(text)})
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%q]}}`, digest.FromBytes(layer))
	list, err := json.Marshal([]map[string]any{{"Config": "c.json", "RepoTags": tags, "Layers": []string{"l.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	return tarOf(t, entry{"c.json", config}, entry{"l.tar", layer}, entry{"manifest.json", list})
}

// Names come back from the tags in the tars, or from the list.
func TestImportNames(t *testing.T) {
	const dir = "./container-images/"
	script := packed(t,
		entry{dir + "registry-latest.tar", saved(t, "0", "registry:latest")},
		entry{dir + "docker.io-library-nginx-1.28.tar", saved(t, "1", "nginx:1.28")},
		entry{dir + "mirror.local-coreos-etcd-v3.tar", saved(t, "2", "mirror.local/coreos/etcd:v3")},
		entry{dir + "quay.io-x-y.tar", saved(t, "3")},
		entry{dir + "container-images.txt", []byte("docker.io-library-nginx-1.28.tar  library/nginx:1.28\nmirror.local-coreos-etcd-v3.tar  coreos/etcd:v3\nquay.io-x-y.tar  x/y\n\n")})
	_, err := kubespray.Import(t.Context(), file(t, script), t.TempDir(), kubespray.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "quay.io-x-y.tar") || !strings.Contains(err.Error(), "the tar has no name for it: give the list") || strings.Contains(err.Error(), "nginx") {
		t.Error(err)
	}
	byDigest := "quay.io/x/y@" + sum("z")
	tree := imported(t, script, []image.Ref{parse(t, "quay.io/coreos/etcd:v3"), parse(t, byDigest)})
	var got []string
	for _, ref := range tree.Images() {
		got = append(got, ref.String())
	}
	if want := []string{"docker.io/library/nginx:1.28", "docker.io/library/registry:latest", "quay.io/coreos/etcd:v3", byDigest}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	_, err = kubespray.Import(t.Context(), file(t, script), t.TempDir(), kubespray.ImportOptions{Images: []image.Ref{
		parse(t, "quay.io/coreos/etcd:v3"), parse(t, "gcr.io/coreos/etcd:v3"), parse(t, byDigest),
	}})
	if err == nil || !strings.Contains(err.Error(), "2 images of the list") {
		t.Error(err)
	}
}

// An archive from anybody leads nowhere.
func TestImportRefuses(t *testing.T) {
	index := entry{"./container-images/container-images.txt", []byte("a.tar  a:1\n")}
	good := entry{"./container-images/a.tar", saved(t, "1", "a:1")}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"no gzip":      {tarOf(t, good), "gzip: invalid header"},
		"no index":     {packed(t, good), "there is no container-images/container-images.txt"},
		"no tar":       {packed(t, index), "names a.tar, which is not there"},
		"up":           {packed(t, index, good, entry{"./container-images/../../b.tar", nil}), "writes nothing like that"},
		"absolute":     {packed(t, index, good, entry{"/etc/b.tar", nil}), "writes nothing like that"},
		"elsewhere":    {packed(t, index, good, entry{"b.tar", nil}), "writes nothing like that"},
		"hidden":       {packed(t, index, good, entry{"./container-images/.tar", nil}), "writes nothing like that"},
		"backslash":    {packed(t, index, good, entry{`./container-images/..\b.tar`, nil}), "writes nothing like that"},
		"twice":        {packed(t, index, good, good), "it is there twice"},
		"index twice":  {packed(t, index, good, index), "writes nothing like that"},
		"bad index":    {packed(t, good, entry{index.name, []byte("x\n../a.tar  b\n")}), "container-images.txt:1:1: this is not FILE  IMAGE"},
		"empty index":  {packed(t, good, entry{index.name, []byte("\n")}), "it names no image"},
		"not in index": {packed(t, index, good, entry{"./container-images/b.tar", saved(t, "2", "b:1")}), "b.tar"},
		"other name":   {packed(t, index, entry{"./container-images/a.tar", saved(t, "1", "b:1")}), "the tar itself docker.io/library/b:1"},
		"truncated":    {packed(t, index, good)[:100], "unexpected EOF"},
		"garbage":      {packed(t, index, entry{"./container-images/a.tar", []byte("x")}), "a.tar"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tree, err := kubespray.Import(t.Context(), file(t, c.raw), filepath.Join(dir, "below"), kubespray.ImportOptions{})
			if err == nil {
				tree.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if all, _ := os.ReadDir(dir); len(all) > 1 {
				t.Errorf("there is something beside the folder: %v", all)
			}
		})
	}
	link := gzipped(t, func(w *tar.Writer) error {
		return w.WriteHeader(&tar.Header{Name: "./container-images/a.tar", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
	})
	if _, err := kubespray.Import(t.Context(), file(t, link), t.TempDir(), kubespray.ImportOptions{}); err == nil || !strings.Contains(err.Error(), "neither file nor folder") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kubespray.Import(ctx, file(t, packed(t, index, good)), t.TempDir(), kubespray.ImportOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// archive makes one with a small image under each name.
func archive(t *testing.T, names ...string) *bundle.Archive {
	t.Helper()
	var from registry.Memory
	var pairs []image.Pair
	put := func(ref image.Ref, mediaType string, content []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
		open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
		if _, err := from.PutBlob(t.Context(), ref, d, nil, open); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, name := range names {
		ref := parse(t, name)
		layer := tarOf(t, entry{"name", []byte(name)})
		config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%q]}}`, digest.FromBytes(layer))
		m := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: put(ref, ocispec.MediaTypeImageConfig, config), Layers: []ocispec.Descriptor{put(ref, ocispec.MediaTypeImageLayer, layer)}}
		m.SchemaVersion = 2
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := from.PutManifest(t.Context(), ref, ocispec.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}, raw); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, image.Pair{Source: ref, Target: ref})
	}
	plan, err := registry.NewPlan(t.Context(), pairs, &from, registry.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "site.tar")
	if _, err := bundle.Create(t.Context(), path, bundle.Contents{Plan: plan}, &from, bundle.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	a, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func imported(t *testing.T, raw []byte, list []image.Ref) *bundle.Tree {
	t.Helper()
	tree, err := kubespray.Import(t.Context(), file(t, raw), t.TempDir(), kubespray.ImportOptions{Images: list})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

type entry struct {
	name    string
	content []byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	write(t, w, entries)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func write(t testing.TB, w *tar.Writer, entries []entry) {
	t.Helper()
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
}

func gzipped(t testing.TB, fill func(*tar.Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	if err := errors.Join(fill(w), w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func packed(t testing.TB, entries ...entry) []byte {
	return gzipped(t, func(w *tar.Writer) error { write(t, w, entries); return nil })
}

func untar(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if all[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func file(t *testing.T, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "container-images.tar.gz")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parse(t *testing.T, name string) image.Ref {
	t.Helper()
	ref, err := image.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func sum(text string) string { return digest.FromString(text).String() }

// FuzzImport: whatever is in an archive, nothing comes to be outside of the folder.
func FuzzImport(f *testing.F) {
	index := entry{"./container-images/container-images.txt", []byte("a.tar  a:1\n")}
	f.Add(packed(f, index, entry{"./container-images/a.tar", saved(f, "1", "a:1")}))
	f.Add(packed(f, index, entry{"./container-images/../../b.tar", nil}))
	f.Add(packed(f, entry{"../b", nil}, entry{"/tmp/b.tar", nil}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		tree, err := kubespray.Import(t.Context(), file(t, raw), filepath.Join(dir, "below"), kubespray.ImportOptions{})
		if err == nil {
			tree.Close()
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) > 1 {
			t.Errorf("%v %v", all, err)
		}
	})
}
