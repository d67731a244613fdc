package download

import (
	"context"
	"crypto/sha1" //nolint:gosec // of what servers say of files, see claim
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// A claim is what a server says that a file there hashes to. Only what can stand for the
// content counts: no size with a time, which says nothing of the bytes, no weak ETag, and
// no MD5, of which two files with the same one are made in seconds. SHA-1, which is all
// that Nexus has, counts with the size: there is no way to a second file for one that
// somebody else made.
type claim struct {
	algorithm func() hash.Hash
	sum       string // hexadecimal, in lower case
}

// wants asks a server for the checksum that is known here (RFC 9530, 4; RFC 3230, 4.3.1).
func wants(h http.Header) {
	h.Set("Want-Repr-Digest", "sha-256=10")
	h.Set("Want-Digest", "sha-256")
}

var (
	sha256Tag = regexp.MustCompile(`^"(?:sha256:)?([0-9a-fA-F]{64})"$`)
	nexusTag  = regexp.MustCompile(`^"\{SHA1\{([0-9a-fA-F]{40})\}\}"$`)
)

// claimOf reads what an answer says of a file, the surest thing first; nil if it says
// nothing that counts.
func claimOf(h http.Header) *claim {
	if sum := h.Get("X-Checksum-Sha256"); sum != "" { // Artifactory
		return &claim{sha256.New, strings.ToLower(sum)}
	}
	if sum := digestIn(h, "sha-256"); sum != "" {
		return &claim{sha256.New, sum}
	}
	if m := sha256Tag.FindStringSubmatch(h.Get("ETag")); m != nil {
		return &claim{sha256.New, strings.ToLower(m[1])}
	}
	if sum := digestIn(h, "sha-512"); sum != "" {
		return &claim{sha512.New, sum}
	}
	if m := nexusTag.FindStringSubmatch(h.Get("ETag")); m != nil {
		return &claim{sha1.New, strings.ToLower(m[1])}
	}
	return nil
}

// digestIn is what Repr-Digest (RFC 9530) or Digest (RFC 3230) gives by an algorithm, in
// hexadecimal; empty if it gives nothing.
func digestIn(h http.Header, algorithm string) string {
	for _, name := range []string{"Repr-Digest", "Digest"} {
		for part := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
			kind, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			sum, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
			if strings.EqualFold(kind, algorithm) && err == nil {
				return hex.EncodeToString(sum)
			}
		}
	}
	return ""
}

// holds says whether the claim is true of the file, which is read if its sha256 does not
// tell.
func (c *claim) holds(ctx context.Context, f *File) (bool, error) {
	sum := c.algorithm()
	if sum.Size() == sha256.Size {
		return c.sum == f.SHA256, nil
	}
	content, err := f.Open(ctx)
	if err != nil {
		return false, err
	}
	defer content.Close() //nolint:errcheck // it was only read
	if _, err := io.Copy(sum, content); err != nil {
		return false, err
	}
	return c.sum == hex.EncodeToString(sum.Sum(nil)), nil
}
