package manifest

import (
	"regexp"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// variable is a variable as clusterctl's templates spell it: ${NAME}, and with a
// default ${NAME:=value}, ${NAME:-value}, ${NAME=value} or ${NAME-value}
// (facts/clusterctl.md, 7).
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[=-]([^{}$]*))?\}`)

// Fill replaces the variables of text, a reference as it is written, that have a value,
// or else a default. What has neither stays.
func Fill(text string, values map[string]string) string {
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

// FillGiven is Fill without the defaults.
func FillGiven(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := values[variable.FindStringSubmatch(found)[1]]; ok {
			return value
		}
		return found
	})
}

// Literals takes text apart at its variables and placeholders: what stands before, between
// and behind them, and the names of them. One that is not spelled ${NAME…} or $NAME is
// named by itself.
func Literals(text string) (literals, names []string) {
	at := 0
	for _, s := range variables(text) {
		literals = append(literals, text[at:s.from])
		names = append(names, variableName(text[s.from:s.to]))
		at = s.to
	}
	return append(literals, text[at:]), names
}

// variableName is the name of what variables finds.
func variableName(s string) string {
	name := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(s, "$"), "{"), " ")
	end := 0
	for end < len(name) && yamltree.IsWordByte(name[end]) {
		end++
	}
	if s[0] != '$' || end == 0 {
		return s
	}
	return name[:end]
}
