package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// putImage puts an image of one layer into a registry, with Docker's media types.
func putImage(t testing.TB, to *registry.Memory, name, config string, layer []byte) digest.Digest {
	t.Helper()
	ref := parse(t, name)
	blob := func(mediaType string, raw []byte) ocispec.Descriptor {
		d := describe(mediaType, raw)
		open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		if _, err := to.PutBlob(t.Context(), ref, d, nil, open); err != nil {
			t.Fatal(err)
		}
		return d
	}
	raw := jsonOf(t, map[string]any{
		"schemaVersion": 2, "mediaType": dockerManifest,
		"config": blob("application/vnd.docker.container.image.v1+json", []byte(config)), "layers": []any{blob(imgpkg.LayerType, layer)},
	})
	d := describe(dockerManifest, raw)
	if err := to.PutManifest(t.Context(), ref, d, raw); err != nil {
		t.Fatal(err)
	}
	return d.Digest
}

// bundled is a registry with a bundle of two images, and a signature of one of them.
func bundled(t testing.TB) (m *registry.Memory, name image.Ref) {
	t.Helper()
	m = &registry.Memory{}
	lock := "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n"
	for _, member := range []string{"a", "b"} {
		d := putImage(t, m, "up.test/"+member+":1", `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["`+string(digest.FromString(member))+`"]}}`, noise(1000+len(lock)))
		lock += "- image: up.test/" + member + "@" + string(d) + "\n"
		if member == "a" {
			putImage(t, m, "up.test/a:sha256-"+d.Encoded()+".sig", "{}", noise(10))
		}
	}
	putImage(t, m, "up.test/tkg/repo:v1", `{"config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}}}`,
		compressed(t, tarOf(t, item{name: ".imgpkg/images.yml", body: []byte(lock)})))
	return m, parse(t, "up.test/tkg/repo:v1")
}

// archived puts images of a registry into an archive.
func archived(t testing.TB, from registry.Source, c Contents, refs ...image.Ref) *Archive {
	t.Helper()
	var pairs []image.Pair
	for _, r := range refs {
		pairs = append(pairs, image.Pair{Source: r, Target: r})
	}
	plan, err := registry.NewPlan(t.Context(), pairs, from, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Plan = plan
	path := filepath.Join(t.TempDir(), "site.tar")
	if _, err := Create(t.Context(), path, c, from, CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// tars writes the tars of an archive for imgpkg, and gives their folder.
func tars(t testing.TB, a *Archive) (string, *Tars) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tars")
	written, err := LoadImgpkg(t.Context(), a, ownPairs(t, a), "", dir, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return dir, written
}

// TestImgpkgTars: what is written is read back as the same images, with signatures, and the
// same tars come of them.
func TestImgpkgTars(t *testing.T) {
	m, name := bundled(t)
	a := archived(t, m, Contents{}, name)
	if is := a.Lock().Images[0].IsBundle(); !is {
		t.Error("the lock does not know a bundle")
	}
	if n, is := a.Inventory().Images[0].Members(); n != 2 || !is {
		t.Errorf("a bundle of %d (%v)", n, is)
	}
	dir, written := tars(t, a)
	if len(written.Paths) != 1 || written.Paths["tkg-repo-v1.tar"] != "tkg/repo" || len(written.LeftOut) != 0 {
		t.Errorf("%+v", written)
	}
	tree, err := ImportDir(t.Context(), dir, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if images := tree.Images(); len(images) != 1 || images[0] != name || len(tree.Files()) != 0 {
		t.Fatalf("%v, %v", tree.Images(), tree.Files())
	}
	again := archived(t, tree, Contents{}, name)
	if got, want := again.Lock().Images[0], a.Lock().Images[0]; got.Digest != want.Digest || !slices.Equal(got.Referrers, want.Referrers) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	if !slices.ContainsFunc(again.Lock().Images[0].Referrers, func(r string) bool { return strings.Contains(r, ".sig@") }) {
		t.Error("the signature of a member is gone")
	}
	twice, _ := tars(t, again)
	if first, second := readAll(t, dir, "tkg-repo-v1.tar"), readAll(t, twice, "tkg-repo-v1.tar"); !bytes.Equal(first, second) {
		t.Error("the same images make other tars")
	}
}

func readAll(t testing.TB, path ...string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestLoadImgpkgRefuses: what is left out of an archive cannot be in a tar, two images
// cannot be one tar, and each goes below the destination.
func TestLoadImgpkgRefuses(t *testing.T) {
	m, name := bundled(t)
	other := parse(t, "up.test/tkg-repo:v1")
	putImage(t, m, other.String(), "{}", noise(7))
	a := archived(t, m, Contents{}, name, other)
	_, err := LoadImgpkg(t.Context(), a, ownPairs(t, a), "", t.TempDir(), LoadOptions{})
	wantError(t, err, "its tar and that of", "tkg-repo-v1.tar")
	_, err = LoadImgpkg(t.Context(), a, ownPairs(t, a), "site.test/tkg", t.TempDir(), LoadOptions{})
	wantError(t, err, "up.test/tkg/repo:v1", "which is not below site.test/tkg", "up.test/tkg-repo:v1")
	layer := digest.FromBytes(noise(7))
	a = archived(t, m, Contents{Elsewhere: []LockedBlob{{Digest: layer, Size: 7, Image: other.String()}}}, other)
	_, err = LoadImgpkg(t.Context(), a, ownPairs(t, a), "", t.TempDir(), LoadOptions{})
	wantError(t, err, layer.String(), "its site has it with")
}

// TestLoadImgpkgDamaged: a layer that is not what its name says is in no tar.
func TestLoadImgpkgDamaged(t *testing.T) {
	m, name := bundled(t)
	layer := parse(t, "up.test/single:1")
	putImage(t, m, layer.String(), "{}", noise(77))
	a := archived(t, m, Contents{}, name, layer)
	f, err := os.OpenFile(a.from.(wholeFile).Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), a.blobs[digest.FromBytes(noise(77))].start); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = LoadImgpkg(t.Context(), a, ownPairs(t, a), "", dir, LoadOptions{})
	wantError(t, err, digest.FromBytes(noise(77)).Encoded(), layer.String())
	if _, err := os.Stat(filepath.Join(dir, "single-1.tar")); err == nil {
		t.Error("a damaged tar is left behind")
	}
}

// TestLeaveKeepsLists: the layer of a bundle that names its members is carried whatever the
// site has, for nobody could push without it.
func TestLeaveKeepsLists(t *testing.T) {
	m, name := bundled(t)
	inv := archived(t, m, Contents{}, name).Inventory()
	inv.Images = nil // the site has all of its layers under another name
	plan, err := registry.NewPlan(t.Context(), []image.Pair{{Source: name, Target: name}}, m, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	rest, elsewhere := inv.Leave(plan)
	list := plan.Images[0].Lists[0]
	if len(rest.Images) != 1 || len(elsewhere) < 2 || slices.ContainsFunc(elsewhere, func(b LockedBlob) bool { return b.Digest == list }) {
		t.Fatalf("left out is %v, and %s must not be", elsewhere, list)
	}
	a := archived(t, m, Contents{Elsewhere: elsewhere}, name)
	if _, err := registry.NewPlan(t.Context(), []image.Pair{{Source: name, Target: name}}, a, registry.PlanOptions{}); err != nil {
		t.Errorf("nobody can push it: %v", err)
	}
}

// hostileTar is the tar of a bundle with manifest.json changed.
func hostileTar(t testing.TB, change func([]imgpkg.TarEntry), more ...item) []byte {
	t.Helper()
	m, name := bundled(t)
	dir, _ := tars(t, archived(t, m, Contents{}, name))
	index, err := os.Open(filepath.Join(dir, "tkg-repo-v1.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	x, err := indexTar(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	var items []item
	for file, at := range x.files {
		body := make([]byte, at.size)
		if _, err := index.ReadAt(body, at.at); err != nil {
			t.Fatal(err)
		}
		if file != imgpkg.TarManifest {
			items = append(items, item{name: file, body: body})
			continue
		}
		var entries []imgpkg.TarEntry
		if err := json.Unmarshal(body, &entries); err != nil {
			t.Fatal(err)
		}
		change(entries)
		items = slices.Insert(items, 0, item{name: file, body: jsonOf(t, entries)})
	}
	return tarOf(t, append(items, more...)...)
}

// TestImportImgpkgUntagged: a bundle that was copied by its digest is one image all the same.
func TestImportImgpkgUntagged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar")
	put(t, path, hostileTar(t, func(e []imgpkg.TarEntry) { e[0].Image.Tag = "" }))
	tree, err := ImportTar(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if images := tree.Images(); len(images) != 1 || images[0].Name() != "up.test/tkg/repo" || images[0].Digest == "" {
		t.Errorf("%v", images)
	}
}

func TestImportImgpkgHostile(t *testing.T) {
	for name, test := range map[string]struct {
		change func([]imgpkg.TarEntry)
		want   []string
	}{
		"manifest":      {func(e []imgpkg.TarEntry) { e[1].Image.Manifest.Raw += " " }, []string{"image 2", "its manifest is damaged"}},
		"configuration": {func(e []imgpkg.TarEntry) { e[1].Image.Config.Raw += " " }, []string{"image 2", "its configuration is damaged"}},
		"digest":        {func(e []imgpkg.TarEntry) { e[0].Image.Manifest.Digest = "../x" }, []string{`"../x" is no SHA-256 digest`}},
		"other configuration": {func(e []imgpkg.TarEntry) {
			raw := strings.Repeat("x", len(e[1].Image.Config.Raw))
			e[1].Image.Config = imgpkg.TarText{Raw: raw, Digest: digest.FromString(raw)}
		}, []string{"has another configuration"}},
		"neither":      {func(e []imgpkg.TarEntry) { e[1].Image = nil }, []string{"image 2", "an image or an index"}},
		"name":         {func(e []imgpkg.TarEntry) { e[0].Image.Refs[0] = "up.test/TKG@" + string(e[0].Image.Manifest.Digest) }, []string{"image reference"}},
		"another name": {func(e []imgpkg.TarEntry) { e[0].Image.Refs[0] = "up.test/tkg@" + string(e[1].Image.Manifest.Digest) }, []string{"it is said to be"}},
		"no name":      {func(e []imgpkg.TarEntry) { e[0].Image.Refs = nil }, []string{"image reference"}},
		"tag":          {func(e []imgpkg.TarEntry) { e[0].Image.Tag = "../v1" }, []string{"image reference"}},
		"index without its images": {func(e []imgpkg.TarEntry) {
			raw := `{"schemaVersion":2,"manifests":[{"mediaType":"` + dockerManifest + `","digest":"` + string(digest.FromString("gone")) + `","size":1}]}`
			e[1] = imgpkg.TarEntry{ImageIndex: &imgpkg.TarIndex{Refs: e[1].Image.Refs, Digest: digest.FromString(raw), Raw: raw, MediaType: dockerList}}
		}, []string{string(digest.FromString("gone")), "is not in the tar"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.tar")
			put(t, path, hostileTar(t, test.change))
			_, err := ImportTar(t.Context(), path, ImportOptions{})
			wantError(t, err, append(test.want, "x.tar")...)
		})
	}
	keep := func([]imgpkg.TarEntry) {}
	raw := hostileTar(t, keep)
	path := filepath.Join(t.TempDir(), "x.tar")
	x, err := indexTar(t.Context(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	list, err := x.read(bytes.NewReader(raw), imgpkg.TarManifest)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, tarOf(t, item{name: imgpkg.TarManifest, body: list}))
	_, err = ImportTar(t.Context(), path, ImportOptions{})
	wantError(t, err, ".tar.gz", "is not in the tar")
	damaged := bytes.Clone(raw)
	damaged[bytes.Index(damaged, noise(1000)[:50])+700] ^= 1
	put(t, path, damaged)
	tree, err := ImportTar(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	name := tree.Images()[0]
	plan, err := registry.NewPlan(t.Context(), []image.Pair{{Source: name, Target: name}}, tree, registry.PlanOptions{})
	if err == nil {
		_, err = Create(t.Context(), filepath.Join(t.TempDir(), "site.tar"), Contents{Plan: plan}, tree, CreateOptions{})
	}
	wantError(t, err, "is damaged")
}

// TestIsImgpkg: docker save has a manifest.json as well, and anything may be a tar.
func TestIsImgpkg(t *testing.T) {
	m, name := bundled(t)
	dir, _ := tars(t, archived(t, m, Contents{}, name))
	for what, raw := range map[string][]byte{
		"docker save": savedNew(t), "nothing": nil, "text": []byte("text"), "a tar": tarOf(t, item{name: "a", body: []byte("b")}),
		"a list": tarOf(t, item{name: "manifest.json", body: []byte(`["Image"]`)}),
	} {
		if isImgpkg(bytes.NewReader(raw)) {
			t.Errorf("%s is taken for a tar of imgpkg", what)
		}
	}
	if !isImgpkg(bytes.NewReader(readAll(t, dir, "tkg-repo-v1.tar"))) {
		t.Error("ours is none")
	}
}
