package nodes

import (
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// proved says whether out is the document that it was — the objects before, read anew —
// but for what r wants at the path of object i.
func (r rendering) proved(before []*yamlNode, out string, i int, path []string) bool {
	after, _, err := parseObjects(out)
	if err != nil || len(after) != len(before) {
		return false
	}
	want := r.want()
	for _, key := range slices.Backward(path) {
		want = &wanted{below: map[string]*wanted{key: want}}
	}
	for k := range before {
		if k == i && !want.same(before[k], after[k]) || k != i && !same(before[k], after[k]) {
			return false
		}
	}
	return true
}

// A wanted is what may be different in a tree, and how it has to be then.
type wanted struct {
	below map[string]*wanted // of a mapping, by key; all else in it stays
	list  *list
	value string
}

func (r rendering) want() *wanted {
	w := &wanted{below: map[string]*wanted{}}
	for i := range r.lists {
		w.below[r.lists[i].key] = &wanted{list: &r.lists[i]}
	}
	for _, s := range r.settings {
		at := w
		for _, key := range s.keys {
			if at.below[key] == nil {
				at.below[key] = &wanted{below: map[string]*wanted{}}
			}
			at = at.below[key]
		}
		at.value = s.value
	}
	return w
}

// same says whether b is a as it is wanted. a may be nil: then b is new.
func (w *wanted) same(a, b *yamlNode) bool {
	switch {
	case b == nil:
		return false
	case w.list != nil:
		return w.list.grew(a, b)
	case w.value != "":
		return b.Kind == yamltree.Scalar && b.Value == w.value
	case b.Kind != yamltree.Mapping:
		return false
	}
	if a == nil || a.Kind != yamltree.Mapping {
		a = &yamlNode{}
	}
	i, seen := 0, 0
	for k := 0; k < len(b.Kids); k += 2 {
		key := b.Kids[k].Value
		if inner := w.below[key]; inner != nil {
			seen++
			if !inner.same(a.Get(key), b.Kids[k+1]) {
				return false
			}
			continue
		}
		i = w.next(a, i)
		if i >= len(a.Kids) || !same(a.Kids[i], b.Kids[k]) || !same(a.Kids[i+1], b.Kids[k+1]) {
			return false
		}
		i += 2
	}
	return seen == len(w.below) && w.next(a, i) >= len(a.Kids)
}

// next is the first key of a from i on that has to stay as it is.
func (w *wanted) next(a *yamlNode, i int) int {
	for i < len(a.Kids) && w.below[a.Kids[i].Value] != nil {
		i += 2
	}
	return i
}

// same says whether two trees are equal; where they stand does not matter.
func same(a, b *yamlNode) bool {
	if a == nil || b == nil || a.Kind != b.Kind || a.Style != b.Style || a.Value != b.Value {
		return a == b
	}
	return slices.EqualFunc(a.Kids, b.Kids, same)
}

// grew says whether b is the list a with the entries of l instead of older ones.
func (l list) grew(a, b *yamlNode) bool {
	var old []*yamlNode
	if a != nil && a.Kind == yamltree.Sequence {
		old = a.Kids
	}
	foreign := func(kids []*yamlNode) []*yamlNode {
		return slices.DeleteFunc(slices.Clone(kids), func(n *yamlNode) bool { return l.owner(n.Follow()) == ours })
	}
	var mine []int
	for i, kid := range b.Kids {
		if l.owner(kid.Follow()) == ours {
			mine = append(mine, i)
		}
	}
	return b.Kind == yamltree.Sequence && slices.EqualFunc(foreign(old), foreign(b.Kids), same) && l.same(b, mine)
}

// same says whether the items of n with the numbers mine are the entries of l.
func (l list) same(n *yamlNode, mine []int) bool {
	if len(mine) != len(l.items) {
		return false
	}
	for i, item := range l.items {
		roots, err := yamltree.Parse(&yamltree.Text{S: string(item)}, yamltree.Chunk{From: 0, To: len(item)})
		if err != nil || len(roots) != 1 || !same(roots[0], n.Kids[mine[i]]) {
			return false
		}
	}
	return true
}
