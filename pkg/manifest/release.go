package manifest

import "github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

// release handles a release of Helm (helm.sh/helm pkg/release/v1), which Helm keeps in a
// Secret or a ConfigMap as base64 of gzip: its manifest, its hooks, and the values that its
// user gave say what runs. Of the chart only the default values are walked, as a release
// need not use them; its templates are no manifests yet, and its files are anything.
func (w *walker) release(n *yamltree.Node) bool {
	chart := n.Get("chart").Follow()
	if n.Get("manifest") == nil || n.Get("info") == nil || chart.Get("metadata") == nil {
		return false
	}
	for i := 0; i+1 < len(n.Kids); i += 2 {
		key := n.Kids[i].Value
		w.push(step{key: key, facts: w.p.facts(key)})
		switch key {
		case "manifest", "hooks", "config":
			w.walk(n.Kids[i+1])
		case "chart":
			w.defaults(chart.Get("values"))
		}
		w.pop()
	}
	return true
}

// defaults walks the default values of a chart.
func (w *walker) defaults(values *yamltree.Node) {
	before := w.unsure
	w.unsure = true
	w.push(step{key: "values", facts: w.p.facts("values")})
	w.walk(values)
	w.pop()
	w.unsure = before
}
