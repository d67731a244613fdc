package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A registry is asked with HEAD and a token for pulling alone; other sources are opened.
func TestHasBlob(t *testing.T) {
	ctx := context.Background()
	s := registrytest.Start(t, registrytest.Options{Username: "u", Password: "p", Realm: "/token", Anonymous: true})
	at, _ := seed(t, s, registrytest.Image{Name: "a/b:v1"})
	blob, err := s.PutBlob("a/b", "application/octet-stream", []byte("blob"))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := remote(t, RemoteOptions{})
	memory := &Memory{}
	plan, err := NewPlan(ctx, []image.Pair{{Source: at, Target: at}}, r, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Transfer(ctx, plan, r, memory, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	layer := plan.Images[0].Blobs[1]
	elsewhere := at
	elsewhere.Repository = "a/c"
	renamedTo := Renamed(r, func(image.Ref) image.Ref { return at })
	for _, test := range []struct {
		name string
		from Source
		ref  image.Ref
		desc Descriptor
		want bool
	}{
		{"registry", r, at, blob, true},
		{"other repository", r, elsewhere, blob, false},
		{"renamed", renamedTo, elsewhere, blob, true},
		{"memory", memory, at, layer, true},
		{"memory without it", memory, at, blob, false},
	} {
		got, err := HasBlob(ctx, test.from, test.ref, test.desc)
		if got != test.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", test.name, got, err, test.want)
		}
	}
	if got, all := s.Count(registrytest.BlobHead), s.Count(registrytest.BlobGet); got < 3 || all != 0 {
		t.Errorf("%d HEAD and %d GET of blobs, want three HEAD or more and no GET", got, all)
	}
	longer := blob
	longer.Size++
	if _, err := r.HasBlob(ctx, at, longer); func() bool { _, ok := errors.AsType[*SizeError](err); return !ok }() {
		t.Errorf("a blob of another size: %v", err)
	}
	if _, err := r.HasBlob(ctx, at, Descriptor{Digest: "sha256:../x"}); err == nil {
		t.Error("what is no digest is asked for")
	}
}
