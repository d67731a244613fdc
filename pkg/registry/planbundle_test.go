package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
)

// bundle writes a bundle of imgpkg with the members, NAME@DIGEST.
func (k maker) bundle(at image.Ref, members ...string) Descriptor {
	k.t.Helper()
	return k.bundleOf(at, lockOf(members...), "")
}

func lockOf(members ...string) string {
	lock := "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n"
	for _, m := range members {
		lock += "- image: " + m + "\n"
	}
	return lock
}

// bundleOf writes a bundle whose images.yml is lock, beside a file of some content.
func (k maker) bundleOf(at image.Ref, lock, more string) Descriptor {
	k.t.Helper()
	var layer bytes.Buffer
	z, _ := gzip.NewWriterLevel(&layer, gzip.NoCompression)
	w := tar.NewWriter(z)
	for _, f := range []struct{ name, content string }{{".imgpkg/images.yml", lock}, {"more", more}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(f.content))}); err != nil {
			k.t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		k.t.Fatal(err)
	}
	return k.manifest(at, dockerManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: dockerManifest,
		Config: k.blob(at, dockerConfig, `{"architecture":"","os":"","config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}}}`),
		Layers: []Descriptor{k.blob(at, imgpkg.LayerType, layer.String())},
	})
}

func at(name string, d Descriptor) string { return name + "@" + string(d.Digest) }

// nestedBundle writes what TKG's package repositories look like: a bundle whose members are
// elsewhere, one of them for several platforms, one of them a bundle with a member that is
// named twice.
func nestedBundle(t *testing.T, k maker) (root image.Ref, members []Descriptor, inner Descriptor) {
	single := k.image(ref(t, "up.test/apps/single:1"), "linux/amd64", "single")
	many := k.index(ref(t, "other.test/many:1"), k.image(ref(t, "other.test/many:amd64"), "linux/amd64", "shared", "amd64"),
		k.image(ref(t, "other.test/many:arm64"), "linux/arm64", "shared", "arm64"))
	inner = k.bundle(ref(t, "up.test/inner:1"), at("up.test/apps/single", single))
	root = ref(t, "up.test/tkg/packages/core/repo:v1")
	k.bundle(root, at("up.test/apps/single", single), at("other.test/many", many), at("up.test/inner", inner))
	return root, []Descriptor{single, many, inner}, inner
}

// checkBundle looks for everything that imgpkg looks for in the repository of a bundle.
func checkBundle(t *testing.T, to *Memory, root image.Ref, members []Descriptor, bundles ...digest.Digest) {
	t.Helper()
	to.checkSound(t)
	r := to.repository(root)
	for _, m := range members {
		if got := r.tags[imgpkg.MemberTag(m.Digest)]; got != m.Digest || !r.complete(m) {
			t.Errorf("member %s stands under its tag as %q", m.Digest, got)
		}
	}
	for _, b := range append(bundles, r.tags[root.Tag]) {
		d := r.tags[imgpkg.LocationsTag(b)]
		if d == "" || !r.complete(r.manifests[d].Descriptor) {
			t.Errorf("nothing says where the members of %s are", b)
		}
	}
	if want := 1 + len(members) + 1 + len(bundles); len(r.tags) != want {
		t.Errorf("there are %d tags and not %d: %v", len(r.tags), want, slices.Sorted(maps.Keys(r.tags)))
	}
}

func TestBundle(t *testing.T) {
	from, to := &Memory{}, newWatched()
	k := maker{t, from}
	root, members, inner := nestedBundle(t, k)
	for _, opts := range []PlanOptions{{}, {Platforms: []string{"linux/amd64"}}, {Referrers: true}} {
		to = newWatched()
		results, err := Copy(t.Context(), stay(root), from, to, opts, TransferOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkBundle(t, to.Memory, ref(t, "site.test/tkg/packages/core/repo:v1"), members, inner.Digest)
		var names []string
		for _, m := range results[0].Image.Members {
			names = append(names, fmt.Sprint(m.Image.Name(), " ", m.Bundle))
		}
		if got := strings.Join(names, ", "); got != "up.test/apps/single false, other.test/many false, up.test/inner true" {
			t.Errorf("its members are %s", got)
		}
	}
	// A second time nothing is sent, and what is relocated can be moved on.
	clear(to.sent)
	results, err := Copy(t.Context(), stay(root), from, to, PlanOptions{Held: to.Holds}, TransferOptions{})
	if err != nil || !results[0].Present || len(to.sent) != 0 {
		t.Errorf("%v: %d blobs were sent again", err, len(to.sent))
	}
	next, here := &Memory{}, ref(t, "site.test/tkg/packages/core/repo:v1")
	pair := image.Pair{Source: here, Target: ref(t, "next.test/repo:v1")}
	if _, err := Copy(t.Context(), []image.Pair{pair}, to.Memory, next, PlanOptions{Referrers: true}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	checkBundle(t, next, pair.Target, members, inner.Digest)
	if _, err := NewPlan(t.Context(), []image.Pair{pair}, to.Memory, PlanOptions{Relocated: true}); err != nil {
		t.Errorf("what is relocated is not found where it is: %v", err)
	}
	_, err = NewPlan(t.Context(), stay(root), from, PlanOptions{Relocated: true})
	if err == nil || !strings.Contains(err.Error(), "member up.test/apps/single@") || strings.Contains(err.Error(), "up.test/apps/single: not found") {
		t.Errorf("another repository was asked: %v", err)
	}
}

// TestBundleHeld: who has the bundle without its members is given them.
func TestBundleHeld(t *testing.T) {
	from, to := &Memory{}, &Memory{}
	k := maker{t, from}
	root, members, inner := nestedBundle(t, k)
	if _, err := Copy(t.Context(), stay(root), from, to, PlanOptions{}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	here := ref(t, "site.test/tkg/packages/core/repo:v1")
	delete(to.repository(here).tags, imgpkg.MemberTag(members[1].Digest))
	delete(to.repository(here).tags, imgpkg.LocationsTag(inner.Digest))
	results, err := Copy(t.Context(), stay(root), from, to, PlanOptions{Held: to.Holds}, TransferOptions{})
	if err != nil || results[0].Present {
		t.Errorf("%v, present: %v", err, results[0].Present)
	}
	checkBundle(t, to, here, members, inner.Digest)
}

// TestBundleSignatures: --referrers is for the members as well.
func TestBundleSignatures(t *testing.T) {
	from, to := &Memory{}, &Memory{}
	k := maker{t, from}
	root, members, _ := nestedBundle(t, k)
	signature := k.cosign(ref(t, "other.test/many:1"), members[1])
	if _, err := Copy(t.Context(), stay(root), from, to, PlanOptions{Referrers: true}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	tag := "sha256-" + members[1].Digest.Encoded() + ".sig"
	if got := to.repository(ref(t, "site.test/tkg/packages/core/repo:v1")).tags[tag]; got != signature.Digest {
		t.Errorf("the signature of a member is %q", got)
	}
	to.checkSound(t)
}

// TestBundleLarge: a layer that is not kept is hashed before anything of it counts, and
// sent all the same.
func TestBundleLarge(t *testing.T) {
	from, to := &Memory{}, &Memory{}
	k := maker{t, from}
	single := k.image(ref(t, "up.test/single:1"), "linux/amd64", "single")
	root := ref(t, "up.test/large:1")
	desc := k.bundleOf(root, lockOf(at("up.test/single", single)), strings.Repeat("x", keptBundleLayer))
	results, err := Copy(t.Context(), stay(root), from, to, PlanOptions{}, TransferOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkBundle(t, to, ref(t, "site.test/large:1"), []Descriptor{single})
	layer := from.repository(root).manifests[desc.Digest].doc.Layers[0].Digest
	if !slices.Contains(results[0].Image.Lists, layer) {
		t.Error("nobody is told which layer must not be left out")
	}
	raw := from.repository(root).blobs[layer]
	raw[len(raw)-20] ^= 1
	if _, err := NewPlan(t.Context(), stay(root), from, PlanOptions{}); err == nil || !strings.Contains(err.Error(), "the content is damaged") {
		t.Errorf("a damaged list of members counts: %v", err)
	}
}

func TestBundleFailures(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	single := k.image(ref(t, "up.test/single:1"), "linux/amd64", "single")
	gone := digest.FromString("gone")
	lost := k.bundle(ref(t, "up.test/lost:1"), at("up.test/single", single), "up.test/gone@"+string(gone))
	k.bundle(ref(t, "up.test/outer:1"), at("up.test/lost", lost))
	k.bundleOf(ref(t, "up.test/tag:1"), lockOf("up.test/single:1"), "")
	deep := single
	for i := range maxBundleDepth + 2 {
		deep = k.bundle(ref(t, fmt.Sprintf("up.test/deep%d:1", i)), at("up.test/single", single), at(fmt.Sprintf("up.test/deep%d", i-1), deep))
		if i == 0 {
			deep = k.bundle(ref(t, "up.test/deep0:1"), at("up.test/single", single))
		}
	}
	many := k.manifest(ref(t, "up.test/layers:1"), dockerManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: dockerManifest,
		Config: k.blob(ref(t, "up.test/layers:1"), dockerConfig, `{"config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}}}`),
		Layers: []Descriptor{k.blob(ref(t, "up.test/layers:1"), imgpkg.LayerType, "a"), k.blob(ref(t, "up.test/layers:1"), imgpkg.LayerType, "b")},
	})
	for name, want := range map[string]string{
		"up.test/lost:1":   "up.test/lost:1: member up.test/gone@" + string(gone) + ": up.test/lost: not found\nup.test/gone: not found",
		"up.test/outer:1":  "member up.test/gone@" + string(gone) + ": up.test/outer: not found\nup.test/lost: not found\nup.test/gone: not found",
		"up.test/tag:1":    "image 1 of the ImagesLock: \"up.test/single:1\" has no digest",
		"up.test/layers:1": "bundle " + string(many.Digest) + ": it is no bundle that imgpkg would take",
		fmt.Sprintf("up.test/deep%d:1", maxBundleDepth+1): "it lies in more than 8 bundles",
	} {
		_, err := NewPlan(t.Context(), stay(ref(t, name)), from, PlanOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", name, err, want)
		}
	}
}

// TestBundleLayersFetchedOnce: what the plan has read of a bundle is not fetched again.
func TestBundleLayersFetchedOnce(t *testing.T) {
	from := &Memory{}
	root, _, _ := nestedBundle(t, maker{t, from})
	source := &counted{Source: from, fetched: map[digest.Digest]int{}}
	if _, err := Copy(t.Context(), stay(root), source, &Memory{}, PlanOptions{}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	for d, n := range source.fetched {
		if n != 1 {
			t.Errorf("%s was fetched %d times", d, n)
		}
	}
}

func TestTags(t *testing.T) {
	memory := &Memory{}
	k := maker{t, memory}
	for _, tag := range []string{"v1", "v10", "v9"} {
		k.image(ref(t, "up.test/a:"+tag), "linux/amd64", tag)
	}
	proxied := RenamedLister(memory, func(r image.Ref) image.Ref { r.Registry = "up.test"; return r })
	if got, err := proxied.Tags(t.Context(), ref(t, "gone.test/a:x")); err != nil || strings.Join(got, " ") != "v1 v10 v9" {
		t.Errorf("%v, %v", got, err)
	}
	_, err := memory.Tags(t.Context(), ref(t, "up.test/none"))
	if _, missing := errors.AsType[*NotFoundError](err); !missing {
		t.Error(err)
	}
}

// TestRemoteTags: page after page, and no further than a list leads that never ends.
func TestRemoteTags(t *testing.T) {
	server := httptest.NewServer(tagPages(t))
	defer server.Close()
	r, _ := remote(t, RemoteOptions{})
	host := strings.TrimPrefix(server.URL, "http://")
	if got, err := r.Tags(context.Background(), ref(t, host+"/pages:x")); err != nil || strings.Join(got, " ") != "a b c" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := r.Tags(context.Background(), ref(t, host+"/endless")); err == nil || !strings.Contains(err.Error(), "the list has no end") {
		t.Error(err)
	}
	_, err := r.Tags(context.Background(), ref(t, host+"/none"))
	if _, missing := errors.AsType[*NotFoundError](err); !missing {
		t.Error(err)
	}
}

// tagPages is a registry that lists tags in pages.
func tagPages(t *testing.T) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		more := func(link, tags string) {
			if link != "" {
				w.Header().Set("Link", "<"+link+`>; rel="next"`)
			}
			fmt.Fprintf(w, `{"name":"x","tags":%s}`, tags)
		}
		switch r.URL.RequestURI() {
		case "/v2/":
		case "/v2/pages/tags/list":
			more("/v2/pages/tags/list?last=b&n=2", `["a","b"]`)
		case "/v2/pages/tags/list?last=b&n=2":
			more("", `["c"]`)
		case "/v2/endless/tags/list", "/v2/endless/tags/list?again":
			more("/v2/endless/tags/list?again", "null")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
}
