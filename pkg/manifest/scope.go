package manifest

import "strings"

// A scope is what is said once for all images below.
type scope struct {
	prefix   *node // what stands before names that have no registry of their own
	hub, tag *node // Istio
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
	{"defaults", "registry"}, // K8ssandra
	{"imageRegistry"},
	{"registry"},
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
func (w *walker) enterScope(n *node) func() {
	outer := w.scope
	for i := 0; i+1 < len(n.kids); i += 2 {
		if w.p.facts(n.kids[i].value).opensScope {
			w.scope.narrow(n)
			return func() { w.scope = outer }
		}
	}
	return func() {}
}

func (s *scope) narrow(n *node) {
	for _, keys := range scopeKeys {
		at := n
		for _, key := range keys {
			at = at.get(key).follow()
		}
		if at = filled(at); at != nil && !isURL(at.value) {
			s.prefix = at
			break
		}
	}
	for _, at := range []*node{n.get("global").follow(), n.get("spec").follow(), n} {
		if hub := filled(at.get("hub")); hub != nil {
			s.hub, s.tag = hub, filled(at.get("tag"))
			break
		}
	}
}

// filled is the scalar that n is, nil if it is empty, null or none.
func filled(n *node) *node {
	n = n.follow()
	if n == nil || n.kind != scalarNode || n.value == "" || n.style == plainStyle && isNull(n.value) {
		return nil
	}
	return n
}
