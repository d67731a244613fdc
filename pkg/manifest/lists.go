package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// registryMap handles {REGISTRY: {images: {NAME: [TAG, …]}}}, the lists of skopeo sync
// and mindthegap. A REGISTRY that has neither dot nor port is a namespace of Docker Hub, as
// skopeo reads it; that it is one, only the rest of the list can say.
func (w *walker) registryMap(n *yamltree.Node) {
	if len(w.path) > 0 {
		return
	}
	namespaces := isSyncList(n)
	for i := 0; i+1 < len(n.Kids); i += 2 {
		images := n.Kids[i+1].Follow().Get("images").Follow()
		if images == nil || images.Kind != yamltree.Mapping {
			continue
		}
		if _, err := image.ParsePrefix(n.Kids[i].Value); err != nil || !isOfRegistry(n.Kids[i].Value) && !namespaces {
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

// tagList handles {Repository: NAME, Tags: [TAG, …]}, what skopeo list-tags prints, and says
// whether the document is that.
func (w *walker) tagList(n *yamltree.Node) bool {
	name, tags := n.Get("Repository").Follow(), n.Get("Tags").Follow()
	if len(n.Kids) != 4 || name == nil || tags == nil || tags.Kind != yamltree.Sequence {
		return false
	}
	w.push(step{key: "Tags", facts: w.p.facts("Tags")})
	for i, tag := range tags.Kids {
		w.push(step{index: i})
		w.joined("tag-list", Certain, &fields{tag: tag.Follow()}, name)
		w.pop()
	}
	w.pop()
	return true
}

// isOfRegistry says that s begins with what is surely a registry.
func isOfRegistry(s string) bool {
	host, _, _ := strings.Cut(s, "/")
	return isBareRegistry(host)
}

// isSyncList says that a document can hardly be anything but a list of skopeo sync: what
// stands below its keys has no other key than skopeo knows (skopeo-sync(1), "YAML file
// content"), and a registry among the keys, or what only skopeo says of one, gives it away.
func isSyncList(n *yamltree.Node) bool {
	sure := false
	for i := 0; i+1 < len(n.Kids); i += 2 {
		about := n.Kids[i+1].Follow()
		if about == nil || about.Kind != yamltree.Mapping {
			return false
		}
		for j := 0; j+1 < len(about.Kids); j += 2 {
			switch about.Kids[j].Value {
			case "images":
				sure = sure || isOfRegistry(n.Kids[i].Value)
			case "images-by-tag-regex", "images-by-semver", "tls-verify", "cert-dir":
				sure = true
			case "credentials":
			default:
				return false
			}
		}
	}
	return sure
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
