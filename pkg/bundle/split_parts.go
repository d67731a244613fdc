package bundle

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

const (
	maxParts    = 99_999
	maxListSize = maxParts * 512 // bytes: a checksum and a name of 255 bytes, and room
	maxOpen     = 64             // parts that stay open; systems allow a process as few as 256 files
	sumsSuffix  = ".parts.sha256"
	partInfix   = ".part-"
)

// parts are the pieces of one archive, in their order.
type parts struct {
	dir, base string // of the archive
	names     []string
	sizes     []int64 // bytes
	sums      [][sha256.Size]byte
}

func (p *parts) path(i int) string { return filepath.Join(p.dir, p.names[i]) }

func (p *parts) sumsPath() string { return filepath.Join(p.dir, p.base+sumsSuffix) }

// offset is where part i begins in the archive: all but the last have one size.
func (p *parts) offset(i int) int64 { return int64(i) * p.sizes[0] }

func (p *parts) total() int64 {
	last := len(p.names) - 1
	return p.offset(last) + p.sizes[last]
}

// archiveOf gives the archive that path is a part of, or the checksums of its parts.
func archiveOf(path string) (archive string, ok bool) {
	if archive, ok = strings.CutSuffix(path, sumsSuffix); ok {
		return archive, filepath.Base(archive) != sumsSuffix
	}
	i := strings.LastIndex(path, partInfix)
	if i < 0 || !isPart(path, path[:i]) {
		return "", false
	}
	return path[:i], true
}

// isPart says whether name is what a part of archive can be called.
func isPart(name, archive string) bool {
	number, ok := strings.CutPrefix(name, archive+partInfix)
	if !ok || len(number) < 4 || len(number) > 5 {
		return false
	}
	n, err := strconv.ParseUint(number, 10, 32)
	return err == nil && n > 0
}

// findParts finds the parts that path names: the archive, a part or the checksums.
// If there is an archive path, or nothing that has parts, ok is false.
func findParts(path string) (p *parts, ok bool, err error) {
	archive, named := archiveOf(path)
	if !named {
		archive = path
		if _, err := os.Stat(path); err == nil {
			return nil, false, nil // whole
		}
		_, noList := os.Stat(path + sumsSuffix)
		_, noPart := os.Stat(path + partInfix + "0001")
		if noList != nil && noPart != nil {
			return nil, false, nil // whoever opens it sees what is wrong
		}
	}
	dir, base := filepath.Split(archive)
	p = &parts{dir: dir, base: base}
	if err := p.readList(); err != nil {
		return nil, true, err
	}
	return p, true, p.measure()
}

// readList reads which parts there should be. The list came on a medium, from anyone.
func (p *parts) readList() error {
	f, err := openRegular(p.sumsPath())
	if err != nil {
		return fmt.Errorf("%s has no list of its parts (splitting it was interrupted?): %w", filepath.Join(p.dir, p.base), err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxListSize))
	for lines.Scan() {
		if err := p.addLine(lines.Text()); err != nil {
			return fmt.Errorf("reading %s:%d: %w", p.sumsPath(), len(p.names)+1, err)
		}
	}
	if err = lines.Err(); err == nil && len(p.names) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", p.sumsPath(), err)
	}
	return nil
}

// addLine reads the line of the next part.
func (p *parts) addLine(line string) error {
	if len(p.names) == maxParts {
		return fmt.Errorf("there are more than %d parts", maxParts)
	}
	const hexSize = 2 * sha256.Size
	var sum [sha256.Size]byte
	if len(line) < hexSize+3 || line[hexSize] != ' ' || line[hexSize+1] != ' ' && line[hexSize+1] != '*' {
		return fmt.Errorf("%.80q is no line of sha256sum", line)
	}
	if _, err := hex.Decode(sum[:], []byte(line[:hexSize])); err != nil {
		return fmt.Errorf("%.80q is no line of sha256sum: %w", line, err)
	}
	name := line[hexSize+2:]
	if !isPart(name, p.base) || len(p.names) > 0 && len(name) != len(p.names[0]) {
		return fmt.Errorf("%.80q is no part of %s", name, p.base)
	}
	if n, _ := strconv.Atoi(name[len(p.base+partInfix):]); n != len(p.names)+1 {
		return fmt.Errorf("%s stands where part %d should", name, len(p.names)+1)
	}
	p.names, p.sums = append(p.names, name), append(p.sums, sum)
	return nil
}

// measure finds the sizes of the parts. Lost, surplus and too long or too short
// ones are named, all of them.
func (p *parts) measure() error {
	var errs []error
	p.sizes = make([]int64, len(p.names))
	for i := range p.names {
		info, err := os.Stat(p.path(i))
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", p.path(i))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("part %d of %d: %w", i+1, len(p.names), err))
			continue
		}
		p.sizes[i] = info.Size()
	}
	if len(errs) == 0 {
		errs = p.odd()
	}
	surplus, err := p.surplus()
	if err != nil {
		errs = append(errs, err)
	}
	for _, name := range surplus {
		errs = append(errs, fmt.Errorf("%s does not belong to the %d parts of %s", filepath.Join(p.dir, name), len(p.names), p.sumsPath()))
	}
	return errors.Join(errs...)
}

// odd names the parts whose size cannot be right: all but the last have one size,
// and the last one has at most that.
func (p *parts) odd() []error {
	usual, last := p.usualSize(), len(p.names)-1
	var errs []error
	for i, size := range p.sizes {
		switch {
		case i < last && size != usual:
			errs = append(errs, fmt.Errorf("%s has %d bytes, the other parts have %d", p.path(i), size, usual))
		case i == last && size > usual:
			errs = append(errs, fmt.Errorf("%s has %d bytes, more than the %d of a part", p.path(i), size, usual))
		case size == 0:
			errs = append(errs, fmt.Errorf("%s is empty", p.path(i)))
		}
	}
	return errs
}

// usualSize is what most parts but the last have; the larger of two that are as
// frequent, since what damages a file mostly makes it shorter.
func (p *parts) usualSize() int64 {
	count := map[int64]int{}
	usual := int64(0)
	for _, size := range p.sizes[:max(1, len(p.sizes)-1)] {
		count[size]++
	}
	for _, size := range p.sizes[:max(1, len(p.sizes)-1)] {
		if count[size] > count[usual] || count[size] == count[usual] && size > usual {
			usual = size
		}
	}
	return usual
}

// surplus gives the files that look like parts of the archive and are none.
func (p *parts) surplus() ([]string, error) {
	entries, err := os.ReadDir(filepath.Clean(p.dir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".partial")
		_, listed := slices.BinarySearch(p.names, name) // of one width, so in order
		if isPart(name, p.base) && (!listed || name != e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// CheckParts reads the parts of an archive, of which path is one, or their
// checksums, or the archive that they make. What is lost, surplus or damaged is
// named in the error. An archive that is whole has no parts, and nothing is wrong with
// them. report is told the bytes read and may be nil.
func CheckParts(ctx context.Context, path string, report func(registry.Event)) error {
	p, ok, err := findParts(path)
	if err == nil && ok {
		err = p.check(ctx, report)
	}
	if err != nil {
		return fmt.Errorf("checking the parts of %s: %w", path, err)
	}
	return nil
}

// check compares every part with its checksum.
func (p *parts) check(ctx context.Context, report func(registry.Event)) error {
	var errs []error
	for i := range p.names {
		err := p.pass(ctx, i, io.Discard, report)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// pass copies part i to w and compares it with its checksum.
func (p *parts) pass(ctx context.Context, i int, w io.Writer, report func(registry.Event)) error {
	f, err := openRegular(p.path(i))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return p.sift(ctx, i, w, f, report)
}

// sift copies r, what should be part i, to w and compares it with its checksum.
func (p *parts) sift(ctx context.Context, i int, w io.Writer, r io.Reader, report func(registry.Event)) error {
	sum := sha256.New()
	t := tally{name: p.names[i], size: p.sizes[i], report: report}
	defer t.end()
	if err := t.copy(ctx, io.MultiWriter(sum, w), r); err != nil {
		return fmt.Errorf("reading %s: %w", p.path(i), err)
	}
	if [sha256.Size]byte(sum.Sum(nil)) != p.sums[i] {
		return fmt.Errorf("%s is damaged: its checksum is not the one in %s", p.path(i), p.base+sumsSuffix)
	}
	return nil
}
