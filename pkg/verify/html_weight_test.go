package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// TestWeight: the largest come first, an image of several names is counted once, what
// is small is told as one, and what has no size takes no room.
func TestWeight(t *testing.T) {
	r := &verify.Report{
		Bytes: 150,
		Files: []verify.File{{Path: "node.ova", Size: 100}},
		Images: []verify.Image{
			{Image: "a:1", Group: "cni", Digest: "sha256:1", Size: 60},
			{Image: "b:1", Group: "csi", Digest: "sha256:2", Size: 40},
			{Image: "b:2", Group: "cni", Digest: "sha256:2", Size: 40},
			{Image: "b:3", Group: "cni", Digest: "sha256:2", Size: 40},
			{Image: "gone:1", Group: "gone"},
			{Image: "gone:2", Group: "gone"},
		},
	}
	section := byID(parse(t, writeHTML(t, r, verify.HTMLOptions{})), "weight")
	want := []string{
		"files 100 B, 50 %", "cni 60 B, 30 %", "csi 40 B, 20 %",
		"node.ova 100 B, 50 %", "a:1 60 B, 30 %", "b:1 and under 2 other names 40 B, 20 %",
	}
	if got := lines(section); !slices.Equal(got, want) {
		t.Errorf("the picture says %q, want %q", got, want)
	}
	var drawn []string
	for _, n := range elements(section, "rect") {
		if class := attribute(n, "class"); class != "track" && attribute(n, "width") != "14" {
			drawn = append(drawn, strings.TrimSpace(class+" "+attribute(n, "x")+" "+attribute(n, "width")))
		}
	}
	if want := []string{"s0 0.00% 50.00%", "s1 50.00% 30.00%", "s2 80.00% 20.00%", "bar  50.00%", "bar  30.00%", "bar  20.00%"}; !slices.Equal(drawn, want) {
		t.Errorf("the picture is %q, want %q", drawn, want)
	}
	if got := text(section); !strings.Contains(got, "150 B are stored.") || !strings.Contains(got, "it is 200 B.") {
		t.Errorf("the totals are missing: %s", got)
	}
}

func TestWeightRest(t *testing.T) {
	r := &verify.Report{}
	for i := range 100 {
		r.Images = append(r.Images, verify.Image{Image: fmt.Sprintf("i:%02d", i), Group: fmt.Sprintf("g%02d", i%10), Size: 1e6})
	}
	got := lines(byID(parse(t, writeHTML(t, r, verify.HTMLOptions{})), "weight"))
	if len(got) != 7+13 || got[6] != "the other 4 40 MB, 40 %" || got[19] != "the other 88 88 MB, 88 %" || got[7] != "i:00 1.0 MB, 1 %" {
		t.Errorf("the picture says %q", got)
	}
	none := &verify.Report{Images: []verify.Image{{Image: "a:1"}}}
	if section := byID(parse(t, writeHTML(t, none, verify.HTMLOptions{})), "weight"); section.FirstChild != nil {
		t.Errorf("a picture of nothing: %s", text(section))
	}
}

// lines are the entries of the legend and of the bars.
func lines(section *html.Node) []string {
	var all []string
	for _, n := range elements(section, "li") {
		all = append(all, text(n))
	}
	return all
}
