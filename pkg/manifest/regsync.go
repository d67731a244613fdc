package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// syncEntry handles an entry of the list sync of regsync (github.com/regclient/regclient
// cmd/regsync): a whole repository or registry is no image, and the source of an entry of type
// image is one whatever it looks like. The rule for sync[].source does the rest.
func (w *walker) syncEntry(n *yamltree.Node) {
	if len(w.path) != 2 || w.path[0].facts == nil || w.path[0].facts.normal != "sync" || w.path[1].facts != nil {
		return
	}
	source := n.Get("source")
	if text := source.Follow(); text == nil || text.Kind != yamltree.Scalar || merged(n, "target") == nil {
		return
	}
	switch kind := merged(n, "type"); {
	case kind == nil || kind.Kind != yamltree.Scalar:
	case kind.Value == "repository" || kind.Value == "registry":
		w.take(source)
	case kind.Value == "image":
		w.syncSource(source)
	}
}

// syncSource records the source of an entry of type image, whatever it looks like. From
// one whose registry is a template, no reference can be read.
func (w *walker) syncSource(source *yamltree.Node) {
	p, ok := w.read(source.Follow())
	if !ok {
		if p.view.Text == nil || !strings.Contains(p.view.S, "{{") {
			return
		}
		p = spelling{view: p.view, templated: true, parts: []part{{View: p.view}}}
	}
	w.push(step{key: "source", facts: w.p.facts("source")})
	w.add(p, "image-list", FormList, Certain)
	w.pop()
	w.take(source)
}

// merged is the value of a key of n, or of what is merged into n (<<: *anchor).
func merged(n *yamltree.Node, key string) *yamltree.Node {
	if own := n.Get(key); own != nil {
		return own.Follow()
	}
	base := n.Get("<<").Follow()
	if base == nil {
		return nil
	}
	if base.Kind != yamltree.Sequence {
		return base.Get(key).Follow()
	}
	for _, kid := range base.Kids {
		if v := kid.Follow().Get(key); v != nil {
			return v.Follow()
		}
	}
	return nil
}
