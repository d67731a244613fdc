package snap

import (
	"crypto/sha3"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxAssertions bounds what is read of an assertion file, in bytes: snap download writes
// some 4 KB.
const maxAssertions = 1 << 20

// A Revision is what a snap-revision assertion says of the one snap that it is about
// (https://documentation.ubuntu.com/core/reference/assertions/snap-revision/).
type Revision struct {
	SHA3384 string // header snap-sha3-384: base64url without padding
	Size    int64  // bytes
}

// Assertions reads the snap-revision assertions of a file as snap download writes beside a
// snap. Its signatures are not checked: snap ack does that on the node. A file without any
// is an error.
func Assertions(r io.Reader) ([]Revision, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAssertions+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxAssertions {
		return nil, fmt.Errorf("larger than %d bytes, which no assertions are", maxAssertions)
	}
	var all []Revision
	// Headers, an optional body, and a signature: blank lines between them.
	for block := range strings.SplitSeq(string(text), "\n\n") {
		if h := headers(block); h["type"] == "snap-revision" {
			revision, err := readRevision(h)
			if err != nil {
				return nil, err
			}
			all = append(all, revision)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no snap-revision assertion in it")
	}
	return all, nil
}

// headers are the lines of a block that are KEY: VALUE.
func headers(block string) map[string]string {
	h := map[string]string{}
	for line := range strings.Lines(block) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": "); ok && !strings.HasPrefix(key, " ") {
			h[key] = value
		}
	}
	return h
}

func readRevision(h map[string]string) (Revision, error) {
	r := Revision{SHA3384: h["snap-sha3-384"]}
	if sum, err := base64.RawURLEncoding.DecodeString(r.SHA3384); err != nil || len(sum) != 48 {
		return r, fmt.Errorf("its snap-sha3-384 %q is none", clean(r.SHA3384))
	}
	size, err := strconv.ParseInt(h["snap-size"], 10, 64)
	if err != nil {
		return r, fmt.Errorf("its snap-size %q is none", clean(h["snap-size"]))
	}
	r.Size = size
	return r, nil
}

// CheckAssertion reads a snap and its assertion to their ends, and says whether the one is
// about the other. snapd refuses to install a snap that no assertion is about.
func CheckAssertion(snap, assertion io.Reader) error {
	revisions, err := Assertions(assertion)
	if err != nil {
		return fmt.Errorf("reading its assertion: %w", err)
	}
	sum := sha3.New384()
	size, err := io.Copy(sum, snap)
	if err != nil {
		return err
	}
	got := Revision{base64.RawURLEncoding.EncodeToString(sum.Sum(nil)), size}
	for _, want := range revisions {
		if got == want {
			return nil
		}
	}
	return fmt.Errorf("it is not the snap that its assertion is about: it has %d bytes of SHA3-384 %s, asserted are %d of %s",
		got.Size, got.SHA3384, revisions[0].Size, revisions[0].SHA3384)
}

// IsSnap says whether a file is a snap by its name.
func IsSnap(name string) bool { return strings.HasSuffix(name, ".snap") }

// Assertion is the name of the file that snap download writes beside the snap name.
func Assertion(name string) string { return strings.TrimSuffix(name, ".snap") + ".assert" }
