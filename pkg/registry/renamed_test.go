package registry

import (
	"context"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestRenamed: what has another name where it is fetched arrives under its own.
func TestRenamed(t *testing.T) {
	from, to := &Memory{}, &Memory{}
	proxied := ref(t, "proxy.test/up.test/a:1")
	maker{t, from}.image(proxied, "linux/amd64", "layer")
	source := Renamed(from, func(r image.Ref) image.Ref {
		r.Registry, r.Repository = "proxy.test", r.Registry+"/"+r.Repository
		return r
	})
	pair := image.Pair{Source: ref(t, "up.test/a:1"), Target: ref(t, "site.test/a:1")}
	if _, err := Copy(t.Context(), []image.Pair{pair}, source, to, PlanOptions{Referrers: true}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	want, _ := from.Resolve(t.Context(), proxied)
	if got, err := to.Resolve(t.Context(), pair.Target); err != nil || got.Digest != want.Digest {
		t.Errorf("the target is %s (%v), want %s", got.Digest, err, want.Digest)
	}
}

// TestPlanHeld: of what all targets have, nothing is read but the digest.
func TestPlanHeld(t *testing.T) {
	from, to := &Memory{}, &Memory{}
	a, b := ref(t, "up.test/a:1"), ref(t, "up.test/b:1")
	maker{t, from}.image(a, "linux/amd64", "layer")
	maker{t, from}.image(b, "linux/amd64", "other")
	pairs := []image.Pair{{Source: a, Target: ref(t, "site.test/a:1")}, {Source: b, Target: ref(t, "site.test/b:1")}}
	if _, err := Copy(t.Context(), pairs[:1], from, to, PlanOptions{}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	read := 0
	opts := PlanOptions{Held: to.Holds, Manifests: func(Descriptor) ([]byte, bool) { read++; return nil, false }}
	plan, err := NewPlan(t.Context(), pairs, from, opts)
	if err != nil || !plan.Images[0].Held || plan.Images[1].Held || len(plan.Images[0].Manifests) != 0 {
		t.Fatalf("%+v, %v", plan, err)
	}
	once := read
	if _, err := NewPlan(t.Context(), pairs[:1], from, opts); err != nil || read != once {
		t.Errorf("%d manifests of an image that is there were read (%v)", read-once, err)
	}
	results, err := Transfer(t.Context(), plan, from, to, TransferOptions{})
	if err != nil || !results[0].Present || results[1].Present {
		t.Errorf("%+v, %v", results, err)
	}
	for _, all := range []PlanOptions{{Held: to.Holds, Referrers: true}, {Held: to.Holds, Platforms: []string{"linux/amd64"}}} {
		if plan, err := NewPlan(context.Background(), pairs[:1], from, all); err != nil || plan.Images[0].Held {
			t.Errorf("with %+v the parts do not matter (%v)", all, err)
		}
	}
}
