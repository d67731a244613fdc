package yamltree

import (
	"sort"
	"strings"
)

// A Text is what a reader of one depth sees: the file itself, the decoded value
// of a scalar, or what stands behind base64. Every text knows how its bytes map
// to the text around it, so that an edit at any depth becomes an edit of the file.
type Text struct {
	S     string
	Outer *Text // nil for the file itself

	// A transparent text maps piece by piece. The pieces are sorted and do not overlap.
	Pieces []Piece
	// masked is s without its variables, once somebody asked.
	masked string

	// newline is how a line break inside this text is spelled in outer, "" if it cannot be.
	Newline string

	// An opaque text (base64, gzip) replaces Outer.S[from:to] as a whole.
	Encode   func(string) (string, bool)
	Decode   func(string) string
	Packed   bool // compressed: one content has many spellings
	From, To int
	survival survival
}

// survival remembers what Text.survives found out.
type survival uint8

const (
	unknown survival = iota
	kept
	lost
)

// A Piece maps text.s[in:in+n] to outer.s[out:out+m]. Where n == m the bytes are
// the same one by one; where they differ it is one escape sequence.
type Piece struct{ In, N, Out, M int }

// at gives the place in outer where byte i of t begins.
func (t *Text) at(i int) int {
	if t.Encode != nil {
		return t.From
	}
	if len(t.Pieces) == 0 {
		return 0
	}
	k := sort.Search(len(t.Pieces), func(k int) bool { return t.Pieces[k].In > i }) - 1
	if k < 0 {
		return t.Pieces[0].Out
	}
	p := t.Pieces[k]
	if p.N != p.M {
		return p.Out
	}
	return p.Out + min(i-p.In, p.N)
}

// Span gives the range of outer that holds t.S[i:j], and false if the range
// would cut an escape sequence in two.
func (t *Text) Span(i, j int) (from, to int, ok bool) {
	if i == j {
		if i == 0 || i == len(t.S) {
			return t.edge(i)
		}
		return t.at(i), t.at(i), true
	}
	a, ok := t.pieceOf(i)
	if !ok {
		return 0, 0, false
	}
	b, ok := t.pieceOf(j - 1)
	if !ok || (a.N != a.M && i != a.In) || (b.N != b.M && j != b.In+b.N) {
		return 0, 0, false
	}
	from, to = a.Out, b.Out+b.M
	if a.N == a.M {
		from = a.Out + i - a.In
	}
	if b.N == b.M {
		to = b.Out + j - b.In
	}
	return from, to, true
}

// edge is span for the empty range at the start or the end of t.
func (t *Text) edge(i int) (from, to int, ok bool) {
	if len(t.Pieces) == 0 {
		return 0, 0, false
	}
	if i == 0 {
		return t.Pieces[0].Out, t.Pieces[0].Out, true
	}
	p := t.Pieces[len(t.Pieces)-1]
	return p.Out + p.M, p.Out + p.M, true
}

func (t *Text) pieceOf(i int) (Piece, bool) {
	k := sort.Search(len(t.Pieces), func(k int) bool { return t.Pieces[k].In > i }) - 1
	if k < 0 || i >= t.Pieces[k].In+t.Pieces[k].N {
		return Piece{}, false
	}
	return t.Pieces[k], true
}

// Reachable is the safety law: t.S[i:j] may be replaced only if every text on its way
// out says where exactly it stands, and what is opaque gives its own bytes back when
// it is encoded unchanged.
func (t *Text) Reachable(i, j int) bool {
	for t.Outer != nil {
		if t.Encode != nil {
			if !t.survives() {
				return false
			}
			i, j = t.From, t.To
		} else {
			from, to, ok := t.Span(i, j)
			if !ok {
				return false
			}
			i, j = from, to
		}
		t = t.Outer
	}
	return true
}

// survives says that encoding t unchanged gives the bytes that stand in outer, or,
// for compressed bytes, something that decodes to the same text.
func (t *Text) survives() bool {
	if t.survival == unknown {
		t.survival = lost
		if t.Decode(t.Outer.S[t.From:t.To]) == t.S {
			if s, ok := t.Encode(t.S); ok && (s == t.Outer.S[t.From:t.To] || t.Packed && t.Decode(s) == t.S) {
				t.survival = kept
			}
		}
	}
	return t.survival == kept
}

// Root follows byte i of t out to the file and gives its offset there.
func (t *Text) Root(i int) int {
	for t.Outer != nil {
		i = t.at(i)
		t = t.Outer
	}
	return i
}

// Depth is the number of texts around t.
func (t *Text) Depth() int {
	n := 0
	for t.Outer != nil {
		t = t.Outer
		n++
	}
	return n
}

// Structure is S as it was parsed: with its variables masked where it is no YAML otherwise.
// It is as long as S.
func (t *Text) Structure() string {
	if t.masked == "" {
		return t.S
	}
	return t.masked
}

// Unopened is a text for the value of the scalar n of t that Open does not open: it has a
// place, but nothing in it can be reached.
func Unopened(t *Text, n *Node) *Text {
	return &Text{S: n.Value, Outer: t, Pieces: []Piece{{0, 0, max(n.Pos, 0), 0}}}
}

// Slice is the transparent text of t.S[i:j] (a line, an argument's value).
func (t *Text) Slice(i, j int) *Text {
	return &Text{S: t.S[i:j], Outer: t, Pieces: []Piece{{0, j - i, i, j - i}}, Newline: "\n"}
}

// Respell gives s as it has to be spelled in outer, and false if it cannot be.
// References hold no character that any YAML style, JSON, TOML or shell escapes;
// only wrapped base64 brings line breaks along.
func (t *Text) Respell(s string) (string, bool) {
	if !strings.Contains(s, "\n") || t.Newline == "\n" {
		return s, true
	}
	if t.Newline == "" {
		return "", false
	}
	return strings.ReplaceAll(s, "\n", t.Newline), true
}
