package nodes

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// The structure of a document in block style can be seen by looking at its lines: what
// belongs to a collection is indented deeper than it, be it text of a scalar.

// lineStart and lineEnd are where the line around byte i begins, and where the next one does.
func (e *editor) lineStart(i int) int { return strings.LastIndexByte(e.m[:i], '\n') + 1 }

func (e *editor) lineEnd(i int) int {
	_, n := yamltree.CutLine(e.m[i:])
	return i + n
}

// indent is the number of spaces that the line around byte i begins with.
func (e *editor) indent(i int) int {
	line, _ := yamltree.CutLine(e.m[e.lineStart(i):])
	return len(line) - len(strings.TrimLeft(line, " "))
}

// column is where the keys of a mapping stand, and false if the first one shares its line.
func (e *editor) column(n *yamlNode) (int, bool) {
	pos := n.Kids[0].Pos
	if pos < 0 {
		return 0, false
	}
	col := pos - e.lineStart(pos)
	return col, col == e.indent(pos)
}

// extent is where the lines end that begin at the line start at: the last one that belongs,
// before the first that does not. The first belongs; blank lines and comments between
// lines that do as well.
func (e *editor) extent(at int, belongs func(indent int, text string) bool) int {
	end := e.lineEnd(at)
	for at = end; at < len(e.m); {
		line, n := yamltree.CutLine(e.m[at:])
		text := strings.TrimLeft(line, " ")
		switch {
		case strings.TrimSpace(text) == "":
		case belongs(len(line)-len(text), text):
			end = at + n
		case text[0] == '#':
		default:
			return end
		}
		at += n
	}
	return end
}

// itemEnd is where the item ends whose dash stands at the column indent of the line at.
func (e *editor) itemEnd(at, indent int) int {
	return e.extent(at, func(in int, _ string) bool { return in > indent })
}

// blanks is where the blank lines after at end.
func (e *editor) blanks(at int) int {
	for at < len(e.m) {
		line, n := yamltree.CutLine(e.m[at:])
		if strings.TrimSpace(line) != "" {
			break
		}
		at += n
	}
	return at
}

// insertion is where a key can be inserted into the mapping n, whose keys stand at col.
func (e *editor) insertion(n *yamlNode, col int) int {
	start := e.lineStart(n.Kids[0].Pos)
	if e.gap == beforeFirst {
		return start
	}
	end := e.extent(start, func(in int, _ string) bool { return in >= col })
	if e.gap == behindBlanks {
		return e.blanks(end)
	}
	return end
}

// isDash says that a line without its indentation begins an item.
func isDash(text string) bool {
	return strings.HasPrefix(text, "- ") || strings.TrimRight(text, "\r") == "-"
}

// dashes gives the lines at which the items of the sequence below key begin, and the
// column of their dashes.
func (e *editor) dashes(key *yamlNode) (indent int, starts []int) {
	if key.Pos < 0 {
		return 0, nil
	}
	indent = -1
	col := e.indent(key.Pos)
	for at := e.lineEnd(key.Pos); at < len(e.m); {
		line, n := yamltree.CutLine(e.m[at:])
		text := strings.TrimLeft(line, " ")
		in := len(line) - len(text)
		switch {
		case strings.TrimSpace(text) == "":
		case isDash(text) && (in == indent || indent < 0 && in >= col):
			indent = in
			starts = append(starts, at)
		case text[0] == '#', indent >= 0 && in > indent:
		default:
			return indent, starts
		}
		at += n
	}
	return indent, starts
}

// habit is how far the document indents the dashes of a list below its key.
func (e *editor) habit() string {
	below := -1
	for line := range strings.Lines(e.m) {
		text := strings.TrimLeft(line, " ")
		in := len(line) - len(text)
		if below >= 0 && isDash(strings.TrimRight(text, "\n")) && in >= below {
			return strings.Repeat(" ", min(in-below, 8))
		}
		below = -1
		if strings.HasSuffix(strings.TrimSpace(text), ":") && !isDash(text) {
			below = in
		}
	}
	return ""
}
