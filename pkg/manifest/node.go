package manifest

// A nodeKind is what a YAML node is.
type nodeKind uint8

const (
	scalarNode nodeKind = iota
	mappingNode
	sequenceNode
	aliasNode
)

// A scalarStyle is how a scalar is spelled (YAML 1.2, chapters 7 and 8).
type scalarStyle uint8

const (
	plainStyle scalarStyle = iota
	singleStyle
	doubleStyle
	literalStyle
	foldedStyle
)

// A node is one node of a document. Its position counts bytes of the text that
// the document stands in; properties (anchor, tag) stand before it.
type node struct {
	kind   nodeKind
	style  scalarStyle
	pos    int     // where the scalar's spelling begins, -1 for an empty scalar
	value  string  // of a scalar
	kids   []*node // keys and values in turn, or the items of a sequence
	to     *node   // what an alias points to
	opened *view   // what open gives, where the text had to be masked
}

// get is the value of the key, nil if it is not there.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mappingNode {
		return nil
	}
	for i := 0; i < len(n.kids); i += 2 {
		if n.kids[i].kind == scalarNode && n.kids[i].value == key {
			return n.kids[i+1]
		}
	}
	return nil
}

// str is the string at a key, with an alias followed, "" if there is none.
func (n *node) str(key string) string {
	v := n.get(key).follow()
	if v == nil || v.kind != scalarNode {
		return ""
	}
	return v.value
}

// follow is the node that an alias points to, or the node itself.
func (n *node) follow() *node {
	if n != nil && n.kind == aliasNode {
		return n.to
	}
	return n
}
