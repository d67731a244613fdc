package bundle

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A Finding is something in an archive that is not as it should be.
type Finding struct {
	Entry   string        // the path of the entry; empty if it is the end of the archive
	Digest  digest.Digest // of the blob, if the entry is one
	Problem string        // what is wrong with it
	Images  []string      // the images that cannot do without it, sorted
}

// String is the finding as one line.
func (f Finding) String() string {
	return (&InvalidError{Entry: f.Entry, Problem: f.Problem, Images: f.Images}).Error()
}

// Check reads all of the archive once, with parallel readers (0 means 2), and
// gives what is not as it was written, in the order of the entries: blobs against
// their digests, files against the lock, everything against SHA256SUMS, and what
// lies between them. What Open has checked already was sound. report, if there is
// one, is told how far it is. The error is about reading or the context.
func (a *Archive) Check(ctx context.Context, parallel int, report func(registry.Event)) ([]Finding, error) {
	if report == nil {
		report = func(registry.Event) {}
	}
	c := check{a, report, map[string]digest.Digest{}, make([]string, len(a.entries)), make([][]string, len(a.entries))}
	for _, f := range a.lock.Files {
		c.want[f.Path] = digest.NewDigestFromEncoded(digest.SHA256, f.SHA256)
	}
	for d, e := range a.blobs {
		c.want[e.Path] = d
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(max(parallel, 0), 2))
	for i := range a.entries {
		g.Go(func() error { return c.entry(ctx, i) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := c.checksums(); err != nil {
		return nil, err
	}
	return append(c.findings(), c.end()...), nil
}

// A check is an archive being read as a whole.
type check struct {
	*Archive
	report   func(registry.Event)
	want     map[string]digest.Digest // of blobs and files by path: what they should hash to, whatever SHA256SUMS says
	sums     []string                 // hexadecimal SHA-256, by entry
	problems [][]string               // by entry
}

func (c *check) found(i int, format string, args ...any) {
	c.problems[i] = append(c.problems[i], fmt.Sprintf(format, args...))
}

// entry reads one entry with all that stands before the next one.
func (c *check) entry(ctx context.Context, i int) error {
	e := &c.entries[i]
	if err := c.frame(i); err != nil {
		return err
	}
	c.report(registry.Event{Kind: registry.BlobBegin, Name: e.Path, Bytes: e.Size})
	defer c.report(registry.Event{Kind: registry.BlobEnd, Name: e.Path, Bytes: e.Size})
	h := newHashes(c.want[e.Path])
	if err := c.hash(ctx, e, h); err != nil {
		return fmt.Errorf("reading %s: %w", e.Path, err)
	}
	c.sums[i] = newSum(h)
	if _, wrong := h.check(); wrong != nil {
		c.found(i, "%v", wrong)
	}
	return nil
}

// newSum is the hexadecimal SHA-256 of what h has seen.
func newSum(h hashes) string {
	sum, _ := hashes{all: h.all}.check()
	return sum
}

func (c *check) hash(ctx context.Context, e *stored, h hashes) error {
	from := c.section(e)
	buffer := make([]byte, min(bufferSize, e.Size))
	for left := e.Size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buffer)
		h.write(buffer[:n])
		c.report(registry.Event{Kind: registry.Advance, Name: e.Path, Bytes: int64(n)})
		if left -= int64(n); err != nil && left > 0 {
			return err
		}
	}
	return nil
}

// frame looks at what no checksum covers: the header of an entry, and what stands
// between its content and the next header.
func (c *check) frame(i int) error {
	e := &c.entries[i]
	before := int64(0)
	if i > 0 {
		before = c.entries[i-1].end()
	}
	want, err := header(e.Entry)
	if err != nil {
		return err
	}
	got, err := c.between(before, e.start)
	if err != nil {
		return fmt.Errorf("reading the header of %s: %w", e.Path, err)
	}
	if !bytes.Equal(got, want) {
		c.found(i, "its tar header is not as it was written")
	}
	pad, err := c.between(e.start+e.Size, min(e.end(), c.Size()))
	if err != nil {
		return fmt.Errorf("reading behind %s: %w", e.Path, err)
	}
	if int64(len(pad)) != e.end()-e.start-e.Size || len(bytes.Trim(pad, "\x00")) > 0 {
		c.found(i, "what fills its last block is not as it was written")
	}
	return nil
}

// end is where the next header should begin.
func (e *stored) end() int64 { return e.start + padded(e.Size) }

// between reads a few bytes, or none if it were many.
func (c *check) between(from, to int64) ([]byte, error) {
	if to-from > maxHeader || to < from {
		return nil, nil
	}
	b := make([]byte, to-from)
	if n, err := c.from.ReadAt(b, from); n < len(b) {
		return nil, err
	}
	return b, nil
}

// checksums compares SHA256SUMS with what was read.
func (c *check) checksums() error {
	e := c.byPath[checksumsPath]
	if e == nil {
		return nil // findings says it
	}
	raw, err := c.read(e, maxText)
	if err != nil {
		return err
	}
	said := parseChecksums(raw)
	sums, paths, itself := map[string]string{}, []string{}, 0
	for i, e := range c.entries {
		if e.Path == checksumsPath {
			itself = i
			continue
		}
		paths = append(paths, e.Path)
		sums[e.Path] = c.sums[i]
		if said[e.Path] == c.sums[i] {
			continue
		}
		switch {
		case c.want[e.Path] == "": // nothing else says which of the two is wrong
			c.found(i, "it and %s disagree", checksumsPath)
			sums[e.Path] = said[e.Path]
		case len(c.problems[i]) == 0:
			sums[e.Path] = "" // its own digest is right: the list is wrong
		default:
			sums[e.Path] = said[e.Path]
		}
	}
	if !bytes.Equal(raw, checksums(paths, sums)) {
		c.found(itself, "it is not the list of the checksums of the entries before it")
	}
	return nil
}

// findings puts what was found in order.
func (c *check) findings() []Finding {
	var all []Finding
	for i, problems := range c.problems {
		if len(problems) == 0 {
			continue
		}
		e := c.entries[i]
		d, _ := blobOf(e.Path)
		images := slices.Compact(slices.Sorted(slices.Values(c.users[d])))
		all = append(all, Finding{e.Path, d, strings.Join(problems, "; "), images})
	}
	return all
}

// end looks at what follows the last entry.
func (c *check) end() []Finding {
	var all []Finding
	if c.byPath[checksumsPath] == nil {
		all = append(all, Finding{Entry: checksumsPath, Problem: "it is missing"})
	}
	last := c.entries[len(c.entries)-1].end()
	b := make([]byte, trailerSize)
	_, err := c.from.ReadAt(b, last)
	if err != nil && !errors.Is(err, io.EOF) || c.Size() != last+trailerSize || len(bytes.Trim(b, "\x00")) > 0 {
		all = append(all, Finding{Problem: "what follows the last entry is not as it was written"})
	}
	return all
}
