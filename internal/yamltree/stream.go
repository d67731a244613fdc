package yamltree

import (
	"strings"
	"unicode/utf8"
)

// ByteOrderMark may stand before the first document.
const ByteOrderMark = "\ufeff"

// A Chunk is one document of a stream, Text.S[From:To], without its --- line.
type Chunk struct{ From, To int }

// View is the view of c in t.
func (c Chunk) View(t *Text) View { return View{t, c.From, t.S[c.From:c.To]} }

// Chunks splits a stream at its document markers, as the YAML reader of Kubernetes
// does: a line that begins with --- and goes on with white space, a comment, or
// nothing. `---# comment` is a marker there, though not in YAML.
func Chunks(s string) []Chunk {
	var list []Chunk
	from, at := 0, 0
	for at < len(s) {
		if !isMarker(s[at:]) {
			i := strings.Index(s[at:], "\n---")
			if i < 0 {
				break
			}
			at += i + 1
			if !isMarker(s[at:]) {
				at += 3
				continue
			}
		}
		if !OnlyDirectives(s[from:at]) {
			list = append(list, Chunk{from, at})
		}
		from = at + 3
		at = from
	}
	return append(list, Chunk{from, len(s)})
}

func isMarker(s string) bool {
	if !strings.HasPrefix(s, "---") {
		return false
	}
	return len(s) == 3 || IsSpace(s[3]) || s[3] == '#'
}

// OnlyDirectives says that s is empty but for %YAML lines, comments and white space,
// so that it is no document of its own.
func OnlyDirectives(s string) bool {
	for len(s) > 0 {
		line, n := CutLine(s)
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '%' && line[0] != '#' && line != "..." {
			return false
		}
		s = s[n:]
	}
	return true
}

// CheckText refuses what is no UTF-8 text.
func CheckText(s string) error {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return &PlaceError{i, "a NUL byte: this is no text"}
	}
	if utf8.ValidString(s) {
		return nil
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return &PlaceError{i, "invalid UTF-8"}
			}
		}
	}
	return nil
}

// LineColumn is the 1-based line and column, in characters, of byte i.
func LineColumn(s string, i int) (line, column int) {
	i = min(max(i, 0), len(s))
	start := strings.LastIndexByte(s[:i], '\n') + 1
	return strings.Count(s[:i], "\n") + 1, utf8.RuneCountInString(s[start:i]) + 1
}
