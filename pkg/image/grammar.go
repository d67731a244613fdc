package image

import "strings"

// The grammar of github.com/distribution/reference v0.6.0 (regexp.go), which
// Kubernetes and containerd use, without its regular expressions: detection
// asks about every string of every manifest. FuzzParseRef holds the two
// together.

const (
	maxPath = 255 // RepositoryNameTotalLengthMax
	maxTag  = 128
)

// checkName returns what is wrong with a name, or "".
func checkName(registry, path string) (reason string) {
	size := len(path)
	switch {
	case path == "":
		return "the name of the repository is missing"
	case validDomain(registry):
	case validComponent(registry):
		// my_registry.example/x: no domain because of the '_', yet distribution
		// accepts it, as a path without a domain, and runtimes dial that host.
		size += len(registry) + 1
	default:
		return "the registry is not HOST[:PORT]"
	}
	if !validPath(path) {
		return "a repository is lower case letters and digits, separated by one of '/', '.', '_', '__' or dashes"
	}
	if size > maxPath {
		return "the name of the repository is longer than 255 characters"
	}
	return ""
}

// validDomain reports whether s is HOST[:PORT] or [IPv6][:PORT].
func validDomain(s string) bool {
	if strings.HasPrefix(s, "[") {
		address, port, ok := strings.Cut(s[1:], "]")
		return ok && address != "" && all(address, isAddress) && (port == "" || validPort(port))
	}
	host := s
	if i := strings.IndexByte(s, ':'); i >= 0 {
		if host = s[:i]; !validPort(s[i:]) {
			return false
		}
	}
	return validHost(host)
}

// validPort reports whether s is ":" and digits.
func validPort(s string) bool {
	return len(s) > 1 && s[0] == ':' && all(s[1:], isDigit)
}

// validHost reports whether s is labels with dots between them. A label may
// have dashes inside.
func validHost(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.' || c == '-':
			if last == '.' || c == '.' && last == '-' {
				return false
			}
		case !isLetter(c) && !isDigit(c):
			return false
		}
		last = c
	}
	return last != '.' && last != '-'
}

// validPath reports whether s is components with slashes between them.
func validPath(s string) bool {
	for {
		i := strings.IndexByte(s, '/')
		if i < 0 {
			return validComponent(s)
		}
		if !validComponent(s[:i]) {
			return false
		}
		s = s[i+1:]
	}
}

// validComponent reports whether s is lower case letters and digits, joined
// by a dot, by one or two underscores, or by any number of dashes.
func validComponent(s string) bool {
	run, last := 0, byte('/') // run counts the equal separators up to here
	for i := range len(s) {
		c := s[i]
		switch {
		case isLower(c) || isDigit(c):
			run = 0
		case c != '.' && c != '_' && c != '-':
			return false
		case i == 0 || run > 0 && c != last:
			return false
		default:
			run++
			if c == '.' && run > 1 || c == '_' && run > 2 {
				return false
			}
		}
		last = c
	}
	return s != "" && run == 0
}

// validTag reports whether s is [\w][\w.-]{0,127}.
func validTag(s string) bool {
	return s != "" && len(s) <= maxTag && s[0] != '.' && s[0] != '-' && all(s, isTag)
}

// validDigest reports whether s is a digest that github.com/opencontainers/go-digest
// v1.0.0 accepts: it knows three algorithms.
func validDigest(s string) bool {
	algorithm, hex, _ := strings.Cut(s, ":")
	switch algorithm {
	case "sha256":
		return len(hex) == 64 && all(hex, isHex)
	case "sha384":
		return len(hex) == 96 && all(hex, isHex)
	case "sha512":
		return len(hex) == 128 && all(hex, isHex)
	}
	return false
}

// isImageID reports whether s is what docker prints as an image's ID, which
// distribution refuses as a name.
func isImageID(s string) bool { return len(s) == 64 && all(s, isHex) }

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isLower(c byte) bool   { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool  { return isLower(c|0x20) && c < 0x80 }
func isDigit(c byte) bool   { return '0' <= c && c <= '9' }
func isHex(c byte) bool     { return isDigit(c) || 'a' <= c && c <= 'f' }
func isAddress(c byte) bool { return isHex(c) || 'A' <= c && c <= 'F' || c == ':' }
func isTag(c byte) bool     { return isLetter(c) || isDigit(c) || c == '_' || c == '.' || c == '-' }
