package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// carriedFor is an archive with images, NAME, or NAME for REFERENCE.
func carriedFor(t *testing.T, site Site, images ...string) *Carried {
	t.Helper()
	lock := &bundle.Lock{}
	for _, text := range images {
		name, written, ok := strings.Cut(text, " for ")
		locked := bundle.LockImage{Image: name, Digest: digest.FromString(name)}
		if ok {
			locked.StandsFor = []string{written}
		}
		lock.Images = append(lock.Images, locked)
	}
	c, err := NewCarried(lock, site.Mapping, bundle.PairsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a reference with variables stands for is known by their values, by what was carried for it, by a list or by a
// default, in this order; else it is told, once, with its places.
func TestOpen(t *testing.T) {
	const x = "r.example/airgap/quay.io/a/x"
	for name, test := range map[string]struct {
		image, more string
		carried     []string
		values      map[string]string
		want        string // the images that are looked for, or the finding
	}{
		"nobody":               {image: x + ":${TAG}", want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is"},
		"several places":       {image: x + ":${TAG}", more: "---\nimage: " + x + ":${TAG}\n", want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is; so at in.yaml:7:8"},
		"value":                {image: x + ":${TAG}", values: map[string]string{"TAG": "v2"}, want: x + ":v2"},
		"value of another":     {image: x + ":${TAG}", values: map[string]string{"TAGS": "v2"}, want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is"},
		"half of the values":   {image: x + ":${A}-${B}", values: map[string]string{"A": "v2"}, want: "in.yaml:5:25 " + x + ":${A}-${B}: nobody has said which image this is"},
		"value before default": {image: x + ":${TAG:=v1}", values: map[string]string{"TAG": "v2"}, want: x + ":v2"},
		"default":              {image: x + ":${TAG:=v1}", want: x + ":v1"},
		"value of the path":    {image: "r.example/airgap/quay.io/a/${NAME}:v1", values: map[string]string{"NAME": "x"}, want: x + ":v1"},
		"value of the registry": {
			image: "${REG}/quay.io/a/x:v1", values: map[string]string{"REG": "r.example/airgap"},
			want: x + ":v1",
		},
		"carried for it":          {image: x + ":${TAG}", carried: []string{"quay.io/a/x:v3 for quay.io/a/x:${TAG}"}, want: ""},
		"carried for its default": {image: x + ":${TAG:=v1}", carried: []string{"quay.io/a/x:v3 for quay.io/a/x:${TAG:=v0}"}, want: ""},
		"carried for another variable": {
			image: x + ":${TAG}", carried: []string{"quay.io/a/x:v3 for quay.io/a/x:${OTHER}"},
			want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is; for others there is v3",
		},
		"carried for another name": {
			image: x + ":${TAG}", carried: []string{"quay.io/a/y:v3 for quay.io/a/y:${TAG}"},
			want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is",
		},
		"carried for nothing": {
			image: x + ":${TAG}", carried: []string{"quay.io/a/x:v3"},
			want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is; for others there is v3",
		},
		"another manifest's": {
			image: x + ":${TAG}", more: "---\nimage: " + x + ":v4\n",
			want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is; for others there is v4",
		},
		"listed":         {image: x + ":${TAG}", more: "---\nimages:\n- " + x + ":v4\n", want: x + ":v4"},
		"listed another": {image: x + ":${TAG}", more: "---\nimages:\n- " + x + "y:v4\n", want: "in.yaml:5:25 " + x + ":${TAG}: nobody has said which image this is"},
		"placeholder":    {image: x + ":<tag>", want: "in.yaml:5:25 " + x + ":<tag>: nobody has said which image this is"},
	} {
		t.Run(name, func(t *testing.T) {
			site := siteAt(t)
			opts := ManifestsOptions{Fill: func(text string) string { return manifest.FillGiven(text, test.values) }}
			if test.carried != nil {
				site.Carried = carriedFor(t, site, test.carried...)
			}
			m := read(t, site, opts, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{image: \""+test.image+"\"}]\n"+test.more)
			var got []string
			for _, f := range m.Findings() {
				if f.Check != CheckManifestUnknown {
					t.Errorf("%s %s", f.Check, f.Problem)
				}
				got = append(got, f.Place+" "+f.Problem)
			}
			if len(got) == 0 {
				for _, w := range m.Wanted() {
					got = append(got, w.Source.String())
				}
			}
			if text := strings.Join(got, "\n"); text != test.want {
				t.Errorf("got\n%s\nwant\n%s", text, test.want)
			}
		})
	}
}

// The remedy names the variables, but not what is no variable.
func TestOpenRemedy(t *testing.T) {
	for written, want := range map[string]string{
		"r.example/airgap/x:${B}-${A}": "--variable A=VALUE --variable B=VALUE, or set A and B in clusterctl.yaml",
		"r.example/airgap/x:<tag>":     "write in its place what is meant",
	} {
		m := read(t, siteAt(t), ManifestsOptions{}, "image: "+written+"\n")
		found := m.Findings()
		if !slices.ContainsFunc(found, func(f Finding) bool { return strings.Contains(f.Remedy, want) }) {
			t.Errorf("%s: %+v", written, found)
		}
	}
}

// A variable that hides the registry stays one, whatever was carried for a variable of its name.
func TestOpenRegistry(t *testing.T) {
	site := siteAt(t)
	site.Carried = carriedFor(t, site, "quay.io/a/x:v1 for ${REG:=quay.io}/a/x:v1")
	m := read(t, site, ManifestsOptions{}, "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: \"${REG}/a/x:v1\"}]}\n")
	if got := checksOf(m.Findings()); got != CheckManifestVariable {
		t.Error(got)
	}
}
