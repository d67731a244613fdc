package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A maker writes images into a Memory.
type maker struct {
	t  testing.TB
	in *Memory
}

func ref(t testing.TB, s string) image.Ref {
	t.Helper()
	r, err := image.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (k maker) blob(at image.Ref, mediaType, text string) Descriptor {
	k.t.Helper()
	d := Descriptor{MediaType: mediaType, Digest: digest.FromString(text), Size: int64(len(text))}
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	if _, err := k.in.PutBlob(k.t.Context(), at, d, nil, open); err != nil {
		k.t.Fatal(err)
	}
	return d
}

// manifest writes a document under at's tag, or by digest if the tag is empty.
func (k maker) manifest(at image.Ref, mediaType string, doc any) Descriptor {
	k.t.Helper()
	raw, isRaw := doc.([]byte)
	if !isRaw {
		var err error
		if raw, err = json.Marshal(doc); err != nil {
			k.t.Fatal(err)
		}
	}
	d := Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := k.in.PutManifest(k.t.Context(), at, d, raw); err != nil {
		k.t.Fatal(err)
	}
	return d
}

func untagged(at image.Ref) image.Ref {
	return image.Ref{Registry: at.Registry, Repository: at.Repository}
}

// image writes the image of one platform, whose config tells it from others.
func (k maker) image(at image.Ref, platform string, layers ...string) Descriptor {
	k.t.Helper()
	p := ocispec.Platform{}
	for i, part := range strings.Split(platform, "/") {
		*[]*string{&p.OS, &p.Architecture, &p.Variant}[i] = part
	}
	config, _ := json.Marshal(struct {
		ocispec.Platform
		Name string
	}{p, at.Repository + fmt.Sprint(layers)})
	doc := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    k.blob(at, ocispec.MediaTypeImageConfig, string(config)),
		Layers:    []Descriptor{},
	}
	for _, l := range layers {
		doc.Layers = append(doc.Layers, k.blob(at, ocispec.MediaTypeImageLayerGzip, l))
	}
	d := k.manifest(at, doc.MediaType, doc)
	d.Platform = &p
	return d
}

func (k maker) index(at image.Ref, children ...Descriptor) Descriptor {
	k.t.Helper()
	return k.manifest(at, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
	})
}

// attestation writes what BuildKit writes about subject.
func (k maker) attestation(at image.Ref, subject Descriptor) Descriptor {
	k.t.Helper()
	d := k.image(untagged(at), "unknown/unknown", "provenance of "+string(subject.Digest))
	d.Annotations = map[string]string{attestationSubject: string(subject.Digest), "vnd.docker.reference.type": "attestation-manifest"}
	return d
}

// artifact writes an OCI artifact with the empty config, about subject if there
// is one.
func (k maker) artifact(at image.Ref, subject *Descriptor, text string) Descriptor {
	k.t.Helper()
	empty := k.blob(at, ocispec.MediaTypeEmptyJSON, "{}")
	empty.Data = []byte("{}")
	return k.manifest(at, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/vnd.test",
		Config: empty, Layers: []Descriptor{k.blob(at, "text/plain", text)}, Subject: subject,
	})
}

// cosign writes a signature under the tag that cosign looks for.
func (k maker) cosign(at image.Ref, subject Descriptor) Descriptor {
	k.t.Helper()
	at.Tag = strings.Replace(string(subject.Digest), ":", "-", 1) + ".sig"
	return k.image(at, "/", "signature of "+string(subject.Digest))
}

// random writes some images that share layers, and gives the pairs that move
// them to site.test.
func (k maker) random(r *rand.Rand, repositories int) []image.Pair {
	k.t.Helper()
	var pairs []image.Pair
	for i := range repositories {
		at := ref(k.t, fmt.Sprintf("up%d.test/group/r%d:t", i%2, i))
		for tag := range 1 + r.IntN(2) {
			at.Tag = fmt.Sprintf("v%d", tag)
			root := k.randomImage(r, at)
			target := image.Ref{Registry: "site.test", Repository: at.Registry + "/" + at.Repository, Tag: at.Tag}
			pairs = append(pairs, image.Pair{Source: at, Target: target})
			if r.IntN(3) == 0 {
				at, target := at, target
				at.Digest, target.Digest = string(root.Digest), string(root.Digest)
				pairs = append(pairs, image.Pair{Source: at, Target: target})
			}
			if r.IntN(3) == 0 {
				at, target := untagged(at), untagged(target)
				at.Digest, target.Digest = string(root.Digest), string(root.Digest)
				pairs = append(pairs, image.Pair{Source: at, Target: target})
			}
		}
	}
	return pairs
}

func (k maker) randomImage(r *rand.Rand, at image.Ref) Descriptor {
	k.t.Helper()
	layers := func() (l []string) {
		for range r.IntN(4) {
			l = append(l, fmt.Sprintf("layer %d", r.IntN(8)))
		}
		return append(l, fmt.Sprintf("layer of %s", at))
	}
	if r.IntN(3) == 0 {
		return k.image(at, "linux/amd64", layers()...)
	}
	if r.IntN(6) == 0 {
		return k.artifact(at, nil, "chart "+at.String())
	}
	var children []Descriptor
	for _, p := range []string{"linux/amd64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64"} {
		if r.IntN(2) == 0 {
			continue
		}
		c := k.image(untagged(at), p, layers()...)
		children = append(children, c)
		switch r.IntN(4) {
		case 0:
			children = append(children, k.attestation(at, c))
		case 1:
			sbom := k.artifact(untagged(at), &c, "sbom of "+string(c.Digest))
			k.artifact(untagged(at), &sbom, "signature of the sbom "+string(sbom.Digest))
		}
	}
	if r.IntN(3) == 0 && len(children) > 0 {
		children = []Descriptor{plain(k.index(untagged(at), children...)), k.image(untagged(at), "linux/s390x", layers()...)}
	}
	root := k.index(at, children...)
	if r.IntN(2) == 0 {
		k.cosign(at, root)
	}
	return root
}

// A watched Sink counts what reaches a Memory, and can be made to fail.
type watched struct {
	*Memory
	lock   sync.Mutex
	calls  int                   // that write
	sent   map[digest.Digest]int // bytes of a blob were asked for
	before func(call int) error  // asked before each call that writes
}

func newWatched() *watched { return &watched{Memory: &Memory{}, sent: map[digest.Digest]int{}} }

func (w *watched) call() error {
	w.lock.Lock()
	w.calls++
	n := w.calls
	w.lock.Unlock()
	if w.before == nil {
		return nil
	}
	return w.before(n)
}

func (w *watched) PutBlob(ctx context.Context, at image.Ref, desc Descriptor, elsewhere []image.Ref, open Opener) (Outcome, error) {
	if err := w.call(); err != nil {
		return Sent, err
	}
	if at.Tag != "" || at.Digest != "" {
		return Sent, fmt.Errorf("PutBlob was called with %s", at)
	}
	return w.Memory.PutBlob(ctx, at, desc, elsewhere, func(ctx context.Context) (io.ReadCloser, error) {
		w.lock.Lock()
		w.sent[desc.Digest]++
		w.lock.Unlock()
		return open(ctx)
	})
}

func (w *watched) PutManifest(ctx context.Context, at image.Ref, desc Descriptor, raw []byte) error {
	if err := w.call(); err != nil {
		return err
	}
	return w.Memory.PutManifest(ctx, at, desc, raw)
}

// checkSound fails if a manifest of the memory lacks something.
func (m *Memory) checkSound(t testing.TB) {
	t.Helper()
	for name, r := range m.repositories {
		for d, found := range r.manifests {
			if !r.complete(found.Descriptor) {
				t.Errorf("%s@%s: not complete", name, d)
			}
		}
		for tag, d := range r.tags {
			if _, ok := r.manifests[d]; !ok {
				t.Errorf("%s:%s: points to nothing", name, tag)
			}
		}
		for d, raw := range r.blobs {
			if digest.FromBytes(raw) != d {
				t.Errorf("%s@%s: damaged", name, d)
			}
		}
	}
}

// checkCopied fails unless every target is what its source is, by tag and by
// digest, with everything that refers to it if referrers are taken along.
func checkCopied(t testing.TB, from, to *Memory, pairs []image.Pair, referrers bool) {
	t.Helper()
	to.checkSound(t)
	for _, p := range pairs {
		want, err := from.Resolve(t.Context(), p.Source)
		if err != nil {
			t.Fatal(err)
		}
		byDigest := untagged(p.Target)
		byDigest.Digest = string(want.Digest)
		byTag := p.Target
		byTag.Digest = ""
		for _, target := range []image.Ref{byTag, byDigest} {
			if target.Tag == "" && target.Digest == "" {
				continue
			}
			got, err := to.Resolve(t.Context(), target)
			if err != nil || got.Digest != want.Digest || got.Size != want.Size || got.MediaType != want.MediaType {
				t.Errorf("%s: %v, %v, want %v", target, got, err, want)
			}
		}
		if referrers {
			checkReferrers(t, from, to, p, want)
		}
	}
}

func checkReferrers(t testing.TB, from, to *Memory, p image.Pair, subject Descriptor) {
	t.Helper()
	want, _ := from.Referrers(t.Context(), p.Source, subject)
	got, _ := to.Referrers(t.Context(), p.Target, subject)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: referrers of %s are %v, want %v", p.Target, subject.Digest, got, want)
	}
	for _, r := range want {
		checkReferrers(t, from, to, p, r.Descriptor)
	}
	for _, c := range from.repository(p.Source).manifests[subject.Digest].doc.Manifests {
		checkReferrers(t, from, to, p, c)
	}
}

func TestMemoryKeepsRepositoriesApart(t *testing.T) {
	m := &Memory{}
	k := maker{t, m}
	d := k.image(ref(t, "a.test/x:1"), "linux/amd64", "layer")
	layer := Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("layer"), Size: 5}
	if _, err := m.Fetch(t.Context(), ref(t, "a.test/y:1"), layer); err == nil {
		t.Error("a blob of another repository was given")
	}
	raw := m.repository(ref(t, "a.test/x:1")).manifests[d.Digest].Raw
	if err := m.PutManifest(t.Context(), ref(t, "a.test/y:1"), d, raw); err == nil {
		t.Error("a manifest without its children was taken")
	}
	if err := m.PutManifest(t.Context(), ref(t, "a.test/x:1"), d, bytes.ToUpper(raw)); err == nil {
		t.Error("a manifest with a wrong digest was taken")
	}
	outcome, err := m.PutBlob(t.Context(), ref(t, "a.test/y:1"), layer, []image.Ref{ref(t, "a.test/x:1")}, nil)
	if outcome != Mounted || err != nil {
		t.Errorf("mounting: %v, %v", outcome, err)
	}
}
