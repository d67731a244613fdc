package image

import (
	"fmt"
	"strings"
)

// credentialsReason is what to do instead of writing credentials into a name.
const credentialsReason = "what stands before its @ looks like credentials and is not shown: leave it out and log in (docker login), or give it by --username with --password-stdin"

// Shown is s, a reference, a registry, a prefix or a URL of one, as people may see it:
// without what stands between its scheme, or its begin, and an @, for that is how
// credentials are written (RFC 3986, 3.2.1). The @ of a digest stays, as does one in the
// path of a URL, and one before a single word that may be a tag by mistake (nginx@latest).
func Shown(s string) string {
	scheme, rest, isURL := strings.Cut(s, "://")
	scheme += "://"
	if !isURL {
		scheme, rest = "", s
	}
	at := lastAt(rest)
	host, _, _ := strings.Cut(rest, "/")
	if at < 0 || isURL && validDomain(host) || !isURL && !strings.ContainsAny(rest, ":./") {
		return s
	}
	return scheme + rest[at+1:]
}

// lastAt is where the last @ of s is that begins no digest, good or bad; -1 if none is.
func lastAt(s string) int {
	for at := len(s); at > 0; {
		if at = strings.LastIndexByte(s[:at], '@'); at < 0 {
			break
		}
		algorithm, _, ok := strings.Cut(s[at+1:], ":")
		if bits, sha := strings.CutPrefix(algorithm, "sha"); !ok || !sha || !all(bits, isDigit) {
			return at
		}
	}
	return -1
}

// reasonFor is why s is refused: what to do instead if it holds credentials, else reason.
func reasonFor(s, reason string) string {
	if Shown(s) != s {
		return credentialsReason
	}
	return reason
}

// checkRule refuses credentials in FROM=TO.
func checkRule(from, to string) error {
	if Shown(from) == from && Shown(to) == to {
		return nil
	}
	if _, err := parseFrom(from); from != "*" && Shown(from) == from && err != nil {
		from = "…" // the = stood in a password
	}
	return fmt.Errorf("%s=%s: %s", Shown(from), Shown(to), credentialsReason)
}
