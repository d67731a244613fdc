package yamltree

// jsonObjects splits a chunk that holds JSON objects one after the other, as kubectl
// reads them and tools print them, into one chunk each. It gives nil if the chunk holds
// anything else.
func jsonObjects(s string, c Chunk) []Chunk {
	var list []Chunk
	for i := c.From; i < c.To; {
		switch {
		case IsSpace(s[i]):
			i++
		case s[i] == '{':
			end := objectEnd(s, i, c.To)
			if end == 0 || VariableEnd(s, i) > i {
				return nil // open, or a template
			}
			list = append(list, Chunk{i, end})
			i = end
		default:
			return nil
		}
	}
	return list
}

// objectEnd is where the JSON object that begins at s[i] ends, 0 if it does not before to.
func objectEnd(s string, i, to int) int {
	depth, quoted := 0, false
	for ; i < to; i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
