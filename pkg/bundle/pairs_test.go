package bundle

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestElsewhereInGroups: in layout group what a site has lies below the groups of the
// image that it has.
func TestElsewhereInGroups(t *testing.T) {
	d := digest.FromString("layer")
	l := &Lock{Elsewhere: []LockedBlob{{Digest: d, Image: "quay.io/a/one:v1", Groups: []string{"cni", "csi"}}}}
	for layout, want := range map[image.Layout][]string{
		image.LayoutGroup: {"r.example.org/p/cni/one:v1", "r.example.org/p/csi/one:v1"},
		image.LayoutPath:  {"r.example.org/p/a/one:v1", "r.example.org/p/a/one:v1"},
	} {
		m, err := image.NewMapping("r.example.org/p", layout, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := l.ElsewhereAt(m)(d)
		for i := range got {
			if got[i].String() != want[i] {
				t.Errorf("layout %s: %v, want %v", layout, got, want)
			}
		}
		if len(got) != len(want) {
			t.Errorf("layout %s: %v, want %v", layout, got, want)
		}
	}
}
