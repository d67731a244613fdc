package manifest

import (
	"sort"
	"strings"
)

// A text is what a reader of one depth sees: the file itself, the decoded value
// of a scalar, or what stands behind base64. Every text knows how its bytes map
// to the text around it, so that an edit at any depth becomes an edit of the file.
type text struct {
	s     string
	outer *text // nil for the file itself

	// A transparent text maps piece by piece. The pieces are sorted and do not overlap.
	pieces []piece
	// newline is how a line break inside this text is spelled in outer, "" if it cannot be.
	newline string

	// An opaque text (base64, gzip) replaces outer.s[from:to] as a whole.
	encode   func(string) (string, bool)
	decode   func(string) string
	packed   bool // compressed: one content has many spellings
	from, to int
	survival survival
}

// survival remembers what text.survives found out.
type survival uint8

const (
	unknown survival = iota
	kept
	lost
)

// A piece maps text.s[in:in+n] to outer.s[out:out+m]. Where n == m the bytes are
// the same one by one; where they differ it is one escape sequence.
type piece struct{ in, n, out, m int }

// at gives the place in outer where byte i of t begins.
func (t *text) at(i int) int {
	if t.encode != nil {
		return t.from
	}
	if len(t.pieces) == 0 {
		return 0
	}
	k := sort.Search(len(t.pieces), func(k int) bool { return t.pieces[k].in > i }) - 1
	if k < 0 {
		return t.pieces[0].out
	}
	p := t.pieces[k]
	if p.n != p.m {
		return p.out
	}
	return p.out + min(i-p.in, p.n)
}

// span gives the range of outer that holds t.s[i:j], and false if the range
// would cut an escape sequence in two.
func (t *text) span(i, j int) (from, to int, ok bool) {
	if i == j {
		if i == 0 || i == len(t.s) {
			return t.edge(i)
		}
		return t.at(i), t.at(i), true
	}
	a, ok := t.pieceOf(i)
	if !ok {
		return 0, 0, false
	}
	b, ok := t.pieceOf(j - 1)
	if !ok || (a.n != a.m && i != a.in) || (b.n != b.m && j != b.in+b.n) {
		return 0, 0, false
	}
	from, to = a.out, b.out+b.m
	if a.n == a.m {
		from = a.out + i - a.in
	}
	if b.n == b.m {
		to = b.out + j - b.in
	}
	return from, to, true
}

// edge is span for the empty range at the start or the end of t.
func (t *text) edge(i int) (from, to int, ok bool) {
	if len(t.pieces) == 0 {
		return 0, 0, false
	}
	if i == 0 {
		return t.pieces[0].out, t.pieces[0].out, true
	}
	p := t.pieces[len(t.pieces)-1]
	return p.out + p.m, p.out + p.m, true
}

func (t *text) pieceOf(i int) (piece, bool) {
	k := sort.Search(len(t.pieces), func(k int) bool { return t.pieces[k].in > i }) - 1
	if k < 0 || i >= t.pieces[k].in+t.pieces[k].n {
		return piece{}, false
	}
	return t.pieces[k], true
}

// reachable is the safety law: t.s[i:j] may be replaced only if every text on its way
// out says where exactly it stands, and what is opaque gives its own bytes back when
// it is encoded unchanged.
func (t *text) reachable(i, j int) bool {
	for t.outer != nil {
		if t.encode != nil {
			if !t.survives() {
				return false
			}
			i, j = t.from, t.to
		} else {
			from, to, ok := t.span(i, j)
			if !ok {
				return false
			}
			i, j = from, to
		}
		t = t.outer
	}
	return true
}

// survives says that encoding t unchanged gives the bytes that stand in outer, or,
// for compressed bytes, something that decodes to the same text.
func (t *text) survives() bool {
	if t.survival == unknown {
		t.survival = lost
		if t.decode(t.outer.s[t.from:t.to]) == t.s {
			if s, ok := t.encode(t.s); ok && (s == t.outer.s[t.from:t.to] || t.packed && t.decode(s) == t.s) {
				t.survival = kept
			}
		}
	}
	return t.survival == kept
}

// root follows byte i of t out to the file and gives its offset there.
func (t *text) root(i int) int {
	for t.outer != nil {
		i = t.at(i)
		t = t.outer
	}
	return i
}

// depth is the number of texts around t.
func (t *text) depth() int {
	n := 0
	for t.outer != nil {
		t = t.outer
		n++
	}
	return n
}

// slice is the transparent text of t.s[i:j] (a line, an argument's value).
func (t *text) slice(i, j int) *text {
	return &text{s: t.s[i:j], outer: t, pieces: []piece{{0, j - i, i, j - i}}, newline: "\n"}
}

// respell gives s as it has to be spelled in outer, and false if it cannot be.
// References hold no character that any YAML style, JSON, TOML or shell escapes;
// only wrapped base64 brings line breaks along.
func (t *text) respell(s string) (string, bool) {
	if !strings.Contains(s, "\n") || t.newline == "\n" {
		return s, true
	}
	if t.newline == "" {
		return "", false
	}
	return strings.ReplaceAll(s, "\n", t.newline), true
}
