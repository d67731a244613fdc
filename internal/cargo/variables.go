package cargo

import "regexp"

// variable is a variable as clusterctl's templates spell it: ${NAME}, and with a
// default ${NAME:=value}, ${NAME:-value}, ${NAME=value} or ${NAME-value}
// (facts/clusterctl.md, 7).
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[=-]([^{}$]*))?\}`)

// fill replaces the variables of text that have a value, or else a default. What
// has neither stays.
func fill(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		m := variable.FindStringSubmatch(found)
		if value, ok := values[m[1]]; ok {
			return value
		}
		if len(found) > len("${}")+len(m[1]) {
			return m[2]
		}
		return found
	})
}
