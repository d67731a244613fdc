package yamltree

import "strings"

// parseBlock parses the YAML that most manifests are made of: ASCII, block mappings and
// sequences, scalars of one line, literal blocks, flow collections of one line. It is
// ten times as fast as the full parser, gives the same tree, and gives up (ok is false)
// at anything beyond: then the full parser decides, about errors as well.
func parseBlock(s string, from, to int) (root *Node, ok bool) {
	if !isPlainASCII(s[from:to]) {
		return nil, false
	}
	b := &blockParser{s: s[:to], next: from}
	defer func() {
		if r := recover(); r != nil {
			if _, beyond := r.(beyondBlock); !beyond {
				panic(r)
			}
			root, ok = nil, false
		}
	}()
	b.advance()
	if b.eof {
		return nil, false
	}
	root = b.node(b.indent, 0)
	if !b.eof {
		return nil, false
	}
	return root, true
}

// beyondBlock unwinds the parser at what it does not know.
type beyondBlock struct{}

func giveUp() { panic(beyondBlock{}) }

// isPlainASCII says that s has only printable ASCII, line feeds and tabs, and no
// document end marker.
func isPlainASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < ' ' && c != '\n' && c != '\t') || c > '~' {
			return false
		}
	}
	return !strings.HasPrefix(s, "...") && !strings.Contains(s, "\n...") && !strings.HasPrefix(s, "%") && !strings.Contains(s, "\n%")
}

// A blockParser stands at a line that is neither blank nor a comment.
type blockParser struct {
	s          string
	at, end    int // the rest of the current line
	indent     int // the column of at
	next       int // where the next line begins
	eof        bool
	slab       []Node
	kids, pool []*Node
}

// advance goes to the next line that says something.
func (b *blockParser) advance() {
	for b.next < len(b.s) {
		start := b.next
		line, n := CutLine(b.s[start:])
		b.next = start + n
		i := 0
		for i < len(line) && line[i] == ' ' {
			i++
		}
		if i == len(line) || line[i] == '#' {
			continue
		}
		if line[i] == '\t' {
			giveUp()
		}
		b.at, b.end, b.indent = start+i, start+len(strings.TrimRight(line, " ")), i
		return
	}
	b.eof, b.indent = true, -1
}

func (b *blockParser) alloc(kind Kind) *Node {
	if len(b.slab) == 0 {
		b.slab = make([]Node, min(256, (len(b.s)-b.next)/16+4)) // a node takes a word and a mark at least
	}
	n := &b.slab[0]
	b.slab = b.slab[1:]
	n.Kind = kind
	return n
}

// collect moves the kids pushed since mark into a slice of their own.
func (b *blockParser) collect(n *Node, mark int) *Node {
	count := len(b.kids) - mark
	if len(b.pool) < count {
		b.pool = make([]*Node, max(min(512, (len(b.s)-b.next)/16), count))
	}
	n.Kids = b.pool[:count:count]
	b.pool = b.pool[count:]
	copy(n.Kids, b.kids[mark:])
	b.kids = b.kids[:mark]
	return n
}

func (b *blockParser) push(n *Node) { b.kids = append(b.kids, n) }

// node parses the collection that begins at the current line.
func (b *blockParser) node(indent, depth int) *Node {
	if depth > maxDepth {
		giveUp()
	}
	if b.isItem() {
		return b.sequence(indent, depth)
	}
	return b.mapping(indent, depth)
}

func (b *blockParser) isItem() bool {
	return b.s[b.at] == '-' && (b.at+1 == b.end || b.s[b.at+1] == ' ')
}

func (b *blockParser) sequence(indent, depth int) *Node {
	n := b.items(indent, depth)
	b.closed(indent)
	return n
}

// items parses the items whose dashes stand at indent.
func (b *blockParser) items(indent, depth int) *Node {
	n, mark := b.alloc(Sequence), len(b.kids)
	for !b.eof && b.indent == indent && b.isItem() {
		b.push(b.item(indent, depth))
	}
	return b.collect(n, mark)
}

func (b *blockParser) item(indent, depth int) *Node {
	i := b.at + 1
	for i < b.end && b.s[i] == ' ' {
		i++
	}
	if i >= b.end || b.s[i] == '#' {
		b.advance()
		return b.below(indent, depth)
	}
	b.indent += i - b.at
	b.at = i
	if b.isItem() || b.keyEnd() > 0 {
		return b.node(b.indent, depth+1)
	}
	return b.inline(i, indent)
}

// below parses what stands under a key or dash at indent, which may be nothing.
func (b *blockParser) below(indent, depth int) *Node {
	if b.eof || b.indent <= indent {
		return b.null()
	}
	if b.isItem() || b.keyEnd() > 0 {
		return b.node(b.indent, depth+1)
	}
	giveUp() // a scalar in a line of its own
	return nil
}

func (b *blockParser) null() *Node {
	n := b.alloc(Scalar)
	n.Pos = -1
	return n
}

// closed gives up where a collection is followed by what cannot follow it.
func (b *blockParser) closed(indent int) {
	if !b.eof && b.indent >= indent {
		giveUp()
	}
}

func (b *blockParser) mapping(indent, depth int) *Node {
	n, mark := b.alloc(Mapping), len(b.kids)
	for !b.eof && b.indent == indent && !b.isItem() {
		colon := b.keyEnd()
		if colon == 0 {
			giveUp()
		}
		b.push(b.key(colon))
		i := colon + 1
		for i < b.end && b.s[i] == ' ' {
			i++
		}
		if i < b.end && b.s[i] != '#' {
			b.push(b.inline(i, indent))
			continue
		}
		b.advance()
		if !b.eof && b.indent == indent && b.isItem() {
			b.push(b.items(indent, depth+1)) // at the column of its key
			if b.indent > indent {
				giveUp()
			}
		} else {
			b.push(b.below(indent, depth))
		}
	}
	b.closed(indent)
	return b.collect(n, mark)
}

// maxKey is how long a key on one line may be (YAML 1.2, §7.4.2: 1024 characters).
const maxKey = 1000

// keyEnd is the place of the colon behind the key at the current place, 0 if there is
// no simple key.
func (b *blockParser) keyEnd() int {
	end := b.keyColon()
	if end-b.at > maxKey {
		giveUp()
	}
	return end
}

func (b *blockParser) keyColon() int {
	i := b.at
	if c := b.s[i]; c == '"' || c == '\'' {
		n := strings.IndexByte(b.s[i+1:b.end], c)
		if n < 0 || strings.IndexByte(b.s[i+1:i+1+n], '\\') >= 0 {
			return 0
		}
		i += n + 2
		if i < b.end && b.s[i] == ':' && (i+1 == b.end || b.s[i+1] == ' ') {
			return i
		}
		return 0
	}
	if !IsWordByte(b.s[i]) && b.s[i] != '.' && b.s[i] != '/' && b.s[i] != '$' {
		return 0
	}
	for ; i < b.end; i++ {
		switch c := b.s[i]; {
		case c == ':' && (i+1 == b.end || b.s[i+1] == ' '):
			return i
		case IsWordByte(c), c == '.', c == '/', c == '-', c == '$', c == '~', c == ':', c == '+':
		default:
			return 0
		}
	}
	return 0
}

func (b *blockParser) key(colon int) *Node {
	n := b.alloc(Scalar)
	n.Pos, n.Value = b.at, b.s[b.at:colon]
	switch b.s[b.at] {
	case '"':
		n.Style, n.Value = DoubleQuoted, b.s[b.at+1:colon-1]
	case '\'':
		n.Style, n.Value = SingleQuoted, b.s[b.at+1:colon-1]
	}
	return n
}

// inline parses the value that begins at i in the current line, whose parent stands at
// indent, and goes to the line after it.
func (b *blockParser) inline(i, indent int) *Node {
	var n *Node
	switch b.s[i] {
	case '|':
		return b.literal(i, indent)
	case '[', '{':
		f := flowParser{b, i}
		n = f.value(0)
		b.nothingAfter(f.i)
	case '"', '\'':
		end := 0
		n, end = b.quoted(i)
		b.nothingAfter(end)
	default:
		n = b.plain(i)
	}
	b.advance()
	if !b.eof && b.indent > indent {
		giveUp() // the scalar goes on
	}
	return n
}

// nothingAfter gives up unless only a comment follows at i.
func (b *blockParser) nothingAfter(i int) {
	rest := strings.TrimLeft(b.s[i:b.end], " ")
	if rest != "" && (rest[0] != '#' || b.s[i] != ' ') {
		giveUp()
	}
}

// plain parses an unquoted scalar, which ends with its line or before a comment.
func (b *blockParser) plain(i int) *Node {
	value := b.s[i:b.end]
	if n := strings.Index(value, " #"); n >= 0 {
		value = strings.TrimRight(value[:n], " ")
	}
	if !startsPlain(value) || strings.Contains(value, ": ") || value[len(value)-1] == ':' || strings.IndexByte(value, '\t') >= 0 {
		giveUp()
	}
	n := b.alloc(Scalar)
	n.Pos, n.Value = i, value
	return n
}

// startsPlain says that value begins as an unquoted scalar surely does (YAML 1.2, §7.3.3).
func startsPlain(value string) bool {
	c := value[0]
	return IsWordByte(c) || c == '/' || c == '.' || c == '$' || c == '<' || c == '(' || c == '~' || c == '+' ||
		c == '-' && len(value) > 1 && value[1] != ' '
}

// quoted parses a quoted scalar that ends in its line, and gives the place after it.
func (b *blockParser) quoted(i int) (*Node, int) {
	n := b.alloc(Scalar)
	n.Pos, n.Style = i, SingleQuoted
	if b.s[i] == '"' {
		n.Style = DoubleQuoted
	}
	if j := strings.IndexByte(b.s[i+1:b.end], b.s[i]); j >= 0 {
		value := b.s[i+1 : i+1+j]
		after := i + j + 2
		if !strings.ContainsAny(value, "\\\t") && (after >= b.end || b.s[after] != b.s[i]) {
			n.Value = value
			return n, after
		}
	}
	giveUp()
	return nil, 0
}

// literal parses a block scalar and stands at the line after it.
func (b *blockParser) literal(i, indent int) *Node {
	header := strings.TrimRight(b.s[i:b.end], " ")
	if header != "|" && header != "|-" && header != "|+" {
		giveUp()
	}
	n := b.alloc(Scalar)
	n.Pos, n.Style = i, Literal
	width := BlockIndent(b.s[b.next:])
	if width <= indent {
		giveUp() // empty, or something rarer
	}
	n.Value = chomp(b.lines(width), header[1:])
	b.advance()
	if !b.eof && b.indent > indent {
		giveUp()
	}
	return n
}

// lines takes the lines that are indented by width, without the indentation.
func (b *blockParser) lines(width int) string {
	from := b.next
	var out strings.Builder
	started := false
	for b.next < len(b.s) {
		line, n := CutLine(b.s[b.next:])
		spaces := 0
		for spaces < len(line) && line[spaces] == ' ' {
			spaces++
		}
		blank := spaces == len(line)
		switch {
		case blank && !started && spaces > width, !blank && (spaces < width || !started) && line[spaces] == '\t':
			giveUp()
		case !blank && spaces < width:
			return out.String()
		}
		if !started {
			out.Grow(min(len(b.s)-from, 4096))
		}
		started = started || !blank
		out.WriteString(line[min(width, len(line)):])
		if n > len(line) {
			out.WriteByte('\n')
		}
		b.next += n
	}
	return out.String()
}

// chomp treats the line breaks at the end of a block scalar (YAML 1.2, §8.1.1.2).
func chomp(s, indicator string) string {
	body := strings.TrimRight(s, "\n")
	switch {
	case indicator == "+":
		return s
	case indicator == "-" || body == s || body == "":
		return body
	}
	return body + "\n"
}
