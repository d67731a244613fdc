package nodes

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// settings makes the changes after which spec has the settings, those that are there and
// those that are not.
func (e *editor) settings(spec *yamlNode, all []setting) *problem {
	var missing []setting
	for _, s := range all {
		n := spec
		for _, key := range s.keys {
			n = n.Get(key)
		}
		if n == nil {
			missing = append(missing, s)
			continue
		}
		if problem := e.set(n, s); problem != nil {
			return problem
		}
	}
	return e.add(spec, missing)
}

// set respells the scalar n.
func (e *editor) set(n *yamlNode, s setting) *problem {
	if n.Kind == yamltree.Scalar && n.Value == s.value {
		return nil
	}
	name := strings.Join(s.keys, ".")
	v, ok := yamltree.Open(e.t, n)
	if !ok || n.Kind != yamltree.Scalar || v.Text != e.t {
		return &problem{max(n.Pos, 0), name + " cannot be set to " + s.value + " as it is written"}
	}
	if strings.Contains(n.Value, "${") {
		return &problem{n.Pos, name + " comes from a variable: give it the value " + s.value}
	}
	e.changes = append(e.changes, change{v.Base, v.Base + len(v.S), s.value})
	return nil
}

// add inserts settings that are not there, those below one key together.
func (e *editor) add(n *yamlNode, missing []setting) *problem {
	for len(missing) > 0 {
		key := missing[0].keys[0]
		var below, rest []setting
		for _, s := range missing {
			if s.keys[0] == key {
				below = append(below, s)
			} else {
				rest = append(rest, s)
			}
		}
		missing = rest
		if problem := e.addBelow(n, key, below); problem != nil {
			return problem
		}
	}
	return nil
}

// addBelow inserts settings that begin with key.
func (e *editor) addBelow(n *yamlNode, key string, all []setting) *problem {
	inner := n.Get(key)
	switch {
	case inner != nil && inner.Kind == yamltree.Mapping && len(inner.Kids) > 0:
		for i := range all {
			all[i].keys = all[i].keys[1:]
		}
		return e.add(inner, all)
	case inner != nil && (inner.Kind != yamltree.Scalar || inner.Value != "" || inner.Pos >= 0):
		return &problem{max(keyOf(n, key).Pos, 0), key + " is not written in block style, one key on a line, so that nothing can be inserted"}
	case inner != nil:
		k := keyOf(n, key)
		at := e.lineEnd(k.Pos)
		e.change(at, at, block(all, 1, strings.Repeat(" ", e.indent(k.Pos)+2)))
		return nil
	}
	col, ok := e.column(n)
	if !ok {
		return &problem{max(n.Kids[0].Pos, 0), "it is not written in block style, one key on a line, so that nothing can be inserted"}
	}
	at := e.insertion(n, col)
	e.change(at, at, block(all, 0, strings.Repeat(" ", col)))
	return nil
}

// block are settings as YAML, from their key number depth on. Each key that several of
// them have in common stands once.
func block(all []setting, depth int, indent string) string {
	var b strings.Builder
	for i := 0; i < len(all); {
		key, end := all[i].keys[depth], i+1
		if depth == len(all[i].keys)-1 {
			b.WriteString(indent + key + ": " + all[i].value + "\n")
			i = end
			continue
		}
		for end < len(all) && all[end].keys[depth] == key {
			end++
		}
		b.WriteString(indent + key + ":\n" + block(all[i:end], depth+1, indent+"  "))
		i = end
	}
	return b.String()
}
