package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func stay(refs ...image.Ref) (pairs []image.Pair) {
	for _, r := range refs {
		pairs = append(pairs, image.Pair{Source: r, Target: image.Ref{Registry: "site.test", Repository: r.Repository, Tag: r.Tag, Digest: r.Digest}})
	}
	return pairs
}

// manyPlatforms writes an index with an attestation for each image, a nested
// index, and fields that nobody knows.
func manyPlatforms(k maker, at image.Ref) Descriptor {
	amd64 := k.image(untagged(at), "linux/amd64", "base", "amd64")
	arm64 := k.image(untagged(at), "linux/arm64/v8", "base", "arm64")
	windows := k.image(untagged(at), "windows/amd64", "windows")
	s390x := k.image(untagged(at), "linux/s390x", "s390x")
	nested := plain(k.index(untagged(at), s390x, k.attestation(at, s390x), k.image(untagged(at), "linux/arm/v6", "v6")))
	nested.Data = k.in.repository(at).manifests[nested.Digest].Raw
	entries := []Descriptor{amd64, arm64, windows, nested, k.attestation(at, amd64), k.attestation(at, arm64)}
	var list []json.RawMessage
	for i, e := range entries {
		raw, _ := json.Marshal(e)
		list = append(list, append([]byte(fmt.Sprintf(`{"x-entry":"<%d>",`, i)), raw[1:]...))
	}
	doc, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": list,
		"annotations": map[string]string{"a": "<&>"}, "x-number": json.Number("12345678901234567890.10"),
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return k.manifest(at, ocispec.MediaTypeImageIndex, doc)
}

func TestPlatforms(t *testing.T) {
	for _, test := range []struct {
		wanted  []string
		offers  string
		missing string
		entries string // of the new index, by their unknown field
	}{
		{nil, "linux/amd64 linux/arm64 windows/amd64 linux/s390x linux/arm/v6", "", ""},
		{[]string{"linux/amd64"}, "linux/amd64", "", "0 4"},
		{[]string{"Linux/x86_64", "linux/amd64", "linux/ppc64le"}, "linux/amd64", "linux/ppc64le", "0 4"},
		{[]string{"linux/arm64", "linux/amd64"}, "linux/amd64 linux/arm64", "", "0 1 4 5"},
		{[]string{"linux/aarch64/v8", "windows/amd64"}, "linux/arm64 windows/amd64", "", "1 2 5"},
		{[]string{"linux/s390x"}, "linux/s390x", "", "3"},
		{[]string{"linux/arm"}, "linux/arm/v6", "", "3"}, // v7 runs v6
		{[]string{"linux/arm/v5", "linux/s390x"}, "linux/s390x", "linux/arm/v5", "3"},
		{[]string{"linux/amd64/v3"}, "linux/amd64", "", "0 4"},
		{[]string{"linux/amd64", "linux/arm64", "windows/amd64", "linux/s390x"}, "linux/amd64 linux/arm64 windows/amd64 linux/s390x", "", "0 1 2 3 4 5"},
		{[]string{"linux/amd64", "linux/arm64", "windows/amd64", "linux/s390x", "linux/arm/v6"}, "linux/amd64 linux/arm64 windows/amd64 linux/s390x linux/arm/v6", "", ""},
	} {
		from, to := &Memory{}, &Memory{}
		at := ref(t, "up.test/a:1")
		root := manyPlatforms(maker{t, from}, at)
		maker{t, from}.cosign(at, root)
		results, err := Copy(t.Context(), stay(at), from, to, PlanOptions{Platforms: test.wanted, Referrers: true}, TransferOptions{})
		if err != nil {
			t.Errorf("%v: %v", test.wanted, err)
			continue
		}
		to.checkSound(t)
		img := results[0].Image
		var offers []string
		for _, p := range img.Platforms {
			offers = append(offers, p.Platform)
		}
		if got := strings.Join(offers, " "); got != test.offers {
			t.Errorf("%v: offers %s", test.wanted, got)
		}
		if got := strings.Join(img.Missing, " "); got != test.missing {
			t.Errorf("%v: missing %s", test.wanted, got)
		}
		signed := slices.ContainsFunc(img.Manifests, func(m Manifest) bool { return m.Tag != "" })
		if signed != (test.entries == "") {
			t.Errorf("%v: the signature of the whole is there: %v", test.wanted, signed)
		}
		if test.entries == "" {
			if img.Root.Digest != root.Digest || img.Original != "" {
				t.Errorf("%v: the digest has changed", test.wanted)
			}
			continue
		}
		if img.Original != root.Digest || img.Root.Digest == root.Digest {
			t.Errorf("%v: original %s, now %s", test.wanted, img.Original, img.Root.Digest)
		}
		checkFiltered(t, img, from.repository(at).manifests[root.Digest].Raw, test.entries)
	}
}

// checkFiltered compares an index with the one that it was made from.
func checkFiltered(t *testing.T, img *Image, old []byte, entries string) {
	t.Helper()
	var before, after map[string]any
	i := slices.IndexFunc(img.Manifests, func(m Manifest) bool { return m.Digest == img.Root.Digest })
	if err := errors.Join(json.Unmarshal(old, &before), json.Unmarshal(img.Manifests[i].Raw, &after)); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, e := range after["manifests"].([]any) {
		e := e.(map[string]any)
		var n int
		_, _ = fmt.Sscanf(e["x-entry"].(string), "<%d>", &n)
		kept = append(kept, fmt.Sprint(n))
		if n != 3 && !reflect.DeepEqual(e, before["manifests"].([]any)[n]) { // 3 is an index itself
			t.Errorf("entry %d is now %v", n, e)
		}
	}
	if got := strings.Join(kept, " "); got != entries {
		t.Errorf("entries %s, want %s", got, entries)
	}
	if !strings.Contains(string(img.Manifests[i].Raw), "12345678901234567890.10") {
		t.Error("a number was changed")
	}
	delete(before, "manifests")
	delete(after, "manifests")
	if !reflect.DeepEqual(before, after) {
		t.Errorf("%v became %v", before, after)
	}
}

func TestOtherPlatform(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	arm, many, chart := ref(t, "up.test/arm:1"), ref(t, "up.test/many:1"), ref(t, "up.test/chart:1")
	k.image(arm, "linux/arm64/v8", "layer")
	manyPlatforms(k, many)
	k.artifact(chart, nil, "chart")
	plan, err := NewPlan(t.Context(), stay(arm, many, chart), from, PlanOptions{Platforms: []string{"linux/riscv64", "linux/mips"}})
	want := "up.test/arm:1: it is not there for linux/riscv64, linux/mips, only for linux/arm64\n" +
		"up.test/many:1: it is not there for linux/riscv64, linux/mips, only for linux/amd64, linux/arm64, windows/amd64, linux/s390x, linux/arm/v6"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if len(plan.Images) != 1 || plan.Images[0].Source != chart || plan.Images[0].Platforms != nil {
		t.Errorf("%v", plan.Images)
	}
	for _, wrong := range []string{"linux", "linux/", "a/b/c/d", "unknown/unknown"} {
		if _, err := NewPlan(t.Context(), nil, from, PlanOptions{Platforms: []string{wrong}}); err == nil {
			t.Errorf("platform %s was taken", wrong)
		}
	}
}

// Normal forms as containerd's own test has them
// (github.com/containerd/platforms, platforms_test.go).
func TestNormalizePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/x86_64": "linux/amd64", "Linux/x86-64/v1": "linux/amd64", "linux/amd64/v2": "linux/amd64/v2",
		"linux/arm64": "linux/arm64", "linux/aarch64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "linux/arm64/8": "linux/arm64", "linux/arm64/v9": "linux/arm64/v9",
		"linux/arm": "linux/arm/v7", "linux/arm/7": "linux/arm/v7", "linux/armhf": "linux/arm/v7", "linux/armel": "linux/arm/v6", "linux/arm/6": "linux/arm/v6",
		"macOS/arm64": "darwin/arm64", "linux/i386": "linux/386", "windows/amd64": "windows/amd64", "linux/ppc64le": "linux/ppc64le",
	} {
		got, err := NormalizePlatform(in)
		if got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
		if again, _ := NormalizePlatform(got); again != got {
			t.Errorf("%s: %s is not its own normal form but %s", in, got, again)
		}
	}
}

// A counted Source counts what is fetched.
type counted struct {
	Source
	lock    sync.Mutex
	fetched map[digest.Digest]int
}

func (c *counted) Fetch(ctx context.Context, at image.Ref, desc Descriptor) (io.ReadCloser, error) {
	c.lock.Lock()
	c.fetched[desc.Digest]++
	c.lock.Unlock()
	return c.Source.Fetch(ctx, at, desc)
}

// TestFetchedOnce: a manifest is fetched once for all images, a config once for
// the plan and the transfer, layers not at all for the plan; and nothing that is
// at hand.
func TestFetchedOnce(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	var pairs []image.Pair
	for _, name := range []string{"up.test/a:1", "up.test/a:2", "up.test/b:1"} {
		at := ref(t, name)
		one := k.image(image.Ref{Registry: "up.test", Repository: at.Repository}, "linux/amd64", "layer")
		pairs = append(pairs, stay(at)...)
		k.index(at, one)
	}
	single := ref(t, "up.test/single:1")
	k.image(single, "linux/amd64", "own layer")
	pairs = append(pairs, stay(single)...)
	source := &counted{Source: from, fetched: map[digest.Digest]int{}}
	plan, err := NewPlan(t.Context(), pairs, source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(source.fetched) != 2*2+1+1 { // a's and b's image and index, single's manifest and config
		t.Errorf("fetched %v", source.fetched)
	}
	if _, err := Transfer(t.Context(), plan, source, &Memory{}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	for d, n := range source.fetched {
		if n != 1 {
			t.Errorf("%s was fetched %d times", d, n)
		}
	}
	if one, two := plan.Images[0].Manifests[0].Raw, plan.Images[1].Manifests[0].Raw; &one[0] != &two[0] {
		t.Error("two images hold the same manifest twice")
	}
	clear(source.fetched)
	at := map[digest.Digest][]byte{}
	for _, c := range plan.Contents() {
		if at[c.Digest] = c.Raw; c.Raw == nil {
			at[c.Digest] = c.Data
		}
	}
	again, err := NewPlan(t.Context(), pairs, source, PlanOptions{Manifests: func(d Descriptor) ([]byte, bool) { return at[d.Digest], at[d.Digest] != nil }})
	if err != nil || len(source.fetched) != 0 || !reflect.DeepEqual(again, plan) {
		t.Errorf("%v, fetched %v", err, source.fetched)
	}
	lying := func(Descriptor) ([]byte, bool) { return []byte("{}"), true }
	if _, err := NewPlan(t.Context(), pairs, source, PlanOptions{Manifests: lying}); err == nil {
		t.Error("what is at hand was not checked")
	}
}

// A forged Source has one manifest that no honest place would take.
type forged struct {
	Memory
	mediaType string
	raw       string
	size      int64
}

func (f *forged) Resolve(context.Context, image.Ref) (Descriptor, error) {
	return Descriptor{MediaType: f.mediaType, Digest: digest.FromString(f.raw), Size: f.size}, nil
}

func (f *forged) Fetch(ctx context.Context, at image.Ref, desc Descriptor) (io.ReadCloser, error) {
	if desc.Digest != digest.FromString(f.raw) {
		return f.Memory.Fetch(ctx, at, desc)
	}
	return io.NopCloser(strings.NewReader(f.raw)), nil
}

func TestHostileManifests(t *testing.T) {
	const oci, list = ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex
	empty := string(digest.FromString("{}"))
	layer := func(d, more string) string {
		return `{"schemaVersion":2,"layers":[{"mediaType":"x","digest":"` + d + `",` + more + `}]}`
	}
	for _, test := range []struct {
		mediaType, raw string
		more           int64 // than the size of raw
		want           string
	}{
		{schema1Signed, `{"schemaVersion":1}`, 0, "schema 1"},
		{"application/json", `{"schemaVersion":1,"fsLayers":[]}`, 0, "schema 1"},
		{oci, `{"schemaVersion":2,"fsLayers":[]}`, 0, "schema 1"},
		{oci, `{"schemaVersion":2,"layers":[],"manifests":[]}`, 0, "at once"},
		{oci, `{"schemaVersion":2,"manifests":[]}`, 0, "is not what its media type"},
		{list, `{"schemaVersion":2,"layers":[]}`, 0, "is not what its media type"},
		{list, `{"mediaType":"` + oci + `","layers":[]}`, 0, "it says that it is"},
		{"text/html", `{"layers":[]}`, 0, "is that of no image"},
		{oci, `<html>`, 0, "it is no manifest"},
		{oci, `{}`, 1, "it has 2 bytes, not 3"},
		{oci, `{}`, -1, "it has 2 bytes, not 1"},
		{oci, `{}`, maxManifest, "more than 4194304"},
		{oci, layer("sha256:12", `"size":1`), 0, "it names the digest"},
		{oci, layer("md5:d41d8cd98f00b204e9800998ecf8427e", `"size":1`), 0, "it names the digest"},
		{oci, layer(empty, `"size":-1`), 0, "a size of -1 bytes"},
		{oci, layer(empty, `"size":2,"data":"e30x"`), 0, "the data that it holds"},
		{oci, `{"layers":[{"digest":"` + empty + `","size":2},{"digest":"` + empty + `","size":3}]}`, 0, "a size of 3 bytes, another manifest 2"},
		{list, `{"manifests":[` + strings.Repeat(`{"mediaType":"`+list+`","digest":"`+string(digest.FromString(`{"manifests":[]}`))+`","size":16,"data":"eyJtYW5pZmVzdHMiOltdfQ=="},`, maxManifests) +
			`{"mediaType":"a","digest":"` + empty + `","size":2}]}`, 0, "more than 2000 manifests"},
	} {
		f := &forged{mediaType: test.mediaType, raw: test.raw, size: int64(len(test.raw)) + test.more}
		_, err := NewPlan(t.Context(), stay(ref(t, "up.test/a:1")), f, PlanOptions{})
		if err == nil || !strings.HasPrefix(err.Error(), "up.test/a:1: manifest sha256:") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80s: %.300v, want %s", test.raw, err, test.want)
		}
	}
}

func TestTooDeep(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	at := ref(t, "up.test/a:1")
	d := k.image(untagged(at), "linux/amd64", "layer")
	for range maxDepth {
		d = plain(k.index(at, d))
	}
	if _, err := NewPlan(t.Context(), stay(at), from, PlanOptions{}); err != nil {
		t.Error(err)
	}
	k.index(at, d)
	if _, err := NewPlan(t.Context(), stay(at), from, PlanOptions{}); err == nil || !strings.Contains(err.Error(), "more than 8 indexes") {
		t.Error(err)
	}
}

// TestContradictions: images that would take each other's place are refused, both
// sources named, and so are two sizes of one blob.
func TestContradictions(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	a, b, c := ref(t, "up.test/a:1"), ref(t, "up.test/b:1"), ref(t, "up.test/c:1")
	one, other := k.image(a, "linux/amd64", "one"), k.image(b, "linux/amd64", "other")
	k.image(c, "linux/amd64", "third")
	place := ref(t, "site.test/x:1")
	plan, err := NewPlan(t.Context(), []image.Pair{{Source: a, Target: place}, {Source: b, Target: place}, {Source: c, Target: ref(t, "site.test/c:1")}}, from, PlanOptions{})
	want := fmt.Sprintf("up.test/b:1: it is %s, but up.test/a:1 is %s, and both go to site.test/x:1", other.Digest, one.Digest)
	if err == nil || err.Error() != want || len(plan.Images) != 1 || plan.Images[0].Source != c {
		t.Errorf("%v, %v", err, plan)
	}
	pinned := a
	pinned.Digest = string(one.Digest)
	if plan, err := NewPlan(t.Context(), []image.Pair{{Source: a, Target: place}, {Source: pinned, Target: place}, {Source: a, Target: place}}, from, PlanOptions{}); err != nil || len(plan.Images) != 2 {
		t.Errorf("%v, %v", err, plan)
	}
	liar := `{"schemaVersion":2,"layers":[{"digest":"` + string(digest.FromString("third")) + `","size":77}]}`
	f := &forged{mediaType: ocispec.MediaTypeImageManifest, raw: liar, size: int64(len(liar))}
	_, err = NewPlan(t.Context(), stay(c, a), either{c: from, a: f}, PlanOptions{})
	if err == nil || !strings.HasPrefix(err.Error(), "up.test/a:1: its blob ") || !strings.HasSuffix(err.Error(), "has 77 bytes, but 5 in up.test/c:1") {
		t.Error(err)
	}
}

// either is one source for each image.
type either map[image.Ref]Source

func (e either) Resolve(ctx context.Context, at image.Ref) (Descriptor, error) {
	return e[at].Resolve(ctx, at)
}

func (e either) Fetch(ctx context.Context, at image.Ref, d Descriptor) (io.ReadCloser, error) {
	return e[at].Fetch(ctx, at, d)
}

func (e either) Referrers(ctx context.Context, at image.Ref, d Descriptor) ([]Referrer, error) {
	return e[at].Referrers(ctx, at, d)
}

// TestForeign: layers that registries do not hold are kept apart and not asked for.
func TestForeign(t *testing.T) {
	from, to := &Memory{}, &Memory{}
	k := maker{t, from}
	at := ref(t, "up.test/a:1")
	base := Descriptor{MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: digest.FromString("windows"), Size: 7, URLs: []string{"https://mcr.test/x"}}
	k.manifest(at, dockerManifest, map[string]any{
		"schemaVersion": 2, "mediaType": dockerManifest,
		"config": k.blob(at, dockerConfig, `{"os":"windows","architecture":"amd64"}`),
		"layers": []Descriptor{base, k.blob(at, "application/vnd.docker.image.rootfs.diff.tar.gzip", "own")},
	})
	results, err := Copy(t.Context(), stay(at), from, to, PlanOptions{}, TransferOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkCopied(t, from, to, stay(at), false)
	img := results[0].Image
	if len(img.Blobs) != 2 || !reflect.DeepEqual(img.Foreign, []Descriptor{base}) || img.Platforms[0].Platform != "windows/amd64" {
		t.Errorf("%+v", img)
	}
}

// TestPlanFailures: everything that is missing is told at once in order, and what
// makes the rest pointless is told alone.
func TestPlanFailures(t *testing.T) {
	from := &Memory{}
	a, b, c := ref(t, "up.test/a:1"), ref(t, "up.test/b:1"), ref(t, "up.test/c:1")
	maker{t, from}.image(b, "linux/amd64", "layer")
	plan, err := NewPlan(t.Context(), stay(a, b, c), from, PlanOptions{})
	want := "up.test/a:1: not found\nup.test/c:1: not found"
	if err == nil || err.Error() != want || len(plan.Images) != 1 {
		t.Errorf("%v, %v", plan, err)
	}
	var missing *NotFoundError
	if !errors.As(err, &missing) {
		t.Error("the type of the error is lost")
	}
	plan, err = NewPlan(t.Context(), stay(a, b, c), refusing{from}, PlanOptions{})
	if plan != nil || err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, %v", plan, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewPlan(ctx, stay(a, b, c), from, PlanOptions{}); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

type refusing struct{ *Memory }

func (refusing) Resolve(context.Context, image.Ref) (Descriptor, error) {
	return Descriptor{}, fatalError{errors.New("wrong password")}
}

// FuzzIndex: leaving platforms out of whatever an index holds loses nothing else,
// and nothing makes planning fall over.
func FuzzIndex(f *testing.F) {
	k := maker{f, &Memory{}}
	at := ref(f, "up.test/a:1")
	root := manyPlatforms(k, at)
	f.Add(k.in.repository(at).manifests[root.Digest].Raw)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + dockerManifest + `","digest":"` + string(digest.FromString("")) + `","platform":{"os":"linux","architecture":"amd64"}}]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[],"Manifests":[{}],"layers":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := &node{entry: Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}, raw: raw}
		var err error
		if n.doc, err = parseDocument(n.entry.MediaType, raw); err != nil {
			return
		}
		n.adopt()
		if _, err := n.choose([]string{"linux/amd64"}); err != nil {
			return
		}
		stays := 0
		for _, c := range n.children {
			if !c.leftOut {
				stays++
			}
		}
		if err := n.prune(); err != nil || !n.changed {
			return
		}
		if len(n.children) != stays || n.entry.Digest != digest.FromBytes(n.raw) || n.entry.Size != int64(len(n.raw)) {
			t.Errorf("%d of %d entries stayed: %s", len(n.children), stays, n.raw)
		}
		again, err := parseDocument(n.entry.MediaType, n.raw)
		if err != nil {
			t.Fatal(err)
		}
		children, _, _ := again.parts()
		for i, c := range n.children {
			if children[i].Digest != c.entry.Digest {
				t.Errorf("entry %d is %s, not %s", i, children[i].Digest, c.entry.Digest)
			}
		}
	})
}
