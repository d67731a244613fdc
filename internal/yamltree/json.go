package yamltree

import "strings"

// parseJSON parses a document that is one JSON object (RFC 8259), as API servers send
// them, to the tree that the full parser gives. It gives up (ok is false) at whatever YAML
// reads in another way than JSON, or rejects: then the full parser decides.
func parseJSON(t *Text, from, to int) (root *Node, ok bool) {
	p := jsonParser{t: t, s: t.S[:to], i: from}
	p.space()
	if p.i >= to || p.s[p.i] != '{' {
		return nil, false
	}
	root = p.value(0)
	p.space()
	return root, root != nil && p.i == to
}

// A jsonParser stands at s[i]. A nil node is one that it gives up at.
type jsonParser struct {
	t    *Text
	s    string
	i    int
	slab []Node
}

func (p *jsonParser) alloc(kind Kind, style Style) *Node {
	if len(p.slab) == 0 {
		p.slab = make([]Node, min(256, (len(p.s)-p.i)/16+4))
	}
	n := &p.slab[0]
	p.slab = p.slab[1:]
	n.Kind, n.Style, n.Pos = kind, style, p.i
	return n
}

// space skips white space. A tab is left, as YAML is choosy about tabs.
func (p *jsonParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n') {
		p.i++
	}
}

// next skips white space and takes c, if it is there.
func (p *jsonParser) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int) *Node {
	if depth > maxDepth || p.i >= len(p.s) {
		return nil
	}
	switch p.s[p.i] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.string()
	}
	return p.word()
}

func (p *jsonParser) object(depth int) *Node {
	n := p.alloc(Mapping, Plain)
	p.i++
	if p.next('}') {
		return n
	}
	for {
		p.space()
		start := p.i
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return nil
		}
		key := p.string()
		const longest = 1000 // of the keys of YAML, with some room (YAML 1.2, §7.4.2: 1024)
		if key == nil || p.i-start > longest || p.i >= len(p.s) || p.s[p.i] != ':' {
			return nil
		}
		p.i++
		p.space()
		value := p.value(depth + 1)
		if value == nil {
			return nil
		}
		n.Kids = append(n.Kids, key, value)
		if !p.next(',') {
			break
		}
	}
	if !p.next('}') {
		return nil
	}
	return n
}

func (p *jsonParser) array(depth int) *Node {
	n := p.alloc(Sequence, Plain)
	p.i++
	if p.next(']') {
		return n
	}
	for {
		p.space()
		value := p.value(depth + 1)
		if value == nil {
			return nil
		}
		n.Kids = append(n.Kids, value)
		if !p.next(',') {
			break
		}
	}
	if !p.next(']') {
		return nil
	}
	return n
}

// string parses a string without what YAML does not print, and without surrogates, of
// which YAML knows nothing.
func (p *jsonParser) string() *Node {
	n, escaped := p.alloc(Scalar, DoubleQuoted), false
	for i := p.i + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			n.Value = p.s[p.i+1 : i]
			p.i = i + 1
			if escaped {
				return p.unescaped(n)
			}
			return n
		case c == '\\':
			if i+2 >= len(p.s) || p.s[i+1] == 'u' && p.s[i+2]|0x20 == 'd' || strings.IndexByte(`"\bfnrtu`, p.s[i+1]) < 0 {
				return nil
			}
			escaped = true
			i++
		case c < ' ' || c == 0x7f || c >= 0x80 && isUnprintable(p.s[i:]):
			return nil
		}
	}
	return nil
}

func (p *jsonParser) unescaped(n *Node) *Node {
	in, ok := unquote(p.t, n.Pos)
	if !ok {
		return nil
	}
	n.Value = in.S
	return n
}

// isUnprintable says that s begins with C1 controls, a line separator of Unicode, or
// what stands at the end of its first plane (YAML 1.2, §5.1).
func isUnprintable(s string) bool {
	return s[0] == 0xc2 && len(s) > 1 && s[1] < 0xa0 || strings.HasPrefix(s, "\u2028") || strings.HasPrefix(s, "\u2029") ||
		s[0] == 0xef && len(s) > 1 && s[1] >= 0xbb
}

// word parses a number, true, false or null.
func (p *jsonParser) word() *Node {
	n, from := p.alloc(Scalar, Plain), p.i
	for p.i < len(p.s) && (IsWordByte(p.s[p.i]) || p.s[p.i] == '-' || p.s[p.i] == '+' || p.s[p.i] == '.') {
		p.i++
	}
	n.Value = p.s[from:p.i]
	switch {
	case n.Value == "true" || n.Value == "false" || n.Value == "null":
		return n
	case n.Value == "" || strings.Trim(n.Value, "0123456789-+.eE") != "" || !startsPlain(n.Value) || n.Value == "-":
		return nil
	}
	return n
}
