package manifest

import "strings"

// A chunk is one document of a stream, t.s[from:to], without its --- line.
type chunk struct{ from, to int }

// chunks splits a stream at its document markers, as the YAML reader of Kubernetes
// does: a line that begins with --- and goes on with white space, a comment, or
// nothing. `---# comment` is a marker there, though not in YAML.
func chunks(s string) []chunk {
	var list []chunk
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
		if !onlyDirectives(s[from:at]) {
			list = append(list, chunk{from, at})
		}
		from = at + 3
		at = from
	}
	return append(list, chunk{from, len(s)})
}

func isMarker(s string) bool {
	if !strings.HasPrefix(s, "---") {
		return false
	}
	return len(s) == 3 || isSpace(s[3]) || s[3] == '#'
}

// onlyDirectives says that s is empty but for %YAML lines, comments and white space,
// so that it is no document of its own.
func onlyDirectives(s string) bool {
	for len(s) > 0 {
		line, n := cutLine(s)
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '%' && line[0] != '#' && line != "..." {
			return false
		}
		s = s[n:]
	}
	return true
}
