package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestRemoteTokenExpires: also in the middle of an upload, whose content is then
// sent from its beginning.
func TestRemoteTokenExpires(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{Username: "me", Password: secret, Realm: "/token"})
	r, notes := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
	data := bytes.Repeat([]byte("content "), 1<<18)
	at := ref(t, s.Host+"/a:v1")
	opened := 0
	_, err := r.PutBlob(t.Context(), at, describe(data), nil, func(context.Context) (io.ReadCloser, error) {
		if opened++; opened == 1 {
			s.Expire()
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	})
	if err != nil || !bytes.Equal(s.Blob("a", describe(data).Digest), data) || opened != 2 {
		t.Errorf("opened %d times: %v; waits %v", opened, err, notes())
	}
	s.Expire()
	if got, err := read(t.Context(), r, at, describe(data)); err != nil || !bytes.Equal(got, data) {
		t.Error(err)
	}
}

// TestRemoteTransfer: images with layers in common from a registry with all manners
// of faults to one that wants tokens; each blob is sent once and mounted where else
// it belongs, and the second time nothing is sent.
func TestRemoteTransfer(t *testing.T) {
	from := registrytest.Start(t, registrytest.Options{Username: "you", Password: secret})
	to := registrytest.Start(t, registrytest.Options{Username: "me", Password: secret + "2", Realm: "/token", NoReferrers: true, AbsoluteUploads: true})
	var pairs []image.Pair
	for i := range 6 {
		img := registrytest.Image{
			Name: fmt.Sprintf("team%d/app:v%d", i%3, i), Base: "base", Size: 20000, Docker: i%2 == 0,
			Platforms: []string{"linux/amd64", "linux/arm64"}, Attestations: i == 3, Foreign: i == 4,
		}
		source, desc := seed(t, from, img)
		if _, err := from.SeedReferrer(source.Repository, desc, "application/spdx+json", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := from.SeedCosign(source.Repository, desc, "sig"); err != nil {
			t.Fatal(err)
		}
		target := source
		target.Registry, target.Repository = to.Host, "p/"+source.Repository
		pairs = append(pairs, image.Pair{Source: source, Target: target})
	}
	source, notes := remote(t, RemoteOptions{LoginHost: from.Host, Username: "you", Password: secret, Stall: time.Second})
	sink, sinkNotes := remote(t, RemoteOptions{LoginHost: to.Host, Username: "me", Password: secret + "2"})
	from.Fail(registrytest.Faults{Cut: 15000, CutTimes: 9, Status: 503, StatusTimes: 3})
	to.Fail(registrytest.Faults{CutUpload: 10000, CutUploadTimes: 3, Status: 429, StatusTimes: 2, RetryAfter: "1"})
	plan, err := NewPlan(t.Context(), pairs, source, PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	transfer := func(present bool) {
		t.Helper()
		results, err := Transfer(t.Context(), plan, source, sink, TransferOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil || r.Present != present {
				t.Errorf("%s: present %v, %v", r.Image.Target, r.Present, r.Err)
			}
		}
	}
	transfer(false)
	sent := map[string]int{}
	for _, req := range to.Requests() {
		if req.Kind == registrytest.UploadPut && req.Status == 201 {
			sent[req.Path]++
		}
	}
	unique := 0
	for _, c := range plan.Contents() {
		if c.Raw == nil {
			unique++
		}
	}
	if len(sent) != unique {
		t.Errorf("%d uploads of %d blobs", len(sent), unique)
	}
	if to.Count(registrytest.Mount) == 0 {
		t.Error("nothing was mounted")
	}
	if len(notes()) < 3 || len(sinkNotes()) < 2 {
		t.Errorf("the faults did not happen: %v, %v", notes(), sinkNotes())
	}
	for _, p := range pairs {
		a, b := from.Manifest(p.Source.Repository, p.Source.Tag), to.Manifest(p.Target.Repository, p.Target.Tag)
		if a == nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs", p.Target)
		}
		found, err := sink.Referrers(t.Context(), p.Target, describe(a))
		if err != nil || len(found) != 2 || !strings.HasSuffix(found[1].Tag, ".sig") {
			t.Errorf("referrers of %s: %v, %v", p.Target, found, err)
		}
	}
	from.Reset()
	to.Reset()
	transfer(true)
	if n := to.Count(registrytest.UploadPost, registrytest.UploadPut, registrytest.Mount, registrytest.ManifestPut) + len(from.Requests()); n > 0 {
		var summary strings.Builder
		_ = to.Summary(&summary)
		t.Errorf("the second time:\n%s", &summary)
	}
}

// TestRemoteEmptyBlob: of a blob without bytes nothing is read when it is sent.
func TestRemoteEmptyBlob(t *testing.T) {
	from, to := registrytest.Start(t, registrytest.Options{}), registrytest.Start(t, registrytest.Options{})
	source, _ := remote(t, RemoteOptions{})
	at := ref(t, from.Host+"/a:v1")
	empty, config := describe(nil), describe([]byte("{}"))
	for d, text := range map[*Descriptor]string{&empty: "", &config: "{}"} {
		open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		if _, err := source.PutBlob(t.Context(), at, *d, nil, open); err != nil {
			t.Fatal(err)
		}
	}
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[{"mediaType":"text/plain","digest":%q,"size":0}]}`,
		ocispec.MediaTypeImageManifest, config.Digest, empty.Digest)
	desc := Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(raw), Size: int64(len(raw))}
	if err := source.PutManifest(t.Context(), at, desc, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	target := ref(t, to.Host+"/b:v1")
	plan, err := NewPlan(t.Context(), []image.Pair{{Source: at, Target: target}}, source, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Transfer(t.Context(), plan, source, source, TransferOptions{}); err != nil {
		t.Error(err)
	}
	if got, err := source.HasBlob(t.Context(), target, empty); err != nil || !got {
		t.Errorf("the empty blob is there: %v, %v", got, err)
	}
}

// TestRemoteWithinOne: from one repository of a registry to others of it, no byte of a blob moves.
func TestRemoteWithinOne(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{Username: "me", Password: secret, Realm: "/token"})
	r, _ := remote(t, RemoteOptions{LoginHost: s.Host, Username: "me", Password: secret})
	at, desc := seed(t, s, registrytest.Image{Name: "team/app:v1", Platforms: []string{"linux/amd64", "linux/arm64"}})
	var pairs []image.Pair
	for _, name := range []string{"copy/a", "copy/b"} {
		target := at
		target.Repository = name
		pairs = append(pairs, image.Pair{Source: at, Target: target})
	}
	plan, err := NewPlan(t.Context(), pairs, r, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Reset()
	if _, err := Transfer(t.Context(), plan, r, r, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := s.Count(registrytest.UploadPut, registrytest.BlobGet); n > 0 || s.Count(registrytest.Mount) != 2*6 {
		t.Errorf("%d requests for bytes, %d mounts", n, s.Count(registrytest.Mount))
	}
	for _, p := range pairs {
		if got, err := r.Resolve(t.Context(), p.Target); err != nil || got.Digest != desc.Digest {
			t.Errorf("%s: %s, %v", p.Target, got.Digest, err)
		}
	}
}
