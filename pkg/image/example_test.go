package image_test

import (
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func ExampleParse() {
	r, err := image.Parse("nginx")
	fmt.Println(r, err)
	_, err = image.Parse("https://quay.io/nginx")
	fmt.Println(err)
	// Output:
	// docker.io/library/nginx:latest <nil>
	// image reference "https://quay.io/nginx": the registry is not HOST[:PORT]
}

func ExampleParsePrefix() {
	r, _ := image.ParsePrefix("kindest/")
	fmt.Println(r)
	// Output: docker.io/kindest
}

func ExampleMapping_Target() {
	rules := []image.Rule{{From: "quay.io/jetstack", To: "registry.example.com/cert-manager"}}
	m, _ := image.NewMapping("registry.example.com/airgap", image.LayoutHost, rules)
	for _, s := range []string{"registry.k8s.io/pause:3.10", "quay.io/jetstack/cert-manager-webhook:v1.18.2"} {
		r, _ := image.Parse(s)
		target, _ := m.Target(r)
		again, moves := m.Target(target)
		fmt.Println(target, again == target, moves)
	}
	// Output:
	// registry.example.com/airgap/registry.k8s.io/pause:3.10 true false
	// registry.example.com/cert-manager/cert-manager-webhook:v1.18.2 true false
}

func ExampleMapping_TargetPrefix() {
	rules := []image.Rule{{From: "quay.io/calico", To: "registry.example.com/cni"}}
	m, _ := image.NewMapping("registry.example.com/airgap", image.LayoutHost, rules)
	for _, s := range []string{"registry.k8s.io", "quay.io/"} {
		r, _ := image.ParsePrefix(s)
		target, moves := m.TargetPrefix(r)
		rule, conflict := m.PrefixConflict(r)
		fmt.Println(target, moves, rule.From, conflict)
	}
	// Output:
	// registry.example.com/airgap/registry.k8s.io true  false
	// quay.io false quay.io/calico true
}

func ExamplePairs() {
	m, _ := image.NewMapping("registry.example.com", image.LayoutName, nil)
	var refs []image.Ref
	for _, s := range []string{"quay.io/tigera/operator:v1", "ghcr.io/kyverno/operator:v1"} {
		r, _ := image.Parse(s)
		refs = append(refs, r)
	}
	_, err := image.Pairs(m, refs)
	fmt.Println(err)
	// Output:
	// registry.example.com/operator:v1: both ghcr.io/kyverno/operator:v1 and quay.io/tigera/operator:v1 go there; give one of them a place of its own with a rule, or use layout host
}
