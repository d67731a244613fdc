package nodes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A problem is why an object cannot be changed, and where in its document.
type problem struct {
	pos    int
	reason string
}

// apply gives the document t with object i changed to hold r. Where lines can be inserted
// is found by looking at lines; that it was right is proved afterwards, by parsing the
// result: but for what r wants, it must be the tree that it was.
func apply(t *yamltree.Text, objects []*yamlNode, i int, path []string, r rendering) (string, *problem) {
	if pos := controlLine(t); pos >= 0 {
		return "", &problem{pos, "a template's action has a line of its own, so that the lines around it may or may not be there"}
	}
	var parent *yamlNode
	spec := objects[i]
	for _, key := range path {
		parent, spec = spec, spec.Get(key)
	}
	empty := isEmpty(spec)
	if empty {
		spec = keyOf(parent, path[len(path)-1])
	}
	for gap := range gaps {
		e := editor{t: t, m: t.Structure(), gap: gap}
		put := e.render
		if empty {
			put = e.fill
		}
		if problem := put(spec, r); problem != nil {
			return "", problem
		}
		if out := e.splice(); r.proved(objects, out, i, path) {
			return out, nil
		}
	}
	return "", &problem{max(firstPos(spec), 0), "no lines can be inserted here: write it in block style, one key or entry on a line"}
}

// A gap is where lines are inserted into a collection that is there.
type gap int

const (
	behindLast   gap = iota // behind its last line that is not blank
	behindBlanks            // behind the blank lines after it, which |+ makes a part of it
	beforeFirst
	gaps
)

// controlLine is where the first line begins that is only {{ if … }} or the like, -1 if
// there is none. Below a scalar such lines are text.
func controlLine(t *yamltree.Text) int {
	s, m := t.S, t.Structure()
	for at := 0; s != m && at < len(m); {
		masked, n := yamltree.CutLine(m[at:])
		written := strings.TrimLeft(s[at:at+len(masked)], " \t")
		if strings.HasPrefix(strings.TrimLeft(masked, " \t"), "#") && !strings.HasPrefix(written, "#") {
			return at + len(masked) - len(written)
		}
		at += n
	}
	return -1
}

// An editor collects what is to change in one document.
type editor struct {
	t       *yamltree.Text
	m       string // the document for looking at lines
	gap     gap
	changes []change
}

// A change replaces [from:to] of the document by s.
type change struct {
	from, to int
	s        string
}

// depth is how far the lines of c are indented.
func (c change) depth() int { return len(c.s) - len(strings.TrimLeft(c.s, " \r\n")) }

// render makes the changes after which spec holds r.
func (e *editor) render(spec *yamlNode, r rendering) *problem {
	for _, l := range r.lists {
		if problem := e.list(spec, l); problem != nil {
			return problem
		}
	}
	return e.settings(spec, r.settings)
}

// splice carries the changes out. Of those in one place the deeper ones come first, as they
// belong to what ends there; else they keep their order.
func (e *editor) splice() string {
	slices.SortStableFunc(e.changes, func(a, b change) int { return cmp.Or(a.from-b.from, b.depth()-a.depth()) })
	var b strings.Builder
	at := 0
	for _, c := range e.changes {
		if c.from < at {
			continue // the proof fails
		}
		b.WriteString(e.t.S[at:c.from] + c.s)
		at = c.to
	}
	return b.String() + e.t.S[at:]
}

// change replaces whole lines by others, with the line break of the document.
func (e *editor) change(from, to int, lines string) {
	if strings.Contains(e.t.S, "\r\n") {
		lines = strings.ReplaceAll(lines, "\n", "\r\n")
	}
	switch { // a last line without a break gets one: what comes may end with a text, whose break is its own
	case from == len(e.t.S) && from > 0 && e.t.S[from-1] != '\n':
		lines = "\n" + lines
	case to > from && e.t.S[to-1] != '\n':
		lines = strings.TrimSuffix(lines, "\n")
	}
	if lines != e.t.S[from:to] {
		e.changes = append(e.changes, change{from, to, lines})
	}
}

// list makes the changes after which spec has the entries of l.
func (e *editor) list(spec *yamlNode, l list) *problem {
	key, value := keyOf(spec, l.key), spec.Get(l.key)
	if key == nil {
		col, ok := e.column(spec)
		if !ok {
			return &problem{max(spec.Kids[0].Pos, 0), "it is not written in block style, one key on a line, so that nothing can be inserted"}
		}
		indent := strings.Repeat(" ", col)
		at := e.insertion(spec, col)
		e.change(at, at, indent+l.key+":\n"+l.lines(indent+e.habit()))
		return nil
	}
	indent, starts := e.dashes(key)
	switch {
	case value.Kind == yamltree.Alias:
		return &problem{key.Pos, l.key + " is an alias: write its entries out"}
	case value.Kind == yamltree.Scalar && value.Value == "" && value.Pos < 0:
		at, col := e.lineEnd(key.Pos), strings.Repeat(" ", e.indent(key.Pos))
		e.change(at, at, l.lines(col+e.habit()))
		return nil
	case strings.Contains(value.Value, "${"):
		return &problem{key.Pos, l.key + " comes from a variable: what it holds has to be written here"}
	case value.Kind == yamltree.Sequence && len(value.Kids) == 0:
		return &problem{key.Pos, l.key + " is written as []: remove it, then lines can be inserted"}
	case value.Kind != yamltree.Sequence || len(starts) != len(value.Kids):
		return &problem{key.Pos, l.key + " is not written in block style, one entry below the other, so that nothing can be inserted"}
	}
	return e.entries(value, l, starts, indent)
}

// entries puts the entries of l into a sequence whose items start at starts.
func (e *editor) entries(value *yamlNode, l list, starts []int, indent int) *problem {
	var mine []int
	for i, kid := range value.Kids {
		switch l.owner(kid.Follow()) {
		case ours:
			mine = append(mine, i)
		case rival:
			return &problem{starts[i] + indent, kid.Follow().Str("path") + " is there already, and not from here: remove it or write the mirror into it"}
		}
	}
	lines := l.lines(strings.Repeat(" ", indent))
	if len(mine) == 0 {
		at := e.itemEnd(starts[len(starts)-1], indent)
		switch e.gap {
		case behindBlanks:
			at = e.blanks(at)
		case beforeFirst:
			at = starts[0]
		}
		e.change(at, at, lines)
		return nil
	}
	if l.same(value, mine) {
		return nil
	}
	run := 1
	for run < len(mine) && mine[run] == mine[0]+run {
		run++
	}
	e.change(starts[mine[0]], e.itemEnd(starts[mine[run-1]], indent), lines)
	for _, i := range mine[run:] {
		e.change(starts[i], e.itemEnd(starts[i], indent), "")
	}
	return nil
}

// lines are the entries of l below one another, their dashes behind indent.
func (l list) lines(indent string) string {
	var b strings.Builder
	for _, item := range l.items {
		prefix := indent + "- "
		for line := range strings.Lines(string(item)) {
			if line != "\n" {
				b.WriteString(prefix)
			}
			b.WriteString(line)
			prefix = indent + "  "
		}
	}
	return b.String()
}
