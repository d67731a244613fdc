// Package yamltree reads YAML as people write it: a stream is split into its documents,
// each is parsed to a tree whose scalars know the byte where their spelling begins, with
// variables (${VAR}, {{ action }}) in the places of values or around them. It gives
// positions, never output: whoever changes a file splices its bytes.
//
// Most documents are read by a parser of the plain part of YAML, the others by kyaml; both
// give the same tree. What a tree is laid over is a Text: a file, or what stands decoded in
// one, with the way back to its bytes.
package yamltree

// A Kind is what a YAML node is.
type Kind uint8

// The kinds of nodes.
const (
	Scalar Kind = iota
	Mapping
	Sequence
	Alias
)

// A Style is how a scalar is spelled (YAML 1.2, chapters 7 and 8).
type Style uint8

// The styles of scalars.
const (
	Plain Style = iota
	SingleQuoted
	DoubleQuoted
	Literal
	Folded
)

// A Node is one node of a document. Its position counts bytes of the text that
// the document stands in; properties (anchor, tag) stand before it.
type Node struct {
	Kind   Kind
	Style  Style
	Pos    int     // where the scalar's spelling begins, -1 for an empty scalar
	Value  string  // of a scalar
	Kids   []*Node // keys and values in turn, or the items of a sequence
	To     *Node   // what an alias points to
	opened *View   // what Open gives, where the text had to be masked
}

// Get is the value of the key, nil if it is not there.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	for i := 0; i < len(n.Kids); i += 2 {
		if n.Kids[i].Kind == Scalar && n.Kids[i].Value == key {
			return n.Kids[i+1]
		}
	}
	return nil
}

// Str is the string at a key, with an alias followed, "" if there is none.
func (n *Node) Str(key string) string {
	v := n.Get(key).Follow()
	if v == nil || v.Kind != Scalar {
		return ""
	}
	return v.Value
}

// Follow is the node that an alias points to, or the node itself.
func (n *Node) Follow() *Node {
	if n != nil && n.Kind == Alias {
		return n.To
	}
	return n
}
