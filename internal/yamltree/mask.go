package yamltree

import "strings"

// mask gives s with everything that only a later substitution turns into YAML —
// ${VAR}, {{ action }}, {% tag %}, @VAR@ — replaced by as many letters, so that the
// structure around it can be parsed and every position stays true. A line that is
// nothing but template becomes a comment.
func mask(s string) string {
	b := []byte(s)
	for i := 0; i < len(s); {
		end := VariableEnd(s, i)
		if end <= i {
			i++
			continue
		}
		switch {
		case aloneInLines(s, i, end):
			comment(b, i, end)
		case isControl(s[i:end]):
			cover(b, i, end, ' ')
		default:
			cover(b, i, end, 'x')
		}
		i = end
	}
	return string(b)
}

// VariableEnd is where the variable, action or placeholder that begins at s[i]
// ends, and 0 if none begins there.
func VariableEnd(s string, i int) int {
	switch s[i] {
	case '$':
		return dollarEnd(s, i)
	case '{':
		if strings.HasPrefix(s[i:], "{{") {
			return closing(s, i, "}}")
		}
		if strings.HasPrefix(s[i:], "{%") {
			return closing(s, i, "%}")
		}
	case '@', '%':
		return nameBetween(s, i)
	case '\\':
		if strings.HasPrefix(s[i:], `\/`) { // JSON's, which go-yaml does not know
			return i + 2
		}
		return surrogates(s, i)
	}
	return 0
}

// maxVariable bounds the length of a variable or action, in bytes, so that a file full
// of beginnings without ends is read in linear time.
const maxVariable = 4096

// closing is the end of the action that begins at s[i], line breaks included.
func closing(s string, i int, mark string) int {
	n := strings.Index(s[i:min(len(s), i+maxVariable)], mark)
	if n < 0 {
		return 0
	}
	return i + n + len(mark)
}

// dollarEnd is the end of ${…} with nested braces (facts: envsubst of clusterctl);
// the first brace that closes the outermost one ends it. $(VAR) ends with its line.
func dollarEnd(s string, i int) int {
	if i+1 >= len(s) || s[i+1] != '{' {
		return 0
	}
	depth := 0
	for j := i + 1; j < min(len(s), i+maxVariable); j++ {
		switch s[j] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return j + 1
			}
		case '\n':
			return 0
		}
	}
	return 0
}

// nameBetween is the end of @NAME@ or %NAME%.
func nameBetween(s string, i int) int {
	j := i + 1
	for j < len(s) && (s[j] == '_' || s[j] >= 'A' && s[j] <= 'Z' || s[j] >= '0' && s[j] <= '9') {
		j++
	}
	if j == i+1 || j >= len(s) || s[j] != s[i] {
		return 0
	}
	return j + 1
}

// surrogates is the end of a JSON surrogate pair \uD83D\uDE00, which YAML's
// escapes do not know.
func surrogates(s string, i int) int {
	const n = len(`\uD83D\uDE00`)
	if i+n > len(s) || !strings.EqualFold(s[i:i+3], `\ud`) || !strings.EqualFold(s[i+6:i+9], `\ud`) {
		return 0
	}
	return i + n
}

// aloneInLines says that nothing but white space stands around the action s[i:end].
func aloneInLines(s string, i, end int) bool {
	from := strings.LastIndexByte(s[:i], '\n') + 1
	line, _ := CutLine(s[end:])
	return s[i] == '{' && strings.TrimSpace(s[from:i]) == "" && strings.TrimSpace(line) == ""
}

// isControl says that an action leaves nothing behind: {{ if }}, {{ end }}, a comment,
// an assignment (text/template, Actions).
func isControl(action string) bool {
	if len(action) < 4 || action[0] != '{' {
		return false
	}
	body := strings.TrimLeft(action[2:], "- \t\n")
	word, _, _ := strings.Cut(strings.TrimRight(body, "-%} \t"), " ")
	switch word {
	case "if", "else", "end", "range", "with", "define", "block", "break", "continue", "for", "endfor", "endif", "set":
		return true
	}
	return strings.HasPrefix(body, "/*") || strings.HasPrefix(body, "$") && strings.Contains(body, "=")
}

// comment makes b[i:j] a comment in each of its lines.
func comment(b []byte, i, j int) {
	mark := byte('#')
	for k := i; k < j; k++ {
		if b[k] == '\n' || b[k] == '\r' {
			mark = '#'
			continue
		}
		b[k] = mark
		mark = ' '
	}
}

// cover makes b[i:j] letters or spaces, line breaks excepted.
func cover(b []byte, i, j int, with byte) {
	if b[i] == '\\' {
		copy(b[i:j], `\"`)
		if j-i > 2 {
			copy(b[i:j], `\u0041\u0041`)
		}
		return
	}
	for k := i; k < j; k++ {
		if b[k] != '\n' && b[k] != '\r' {
			b[k] = with
		}
	}
}
