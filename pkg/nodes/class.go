package nodes

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A written is what was written into an object of a kind.
type written struct {
	kind objectKind
	rendering
}

// pointers are JSON pointers to what was written, and what to do where a patch writes there.
func (w written) pointers() map[string]string {
	base := "/" + strings.Join(w.kind.spec, "/") + "/"
	all := map[string]string{}
	for _, l := range w.lists {
		all[base+l.key] = "put it there as well, or let the patch add to the list (…/" + l.key + "/-)"
	}
	for _, s := range w.settings {
		all[base+strings.Join(s.keys, "/")] = "give it the value " + s.value + " there"
	}
	return all
}

// A classPatch is a JSON patch of a ClusterClass.
type classPatch struct {
	Finding
	group, kind, op, path string
	empty                 bool // it puts an empty list there, for later patches to add to
}

// classes makes the patches of the ClusterClasses in d leave what was written into their
// templates, where lines can be added for that, and collects the others.
func (p *patcher) classes(d *document) error {
	if !strings.Contains(d.out, "ClusterClass") {
		return nil
	}
	n, err := objectsIn(d.out)
	if err != nil {
		return p.syntax(err, d.from)
	}
	for i := range n {
		objects, t, err := parseObjects(d.out)
		if err != nil {
			return p.syntax(err, d.from)
		}
		if objects[i].Str("kind") != "ClusterClass" {
			continue
		}
		definitions := p.definitions(objects[i])
		out := restore(t, objects, i, definitions)
		p.collect(d, objects[i].Get("metadata").Str("name"), definitions)
		if slices.ContainsFunc(definitions, func(c definition) bool { return c.restored }) {
			p.Objects++
		}
		if out != d.out {
			p.Changed++
			d.out = out
		}
	}
	return nil
}

// collect notes the patches of a ClusterClass that take something away for good.
func (p *patcher) collect(d *document, name string, definitions []definition) {
	for _, c := range definitions {
		for _, json := range items(c.patches) {
			if c.restored && c.replaced(json) != nil {
				continue
			}
			line, column := yamltree.LineColumn(p.src, d.place(json.Get("path")))
			at := Finding{File: p.Name, Line: line, Column: column, Object: "ClusterClass " + name}
			p.patches = append(p.patches, classPatch{
				at, c.group, c.kind, json.Str("op"), json.Str("path"), isEmptyList(json.Get("value")),
			})
		}
	}
}

func isEmptyList(n *yamlNode) bool {
	return n != nil && n.Kind == yamltree.Sequence && len(n.Kids) == 0
}

func items(n *yamlNode) []*yamlNode {
	if n = n.Follow(); n == nil || n.Kind != yamltree.Sequence {
		return nil
	}
	return n.Kids
}

// Overwritten finds the patches of ClusterClasses that take away what was written into
// templates, in all of the files: those whose path leads to it, or to something around it,
// and behind which it could not be added again.
func Overwritten(all []*Patched) []Finding {
	var findings []Finding
	for _, file := range all {
		for _, patch := range file.patches {
			for _, other := range all {
				if pointer, advice := other.overwrittenBy(patch); pointer != "" {
					if patch.empty && patch.path == pointer {
						advice = "remove this patch, as the list is there now"
					}
					f := patch.Finding
					f.Reason = patch.op + " " + patch.path + " takes away " + pointer + " of " + patch.kind + ": " + advice
					findings = append(findings, f)
					break
				}
			}
		}
	}
	return findings
}

// overwrittenBy is the pointer to what the patch takes away, empty if it takes nothing,
// and what to do about it.
func (p *Patched) overwrittenBy(patch classPatch) (pointer, advice string) {
	for _, w := range p.wrote {
		if w.kind.kind != patch.kind || w.kind.group != patch.group {
			continue
		}
		pointers := w.pointers()
		for _, pointer := range slices.Sorted(maps.Keys(pointers)) {
			if pointer == patch.path || strings.HasPrefix(pointer, patch.path+"/") {
				return pointer, pointers[pointer]
			}
		}
	}
	return "", ""
}
