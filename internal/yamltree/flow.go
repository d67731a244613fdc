package yamltree

import "strings"

// A flowParser parses a flow collection that ends in its line: {cpu: 100m}, ["a", b].
type flowParser struct {
	b *blockParser
	i int
}

func (f *flowParser) value(depth int) *Node {
	if depth > maxDepth {
		giveUp()
	}
	switch f.peek() {
	case '[':
		return f.collection(Sequence, ']', depth)
	case '{':
		return f.collection(Mapping, '}', depth)
	case '"', '\'':
		n, end := f.b.quoted(f.i)
		f.i = end
		return n
	}
	return f.plain()
}

// peek is the next byte that is no space.
func (f *flowParser) peek() byte {
	for f.i < f.b.end && f.b.s[f.i] == ' ' {
		f.i++
	}
	if f.i >= f.b.end {
		giveUp()
	}
	return f.b.s[f.i]
}

func (f *flowParser) collection(kind Kind, closing byte, depth int) *Node {
	n, mark := f.b.alloc(kind), len(f.b.kids)
	f.i++
	for f.peek() != closing {
		f.b.push(f.value(depth + 1))
		if kind == Mapping {
			if f.peek() != ':' || f.i+1 >= f.b.end || f.b.s[f.i+1] != ' ' {
				giveUp()
			}
			f.i++
			f.b.push(f.value(depth + 1))
		}
		switch f.peek() {
		case ',':
			f.i++
		case closing:
		default:
			giveUp()
		}
	}
	f.i++
	return f.b.collect(n, mark)
}

// plain parses an unquoted scalar inside a flow collection.
func (f *flowParser) plain() *Node {
	b, from := f.b, f.i
	for f.i < b.end && strings.IndexByte(",[]{}", b.s[f.i]) < 0 {
		c := b.s[f.i]
		if c == ':' && (f.i+1 == b.end || strings.IndexByte(" ,[]{}", b.s[f.i+1]) >= 0) {
			break
		}
		if strings.IndexByte("#\t\"'&*!|>%@`?", c) >= 0 {
			giveUp()
		}
		f.i++
	}
	value := strings.TrimRight(b.s[from:f.i], " ")
	if value == "" || !startsPlain(value) {
		giveUp()
	}
	n := b.alloc(Scalar)
	n.Pos, n.Value = from, value
	return n
}
