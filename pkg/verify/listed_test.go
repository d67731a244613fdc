package verify

import (
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

func TestListed(t *testing.T) {
	m, err := image.NewMapping("r.example.org/p", image.LayoutHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list imagelist.List
	for _, s := range []string{"r.example.org/p/quay.io/a/in:v1", "quay.io/a/out:v1"} {
		ref, err := image.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		list.AddLines("cluster lab", "rule", []image.Ref{ref})
	}
	wanted, found := Listed(Site{Target: "r.example.org/p", Mapping: m}, &list)
	if len(wanted) != 1 || wanted[0].Source.String() != "r.example.org/p/quay.io/a/in:v1" || len(wanted[0].Uses) != 1 {
		t.Errorf("wanted: %+v", wanted)
	}
	if len(found) != 1 || found[0].Check != CheckManifestOutside || found[0].Image != "quay.io/a/out:v1" {
		t.Errorf("found: %+v", found)
	}
}
