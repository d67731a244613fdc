package yamltree

import "strings"

// A View is a string that can be traced to its bytes: s is t.s[base:base+len(s)].
type View struct {
	Text *Text
	Base int
	S    string
}

// Whole is the view of all of t.
func Whole(t *Text) View { return View{t, 0, t.S} }

// Sub is the view of v.S[i:j].
func (v View) Sub(i, j int) View { return View{v.Text, v.Base + i, v.S[i:j]} }

// Open gives the value of the scalar n of t with its way back to the bytes. It
// is the safety law at work: the spelling is decoded here, and if that is not
// exactly the value that the YAML parser saw, Open gives false and the scalar
// is never touched.
func Open(t *Text, n *Node) (View, bool) {
	if n.opened != nil {
		return *n.opened, true
	}
	if n.Pos < 0 || n.Pos > len(t.S) {
		return View{}, false
	}
	raw := t.S[n.Pos:]
	switch n.Style {
	case Plain:
		if strings.HasPrefix(raw, n.Value) {
			return View{t, n.Pos, n.Value}, true
		}
		return alignWords(t, n, n.Pos)
	case SingleQuoted, DoubleQuoted:
		return openQuoted(t, n)
	case Literal:
		return openLiteral(t, n)
	default:
		_, header := CutLine(raw)
		return alignWords(t, n, n.Pos+header)
	}
}

// openQuoted reads '…' and "…".
func openQuoted(t *Text, n *Node) (View, bool) {
	q := byte('"')
	if n.Style == SingleQuoted {
		q = '\''
	}
	raw := t.S[n.Pos:]
	if raw == "" || raw[0] != q {
		return View{}, false
	}
	if len(raw) > len(n.Value)+1 && raw[len(n.Value)+1] == q && raw[1:1+len(n.Value)] == n.Value {
		return View{t, n.Pos + 1, n.Value}, true // nothing escaped, nothing folded
	}
	in, ok := unquote(t, n.Pos)
	if !ok || in.S != n.Value {
		return View{}, false
	}
	if q == '"' {
		in.Newline = `\n`
	}
	return View{in, 0, in.S}, true
}

// openLiteral reads |, whose lines are the value's lines behind an indentation.
func openLiteral(t *Text, n *Node) (View, bool) {
	raw := t.S[n.Pos:]
	end := strings.IndexByte(raw, '\n')
	if end < 0 || raw[0] != '|' {
		return View{}, false
	}
	body := n.Pos + end + 1
	indent := BlockIndent(t.S[body:])
	if !strings.ContainsAny(raw[:end], "123456789") {
		return alignLines(t, n, body, indent)
	}
	for ; indent > 0; indent-- { // an explicit indentation is at most that of the first line
		if v, ok := alignLines(t, n, body, indent); ok {
			return v, true
		}
	}
	return View{}, false
}

// BlockIndent is the number of spaces before the first line that holds more.
func BlockIndent(s string) int {
	n := 0
	for _, c := range []byte(s) {
		switch c {
		case ' ':
			n++
		case '\n':
			n = 0
		case '\r':
		default:
			return n
		}
	}
	return n
}

// alignLines lays the lines of n's value over the lines that begin at from.
func alignLines(t *Text, n *Node, from, indent int) (View, bool) {
	in := &Text{S: n.Value, Outer: t, Newline: "\n" + strings.Repeat(" ", indent)}
	raw, i := t.S, from
	for at := 0; at < len(n.Value); {
		if i >= len(raw) {
			return View{}, n.Value[at:] == "\n" // a file that ends without a line break
		}
		want, step := CutLine(n.Value[at:])
		line, next := CutLine(raw[i:])
		if strings.HasSuffix(line, "\r") {
			line = line[:len(line)-1]
			in.Newline = "\r\n" + strings.Repeat(" ", indent)
		}
		content := strings.TrimLeft(line, " ")
		skip := min(indent, len(line)-len(content))
		if line[skip:] != want || (want != "" && skip < indent) {
			return View{}, false
		}
		if want != "" {
			in.Pieces = append(in.Pieces, Piece{at, len(want), i + skip, len(want)})
		}
		at, i = at+step, i+next
	}
	return View{in, 0, in.S}, true
}

// CutLine gives the first line of s and how many bytes it takes with its break.
func CutLine(s string) (line string, n int) {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i], i + 1
	}
	return s, len(s)
}

// alignWords lays the value of n over its spelling at from where YAML folds lines.
// Folding only ever changes white space, and no reference holds any: so the words
// of both must be the same, and each word keeps its place.
func alignWords(t *Text, n *Node, from int) (View, bool) {
	in := &Text{S: n.Value, Outer: t}
	raw, i := t.S, from
	for at := NextWord(n.Value, 0); at < len(n.Value); {
		i = NextWord(raw, i)
		end := WordEnd(n.Value, at)
		if !strings.HasPrefix(raw[i:], n.Value[at:end]) || WordEnd(raw, i)-i != end-at {
			return View{}, false
		}
		in.Pieces = append(in.Pieces, Piece{at, end - at, i, end - at})
		i += end - at
		at = NextWord(n.Value, end)
	}
	return View{in, 0, in.S}, true
}

// NextWord is the first byte of s from i on that is no white space.
func NextWord(s string, i int) int {
	for i < len(s) && IsSpace(s[i]) {
		i++
	}
	return i
}

// WordEnd is the first byte of s from i on that is white space.
func WordEnd(s string, i int) int {
	for i < len(s) && !IsSpace(s[i]) {
		i++
	}
	return i
}

// IsSpace says whether c is white space to YAML.
func IsSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// IsWordByte says whether c is a letter, a digit or _.
func IsWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
