package manifest

import "strings"

// A view is a string that can be traced to its bytes: s is t.s[base:base+len(s)].
type view struct {
	t    *text
	base int
	s    string
}

// sub is the view of v.s[i:j].
func (v view) sub(i, j int) view { return view{v.t, v.base + i, v.s[i:j]} }

// open gives the value of the scalar n of t with its way back to the bytes. It
// is the safety law at work: the spelling is decoded here, and if that is not
// exactly the value that the YAML parser saw, open gives false and the scalar
// is never touched.
func open(t *text, n *node) (view, bool) {
	if n.opened != nil {
		return *n.opened, true
	}
	if n.pos < 0 || n.pos > len(t.s) {
		return view{}, false
	}
	raw := t.s[n.pos:]
	switch n.style {
	case plainStyle:
		if strings.HasPrefix(raw, n.value) {
			return view{t, n.pos, n.value}, true
		}
		return alignWords(t, n, n.pos)
	case singleStyle, doubleStyle:
		return openQuoted(t, n)
	case literalStyle:
		return openLiteral(t, n)
	default:
		_, header := cutLine(raw)
		return alignWords(t, n, n.pos+header)
	}
}

// openQuoted reads '…' and "…".
func openQuoted(t *text, n *node) (view, bool) {
	q := byte('"')
	if n.style == singleStyle {
		q = '\''
	}
	raw := t.s[n.pos:]
	if raw == "" || raw[0] != q {
		return view{}, false
	}
	if len(raw) > len(n.value)+1 && raw[len(n.value)+1] == q && raw[1:1+len(n.value)] == n.value {
		return view{t, n.pos + 1, n.value}, true // nothing escaped, nothing folded
	}
	in, ok := unquote(t, n.pos)
	if !ok || in.s != n.value {
		return view{}, false
	}
	if q == '"' {
		in.newline = `\n`
	}
	return view{in, 0, in.s}, true
}

// openLiteral reads |, whose lines are the value's lines behind an indentation.
func openLiteral(t *text, n *node) (view, bool) {
	raw := t.s[n.pos:]
	end := strings.IndexByte(raw, '\n')
	if end < 0 || raw[0] != '|' {
		return view{}, false
	}
	body := n.pos + end + 1
	indent := blockIndent(t.s[body:])
	if !strings.ContainsAny(raw[:end], "123456789") {
		return alignLines(t, n, body, indent)
	}
	for ; indent > 0; indent-- { // an explicit indentation is at most that of the first line
		if v, ok := alignLines(t, n, body, indent); ok {
			return v, true
		}
	}
	return view{}, false
}

// blockIndent is the number of spaces before the first line that holds more.
func blockIndent(s string) int {
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
func alignLines(t *text, n *node, from, indent int) (view, bool) {
	in := &text{s: n.value, outer: t, newline: "\n" + strings.Repeat(" ", indent)}
	raw, i := t.s, from
	for at := 0; at < len(n.value); {
		if i >= len(raw) {
			return view{}, n.value[at:] == "\n" // a file that ends without a line break
		}
		want, step := cutLine(n.value[at:])
		line, next := cutLine(raw[i:])
		if strings.HasSuffix(line, "\r") {
			line = line[:len(line)-1]
			in.newline = "\r\n" + strings.Repeat(" ", indent)
		}
		content := strings.TrimLeft(line, " ")
		skip := min(indent, len(line)-len(content))
		if line[skip:] != want || (want != "" && skip < indent) {
			return view{}, false
		}
		if want != "" {
			in.pieces = append(in.pieces, piece{at, len(want), i + skip, len(want)})
		}
		at, i = at+step, i+next
	}
	return view{in, 0, in.s}, true
}

// cutLine gives the first line of s and how many bytes it takes with its break.
func cutLine(s string) (line string, n int) {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i], i + 1
	}
	return s, len(s)
}

// alignWords lays the value of n over its spelling at from where YAML folds lines.
// Folding only ever changes white space, and no reference holds any: so the words
// of both must be the same, and each word keeps its place.
func alignWords(t *text, n *node, from int) (view, bool) {
	in := &text{s: n.value, outer: t}
	raw, i := t.s, from
	for at := nextWord(n.value, 0); at < len(n.value); {
		i = nextWord(raw, i)
		end := wordEnd(n.value, at)
		if !strings.HasPrefix(raw[i:], n.value[at:end]) || wordEnd(raw, i)-i != end-at {
			return view{}, false
		}
		in.pieces = append(in.pieces, piece{at, end - at, i, end - at})
		i += end - at
		at = nextWord(n.value, end)
	}
	return view{in, 0, in.s}, true
}

func nextWord(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

func wordEnd(s string, i int) int {
	for i < len(s) && !isSpace(s[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
