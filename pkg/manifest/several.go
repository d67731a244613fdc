package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// severalImages handles a string that holds several references: "a:v1, b:v2", "x=a:v1;y=b:v2".
func (w *walker) severalImages(n *yamltree.Node, m matcher) bool {
	if !strings.ContainsAny(n.Value, ",; ") || strings.ContainsAny(n.Value, "\n{[") {
		return false
	}
	v, ok := yamltree.Open(w.t, n)
	if !ok {
		return false
	}
	var list []spelling
	for at := 0; at < len(v.S); {
		end := at + strings.IndexAny(v.S[at:]+";", ",; ")
		word := v.Sub(at, end)
		word = word.Sub(strings.LastIndexByte(word.S, '=')+1, len(word.S))
		if word.S != "" {
			p, ok := readReference(word)
			if !ok || !p.is(rootedReference) || !p.path || isCodeHost(p.ref.Registry) {
				return false
			}
			list = append(list, p)
		}
		at = end + 1
	}
	for _, p := range list {
		w.add(p, m.name, FormList, m.confidence)
	}
	return len(list) > 0
}
