package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// read gives what a collector says of one file.
func read(t *testing.T, site Site, o ManifestsOptions, text string) *Manifests {
	t.Helper()
	f, err := manifest.Parse("in.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := NewManifests(site, o)
	m.Add(f, "")
	return m
}

func siteAt(t *testing.T, rules ...image.Rule) Site {
	t.Helper()
	m, err := image.NewMapping("r.example/airgap", image.LayoutHost, rules)
	if err != nil {
		t.Fatal(err)
	}
	return Site{Target: "r.example/airgap", Mapping: m}
}

func checksOf(findings []Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Check)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestManifests(t *testing.T) {
	pod := func(account, image string) string {
		return "kind: Pod\napiVersion: v1\nmetadata: {name: p}\nspec:\n  " + account + "\n  containers: [{image: \"" + image + "\"}]\n"
	}
	const accounts = "---\nkind: ServiceAccount\napiVersion: v1\nmetadata: {name: NAME, namespace: NS}\nimagePullSecrets: [{name: s}]\n"
	account := func(name, namespace string) string {
		return strings.NewReplacer("NAME", name, "NS", namespace).Replace(accounts)
	}
	inShop := strings.Replace(pod("", "r.example/airgap/x:v1"), "{name: p}", "{name: p, namespace: shop}", 1)
	elsewhere := image.Rule{From: "quay.io/a/b", To: "r.example/elsewhere"}
	for name, test := range map[string]struct {
		opts  ManifestsOptions
		login bool // the registry wants one
		rules []image.Rule
		text  string
		want  string
	}{
		"what kustomize replaces":     {text: "kind: Kustomization\nimages:\n- {name: nginx, newName: r.example/airgap/nginx, newTag: v1}\n", want: ""},
		"unsure, taken":               {text: "kind: X\napiVersion: x/v1\nspec: {thing: a/b:v1}\n", want: "manifest-outside"},
		"unsure, left":                {opts: ManifestsOptions{Least: manifest.Likely}, text: "kind: X\napiVersion: x/v1\nspec: {thing: a/b:v1}\n", want: ""},
		"no account":                  {login: true, text: pod("", "r.example/airgap/x:v1"), want: "manifest-secret"},
		"default account":             {login: true, text: pod("", "r.example/airgap/x:v1") + account("default", "shop"), want: ""},
		"account of the namespace":    {login: true, text: inShop + account("default", "shop"), want: ""},
		"account of another one":      {login: true, text: inShop + account("default", "other"), want: "manifest-secret"},
		"another account":             {login: true, text: pod("serviceAccountName: a", "r.example/airgap/x:v1") + account("default", "shop"), want: "manifest-secret"},
		"rule for a part of a prefix": {rules: []image.Rule{elsewhere}, text: "kind: ClusterConfiguration\nimageRepository: quay.io/a\n", want: "manifest-prefix"},
		"rule that leaves it":         {rules: []image.Rule{{From: "quay.io/a", To: "quay.io/a"}}, text: pod("", "quay.io/a/x:v1"), want: ""},
		"latest by no tag":            {text: pod("", "r.example/airgap/x"), want: "manifest-latest"},
		"latest with a digest":        {text: pod("", "r.example/airgap/x:latest@sha256:"+strings.Repeat("1", 64)), want: ""},
		"chart that knows its tag":    {text: "image:\n  repository: r.example/airgap/quay.io/a/x\n", want: ""},
		"chart of an empty tag":       {text: "image:\n  repository: r.example/airgap/quay.io/a/x\n  tag: \"\"\n", want: ""},
		"chart in a ConfigMap":        {text: "kind: ConfigMap\napiVersion: v1\ndata:\n  values.yaml: |\n    image:\n      repository: r.example/airgap/quay.io/a/x\n", want: ""},
		"chart of latest":             {text: "image:\n  repository: r.example/airgap/quay.io/a/x\n  tag: latest\n", want: "manifest-latest"},
		"chart from elsewhere":        {text: "image:\n  repository: quay.io/a/x\n", want: "manifest-outside"},
		"registry of names":           {text: "cni: {name: x, repository: r.example/airgap/quay.io}\n", want: ""},
		"tag in a variable":           {text: pod("", "r.example/airgap/x:${TAG}"), want: "manifest-unknown"},
		"registry in a variable":      {text: pod("", "${REGISTRY}/x:v1"), want: "manifest-variable"},
		"nothing but a variable":      {text: pod("", "${IMAGE}"), want: "manifest-variable"},
		"always where a registry is":  {text: strings.Replace(pod("", "r.example/airgap/x:v1"), "}]", ", imagePullPolicy: Always}]", 1), want: ""},
		"latest is told once":         {opts: ManifestsOptions{SideLoaded: true}, text: pod("", "r.example/airgap/x"), want: "manifest-always"},
		"latest, if not present":      {opts: ManifestsOptions{SideLoaded: true}, text: strings.Replace(pod("", "r.example/airgap/x"), "}]", ", imagePullPolicy: IfNotPresent}]", 1), want: "manifest-latest"},
		"registry of the same prefix": {text: pod("", "r.example/airgap2/x:v1"), want: "manifest-outside"},
	} {
		m := read(t, siteAt(t, test.rules...), test.opts, test.text)
		findings := m.Findings()
		if test.login {
			findings = append(findings, m.Secrets()...)
		}
		if got := checksOf(findings); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Which version an operator has is not known from a digest, and is not guessed.
func TestNamesOfOperatorByDigest(t *testing.T) {
	text := "kind: Pod\napiVersion: v1\nspec:\n  containers: [{image: \"r.example/airgap/quay.io/jetstack/cert-manager-controller@sha256:" + strings.Repeat("1", 64) + "\"}]\n"
	m := read(t, siteAt(t), ManifestsOptions{}, text)
	wanted, findings, err := m.Names(NamesOptions{})
	if err != nil || len(wanted) != 0 || checksOf(findings) != CheckNameUnknown {
		t.Errorf("%v, %v, %v", wanted, findings, err)
	}
}

// What somebody carried is on the site though no manifest names it.
func TestNamesCarried(t *testing.T) {
	m := read(t, siteAt(t), ManifestsOptions{}, "kind: Pod\napiVersion: v1\nspec:\n  containers: [{image: \"r.example/airgap/quay.io/tigera/operator:v1\"}]\n")
	node, _ := image.Parse("docker.io/calico/node:v3")
	for want, carried := range map[string][]image.Ref{"": {node}, CheckNameUnknown: nil} {
		if _, findings, err := m.Names(NamesOptions{Carried: carried}); err != nil || checksOf(findings) != want {
			t.Errorf("%v, %v, want %q", findings, err, want)
		}
	}
}

// An operator in a list of images runs nothing.
func TestNamesOfListedOperator(t *testing.T) {
	m := read(t, siteAt(t), ManifestsOptions{}, "images:\n- r.example/airgap/quay.io/tigera/operator:v1\n")
	if _, findings, err := m.Names(NamesOptions{}); err != nil || len(findings) != 0 || len(m.Wanted()) != 1 {
		t.Errorf("%v, %v, %v", findings, m.Wanted(), err)
	}
}

// An image that a manifest names is that, whoever else asks for it.
func TestMerge(t *testing.T) {
	r, _ := image.Parse("r.example/x:v1")
	p := image.Pair{Source: r, Target: r}
	for _, all := range [][]Wanted{
		{{Pair: p, By: "kubeadm", Uses: []string{"kubeadm"}}, {Pair: p, Uses: []string{"a.yaml:10:1"}, Group: "cni"}},
		{{Pair: p, Uses: []string{"a.yaml:10:1"}, Group: "cni"}, {Pair: p, By: "kubeadm", Uses: []string{"kubeadm"}}},
	} {
		got := Merge(all[:1], all[1:])
		if len(got) != 1 || got[0].By != "" || got[0].Group != "cni" || fmt.Sprint(got[0].Uses) != "[a.yaml:10:1 kubeadm]" {
			t.Errorf("%+v", got)
		}
		if pairs := Pairs(slices.Concat(all, all)); len(pairs) != 1 {
			t.Errorf("%v", pairs)
		}
	}
}

// Files may come in any order and at once: what is known in the end is the same.
func TestManifestsTogether(t *testing.T) {
	var want string
	for range 3 {
		m := NewManifests(siteAt(t), ManifestsOptions{})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				text := fmt.Sprintf("kind: Pod\napiVersion: v1\nspec:\n  containers: [{image: \"r.example/airgap/x:v%d\"}, {image: \"y:v%d\"}]\n", i%7, i)
				f, err := manifest.Parse(fmt.Sprintf("%d.yaml", i), []byte(text))
				if err != nil {
					t.Error(err)
					return
				}
				m.Add(f, fmt.Sprintf("g%d", i%3))
			})
		}
		group.Wait()
		all := append(m.Findings(), m.Secrets()...)
		got := fmt.Sprintf("%+v %+v", NewReport("", all, Images(m.Wanted())), m.Wanted())
		if want == "" {
			want = got
		}
		if got != want || len(all) != 51 || len(m.Wanted()) != 7 {
			t.Fatalf("%d findings, %d images; the same: %v", len(m.Findings()), len(m.Wanted()), got == want)
		}
	}
}

// cutOff is a registry whose blobs are shorter than their manifests say.
type cutOff struct{ *registry.Remote }

func (c cutOff) HasBlob(_ context.Context, ref image.Ref, desc registry.Descriptor) (bool, error) {
	return false, &registry.SizeError{Repository: ref.Name(), Digest: desc.Digest, Has: 1, Want: desc.Size}
}

// A blob of another size is a damaged image, no registry that cannot be reached.
func TestRegistryCutOff(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	wanted := many(t, s, 1)
	h, err := Registry(t.Context(), Site{}, wanted, cutOff{remote(t, registry.RemoteOptions{})}, RegistryOptions{})
	if err != nil || checksOf(h.Findings) != CheckRegistryBlob || !strings.Contains(h.Findings[0].Problem, "with 1 bytes") {
		t.Errorf("%+v, %v", h.Findings, err)
	}
}

// Nothing that comes from a file or a registry steers a terminal.
func TestOneLine(t *testing.T) {
	if got := oneLine("a\x1bb\u009bc\nd\x7fe"); got != "a b c d e" {
		t.Errorf("%q", got)
	}
}
