package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxChecksums is how large a file of checksums may be: there are 10,000 lines in it.
const maxChecksums = 1 << 20

// Checksum is the sha256, 64 hexadecimal digits, that the file of checksums at raw
// says of name, as ParseChecksum finds it.
func (c *Client) Checksum(ctx context.Context, raw, name string) (string, error) {
	data, err := c.read(ctx, raw, maxChecksums)
	if err != nil {
		return "", err
	}
	if isWebPage(data) {
		return "", c.source(raw).explain(errWebPage)
	}
	sum, err := ParseChecksum(data, name)
	if err != nil {
		return "", c.source(raw).explain(err)
	}
	return sum, nil
}

var (
	bareLine = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	gnuLine  = regexp.MustCompile(`^\\?([0-9a-fA-F]{64}) [ *]?(.+)$`)
	bsdLine  = regexp.MustCompile(`^SHA(?:2-)?256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})$`)
)

// ParseChecksum finds the sha256 of name in a file of checksums: 64 hexadecimal
// digits alone, or lines as sha256sum writes them, or shasum --tag, or openssl
// dgst. name may be a path or a URL: of several entries for files of one base name
// the one counts whose folders are those of name. Other lines are passed over.
//
// A checksum that is of another file is none: it is an error if there is no entry
// for name, or entries that differ.
func ParseChecksum(data []byte, name string) (string, error) {
	var bare, named []string
	var others []string
	for line := range strings.Lines(string(bytes.TrimPrefix(data, []byte("\ufeff")))) {
		sum, of := entry(strings.TrimSpace(line))
		switch {
		case sum == "":
		case of == "" || of == "-":
			bare = append(bare, sum)
		case matches(of, name):
			named = append(named, sum)
		default:
			others = append(others, of)
		}
	}
	if len(named) == 0 && len(others) == 0 {
		named = bare
	}
	slices.Sort(named)
	switch named = slices.Compact(named); {
	case len(named) > 1:
		return "", fmt.Errorf("it has %d different checksums for %s", len(named), Shown(name))
	case len(named) == 1:
		return named[0], nil
	case len(others) > 0:
		return "", fmt.Errorf("it has no sha256 of %s, but of %s", Shown(name), some(others))
	}
	return "", errors.New("there is no sha256 in it")
}

// entry reads a line: a checksum, and of which file it is.
func entry(line string) (sum, of string) {
	if m := bsdLine.FindStringSubmatch(line); m != nil {
		return strings.ToLower(m[2]), m[1]
	}
	if m := gnuLine.FindStringSubmatch(line); m != nil {
		return strings.ToLower(m[1]), m[2]
	}
	if bareLine.MatchString(line) {
		return strings.ToLower(line), ""
	}
	return "", ""
}

// matches says that an entry of a file of checksums is for name: the shorter of them
// is the end of the longer one.
func matches(of, name string) bool {
	if isURL(name) {
		name = Shown(name)
	}
	of = "/" + strings.TrimLeft(strings.TrimPrefix(strings.ReplaceAll(of, `\`, "/"), "./"), "/")
	name = "/" + strings.TrimLeft(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "./"), "/")
	return strings.HasSuffix(of, name) || strings.HasSuffix(name, of)
}

// some names the first of many.
func some(names []string) string {
	const few = 3
	text := strings.Join(names[:min(len(names), few)], ", ")
	if more := len(names) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
