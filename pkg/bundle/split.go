package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// pieceSize is how much of a file is read, hashed and written at a time.
const pieceSize = 256 << 10

// Split writes the archive as parts of size bytes beside it, for media that do
// not hold the whole: archive.part-0001 and so on, and archive.parts.sha256,
// which sha256sum -c reads. It gives the paths of the parts in their order; the
// last one is as long as what is left. Parts can be read without joining them
// (Open). Those that are there already stay if they are right, and those of an
// earlier split go away. The checksums are written last: parts without them are
// a split that was interrupted. report is told the bytes that were dealt with and
// may be nil.
func Split(ctx context.Context, archive string, size int64, report func(registry.Event)) ([]string, error) {
	paths, err := split(ctx, archive, size, report)
	if err != nil {
		return nil, fmt.Errorf("splitting %s: %w", archive, err)
	}
	return paths, nil
}

func split(ctx context.Context, archive string, size int64, report func(registry.Event)) ([]string, error) {
	whole, err := openRegular(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = whole.Close() }()
	info, err := whole.Stat()
	if err != nil {
		return nil, err
	}
	p, err := planParts(archive, info.Size(), size)
	if err != nil {
		return nil, err
	}
	s := splitter{parts: p, whole: whole, perm: info.Mode().Perm(), report: report}
	for i := range p.names {
		if err := s.write(ctx, i); err != nil {
			return nil, err
		}
	}
	return s.finish()
}

// planParts says which parts an archive of total bytes is split into.
func planParts(archive string, total, size int64) (*parts, error) {
	dir, base := filepath.Split(archive)
	switch count := int64(0); {
	case size <= 0:
		return nil, fmt.Errorf("parts of %d bytes cannot be made", size)
	case total == 0:
		return nil, errors.New("it is empty")
	case strings.ContainsAny(base, "\\\n\r"):
		return nil, fmt.Errorf("the name %q cannot stand in a list of checksums", base)
	default:
		count = (total-1)/size + 1
		if count > maxParts {
			return nil, fmt.Errorf("parts of %d bytes would be %d, more than %d", size, count, maxParts)
		}
		p := &parts{dir: dir, base: base}
		width := max(4, len(fmt.Sprint(count)))
		for i := range count {
			p.names = append(p.names, fmt.Sprintf("%s.part-%0*d", base, width, i+1))
			p.sizes = append(p.sizes, min(size, total-i*size))
		}
		p.sums = make([][sha256.Size]byte, count)
		return p, nil
	}
}

// A splitter writes the parts of one archive.
type splitter struct {
	*parts
	whole   *os.File
	perm    fs.FileMode
	report  func(registry.Event)
	changed bool // whether the checksums that are there may be of other parts
}

// write makes part i be there.
func (s *splitter) write(ctx context.Context, i int) error {
	content := func() io.Reader {
		return io.NewSectionReader(s.whole, s.offset(i), s.sizes[i])
	}
	same, err := s.isThere(ctx, i, content())
	if err != nil || same {
		return err
	}
	if err := s.change(); err != nil {
		return err
	}
	sum := sha256.New()
	t := tally{name: s.names[i], size: s.sizes[i], report: s.report}
	defer t.end()
	err = writeWhole(s.path(i), s.perm, func(w io.Writer) error {
		return t.copy(ctx, io.MultiWriter(sum, w), content())
	})
	sum.Sum(s.sums[i][:0])
	return err
}

// isThere says whether part i holds content already, and notes its checksum.
func (s *splitter) isThere(ctx context.Context, i int, content io.Reader) (bool, error) {
	f, err := openRegular(s.path(i))
	if err != nil {
		return false, nil // it is written, and if that fails there is an error
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || info.Size() != s.sizes[i] {
		return false, nil // another size
	}
	same := comparer{with: f, sum: sha256.New()}
	t := tally{size: s.sizes[i]}
	err = t.copy(ctx, &same, content)
	if errors.Is(err, errDiffers) {
		return false, nil
	}
	if err == nil && s.report != nil {
		s.report(registry.Event{Kind: registry.BlobSkipped, Name: s.names[i], Bytes: s.sizes[i]})
	}
	same.sum.Sum(s.sums[i][:0])
	return err == nil, err
}

// change removes the checksums before the first part changes, so that they never
// stand beside parts of two splits.
func (s *splitter) change() error {
	if s.changed {
		return nil
	}
	s.changed = true
	if err := os.Remove(s.sumsPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// finish removes what other splits left and writes the checksums.
func (s *splitter) finish() ([]string, error) {
	stale, err := s.surplus()
	if err != nil {
		return nil, err
	}
	for _, name := range stale {
		if err := errors.Join(s.change(), os.Remove(filepath.Join(s.dir, name))); err != nil {
			return nil, err
		}
	}
	text := s.list()
	if old, err := os.ReadFile(s.sumsPath()); err != nil || !bytes.Equal(old, text) {
		if err := atomicfile.Write(s.sumsPath(), text, s.perm); err != nil {
			return nil, err
		}
	}
	var paths []string
	for i := range s.names {
		paths = append(paths, s.path(i))
	}
	return paths, nil
}

// list is what sha256sum prints for the parts.
func (p *parts) list() []byte {
	var text bytes.Buffer
	for i, name := range p.names {
		text.WriteString(hex.EncodeToString(p.sums[i][:]) + "  " + name + "\n")
	}
	return text.Bytes()
}

var errDiffers = errors.New("the contents differ")

// A comparer hashes what is written to it as long as that is what with gives.
type comparer struct {
	with io.Reader
	sum  hash.Hash
	buf  []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	if len(c.buf) < len(p) {
		c.buf = make([]byte, len(p))
	}
	if _, err := io.ReadFull(c.with, c.buf[:len(p)]); err != nil || !bytes.Equal(c.buf[:len(p)], p) {
		return 0, errDiffers
	}
	return c.sum.Write(p)
}
