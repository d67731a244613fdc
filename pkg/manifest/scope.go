package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A scope is what is said once for all images below.
type scope struct {
	prefix   *yamltree.Node // what stands before names that have no registry of their own
	hub, tag *yamltree.Node // Istio
}

// scopeKeys are where, seen from a mapping, the prefix of all names in and below it may
// stand. The first that says something wins.
var scopeKeys = [][]string{
	{"imageConfig", "imageRepository"}, // Tanzu bills of materials
	{"imageInfo", "imageRepository"},
	{"baseRepo"}, // CSI charts of Azure
	{"repositoryPrefix"},
	{"defaultRegistry"}, // Linkerd
	{"registry", "address"},
	{"global", "registry", "address"}, // Kube-OVN
	{"global", "imageRegistry"},       // Bitnami
	{"global", "registry"},
	{"global", "image", "registry"}, // ingress-nginx
	{"images", "registry"},
	{"defaults", "registry"}, // K8ssandra
	{"imageRegistry"},
	{"registry"},
	{"base"},
}

// opensScope says that a key may begin one of scopeKeys, or Istio's.
func opensScope(normal string) bool {
	if normal == "hub" || normal == "global" || normal == "spec" {
		return true
	}
	for _, keys := range scopeKeys {
		if strings.EqualFold(keys[0], normal) {
			return true
		}
	}
	return false
}

// enterScope notes what n says for all images in it, and gives the way back.
func (w *walker) enterScope(n *yamltree.Node) func() {
	outer := w.scope
	for i := 0; i+1 < len(n.Kids); i += 2 {
		if w.p.facts(n.Kids[i].Value).opensScope {
			w.scope.narrow(n)
			return func() { w.scope = outer }
		}
	}
	return func() {}
}

func (s *scope) narrow(n *yamltree.Node) {
	for _, keys := range scopeKeys {
		at := n
		for _, key := range keys {
			at = at.Get(key).Follow()
		}
		if at = filled(at); at != nil && !isURL(at.Value) && (keys[0] != "base" || startsWithHost(at.Value)) {
			s.prefix = at
			break
		}
	}
	for _, at := range []*yamltree.Node{n.Get("global").Follow(), n.Get("spec").Follow(), n} {
		if hub := filled(at.Get("hub")); hub != nil {
			s.hub, s.tag = hub, filled(at.Get("tag"))
			break
		}
	}
}

// filled is the scalar that n is, nil if it is empty, null or none.
func filled(n *yamltree.Node) *yamltree.Node {
	n = n.Follow()
	if n == nil || n.Kind != yamltree.Scalar || n.Value == "" || n.Style == yamltree.Plain && isNull(n.Value) {
		return nil
	}
	return n
}
