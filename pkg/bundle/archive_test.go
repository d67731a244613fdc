package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// memoryFile is an archive in memory.
type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

func openBytes(b []byte) (*Archive, error) { return newArchive(memoryFile{bytes.NewReader(b)}) }

// small is the bytes of an archive that is small enough to flip each of them.
func small(t testing.TB) []byte {
	t.Helper()
	u := newUpstream(t)
	d := u.image("registry.k8s.io/pause:3.10", "amd64", noise(600))
	u.sign("registry.k8s.io/pause:3.10", d)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, Contents{Plan: u.plan("registry.k8s.io/pause:3.10"), Files: []File{u.file("a/b", []byte("hello"))}}, u)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFlipped: whichever byte of an archive is another one, opening or checking
// it says so.
func TestFlipped(t *testing.T) {
	b := small(t)
	if a, err := openBytes(b); err != nil {
		t.Fatal(err)
	} else if found, err := a.Check(t.Context(), 0, nil); err != nil || len(found) > 0 {
		t.Fatalf("%v, %v", found, err)
	}
	for i := range b {
		bit := byte(1) << (i % 8)
		b[i] ^= bit
		a, err := openBytes(b)
		if err == nil {
			found, err := a.Check(t.Context(), 1, nil)
			if err == nil && len(found) == 0 {
				t.Errorf("nobody noticed byte %d with bit %x", i, bit)
			}
		}
		b[i] ^= bit
	}
}

// TestCheck: a finding names the entry, the blob and the images that need it.
func TestCheck(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	a := openArchive(t, path)
	base := digest.FromBytes(noise(700_000))
	flip := func(offset int64) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 1)
		_, _ = f.ReadAt(b, offset)
		b[0] ^= 4
		if _, err := f.WriteAt(b, offset); err != nil {
			t.Fatal(err)
		}
	}
	flip(a.blobs[base].start + 555_555)
	flip(a.byPath["binaries/kubectl"].start + 1)
	flip(a.byPath[checksumsPath].start + 80) // of the second line: the first is about what has no digest of its own
	var bytes int64
	found, err := a.Check(t.Context(), 1, func(e registry.Event) {
		if e.Kind == registry.Advance {
			bytes += e.Bytes
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 3 {
		t.Fatalf("found %v", found)
	}
	images := []string{"docker.io/library/single:1.0", "registry.k8s.io/multi:v1"}
	if f := found[0]; f.Digest != base || !slices.Equal(f.Images, images) || f.Entry != blobPath(base) {
		t.Errorf("found %v", f)
	}
	if f := found[1]; f.Entry != "binaries/kubectl" || f.Images != nil || !strings.Contains(f.String(), "its digest is sha256:") {
		t.Errorf("found %v", f)
	}
	if found[2].Entry != checksumsPath {
		t.Errorf("found %v", found[2])
	}
	var want int64
	for _, e := range a.Entries() {
		want += e.Size
	}
	if bytes != want {
		t.Errorf("%d bytes of %d were reported", bytes, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Check(ctx, 2, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestCheckEnd: what is lacking, or too much, at the end of an archive that can
// be read.
func TestCheckEnd(t *testing.T) {
	good := small(t)
	noSums := tarOf(t, slices.DeleteFunc(entriesOf(t, good), func(i item) bool { return i.name == checksumsPath })...)
	for _, b := range [][]byte{good[:len(good)-trailerSize], append(bytes.Clone(good), 0), noSums} {
		a, err := openBytes(b)
		if err != nil {
			t.Errorf("%d bytes of %d: %v", len(b), len(good), err)
			continue
		}
		if found, err := a.Check(t.Context(), 0, nil); err != nil || len(found) == 0 {
			t.Errorf("%d bytes of %d: %v, %v", len(b), len(good), found, err)
		}
	}
}

// TestNames: index.json and manifest.json have the names that containerd, skopeo
// and docker need, and no more.
func TestNames(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	a := openArchive(t, path)
	both := ""
	for _, r := range a.Images() {
		if r.Tag == "v2" {
			both = r.Digest
		}
	}
	var index ocispec.Index
	decode(t, a, indexPath, &index)
	var got []string
	for _, d := range index.Manifests {
		got = append(got, d.Annotations["io.containerd.image.name"])
		if d.Annotations["org.opencontainers.image.ref.name"] != got[len(got)-1] || d.Platform != nil {
			t.Errorf("%+v", d)
		}
	}
	want := []string{"docker.io/library/single:1.0", "quay.io/a/bare:x", "quay.io/a/both:v2", "quay.io/a/both@" + both, "registry.k8s.io/multi:v1"}
	if !slices.Equal(got, want) {
		t.Errorf("index.json has %q, want %q", got, want)
	}
	var docker []dockerImage
	decode(t, a, dockerPath, &docker)
	got = nil
	for _, d := range docker {
		got = append(got, d.RepoTags...)
		for _, path := range append(d.Layers, d.Config) {
			if a.byPath[path] == nil {
				t.Errorf("%s is not there", path)
			}
		}
	}
	want = []string{"docker.io/library/single:1.0", "quay.io/a/bare:x", "quay.io/a/both:v2", "registry.k8s.io/multi:v1"}
	if !slices.Equal(got, want) {
		t.Errorf("manifest.json has %q, want %q", got, want)
	}
}

func decode(t *testing.T, a *Archive, path string, into any) {
	t.Helper()
	r, err := a.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(r).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestSource: an archive answers as the registry did that it was made from.
func TestSource(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	a := openArchive(t, path)
	var both string
	for _, img := range c.Plan.Images {
		d, err := a.Resolve(t.Context(), img.Target)
		if err != nil || d.Digest != img.Root.Digest || d.Size != img.Root.Size || d.MediaType != img.Root.MediaType {
			t.Errorf("%s is %v, %v", img.Target, d, err)
		}
		for _, m := range img.Manifests {
			if raw, ok := a.Manifest(m.Descriptor); !ok || !bytes.Equal(raw, m.Raw) {
				t.Errorf("manifest %s is %q", m.Digest, raw)
			}
			byDigest := img.Target
			byDigest.Tag, byDigest.Digest = "", m.Digest.String()
			if d, err := a.Resolve(t.Context(), byDigest); err != nil || d.Digest != m.Digest || d.MediaType != m.MediaType {
				t.Errorf("%s is %v, %v", byDigest, d, err)
			}
			got, err := a.Referrers(t.Context(), img.Target, m.Descriptor)
			want, _ := u.Referrers(t.Context(), img.Source, m.Descriptor)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s: referrers of %s are %v, want %v", img.Target, m.Digest, got, want)
			}
			for i := range got {
				if got[i].Digest != want[i].Digest || got[i].Tag != want[i].Tag {
					t.Errorf("referrer %+v, want %+v", got[i], want[i])
				}
			}
		}
		if img.Target.Tag == "v2" {
			both = img.Target.Digest
		}
	}
	if d, err := a.Resolve(t.Context(), ref(t, "quay.io/a/both:v2")); err != nil || d.Digest.String() != both {
		t.Errorf("by tag alone: %v, %v", d, err)
	}
	for _, name := range []string{"quay.io/a/both:v3", "quay.io/a/none:v2", "quay.io/a/bare@" + both} {
		var none *registry.NotFoundError
		if _, err := a.Resolve(t.Context(), ref(t, name)); !errors.As(err, &none) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none *registry.NotFoundError
	base := registry.Descriptor{Digest: digest.FromBytes(noise(700_000)), Size: 700_000}
	if _, err := a.Fetch(t.Context(), ref(t, "quay.io/a/bare:x"), base); !errors.As(err, &none) {
		t.Errorf("a blob of another repository: %v", err)
	}
	r, err := a.Fetch(t.Context(), ref(t, "registry.k8s.io/multi:v1"), base)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(r); err != nil || !bytes.Equal(raw, noise(700_000)) {
		t.Error("the blob is another one")
	}
	if _, ok := r.(io.Seeker); !ok {
		t.Error("a blob cannot be sought")
	}
}

// TestFiltered: an image that lost platforms is found by the digest that it had.
func TestFiltered(t *testing.T) {
	u := newUpstream(t)
	whole := u.index("registry.k8s.io/multi:v1", noise(1000))
	name := "registry.k8s.io/multi:v1@" + whole.Digest.String()
	plan, err := registry.NewPlan(t.Context(), pairs(t, name), u, registry.PlanOptions{Platforms: []string{"linux/arm64"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, Contents{Plan: plan}, u)
	wantSound(t, path)
	a := openArchive(t, path)
	for _, r := range []string{name, "registry.k8s.io/multi@" + whole.Digest.String(), "registry.k8s.io/multi:v1", "registry.k8s.io/multi@" + plan.Images[0].Root.Digest.String()} {
		if d, err := a.Resolve(t.Context(), ref(t, r)); err != nil || d.Digest != plan.Images[0].Root.Digest {
			t.Errorf("%s is %v, %v", r, d, err)
		}
	}
	if d := a.Lock().Digests(); d[whole.Digest.String()] != plan.Images[0].Root.Digest.String() {
		t.Errorf("digests are %v", d)
	}
}

// entriesOf gives the entries of an archive as a test can change them.
func entriesOf(t testing.TB, b []byte) []item {
	t.Helper()
	var items []item
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return items
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item{name: h.Name, body: body})
	}
}

// changed is the archive with one entry as change leaves it.
func changed(t testing.TB, b []byte, name string, change func(string) string) []byte {
	t.Helper()
	items := entriesOf(t, b)
	for i := range items {
		if items[i].name == name {
			was := string(items[i].body)
			if items[i].body = []byte(change(was)); string(items[i].body) == was {
				t.Fatalf("%s did not change", name)
			}
		}
	}
	return tarOf(t, items...)
}

// A hostile is an archive that is to be refused, and what the refusal says.
type hostile struct {
	name  string
	bytes []byte
	says  []string
}

func hostiles(t testing.TB) []hostile {
	good := small(t)
	items := entriesOf(t, good)
	with := func(more ...item) []byte { return tarOf(t, append(slices.Clone(items), more...)...) }
	lacking := func(name string) []byte {
		return tarOf(t, slices.DeleteFunc(slices.Clone(items), func(i item) bool { return i.name == name })...)
	}
	replace := func(name, from, to string) []byte {
		return changed(t, good, name, func(s string) string { return strings.Replace(s, from, to, 1) })
	}
	headed := func(h tar.Header, body string) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if h.Size == 0 {
			h.Size = int64(len(body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(body))
		return append(b.Bytes(), good...)
	}
	layer := blobPath(digest.FromBytes(noise(600)))
	a, err := openBytes(good)
	if err != nil {
		t.Fatal(err)
	}
	img := a.Lock().Images[0]
	root := blobPath(img.Digest)
	return []hostile{
		{"empty", nil, []string{"no archive", "oci-layout"}},
		{"noise", noise(5000), []string{"no archive", "the first entry"}},
		{"zeros", make([]byte, 10240), []string{"no archive"}},
		{"parent", with(item{name: "../x"}), []string{"../x", `".."`}},
		{"parent inside", with(item{name: "a/../../x"}), []string{"a/../../x", `".."`}},
		{"absolute", with(item{name: "/etc/passwd"}), []string{"/etc/passwd", "absolute"}},
		{"backslash", with(item{name: `a\..\x`}), []string{`a\\..\\x`, "Windows"}},
		{"drive", with(item{name: "C:/x"}), []string{"C:/x", "Windows"}},
		{"escape sequence", with(item{name: "a\x1b[31m"}), []string{`a\x1b[31m`, "control"}},
		{"latin-1", with(item{name: "a\xff"}), []string{`a\xff`, "UTF-8"}},
		{"link", with(item{name: "l", link: "/etc/passwd"}), []string{"l: it is a link"}},
		{"hard link", with(item{name: "h", kind: tar.TypeLink}), []string{"h: it is a link"}},
		{"device", with(item{name: "d", kind: tar.TypeChar}), []string{"d: it is a device"}},
		{"pipe", with(item{name: "p", kind: tar.TypeFifo}), []string{"p: it is a device"}},
		{"twice", with(item{name: layer, body: noise(600)}), []string{layer, "twice"}},
		{"file as folder", with(item{name: layer + "/x"}), []string{layer}},
		{"below a file", with(item{name: "index.json/x"}), []string{"index.json/x", "a file and a folder"}},
		{"blob without digest", with(item{name: "blobs/sha256/abc"}), []string{"blobs/sha256/abc", "no digest"}},
		{"blob of no algorithm", with(item{name: "blobs/md5/" + strings.Repeat("a", 32)}), []string{"blobs/md5/", "no digest"}},
		{"long name", headed(tar.Header{Name: strings.Repeat("x", 9000)}, ""), []string{"xxx", "4096"}},
		{"large header", headed(tar.Header{Name: "x", PAXRecords: map[string]string{"comment": strings.Repeat("x", 20000)}}, ""), []string{"x: its header"}},
		{"sparse", headed(tar.Header{Name: "s", PAXRecords: map[string]string{"AIRGAP.sparse": "1"}}, ""), []string{"s: its header"}},
		{"cut off", good[:len(good)-3000], []string{"cut off"}},
		{"cut in a header", good[:512*2+100], []string{"the entry after oci-layout", "cut off"}},
		{"larger than the file", headed(tar.Header{Name: "big", Size: 1 << 40}, ""), []string{"big", "1099511627776 bytes", "cut off"}},
		{"no lock", lacking(lockPath), []string{"an OCI image layout", lockPath}},
		{"no index", lacking(indexPath), []string{"no " + indexPath}},
		{"no layout", lacking(layoutPath), []string{"no " + layoutPath}},
		{"no layer", lacking(layer), []string{layer, "does not have it", img.Image}},
		{"no manifest", lacking(root), []string{root, "does not have it", img.Image}},
		{"no file", lacking("a/b"), []string{"a/b", lockPath}},
		{"short layer", changed(t, good, layer, func(s string) string { return s[1:] }), []string{layer, "599 bytes", "600"}},
		{"short file", changed(t, good, "a/b", func(s string) string { return s[1:] }), []string{"a/b", "4 bytes"}},
		{"another manifest", replace(root, "v1", "v2"), []string{root, "its digest is", img.Image}},
		{"another index", replace(indexPath, "pause:3.10", "pause:3.11"), []string{indexPath, "pause:3.11"}},
		{"another digest in the index", replace(indexPath, img.Digest.String(), digest.FromString("x").String()), []string{indexPath, "pause:3.10"}},
		{"empty index", changed(t, good, indexPath, func(string) string { return "{}" }), []string{indexPath, "does not have"}},
		{"index no JSON", changed(t, good, indexPath, func(string) string { return "[" }), []string{indexPath}},
		{"lock no YAML", changed(t, good, lockPath, func(string) string { return "\t{" }), []string{lockPath}},
		{"lock of another kind", replace(lockPath, "kind: Lock", "kind: Site"), []string{lockPath, "Site"}},
		{"lock with more", replace(lockPath, "kind: Lock", "kind: Lock\nmore: true"), []string{lockPath, "more"}},
		{"lock escapes", replace(lockPath, "path: a/b", "path: ../b"), []string{"../b"}},
		{"lock with a bad name", replace(lockPath, "pause:3.10", "PAUSE:3.10"), []string{lockPath, "PAUSE"}},
		{"lock with a bad digest", replace(lockPath, "digest: sha256:", "digest: sha256:zz"), []string{lockPath, "no digest"}},
		{"lock with a bad referrer", replace(lockPath, ".sig@sha256:", ".sig@sha256:zz"), []string{lockPath, "no digest"}},
		{"large lock", changed(t, good, lockPath, func(s string) string { return s + strings.Repeat("#\n", maxLock/2) }), []string{lockPath, "more than 16777216"}},
		{"docker save", savedNew(t), []string{"docker save"}},
	}
}

// TestHostile: what is no sound archive is refused, by the name of what is wrong.
func TestHostile(t *testing.T) {
	for _, h := range hostiles(t) {
		a, err := openBytes(h.bytes)
		if err == nil {
			t.Errorf("%s: it was opened, with %d entries", h.name, len(a.entries))
			continue
		}
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: the error is a %T: %v", h.name, err, err)
		}
		for _, part := range h.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", h.name, err, part)
			}
		}
		for _, c := range err.Error() {
			if c < ' ' {
				t.Errorf("%s: the error has control characters: %q", h.name, err)
			}
		}
	}
}

// TestManyEntries: there is a limit.
func TestManyEntries(t *testing.T) {
	if err := checkHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg}, 512, 512, maxEntries); err == nil {
		t.Error("there is no limit")
	}
	if err := checkHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: -1}, 512, 512, 0); err == nil {
		t.Error("less than nothing is a size")
	}
}

// TestRepacked: an archive that somebody unpacked and packed again can be read;
// Check says that it is not the one that was written.
func TestRepacked(t *testing.T) {
	items := append([]item{{name: "a/", kind: tar.TypeDir}}, entriesOf(t, small(t))...)
	slices.Reverse(items)
	a, err := openBytes(tarOf(t, items...))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := a.Check(t.Context(), 0, nil); err != nil || len(found) == 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// FuzzOpen: no archive makes reading it fail in another way than by an error, or
// take memory that it does not have itself.
func FuzzOpen(f *testing.F) {
	f.Add(small(f))
	for _, h := range hostiles(f) {
		f.Add(h.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a, err := openBytes(b)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20+200*uint64(len(b)) {
			t.Errorf("opening %d bytes took %d", len(b), used)
		}
		if err != nil {
			return
		}
		for _, r := range a.Images() {
			d, err := a.Resolve(t.Context(), r)
			if err != nil {
				t.Fatalf("%s: %v", r, err)
			}
			if _, err := a.Referrers(t.Context(), r, d); err != nil {
				t.Fatal(err)
			}
			if _, err := registry.NewPlan(t.Context(), []image.Pair{{Source: r, Target: r}}, a, registry.PlanOptions{Referrers: true}); err != nil {
				t.Logf("%s: %v", r, err)
			}
		}
		if _, err := a.Check(t.Context(), 1, nil); err != nil {
			t.Errorf("checking it: %v", err)
		}
	})
}
