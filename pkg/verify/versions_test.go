package verify

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// What kubeadm pulls is asked for each version that a control plane is to have, wherever it is said; one that nobody knows
// is told.
func TestVersions(t *testing.T) {
	const (
		plane    = "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KubeadmControlPlane\nmetadata: {name: a}\nspec:\n  version: VERSION\n  kubeadmConfigSpec:\n    clusterConfiguration: {imageRepository: r.example/airgap/registry.k8s.io}\n"
		topology = "apiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\nmetadata: {name: a}\nspec:\n  topology:\n    class: c\n    version: VERSION\n"
		class    = "---\napiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: KubeadmControlPlaneTemplate\nmetadata: {name: t}\nspec:\n  template:\n    spec:\n      kubeadmConfigSpec:\n        clusterConfiguration: {imageRepository: r.example/airgap/registry.k8s.io}\n"
		nobody   = "nobody has said which version of Kubernetes this is"
	)
	for name, test := range map[string]struct {
		text, version string
		flags         []string
		values        map[string]string
		want          string // by whom images are asked for, and findings
	}{
		"of a control plane":               {text: plane, version: "v1.36.3", want: "kubeadm v1.36.3"},
		"of a control plane, with a value": {text: plane, version: "${V}", values: map[string]string{"V": "v1.36.3"}, want: "kubeadm v1.36.3"},
		"by default":                       {text: plane, version: "${V:=v1.36.3}", want: "kubeadm v1.36.3"},
		"hidden":                           {text: plane, version: "${V}", want: "in.yaml:5:12 " + nobody},
		"hidden, and a flag says it":       {text: plane, version: "${V}", flags: []string{"v1.36.3"}, want: "kubeadm v1.36.3"},
		"no version":                       {text: plane, version: "1.36", flags: []string{"v1.36.3"}, want: "in.yaml:5:12 1.36 is no version of Kubernetes kubeadm v1.36.3"},
		"of a class of kubeadm":            {text: topology + class, version: "v1.36.3", want: "kubeadm v1.36.3"},
		"of a class, hidden":               {text: topology + class, version: "${V}", want: "in.yaml:7:14 " + nobody},
		"of another class":                 {text: topology, version: "v1.36.3", want: ""},
		"of another class, hidden":         {text: topology, version: "${V}", want: ""},
		"repository that a variable hides": {text: strings.Replace(plane, "r.example/airgap/registry.k8s.io", "'${REPOSITORY}'", 1), version: "v1.36.3", want: ""},
		"of others":                        {text: plane, version: "v1.36.3+vmware.1", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			opts := ManifestsOptions{Fill: func(text string) string { return manifest.FillGiven(text, test.values) }}
			m := read(t, siteAt(t), opts, strings.Replace(test.text, "VERSION", test.version, 1))
			names := NamesOptions{Sandboxes: []kubernetes.Sandbox{{Image: image.Ref{Registry: "r.example", Repository: "airgap/pause", Tag: "v1"}, By: "sandbox"}}}
			for _, f := range test.flags {
				v, err := kubernetes.ParseVersion(f)
				if err != nil {
					t.Fatal(err)
				}
				names.Kubernetes = append(names.Kubernetes, v)
			}
			wanted, findings, err := m.Names(names)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				problem, _, _ := strings.Cut(f.Problem, ", and what")
				got = append(got, f.Place+" "+problem)
			}
			for _, w := range wanted {
				if w.By != "sandbox" && !strings.HasSuffix(strings.Join(got, " "), w.By) {
					got = append(got, w.By)
				}
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}
