package yamltree

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxDepth bounds the nesting of a document. The API server stops at 10,000 for
// JSON; nothing that people write comes near a tenth of this.
const maxDepth = 1000

// A PlaceError is what is wrong at a byte of the text being parsed.
type PlaceError struct {
	Pos    int
	Reason string
}

func (e *PlaceError) Error() string { return e.Reason }

// Parse parses the chunk c of t: as it is, or else with its variables masked.
func Parse(t *Text, c Chunk) ([]*Node, error) {
	if root, ok := parseBlock(t.S, c.From, c.To); ok {
		return []*Node{root}, nil
	}
	if root, ok := parseJSON(t, c.From, c.To); ok {
		return []*Node{root}, nil
	}
	roots, err := parseTree(t, t.S, c.From, c.To)
	if err == nil {
		return roots, nil
	}
	if objects := jsonObjects(t.S, c); len(objects) > 1 {
		return parseAll(t, objects)
	}
	if t.masked == "" {
		t.masked = mask(t.S)
	}
	if t.masked[c.From:c.To] == t.S[c.From:c.To] {
		return nil, err
	}
	roots, maskedErr := parseTree(t, t.masked, c.From, c.To)
	if maskedErr != nil {
		return nil, err
	}
	return roots, nil
}

// parseAll parses several chunks one after the other.
func parseAll(t *Text, chunks []Chunk) ([]*Node, error) {
	var all []*Node
	for _, c := range chunks {
		roots, err := Parse(t, c)
		if err != nil {
			return nil, err
		}
		all = append(all, roots...)
	}
	return all, nil
}

// parseTree parses the documents in t.S[from:to]. src is t.S or its mask: the same
// length, so that positions in one are positions in the other.
func parseTree(t *Text, src string, from, to int) (roots []*Node, err error) {
	b := &treeBuilder{t: t, src: src, lines: newLineIndex(src, from, to), seen: map[*yaml.Node]*Node{}}
	if src != t.S {
		b.masked = &Text{S: src, Outer: t.Outer}
	}
	defer func() { // go-yaml panics on a few malformed inputs instead of reporting them
		if r := recover(); r != nil {
			roots, err = nil, &PlaceError{from, fmt.Sprint("the YAML parser gave up: ", r)}
		}
	}()
	d := yaml.NewDecoder(strings.NewReader(src[from:to]))
	for {
		var y yaml.Node
		switch err := d.Decode(&y); {
		case errors.Is(err, io.EOF):
			return roots, nil
		case err != nil:
			return nil, b.lines.placeOf(err)
		}
		if y.Kind != yaml.DocumentNode || len(y.Content) == 0 {
			continue
		}
		root, err := b.build(y.Content[0], 0)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
}

// A treeBuilder turns the parser's nodes into ours, with byte positions.
type treeBuilder struct {
	t      *Text
	src    string
	masked *Text // the masked text, nil if nothing is masked
	lines  *lineIndex
	seen   map[*yaml.Node]*Node // anchored nodes only
	slab   []Node
}

func (b *treeBuilder) build(y *yaml.Node, depth int) (*Node, error) {
	n := b.alloc()
	n.Pos = b.lines.offset(y.Line, y.Column)
	if depth > maxDepth {
		return nil, &PlaceError{n.Pos, fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	if y.Anchor != "" {
		b.seen[y] = n
	}
	switch y.Kind {
	case yaml.AliasNode:
		n.Kind, n.To = Alias, b.seen[y.Alias]
	case yaml.ScalarNode:
		b.scalar(n, y)
	default:
		n.Kind = Mapping
		if y.Kind == yaml.SequenceNode {
			n.Kind = Sequence
		}
		n.Kids = make([]*Node, len(y.Content))
		for i, c := range y.Content {
			kid, err := b.build(c, depth+1)
			if err != nil {
				return nil, err
			}
			n.Kids[i] = kid
		}
	}
	return n, nil
}

func (b *treeBuilder) alloc() *Node {
	if len(b.slab) == 0 {
		b.slab = make([]Node, 128)
	}
	n := &b.slab[0]
	b.slab = b.slab[1:]
	return n
}

func (b *treeBuilder) scalar(n *Node, y *yaml.Node) {
	n.Value = y.Value
	switch y.Style &^ yaml.TaggedStyle {
	case yaml.SingleQuotedStyle:
		n.Style = SingleQuoted
	case yaml.DoubleQuotedStyle:
		n.Style = DoubleQuoted
	case yaml.LiteralStyle:
		n.Style = Literal
	case yaml.FoldedStyle:
		n.Style = Folded
	}
	if y.Anchor != "" || y.Style&yaml.TaggedStyle != 0 {
		n.Pos = skipProperties(b.src, n.Pos)
	}
	if n.Style == Plain && n.Value == "" {
		n.Pos = -1
		return
	}
	if b.masked != nil {
		b.unmask(n)
	}
}

// unmask puts the bytes that were masked back into the value of n.
func (b *treeBuilder) unmask(n *Node) {
	v, ok := Open(b.masked, n)
	if !ok {
		n.Pos = -1 // never touched
		return
	}
	if v.Text == b.masked {
		n.Value = b.t.S[v.Base : v.Base+len(v.S)]
		n.opened = &View{b.t, v.Base, n.Value}
		return
	}
	value := []byte(v.S)
	for _, p := range v.Text.Pieces {
		switch spelled := b.t.S[p.Out : p.Out+p.M]; {
		case p.N == p.M:
			copy(value[p.In:], spelled)
		case spelled == `\/`:
			value[p.In] = '/'
		}
	}
	n.Value = string(value)
	v.Text.S, v.Text.Outer = n.Value, b.t
	n.opened = &View{v.Text, 0, n.Value}
}

// skipProperties steps over anchors, tags, and the white space and comments after them.
func skipProperties(s string, i int) int {
	for i < len(s) {
		switch c := s[i]; {
		case c == '&' || c == '!':
			i = WordEnd(s, i)
		case IsSpace(c):
			i++
		case c == '#':
			_, n := CutLine(s[i:])
			i += n
		default:
			return i
		}
	}
	return i
}

// A lineIndex turns the parser's line and column, which count characters, into bytes.
type lineIndex struct {
	s      string
	starts []int
}

// newLineIndex indexes s[from:to]. YAML knows more line breaks than \n (YAML 1.1, §5.4):
// go-yaml counts \r, NEL, LS and PS as well.
func newLineIndex(s string, from, to int) *lineIndex {
	x := &lineIndex{s: s, starts: append(make([]int, 0, (to-from)/24+1), from)}
	if strings.HasPrefix(s[from:to], ByteOrderMark) {
		x.starts[0] = from + len(ByteOrderMark)
	}
	for i := from; i < to; i++ {
		switch c := s[i]; {
		case c > '\r' && c < 0xc2:
		case c == '\n',
			c == '\r' && (i+1 >= to || s[i+1] != '\n'):
			x.starts = append(x.starts, i+1)
		case c == 0xc2 && strings.HasPrefix(s[i:], "\u0085"):
			x.starts = append(x.starts, i+2)
		case c == 0xe2 && (strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029")):
			x.starts = append(x.starts, i+3)
		}
	}
	return x
}

// offset is the byte at a 1-based line and column.
func (x *lineIndex) offset(line, column int) int {
	if line < 1 || line > len(x.starts) {
		return -1
	}
	i := x.starts[line-1]
	for ; column > 1 && i < len(x.s); column-- {
		if x.s[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, n := utf8.DecodeRuneInString(x.s[i:])
		i += n
	}
	return i
}

// linesShort is by how many lines go-yaml counts wrong: its parser, unlike its scanner,
// counts from zero, and only the wording of the reason tells the two apart.
func linesShort(reason string) int {
	if strings.HasPrefix(reason, "did not find expected") {
		return 1
	}
	return 0
}

// placeOf reads the line out of an error of go-yaml, which keeps it in its text
// only (yaml: line 3: …), and points to the first character of that line.
func (x *lineIndex) placeOf(err error) *PlaceError {
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(reason, "line "); ok {
		if number, why, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, reason = n+linesShort(why), why
			}
		}
	}
	i := max(x.offset(min(line, len(x.starts)), 1), 0)
	for i < len(x.s) && (x.s[i] == ' ' || x.s[i] == '\t') {
		i++
	}
	return &PlaceError{i, "not valid YAML: " + reason}
}
