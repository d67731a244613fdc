package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
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

// An item is an entry of a tar made by a test.
type item struct {
	name string
	body []byte
	link string // makes it a symbolic link
	kind byte   // another type
}

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		h := &tar.Header{Name: i.name, Mode: 0o644, Size: int64(len(i.body)), Typeflag: tar.TypeReg}
		if i.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, i.link
		}
		if i.kind != 0 {
			h.Typeflag = i.kind
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(i.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jsonOf(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compressed(t testing.TB, b []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

// configOf is the configuration of an image with these layers.
func configOf(t testing.TB, layers ...[]byte) []byte {
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}
	config.RootFS.Type = "layers"
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(l))
	}
	return jsonOf(t, config)
}

// savedOld is what docker save wrote before version 25: a folder for each layer,
// and a link where two images share one.
func savedOld(t testing.TB) []byte {
	base, top := noise(3000), noise(100)
	one, two := configOf(t, base, top), configOf(t, base)
	return tarOf(
		t,
		item{name: "aaa/", kind: tar.TypeDir},
		item{name: "aaa/VERSION", body: []byte("1.0")},
		item{name: "aaa/layer.tar", body: base},
		item{name: "bbb/layer.tar", body: top},
		item{name: "ccc/layer.tar", link: "../aaa/layer.tar"},
		item{name: "one.json", body: one},
		item{name: "two.json", body: two},
		item{name: "manifest.json", body: jsonOf(t, []dockerImage{
			{"one.json", []string{"registry.k8s.io/pause:3.10", "pause:latest"}, []string{"aaa/layer.tar", "bbb/layer.tar"}},
			{"two.json", []string{"quay.io/x/y:v1"}, []string{"ccc/layer.tar"}},
		})},
		item{name: "repositories", body: []byte("{}")},
	)
}

// savedNew is what docker save writes today: blobs by digest, compressed if the
// image store is containerd's.
func savedNew(t testing.TB) []byte {
	plain := noise(500)
	layer := compressed(t, plain)
	config := configOf(t, plain)
	at := func(b []byte) string { return blobPath(digest.FromBytes(b)) }
	return tarOf(
		t,
		item{name: "blobs/", kind: tar.TypeDir},
		item{name: at(layer), body: layer},
		item{name: at(config), body: config},
		item{name: "oci-layout", body: []byte(`{}`)},
		item{name: "manifest.json", body: jsonOf(t, []dockerImage{{at(config), []string{"ghcr.io/a/b:v2"}, []string{at(layer)}}})},
	)
}

// wantImage holds that all of an image can be read and is what its digests say.
func wantImage(t *testing.T, s registry.Source, name string, layers ...[]byte) registry.Descriptor {
	t.Helper()
	ref, err := image.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := s.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(fetch(t, s, ref, desc), &m); err != nil {
		t.Fatal(err)
	}
	fetch(t, s, ref, m.Config)
	if len(m.Layers) != len(layers) {
		t.Fatalf("%s has %d layers, want %d", name, len(m.Layers), len(layers))
	}
	for i, l := range m.Layers {
		if got := fetch(t, s, ref, l); !bytes.Equal(got, layers[i]) {
			t.Errorf("%s: layer %d is another one", name, i)
		}
	}
	byDigest := image.Ref{Registry: ref.Registry, Repository: ref.Repository, Digest: desc.Digest.String()}
	if got, err := s.Resolve(t.Context(), byDigest); err != nil || got.Digest != desc.Digest {
		t.Errorf("%s: %v, %v", byDigest, got, err)
	}
	return desc
}

// fetch reads a content and holds that it is the right one.
func fetch(t *testing.T, s registry.Source, ref image.Ref, desc registry.Descriptor) []byte {
	t.Helper()
	r, err := s.Fetch(t.Context(), ref, desc)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != desc.Size || digest.FromBytes(b) != desc.Digest {
		t.Fatalf("%s: %d bytes of %s, %v", desc.Digest, len(b), digest.FromBytes(b), err)
	}
	return b
}

func TestImportDir(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "docker-images/csi/old.tar"), savedOld(t))
	put(t, filepath.Join(dir, "docker-images/cni/same.tar"), savedOld(t))
	put(t, filepath.Join(dir, "docker-images/cni/new.tar"), savedNew(t))
	put(t, filepath.Join(dir, "docker-images/README"), []byte("read me"))
	put(t, filepath.Join(dir, "ovas/node.ova"), tarOf(t, item{name: "node.ovf"}))
	put(t, filepath.Join(dir, "binaries/kubectl"), []byte("#!"))
	if err := os.Chmod(filepath.Join(dir, "binaries/kubectl"), 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := ImportDir(t.Context(), dir, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	var got []string
	for _, ref := range tree.Images() {
		got = append(got, ref.String()+" "+strings.Join(tree.Groups()[ref], ","))
	}
	want := []string{
		"docker.io/library/pause:latest cni,csi", "ghcr.io/a/b:v2 cni",
		"quay.io/x/y:v1 cni,csi", "registry.k8s.io/pause:3.10 cni,csi",
	}
	if !slices.Equal(got, want) {
		t.Errorf("images %q, want %q", got, want)
	}
	one := wantImage(t, tree, "registry.k8s.io/pause:3.10", noise(3000), noise(100))
	if two := wantImage(t, tree, "pause", noise(3000), noise(100)); one.Digest != two.Digest {
		t.Error("two names of one image have two digests")
	}
	wantImage(t, tree, "quay.io/x/y:v1", noise(3000))
	wantImage(t, tree, "ghcr.io/a/b:v2", compressed(t, noise(500)))
	wantFiles(t, tree, "binaries/kubectl -rwxr-xr-x #!", "docker-images/README -rw-r--r-- read me", "ovas/node.ova -rw-r--r-- ")
	var missing *registry.NotFoundError
	if _, err := tree.Resolve(t.Context(), image.Ref{Registry: "quay.io", Repository: "x/y", Tag: "v2"}); !errors.As(err, &missing) {
		t.Error(err)
	}
	if _, err := tree.Fetch(t.Context(), image.Ref{}, registry.Descriptor{Digest: digest.FromString("?")}); !errors.As(err, &missing) {
		t.Error(err)
	}
}

// wantFiles holds that the tree has these files: path, mode and the first bytes.
func wantFiles(t *testing.T, tree *Tree, want ...string) {
	t.Helper()
	var got []string
	for _, f := range tree.Files() {
		r, err := f.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || int64(len(b)) != f.Size {
			t.Errorf("%s: %d bytes of %d, %v", f.Path, len(b), f.Size, err)
		}
		r.Close()
		if strings.HasPrefix(f.Path, "ovas/") {
			b = nil
		}
		got = append(got, f.Path+" "+f.Mode.String()+" "+string(b))
	}
	if !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// The manifests that are made of a tar are the same wherever and whenever that is.
func TestImportDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar")
	put(t, path, savedOld(t))
	tree, err := ImportTar(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "sha256:b16289646ef69077339f1a9a91536f3c232d0383b2399b6e7fc0047a87028f57"
	if got := wantImage(t, tree, "quay.io/x/y:v1", noise(3000)).Digest; got != want {
		t.Errorf("digest %s, want %s: sites that have the image would get it again", got, want)
	}
}

// Today's docker save has the manifests as well: images keep their digests.
func TestImportOriginal(t *testing.T) {
	s := newSite(t)
	path, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{})
	tree, err := ImportTar(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]registry.Descriptor{
		"registry.k8s.io/pause:3.10": s.amd64, "nginx:1.25": s.nginx, "quay.io/x/y:v1": s.tool,
	} {
		got, err := tree.Resolve(t.Context(), parse(t, name))
		if err != nil || got.Digest != want.Digest || got.MediaType != want.MediaType || got.Size != want.Size {
			t.Errorf("%s is %v, %v, want %v", name, got, err, want)
		}
	}
}

// What index.json names and the tar does not have, or not whole, does not count;
// what is damaged is an error.
func TestImportOriginalMissing(t *testing.T) {
	plain := noise(500)
	config := configOf(t, plain)
	layer := digest.FromBytes(plain)
	manifest := func(size int64) []byte {
		return jsonOf(t, ocispec.Manifest{
			MediaType: ocispec.MediaTypeImageManifest, Config: describe(ocispec.MediaTypeImageConfig, config),
			Layers: []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayer, Digest: layer, Size: size}},
		})
	}
	good, wrong := manifest(500), manifest(501)
	index := func(all ...[]byte) item {
		var i ocispec.Index
		for _, raw := range all {
			i.Manifests = append(i.Manifests, describe(ocispec.MediaTypeImageManifest, raw))
		}
		return item{name: indexPath, body: jsonOf(t, i)}
	}
	at := func(raw []byte) string { return blobPath(digest.FromBytes(raw)) }
	list := item{name: dockerPath, body: jsonOf(t, []dockerImage{{at(config), []string{"a:1"}, []string{at(plain)}}})}
	common := []item{list, {name: at(config), body: config}, {name: at(plain), body: plain}}
	for name, c := range map[string]struct {
		items []item
		kept  bool
		err   string
	}{
		"there":          {[]item{index(wrong, good), {name: at(good), body: good}, {name: at(wrong), body: wrong}}, true, ""},
		"not there":      {[]item{index(good)}, false, ""},
		"other size":     {[]item{index(wrong), {name: at(wrong), body: wrong}}, false, ""},
		"damaged":        {[]item{index(good), {name: at(good), body: wrong}}, false, at(good) + " is damaged"},
		"no manifest":    {[]item{index([]byte("x")), {name: at([]byte("x")), body: []byte("x")}}, false, at([]byte("x"))},
		"index is wrong": {[]item{{name: indexPath, body: []byte("[")}}, false, indexPath},
	} {
		path := filepath.Join(t.TempDir(), "x.tar")
		put(t, path, tarOf(t, append(slices.Clone(common), c.items...)...))
		tree, err := ImportTar(t.Context(), path, ImportOptions{})
		if c.err != "" {
			wantError(t, err, c.err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if desc := wantImage(t, tree, "a:1", plain); (desc.Digest == digest.FromBytes(good)) != c.kept {
			t.Errorf("%s: the manifest is %s", name, desc.Digest)
		}
	}
}

func TestImportNameless(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etcd.tar")
	layer := noise(10)
	put(t, path, tarOf(
		t, item{name: "c", body: configOf(t, layer)}, item{name: "l", body: layer},
		item{name: "manifest.json", body: jsonOf(t, []dockerImage{{"c", nil, []string{"l"}}})},
	))
	_, err := ImportTar(t.Context(), path, ImportOptions{})
	wantError(t, err, "etcd.tar", "image 1", "no tag")
	asked := ""
	tree, err := ImportTar(t.Context(), path, ImportOptions{Nameless: func(path string) (image.Ref, bool) {
		asked = path
		return image.Ref{Registry: "r.io", Repository: "etcd", Tag: "1"}, true
	}})
	if err != nil || asked != "etcd.tar" {
		t.Fatal(err, asked)
	}
	wantImage(t, tree, "r.io/etcd:1", layer)
}

// A layer that is not what its image says is found when it is read, and named.
func TestImportDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tar")
	raw := savedOld(t)
	raw[bytes.Index(raw, noise(100))+50] ^= 1
	put(t, path, raw)
	tree, err := ImportTar(t.Context(), path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ref := tree.Images()[0]
	var m ocispec.Manifest
	desc, _ := tree.Resolve(t.Context(), ref)
	if err := json.Unmarshal(fetch(t, tree, ref, desc), &m); err != nil {
		t.Fatal(err)
	}
	r, err := tree.Fetch(t.Context(), ref, m.Layers[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, r)
	wantError(t, err, "x.tar", "aaa/layer.tar", "damaged", m.Layers[0].Digest.String())
}

func TestImportRefuses(t *testing.T) {
	layer := noise(10)
	config := item{name: "c", body: configOf(t, layer)}
	blob := item{name: "l", body: layer}
	list := func(images ...dockerImage) item { return item{name: "manifest.json", body: jsonOf(t, images)} }
	good := list(dockerImage{"c", []string{"a:1"}, []string{"l"}})
	truncated := tarOf(t, config, good, item{name: "l", body: noise(5000)})
	for _, c := range []struct {
		name string
		raw  []byte
		want []string
	}{
		{"up", tarOf(t, item{name: "../l", body: layer}), []string{`"../l"`, `".."`}},
		{"absolute", tarOf(t, item{name: "/l", body: layer}), []string{`"/l"`, "absolute"}},
		{"folder up", tarOf(t, item{name: "a/../../b/", kind: tar.TypeDir}), []string{"a/../../b/", `".."`}},
		{"drive", tarOf(t, item{name: `c:\x`, body: layer}), []string{"Windows"}},
		{"link up", tarOf(t, item{name: "a/l", link: "../../l"}), []string{`"a/l"`, "outside of the tar"}},
		{"link absolute", tarOf(t, item{name: "l", link: "/etc/passwd"}), []string{`"l"`, "outside of the tar"}},
		{"link nowhere", tarOf(t, config, good, item{name: "l", link: "m"}), []string{`"a:1"`, `"m"`, "not in the tar"}},
		{"link to itself", tarOf(t, config, good, item{name: "l", link: "l"}), []string{`"l"`, "not in the tar"}},
		{"device", tarOf(t, item{name: "l", kind: tar.TypeBlock}), []string{`"l"`, "neither file nor folder"}},
		{"pipe", tarOf(t, item{name: "l", kind: tar.TypeFifo}), []string{`"l"`, "neither file nor folder"}},
		{"twice", tarOf(t, config, blob, blob, good), []string{`"l"`, "twice"}},
		{"twice by another name", tarOf(t, config, blob, item{name: "./l", body: layer}, good), []string{`"./l"`, "twice"}},
		{"truncated", truncated[:len(truncated)-3000], []string{"unexpected EOF"}},
		{"garbage", bytes.Repeat([]byte("garbage "), 200), []string{"reading the tar"}},
		{"nothing", nil, []string{"manifest.json", "docker save did not write it"}},
		{"compressed", compressed(t, tarOf(t, config, blob, good)), []string{"compressed (gzip)"}},
		{"no list", tarOf(t, config, blob), []string{"manifest.json", "docker save"}},
		{"list is no JSON", tarOf(t, item{name: "manifest.json", body: []byte("[")}), []string{"manifest.json"}},
		{"empty list", tarOf(t, list()), []string{"names no image"}},
		{"large list", tarOf(t, item{name: "manifest.json", body: make([]byte, maxTarJSON+1)}), []string{"manifest.json", "more than"}},
		{"no configuration", tarOf(t, blob, good), []string{"image 1", `"c" is not in the tar`}},
		{"bad configuration", tarOf(t, item{name: "c", body: []byte("x")}, blob, good), []string{"configuration", `"c"`}},
		{"no layer", tarOf(t, config, good), []string{"layer 1", `"l" is not in the tar`}},
		{"too many layers", tarOf(t, config, blob, list(dockerImage{"c", []string{"a:1"}, []string{"l", "l"}})), []string{"2 layers", "1"}},
		{"bad diff_id", tarOf(t, item{name: "c", body: []byte(`{"rootfs":{"diff_ids":["sha256:../x"]}}`)}, blob, good), []string{"no diff_id"}},
		{"bad name", tarOf(t, config, blob, list(dockerImage{"c", []string{"A:1"}, []string{"l"}})), []string{`"A:1"`}},
		{
			"one name for two", tarOf(t, config, blob, item{name: "d", body: configOf(t)},
				list(dockerImage{"c", []string{"a:1"}, []string{"l"}}, dockerImage{"d", []string{"a:1"}, nil})),
			[]string{"docker.io/library/a:1 is another image"},
		},
		{
			"other content compressed", tarOf(t, config, item{name: "l", body: compressed(t, noise(9))}, good),
			[]string{"layer 1", `"l" is damaged`},
		},
		{"zstd", tarOf(t, config, item{name: "l", body: []byte{0x28, 0xb5, 0x2f, 0xfd, 0}}, good), []string{"zstd"}},
		{
			"both are told", tarOf(t, config, list(dockerImage{"c", []string{"a:1"}, []string{"l"}}, dockerImage{"d", nil, nil})),
			[]string{"image 1", `"l"`, "image 2", `"d"`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.tar")
			put(t, path, c.raw)
			_, err := ImportTar(t.Context(), path, ImportOptions{})
			wantError(t, err, append(c.want, "x.tar")...)
		})
	}
}

// A sparse entry does not lie in the tar as it is read.
func TestImportSparse(t *testing.T) {
	gnu := tarOf(t, item{name: "l", body: noise(512)})
	gnu[156] = tar.TypeGNUSparse
	copy(gnu[257:], "ustar  \x00")
	copy(gnu[386:], "00000000000\x0000000001000\x00") // one piece: at 0, 512 bytes
	copy(gnu[483:], "00000001000\x00")
	copy(gnu[148:], "        ")
	sum := 0
	for _, b := range gnu[:512] {
		sum += int(b)
	}
	copy(gnu[148:], []byte{'0' + byte(sum>>15&7), '0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' '})
	_, err := indexTar(t.Context(), bytes.NewReader(gnu))
	wantError(t, err, `"l"`, "sparse")
}

// A tree refuses what could lead out of it or be something else tomorrow.
func TestImportDirRefuses(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	put(t, secret, []byte("x"))
	for link, to := range map[string]string{"ovas": filepath.Dir(secret), "resources/a": secret, "docker-images/x.tar": "../good"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	put(t, filepath.Join(dir, "good"), savedNew(t))
	put(t, filepath.Join(dir, "index.json"), []byte("{}"))
	put(t, filepath.Join(dir, "docker-images/bad.tar"), []byte("x"))
	for _, name := range []string{"docker-images/cni/a.tar.gz", "docker-images/b.tgz"} { // a file like others, it would be no image in the end
		put(t, filepath.Join(dir, name), []byte("x"))
	}
	_, err := ImportDir(t.Context(), dir, ImportOptions{})
	wantError(t, err, "ovas: it is neither", "resources/a: it is neither", "docker-images/x.tar: it is neither", "index.json", "docker-images/bad.tar",
		"docker-images/cni/a.tar.gz: it is compressed", "docker-images/b.tgz: it is compressed")
	_, err = ImportDir(t.Context(), filepath.Join(dir, "missing"), ImportOptions{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = ImportDir(ctx, dir, ImportOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What skopeo writes as docker-archive has links as older dockers made them.
func TestImportSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "old.tar"), savedOld(t))
	out := filepath.Join(dir, "skopeo.tar")
	cmd := exec.Command(skopeo, "copy", "--insecure-policy", "docker-archive:"+filepath.Join(dir, "old.tar")+":registry.k8s.io/pause:3.10", "docker-archive:"+out+":registry.k8s.io/pause:3.10")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	tree, err := ImportTar(t.Context(), out, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantImage(t, tree, "registry.k8s.io/pause:3.10", noise(3000), noise(100))
}

func FuzzImportTar(f *testing.F) {
	f.Add(savedOld(f))
	f.Add(savedNew(f))
	f.Add(hostileTar(f, func([]imgpkg.TarEntry) {}))
	f.Add(compressed(f, savedNew(f)))
	s := newSite(f)
	loaded, _ := loadTar(f, s.Archive, ownPairs(f, s.Archive), LoadOptions{})
	raw, err := os.ReadFile(loaded)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(tarOf(f, item{name: "manifest.json", link: "a"}, item{name: "a", link: "manifest.json"}))
	path := filepath.Join(f.TempDir(), "x.tar")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		tree, err := ImportTar(t.Context(), path, ImportOptions{})
		if err != nil {
			return
		}
		defer tree.Close()
		for _, ref := range tree.Images() {
			desc, err := tree.Resolve(t.Context(), ref)
			if err != nil {
				t.Error(err)
			}
			if _, err := parseNode(fetch(t, tree, ref, desc)); err != nil {
				t.Error(err)
			}
		}
		for d, c := range tree.contents {
			r, err := tree.Fetch(t.Context(), image.Ref{}, c.Descriptor)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err == nil && (digest.FromBytes(b) != d || int64(len(b)) != c.Size) {
				t.Errorf("%s reads as %s", d, digest.FromBytes(b))
			}
			r.Close()
		}
	})
}
