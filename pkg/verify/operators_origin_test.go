package verify

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// An operator is known by the name that it was carried by, where its name on the site leaves out what tells.
func TestOperatorOfShortName(t *testing.T) {
	m, err := image.NewMapping("r.example/airgap", image.LayoutName, nil)
	if err != nil {
		t.Fatal(err)
	}
	site := Site{Target: "r.example/airgap", Mapping: m}
	for name, test := range map[string]struct {
		carried []string
		want    string
	}{
		"operator alone":        {[]string{"quay.io/tigera/operator:v1.40.0"}, CheckNameUnknown},
		"with what it starts":   {[]string{"quay.io/tigera/operator:v1.40.0", "quay.io/calico/node:v3.31.7"}, ""},
		"another operator":      {[]string{"quay.io/acme/operator:v1.40.0"}, ""},
		"nobody knows which it": {nil, ""},
	} {
		lock := &bundle.Lock{}
		opts := NamesOptions{}
		for _, image := range test.carried {
			lock.Images = append(lock.Images, bundle.LockImage{Image: image, Digest: digest.FromString(image)})
			opts.Carried = append(opts.Carried, parse(t, image))
		}
		carried, err := NewCarried(lock, m, bundle.PairsOptions{})
		if err != nil {
			t.Fatal(err)
		}
		site.Carried = carried
		c := read(t, site, ManifestsOptions{}, "kind: Pod\napiVersion: v1\nspec:\n  containers: [{image: \"r.example/airgap/operator:v1.40.0\"}]\n")
		_, findings, err := c.Names(opts)
		if got := checksOf(findings); err != nil || got != test.want {
			t.Errorf("%s: %q, want %q; %v", name, got, test.want, err)
		}
	}
}

func parse(t *testing.T, name string) image.Ref {
	t.Helper()
	ref, err := image.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
