package nodes

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// isEmpty says that n is the nothing behind a key: many a template of a node that needs no
// configuration ends with spec:, and lines can stand below it. A specification that is not
// there at all may be one of a patch, whose lists would take the place of others.
func isEmpty(n *yamlNode) bool {
	return n != nil && n.Kind == yamltree.Scalar && n.Pos < 0 && n.Value == ""
}

// fill makes the changes after which the key, which has nothing behind it, holds r.
func (e *editor) fill(key *yamlNode, r rendering) *problem {
	line, _ := yamltree.CutLine(e.m[key.Pos:])
	_, behind, _ := strings.Cut(line, ":")
	behind = strings.TrimSpace(behind)
	if len(r.settings) > 0 || behind != "" && behind[0] != '#' { // an anchor has others look here
		return &problem{key.Pos, key.Value + " is empty: write something into it"}
	}
	indent := strings.Repeat(" ", key.Pos-e.lineStart(key.Pos)+2)
	var lines strings.Builder
	for _, l := range r.lists {
		lines.WriteString(indent + l.key + ":\n" + l.lines(indent+e.habit()))
	}
	at := e.lineEnd(key.Pos)
	e.change(at, at, lines.String())
	return nil
}

// firstPos is where a specification begins: its first key, or the key that it is behind.
func firstPos(n *yamlNode) int {
	if len(n.Kids) > 0 {
		return n.Kids[0].Pos
	}
	return n.Pos
}
