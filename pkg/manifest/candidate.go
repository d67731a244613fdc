package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// mayHold says whether s can hold a reference at all. It is the byte scan that lets
// most documents go by unparsed, so it must never say no to what a rule would find:
// every rule needs a telling word in a key or command, or a value with a path and a
// tag or digest, or base64. FuzzFastPath holds it to that.
func mayHold(s string) bool {
	return hasTellingWord(s) || hasTaggedPath(s) || hasBase64(s)
}

// hasTellingWord looks for image, repo, registry, hub, sync and pull in any case.
func hasTellingWord(s string) bool {
	for i := 0; i+3 <= len(s); i++ {
		switch s[i] | 0x20 {
		case 'm':
			if folds(s[i:], "mage") {
				return true
			}
		case 'r':
			if folds(s[i:], "repo") || folds(s[i:], "registry") {
				return true
			}
		case 'h':
			if folds(s[i:], "hub") {
				return true
			}
		case 's':
			if folds(s[i:], "sync") {
				return true
			}
		case 'p':
			if folds(s[i:], "pull") {
				return true
			}
		}
	}
	return false
}

// folds says that s begins with the lower-case word in any case.
func folds(s, word string) bool { return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) }

// maybeReference says that a whole string has the bytes of a path and a tag or digest.
func maybeReference(s string) bool {
	if len(s) < 5 || len(s) > 512 || s[0] == '/' || s[0] == '.' || s[0] == '-' {
		return false
	}
	i := strings.IndexByte(s, '/')
	return i > 0 && strings.ContainsAny(s[i:], ":@") && !strings.Contains(s, "://") && !strings.ContainsAny(s, " \t\n")
}

// hasTaggedPath says that some word of s has a '/' and after it a ':' or '@'.
func hasTaggedPath(s string) bool {
	for i := 0; i < len(s); {
		n := strings.IndexByte(s[i:], '/')
		if n < 0 {
			return false
		}
		slash := i + n
		j := slash + 1
		for j < len(s) && (yamltree.IsWordByte(s[j]) || s[j] == '.' || s[j] == '-' || s[j] == '/') {
			j++
		}
		last := slash + strings.LastIndexByte(s[slash:j], '/')
		if j+1 < len(s) && (s[j] == ':' || s[j] == '@') && !yamltree.IsSpace(s[j+1]) && last > 0 && yamltree.IsWordByte(s[last-1]) {
			return true
		}
		if j < len(s) && (s[j] == '$' || s[j] == '{') { // a variable may hold the rest
			return true
		}
		i = j
	}
	return false
}

// hasBase64 says that s has a run of base64 long enough to hold a reference.
func hasBase64(s string) bool {
	const enough = 24
	for i := enough - 1; i < len(s); i += enough {
		if !isBase64Byte(s[i]) {
			continue
		}
		from, to := i, i
		for from > 0 && isBase64Byte(s[from-1]) && i-from < enough {
			from--
		}
		for to < len(s) && isBase64Byte(s[to]) && to-from < enough {
			to++
		}
		if to-from >= enough && strings.ContainsAny(s[from:to], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return true
		}
	}
	return false
}

func isBase64Byte(c byte) bool { return yamltree.IsWordByte(c) && c != '_' || c == '+' || c == '/' }

// mayHoldDefault is mayHold for a CustomResourceDefinition, where only defaults and
// annotations are values and all else is prose.
func mayHoldDefault(s string) bool {
	spec := strings.Index(s, "\nspec:")
	if spec < 0 {
		return true
	}
	if head := s[:spec]; strings.Contains(head, "mage") || hasTaggedPath(head) {
		return true
	}
	for at := spec; ; {
		i := strings.Index(s[at:], "default:")
		if i < 0 {
			return false
		}
		at += i + len("default:")
		if defaultMayHold(s[at:]) {
			return true
		}
	}
}

// defaultMayHold looks at what follows a key default.
func defaultMayHold(s string) bool {
	line, n := yamltree.CutLine(s)
	line = strings.TrimSpace(line)
	switch {
	case line == "" || strings.ContainsAny(line[:1], "|>&!#{["): // more than one line, perhaps
		return mayHold(line) || mayHold(deeper(s[n:]))
	case line == `""` || line == "''":
		return false
	}
	return strings.ContainsAny(line, "/:@$") || mayHold(line)
}

// deeper is the lines at the beginning of s that are indented at least as the first.
func deeper(s string) string {
	indent := yamltree.BlockIndent(s)
	for at := 0; at < len(s); {
		line, n := yamltree.CutLine(s[at:])
		if strings.TrimSpace(line) != "" && yamltree.BlockIndent(line) < indent {
			return s[:at]
		}
		at += n
	}
	return s
}
