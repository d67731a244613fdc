package yamltree

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An unquoter decodes a quoted YAML scalar (YAML 1.2, §7.3) and remembers where
// each byte of the value came from.
type unquoter struct {
	raw   string
	i     int // the next byte of raw
	quote byte
	base  int // the offset of raw in the text around it
	b     []byte
	segs  []Piece
}

// unquote decodes the scalar that begins with a quote at t.S[pos].
func unquote(t *Text, pos int) (*Text, bool) {
	u := &unquoter{raw: t.S[pos:], i: 1, quote: t.S[pos], base: pos}
	for u.i < len(u.raw) {
		switch c := u.raw[u.i]; {
		case c == u.quote && u.quote == '\'' && strings.HasPrefix(u.raw[u.i:], "''"):
			u.put("'", 2)
		case c == u.quote:
			return &Text{S: string(u.b), Outer: t, Pieces: u.segs}, true
		case c == '\\' && u.quote == '"':
			if !u.escape() {
				return nil, false
			}
		case c == '\n' || c == '\r':
			u.fold()
		default:
			u.verbatim()
		}
	}
	return nil, false
}

// put appends s, which n bytes of raw spell.
func (u *unquoter) put(s string, n int) {
	u.segs = append(u.segs, Piece{len(u.b), len(s), u.base + u.i, n})
	u.b = append(u.b, s...)
	u.i += n
}

// verbatim copies bytes up to the next one that means something.
func (u *unquoter) verbatim() {
	j := u.i
	for j < len(u.raw) && u.raw[j] != u.quote && u.raw[j] != '\n' && u.raw[j] != '\r' && (u.raw[j] != '\\' || u.quote == '\'') {
		j++
	}
	u.put(u.raw[u.i:j], j-u.i)
}

// fold turns line breaks into a space, or into one break less than there are.
func (u *unquoter) fold() {
	u.trim()
	breaks := 0
	for u.i < len(u.raw) && IsSpace(u.raw[u.i]) {
		if u.raw[u.i] == '\n' || u.raw[u.i] == '\r' && !strings.HasPrefix(u.raw[u.i:], "\r\n") {
			breaks++
		}
		u.i++
	}
	if breaks == 1 {
		u.b = append(u.b, ' ')
		return
	}
	u.b = append(u.b, strings.Repeat("\n", breaks-1)...)
}

// trim takes back the white space before a line break; escaped white space stays.
func (u *unquoter) trim() {
	if len(u.segs) == 0 {
		return
	}
	last := &u.segs[len(u.segs)-1]
	if last.N != last.M || last.In+last.N != len(u.b) {
		return
	}
	kept := max(len(bytes.TrimRight(u.b, " \t")), last.In)
	last.N, last.M = kept-last.In, kept-last.In
	u.b = u.b[:kept]
}

var simpleEscapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r",
	'e': "\x1b", ' ': " ", '"': `"`, '/': "/", '\\': `\`, '\'': "'", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape decodes one escape sequence of a double-quoted scalar.
func (u *unquoter) escape() bool {
	if u.i+1 >= len(u.raw) {
		return false
	}
	c := u.raw[u.i+1]
	if s, ok := simpleEscapes[c]; ok {
		u.put(s, 2)
		return true
	}
	switch c {
	case 'x':
		return u.hex(2)
	case 'u':
		return u.hex(4)
	case 'U':
		return u.hex(8)
	case '\n', '\r':
		u.i++
		u.i = NextWord(u.raw, u.i+strings.IndexByte(u.raw[u.i:], '\n')+1)
		return true
	}
	return false
}

// hex decodes \xNN, \uNNNN and \UNNNNNNNN.
func (u *unquoter) hex(digits int) bool {
	if u.i+2+digits > len(u.raw) {
		return false
	}
	v, err := strconv.ParseUint(u.raw[u.i+2:u.i+2+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(v)) {
		return false
	}
	u.put(string(rune(v)), 2+digits)
	return true
}
