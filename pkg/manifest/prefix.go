package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A prefixRule is a field that holds only the beginning of image names: its
// consumer adds the rest. It is rewritten, but names no image.
type prefixRule struct {
	name   string
	at     string // as in rule
	object string // as in rule
	adds   string // the one name that the consumer adds, "" if there are several
	// several says that coredns is among the names that are added.
	several bool
}

// dnsBeside is what an imageRepository says about coredns where dns has none of its own.
// Under most layouts that image goes elsewhere than the field can say: then the conflict
// of the two is the refusal that the user has to see.
func dnsBeside() prefixRule { return prefixRule{name: "kubeadm-dns", adds: "coredns"} }

// prefixRules lists the known consumers.
var prefixRules = []prefixRule{
	// kubeadm: cmd/kubeadm/app/images/images.go adds /coredns to the DNS repository, and
	// one element more where the repository is the upstream default.
	{"kubeadm", "dns.imageRepository", "", "coredns", false},
	{"kubeadm", "etcd.local.imageRepository", "", "etcd", false},
	{"kubeadm", "clusterConfiguration.imageRepository", "", "", true},
	{"kubeadm", "kubeadmConfigSpec.imageRepository", "", "", true},
	{"kubeadm", "imageRepository", "*/ClusterConfiguration", "", true},
	{"tkg-bom", "imageConfig.imageRepository", "", "", false}, // Tanzu bills of materials
	{"tkg-bom", "imageInfo.imageRepository", "", "", false},
	{"capd", "loadBalancer.imageRepository", "", "haproxy", false}, // DockerCluster
	{"k0s", "images.repository", "", "", false},
	{"byoh", "bundleRepo", "", "", false},      // K8sInstallerConfig
	{"lookup", "*baseRegistry", "", "", false}, // ByoCluster, TinkerbellCluster
	{"kamaji", "spec.registry", "*/KamajiControlPlane*", "", false},
	{"kamaji", "registrySettings.registry", "", "", false}, // TenantControlPlane
	{"kamaji", "coreDNS.imageRepository", "*/KamajiControlPlane*", "coredns", false},
	{"kamaji", "coreDNS.imageRepository", "*/TenantControlPlane", "coredns", false},
	{"kamaji", "kubeProxy.imageRepository", "*/KamajiControlPlane*", "kube-proxy", false},
	{"kamaji", "kubeProxy.imageRepository", "*/TenantControlPlane", "kube-proxy", false},
	{"base", "baseRepo", "", "", false},
	{"base", "repositoryPrefix", "", "", false},
	{"base", "defaultRegistry", "", "", false},
	{"base", "registry.address", "", "", false},
	{"base", "global.registry", "", "", false},
	{"base", "global.image.registry", "", "", false},
	{"base", "defaults.registry", "", "", false},
	{"tigera", "spec.registry", "operator.tigera.io/*", "", false},
	{"tigera", "installation.registry", "", "", false},
	{"tigera", "tigeraOperator.registry", "", "", false}, // where the chart's own image follows
	{"istio", "spec.hub", "install.istio.io/*", "", false},
	{"istio", "global.hub", "", "", false},
	{"image-registry", "*imageRegistry", "", "", false},
}

// A prefixMatcher is a prefixRule with its path taken apart.
type prefixMatcher struct {
	prefixRule
	matcher
}

func prefixMatchers() []prefixMatcher {
	list := make([]prefixMatcher, len(prefixRules))
	for i, r := range prefixRules {
		list[i] = prefixMatcher{r, compile(&rule{at: r.at, object: r.object})}
	}
	return list
}

// upstreamKubernetes are the repositories where kubeadm looks for coredns/coredns
// instead of coredns (cmd/kubeadm/app/images/images.go, GetDNSImage).
var upstreamKubernetes = map[string]bool{"registry.k8s.io": true, "k8s.gcr.io": true}

// prefixes records the prefixes among the fields of n.
func (w *walker) prefixes(n *yamltree.Node) {
	if len(w.path) == 0 {
		w.componentImages(n)
	}
	for i := 0; i+1 < len(n.Kids); i += 2 {
		facts := w.p.facts(n.Kids[i].Value)
		if len(facts.prefixes) == 0 || w.taken[n.Kids[i+1]] {
			continue
		}
		value := filled(n.Kids[i+1])
		if value == nil {
			continue
		}
		w.push(step{key: n.Kids[i].Value, facts: facts})
		if w.prefixField(n, value) {
			w.taken[n.Kids[i+1]] = true
		}
		w.pop()
	}
}

// prefixField records the value of the field where the walker stands as a prefix, if that is
// what the field holds. beside are the fields of the same object.
func (w *walker) prefixField(beside, value *yamltree.Node) bool {
	facts := w.path[len(w.path)-1].facts
	if facts == nil || len(facts.prefixes) == 0 {
		return false
	}
	r, ok := w.prefixRule(facts.prefixes)
	if !ok {
		return false
	}
	if !isPartOfWhole(beside, facts) && w.prefix(value, r) {
		if r.several && upstreamKubernetes[value.Value] && filled(beside.Get("dns").Follow().Get("imageRepository")) == nil {
			w.prefix(value, dnsBeside())
		}
		return true
	}
	if strings.Contains(value.Value, "${") {
		w.unread(value, r.name+"-prefix")
	}
	return false
}

// isPartOfWhole says that a registry is the beginning of the image beside it, as it may be
// where the chart of Tigera's operator gets values.
func isPartOfWhole(n *yamltree.Node, key *keyFacts) bool {
	return key.normal == "registry" && (filled(n.Get("image")) != nil || filled(n.Get("repository")) != nil)
}

func (w *walker) prefixRule(rules []prefixMatcher) (prefixRule, bool) {
	for _, r := range rules {
		if r.matchesObject(w.group, w.kind) && w.endsWith(r.steps) {
			return r.prefixRule, true
		}
	}
	return prefixRule{}, false
}

// prefix records the value as a prefix, if it is one.
func (w *walker) prefix(n *yamltree.Node, r prefixRule) bool {
	v, ok := yamltree.Open(w.t, n)
	if !ok {
		return false
	}
	return w.prefixView(trimView(v), r)
}

func (w *walker) prefixView(v yamltree.View, r prefixRule) bool {
	parts := nameParts(v)
	ref, ok := readPrefix(parts)
	if !ok {
		return false
	}
	if len(parts) == 1 {
		v = parts[0].View
	}
	if r.adds != "" {
		parts = append(parts, part{role: namePart, View: yamltree.View{S: r.adds}, fixed: true})
		ref.Repository = strings.TrimPrefix(ref.Repository+"/"+r.adds, "/")
		if upstreamKubernetes[ref.Registry] && r.adds == "coredns" && ref.Repository == "coredns" {
			ref.Repository = "coredns/coredns"
		}
	}
	written := v.S
	if r == dnsBeside() {
		written = ref.Name() // one field, two uses: say which
	}
	w.record(
		Use{Ref: ref, Written: written, Templated: len(variables(ref.Name())) > 0, Prefix: true, Implied: r.adds != "", parts: parts, at: v, joint: r.several || r == dnsBeside()},
		Origin{Form: FormSplit, Confidence: Certain, Rule: r.name + "-prefix"},
	)
	return true
}

// nameParts takes v, the name of an image or the beginning of one, apart: the default of a
// variable at its beginning, which can be respelled, and what stands behind that variable.
func nameParts(v yamltree.View) []part {
	end := 0
	if v.S != "" {
		end = yamltree.VariableEnd(v.S, 0)
	}
	from, to, ok := defaultOf(v.S[:end])
	switch {
	case !ok:
		return []part{{View: v, role: namePart}}
	case end == len(v.S):
		return []part{{View: v.Sub(from, to), role: namePart}}
	}
	return []part{{View: v.Sub(from, to), role: namePart}, {View: v.Sub(end, len(v.S)), role: namePart}}
}

// readPrefix reads the beginning of names that parts are, in which variables may stand
// behind the registry.
func readPrefix(parts []part) (image.Ref, bool) {
	s := parts[0].S
	if len(parts) > 1 {
		s += parts[1].S
	}
	ref, err := image.ParsePrefix(s)
	if err == nil {
		return ref, true
	}
	spans := variables(s)
	if len(spans) == 0 || !registryKnown(s, spans) {
		return image.Ref{}, false
	}
	if host, _, _ := strings.Cut(s, "/"); !strings.ContainsAny(host, ".:") {
		return image.Ref{}, false
	}
	if _, err := image.ParsePrefix(collapse(s, spans)); err != nil {
		return image.Ref{}, false
	}
	return templateRef(s, len(s), len(s), len(s)), true
}

// valuePrefix handles a prefix that is the value of a variable: its name tells.
func (w *walker) valuePrefix(name *keyFacts, value *yamltree.Node) bool {
	if !strings.HasSuffix(name.normal, "imagerepository") && !strings.HasSuffix(name.normal, "imageregistry") &&
		!strings.HasSuffix(name.normal, "baseregistry") && !w.defaultsToRegistry(name, value) {
		return false
	}
	return value.Value != "" && w.prefix(value, prefixRule{name: "variable"})
}

// defaultsToRegistry says that value is the registry which the field of that name has in an
// object that does not give one, as the schema of its kind says.
func (w *walker) defaultsToRegistry(name *keyFacts, value *yamltree.Node) bool {
	host, _, _ := strings.Cut(value.Value, "/")
	return w.kind == "CustomResourceDefinition" && strings.HasSuffix(name.normal, "registry") && strings.Contains(host, ".")
}

// componentImages handles the section images of clusterctl.yaml: for all components, or one,
// the repository that takes the place of all but the last element of their images' names
// (sigs.k8s.io/cluster-api cmd/clusterctl/client/config imageMeta).
func (w *walker) componentImages(n *yamltree.Node) {
	images := n.Get("images").Follow()
	if images == nil || images.Kind != yamltree.Mapping {
		return
	}
	for i := 0; i < len(images.Kids); i += 2 {
		if !isComponent(images.Kids[i].Value) {
			return
		}
	}
	for i := 0; i+1 < len(images.Kids); i += 2 {
		repository := images.Kids[i+1].Follow().Get("repository")
		if filled(repository) == nil {
			continue
		}
		w.push(step{key: "images", facts: w.p.facts("images")})
		w.push(step{key: images.Kids[i].Value, facts: w.p.facts(images.Kids[i].Value)})
		w.push(step{key: "repository", facts: w.p.facts("repository")})
		if w.prefix(repository.Follow(), prefixRule{name: "clusterctl"}) {
			w.take(images.Kids[i+1])
		}
		w.path = w.path[:len(w.path)-3]
	}
}

// isComponent says that clusterctl knows a component by that name, as a whole or one image
// of it: the manifest label of a provider, cert-manager, or all.
func isComponent(name string) bool {
	name, _, _ = strings.Cut(name, "/")
	switch name {
	case "all", "cluster-api", "cert-manager":
		return true
	}
	for _, label := range []string{"bootstrap-", "control-plane-", "infrastructure-", "ipam-", "runtime-extension-", "addon-"} {
		if strings.HasPrefix(name, label) {
			return true
		}
	}
	return false
}
