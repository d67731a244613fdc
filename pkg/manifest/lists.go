package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// registryMap handles {REGISTRY: {images: {NAME: [TAG, …]}}}, the lists of skopeo sync
// and mindthegap.
func (w *walker) registryMap(n *yamltree.Node) {
	if len(w.path) > 0 {
		return
	}
	for i := 0; i+1 < len(n.Kids); i += 2 {
		images := n.Kids[i+1].Follow().Get("images").Follow()
		if images == nil || images.Kind != yamltree.Mapping {
			continue
		}
		host, _, _ := strings.Cut(n.Kids[i].Value, "/")
		if _, err := image.ParsePrefix(n.Kids[i].Value); err != nil || !isBareRegistry(host) {
			continue
		}
		w.push(step{key: n.Kids[i].Value, facts: w.p.facts(n.Kids[i].Value)})
		for j := 0; j+1 < len(images.Kids); j += 2 {
			w.registryImage(n.Kids[i], images.Kids[j], images.Kids[j+1].Follow())
		}
		w.pop()
		w.take(n.Kids[i+1])
	}
}

func (w *walker) registryImage(registry, name, tags *yamltree.Node) {
	w.push(step{key: name.Value, facts: w.p.facts(name.Value)})
	defer w.pop()
	if tags == nil || tags.Kind != yamltree.Sequence || len(tags.Kids) == 0 {
		w.joined("registry-map", Likely, &fields{}, registry, name)
		return
	}
	for i, tag := range tags.Kids {
		w.push(step{index: i})
		w.joined("registry-map", Certain, &fields{tag: tag.Follow()}, registry, name)
		w.pop()
	}
}

// linesOfConfig handles a list of strings that together are the lines of a YAML file,
// as Tanzu's bills of materials hold kind's configuration.
func (w *walker) linesOfConfig(n *yamltree.Node) bool {
	lines := 0
	for _, kid := range n.Kids {
		if kid.Kind != yamltree.Scalar {
			return false
		}
		if _, _, ok := keyLine(yamltree.View{S: kid.Value}); ok && strings.Contains(kid.Value, ": ") {
			lines++
		}
	}
	if lines < 3 || lines*2 < len(n.Kids) {
		return false
	}
	for i, kid := range n.Kids {
		w.push(step{index: i})
		if v, ok := yamltree.Open(w.t, kid); ok {
			w.scriptLine(v)
		}
		w.pop()
	}
	return true
}

// list handles a file with one reference per line, and says whether the text is one.
func (w *walker) list(v yamltree.View) bool {
	first := len(w.p.found)
	if entries, rooted := w.listEntries(v); rooted*2 <= entries {
		w.p.found, w.found = w.p.found[:first], 0
		return false
	}
	return true
}

// listEntries records the entries of a list, and counts them and those of them that are
// surely references. It gives up, and says that there are none of these, at a line that
// is no entry.
func (w *walker) listEntries(v yamltree.View) (entries, rooted int) {
	for at := 0; at < len(v.S); {
		line, n := yamltree.CutLine(v.S[at:])
		entry := trimView(uncomment(v.Sub(at, at+len(line))))
		at += n
		if entry.S == "" || isComment(entry.S) {
			continue
		}
		first := yamltree.WordEnd(entry.S, 0) // what else stands in the line is about the image
		p, ok := readReference(entry.Sub(0, first))
		if !ok || !p.named() || first < len(entry.S) && !p.is(taggedReference) {
			return entries, 0
		}
		if p.is(namedReference) {
			rooted++
		}
		w.push(step{index: entries})
		w.add(p, "image-list", FormList, Certain)
		w.pop()
		entries++
	}
	return entries, rooted
}
