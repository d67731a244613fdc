package nodes

import (
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A ClusterClass gives its templates another list of files by a patch: what stands in the
// list of the template is gone then. Behind such a patch the files are added again, each
// by a patch of its own, so that they are there whether the first one is enabled or not.

// A definition is the JSON patches of a ClusterClass for the templates of one kind.
type definition struct {
	group, kind string
	base        string    // the JSON pointer to their specification, with / at its end
	lists       []list    // what is written into them
	key         *yamlNode // jsonPatches, and its value
	patches     *yamlNode
	restored    bool // what its patches replace is there again behind them
}

// definitions are those of a ClusterClass.
func (p *patcher) definitions(root *yamlNode) []definition {
	var all []definition
	for _, patch := range items(root.Get("spec").Get("patches")) {
		for _, n := range items(patch.Get("definitions")) {
			selector := n.Follow().Get("selector").Follow()
			group, version, _ := strings.Cut(selector.Str("apiVersion"), "/")
			c := definition{group: group, kind: selector.Str("kind"), key: keyOf(n, "jsonPatches"), patches: n.Get("jsonPatches")}
			if i := slices.IndexFunc(objectKinds, func(k objectKind) bool { return k.group == group && k.kind == c.kind }); i >= 0 {
				c.base = "/" + strings.Join(objectKinds[i].spec, "/") + "/"
				c.lists = p.classLists(objectKinds[i], version)
			}
			all = append(all, c)
		}
	}
	return all
}

// classLists are the lists that the templates of a kind have: those of the file, or else
// of another one. Where templates here could not be written to, there are none.
func (p *patcher) classLists(kind objectKind, version string) []list {
	for _, w := range p.wrote {
		if w.kind.kind == kind.kind && w.kind.group == kind.group {
			return w.lists
		}
	}
	if slices.ContainsFunc(p.Findings, func(f Finding) bool { return strings.HasPrefix(f.Object+" ", kind.kind+" ") }) {
		return nil
	}
	nothing := &yamlNode{Kind: yamltree.Mapping, Pos: -1}
	r, err := kind.render(p.mirror, object{version: version, kind: kind.kind, root: nothing, spec: nothing}, p.opts)
	if err != nil {
		return nil // it depends on the template
	}
	return r.lists
}

// replaced is the list in whose place a patch puts another one, nil if it does not.
func (c *definition) replaced(json *yamlNode) *list {
	if op := json.Str("op"); op != "add" && op != "replace" {
		return nil
	}
	for i := range c.lists {
		if json.Str("path") == c.base+c.lists[i].key {
			return &c.lists[i]
		}
	}
	return nil
}

// again are the patches that add the entries of l one by one.
func (c *definition) again(l *list) list {
	path := c.base + l.key + "/-"
	patches := list{key: "jsonPatches", owner: func(n *yamlNode) owner {
		if n.Str("op") == "add" && n.Str("path") == path && n.Get("value") != nil && l.owner(n.Get("value").Follow()) == ours {
			return ours
		}
		return theirs
	}}
	for _, entry := range l.items {
		patches.items = append(patches.items, item("op: add\npath: "+path+"\n"+valueOf(entry)))
	}
	return patches
}

// valueOf is an entry of a list as the key value of a patch.
func valueOf(entry item) string {
	roots, err := yamltree.Parse(&yamltree.Text{S: string(entry)}, yamltree.Chunk{From: 0, To: len(entry)})
	if err != nil || len(roots) != 1 || roots[0].Kind != yamltree.Mapping {
		return "value: " + string(entry)
	}
	var b strings.Builder
	b.WriteString("value:\n")
	for line := range strings.Lines(string(entry)) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// isOurs says that an earlier run wrote a patch.
func (c *definition) isOurs(json *yamlNode) bool {
	return slices.ContainsFunc(c.lists, func(l list) bool {
		patches := c.again(&l)
		return patches.owner(json.Follow()) == ours
	})
}

// restore gives the document t with the definitions of object i changed so that what
// they replace is added again. Definitions that cannot be changed stay as they are.
func restore(t *yamltree.Text, objects []*yamlNode, i int, definitions []definition) string {
	if controlLine(t) >= 0 {
		return t.S
	}
	for gap := behindLast; gap < beforeFirst; gap++ {
		e := editor{t: t, m: t.Structure(), gap: gap}
		for k := range definitions {
			definitions[k].restored = e.restore(&definitions[k])
		}
		if out := e.splice(); isRestored(objects, out, i, definitions) {
			return out
		}
	}
	for k := range definitions {
		definitions[k].restored = false
	}
	return t.S
}

// restore makes the changes after which each patch of a definition that replaces a list
// is followed by ours. It is false if there is none, or if lines cannot be inserted.
func (e *editor) restore(c *definition) bool {
	if c.key == nil || c.patches.Kind != yamltree.Sequence || !slices.ContainsFunc(c.patches.Kids, c.concerns) {
		return false
	}
	indent, starts := e.dashes(c.key)
	if len(starts) != len(c.patches.Kids) {
		return false
	}
	if c.isRight() {
		return true
	}
	for k, json := range c.patches.Kids {
		if c.isOurs(json) {
			e.change(starts[k], e.itemEnd(starts[k], indent), "")
		}
		if l := c.replaced(json); l != nil {
			at := e.itemEnd(starts[k], indent)
			if e.gap == behindBlanks {
				at = e.blanks(at)
			}
			e.change(at, at, c.again(l).lines(strings.Repeat(" ", indent)))
		}
	}
	return true
}

// concerns says that a patch replaces a list, or is ours.
func (c *definition) concerns(json *yamlNode) bool { return c.replaced(json) != nil || c.isOurs(json) }

// isRight says that each patch that replaces a list is followed by ours, and that there
// is none of ours elsewhere.
func (c *definition) isRight() bool {
	kids := c.patches.Kids
	for k := 0; k < len(kids); k++ {
		if c.isOurs(kids[k]) {
			return false
		}
		l := c.replaced(kids[k])
		if l == nil {
			continue
		}
		patches, mine := c.again(l), []int{}
		for range patches.items {
			k++
			mine = append(mine, k)
		}
		if k >= len(kids) || !patches.same(c.patches, mine) {
			return false
		}
	}
	return true
}

// isRestored says whether out is the document that it was but for our patches, and
// whether they are where they have to be.
func isRestored(before []*yamlNode, out string, i int, definitions []definition) bool {
	after, _, err := parseObjects(out)
	if err != nil || len(after) != len(before) {
		return false
	}
	theirs := func(n *yamlNode) *yamlNode {
		return without(n, func(json *yamlNode) bool {
			return slices.ContainsFunc(definitions, func(c definition) bool { return c.isOurs(json) })
		})
	}
	for k := range before {
		if k != i && !same(before[k], after[k]) || k == i && !same(theirs(before[k]), theirs(after[k])) {
			return false
		}
	}
	k := 0
	for _, patch := range items(after[i].Get("spec").Get("patches")) {
		for _, n := range items(patch.Get("definitions")) {
			c := definitions[k]
			if c.patches = n.Get("jsonPatches"); c.restored && !c.isRight() {
				return false
			}
			k++
		}
	}
	return k == len(definitions)
}

// without is n without the items of sequences that are to be left out.
func without(n *yamlNode, out func(*yamlNode) bool) *yamlNode {
	if n == nil || len(n.Kids) == 0 {
		return n
	}
	left := *n
	left.Kids = nil
	for _, kid := range n.Kids {
		if n.Kind != yamltree.Sequence || !out(kid) {
			left.Kids = append(left.Kids, without(kid, out))
		}
	}
	return &left
}
