package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// registryMap handles {REGISTRY: {images: {NAME: [TAG, …]}}}, the lists of skopeo sync
// and mindthegap.
func (w *walker) registryMap(n *node) {
	if len(w.path) > 0 {
		return
	}
	for i := 0; i+1 < len(n.kids); i += 2 {
		images := n.kids[i+1].follow().get("images").follow()
		if images == nil || images.kind != mappingNode {
			continue
		}
		host, _, _ := strings.Cut(n.kids[i].value, "/")
		if _, err := image.ParsePrefix(n.kids[i].value); err != nil || !isBareRegistry(host) {
			continue
		}
		w.push(step{key: n.kids[i].value, facts: w.p.facts(n.kids[i].value)})
		for j := 0; j+1 < len(images.kids); j += 2 {
			w.registryImage(n.kids[i], images.kids[j], images.kids[j+1].follow())
		}
		w.pop()
		w.take(n.kids[i+1])
	}
}

func (w *walker) registryImage(registry, name, tags *node) {
	w.push(step{key: name.value, facts: w.p.facts(name.value)})
	defer w.pop()
	if tags == nil || tags.kind != sequenceNode || len(tags.kids) == 0 {
		w.joined("registry-map", Likely, &fields{}, registry, name)
		return
	}
	for i, tag := range tags.kids {
		w.push(step{index: i})
		w.joined("registry-map", Certain, &fields{tag: tag.follow()}, registry, name)
		w.pop()
	}
}

// linesOfConfig handles a list of strings that together are the lines of a YAML file,
// as Tanzu's bills of materials hold kind's configuration.
func (w *walker) linesOfConfig(n *node) bool {
	lines := 0
	for _, kid := range n.kids {
		if kid.kind != scalarNode {
			return false
		}
		if _, _, ok := keyLine(view{s: kid.value}); ok && strings.Contains(kid.value, ": ") {
			lines++
		}
	}
	if lines < 3 || lines*2 < len(n.kids) {
		return false
	}
	for i, kid := range n.kids {
		w.push(step{index: i})
		if v, ok := open(w.t, kid); ok {
			w.scriptLine(v)
		}
		w.pop()
	}
	return true
}

// list handles a file with one reference per line, and says whether the text is one.
func (w *walker) list(v view) bool {
	var found []spelling
	for at := 0; at < len(v.s); {
		line, n := cutLine(v.s[at:])
		entry := trimView(uncomment(v.sub(at, at+len(line))))
		at += n
		if entry.s == "" || isComment(entry.s) {
			continue
		}
		first := wordEnd(entry.s, 0) // what else stands in the line is about the image
		p, ok := readReference(entry.sub(0, first))
		if !ok || !p.named() || first < len(entry.s) && !p.is(taggedReference) {
			return false
		}
		found = append(found, p)
	}
	rooted := 0
	for _, p := range found {
		if p.is(namedReference) {
			rooted++
		}
	}
	if rooted*2 <= len(found) {
		return false
	}
	for i, p := range found {
		w.push(step{index: i})
		w.add(p, "image-list", FormList, Certain)
		w.pop()
	}
	return len(found) > 0
}
