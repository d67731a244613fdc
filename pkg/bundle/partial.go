package bundle

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// An archive that is not finished is a file beside its place. Its slots stand
// where they will stand in the end; after them, where the tail will be, follow
//
//	a journal   32 bytes for every slot: the SHA-256 of content that nobody knew before it came
//	a recipe    JSON: what the slots are, for a run with another plan
//	a footer    the length of the recipe, 8 bytes, and partialMagic
const (
	partialMagic  = "airgap partial 1"
	partialSuffix = ".partial"
	journalSize   = 32
	footerSize    = 8 + int64(len(partialMagic))
	maxRecipe     = 256 << 20
)

// A recipeSlot is what a recipe says of a slot.
type recipeSlot struct {
	Path   string        `json:"path"`
	Size   int64         `json:"size"`
	Mode   fs.FileMode   `json:"mode,omitempty"`
	URL    string        `json:"url,omitempty"`
	Digest digest.Digest `json:"digest,omitempty"`
}

// recipe gives recipe and footer.
func (l layout) recipe() ([]byte, error) {
	slots := make([]recipeSlot, len(l.slots))
	for i, s := range l.slots {
		slots[i] = recipeSlot{s.Path, s.Size, s.Mode, s.url, s.want}
	}
	b, err := json.Marshal(slots)
	return append(binary.BigEndian.AppendUint64(b, uint64(len(b))), partialMagic...), err
}

// readRecipe gives the layout of the partial file f.
func readRecipe(f io.ReaderAt, size int64) (layout, error) {
	footer := make([]byte, footerSize)
	if _, err := f.ReadAt(footer, size-footerSize); err != nil {
		return layout{}, err
	}
	n := binary.BigEndian.Uint64(footer)
	if string(footer[8:]) != partialMagic || n > maxRecipe || int64(n) > size-footerSize {
		return layout{}, errors.New("this is no partial archive")
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, size-footerSize-int64(n)); err != nil {
		return layout{}, err
	}
	var recipe []recipeSlot
	if err := json.Unmarshal(text, &recipe); err != nil {
		return layout{}, err
	}
	slots := make([]*slot, len(recipe))
	for i, r := range recipe {
		slots[i] = &slot{Entry: Entry{Path: r.Path, Size: r.Size, Mode: r.Mode}, url: r.URL, want: r.Digest}
	}
	return lay(slots)
}

// partialName is the partial file of an archive and a layout; with layout * it
// is the pattern of all.
func partialName(path string, l layout) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, partialPrefix(base)+l.name()+partialSuffix)
}

func partialPrefix(base string) string {
	const most = 255 - len(partialSuffix) - 16 - 2 // a name may have 255 bytes
	return "." + base[:min(len(base), most)] + "."
}

// partials are all partial files of an archive but the one named mine.
func partials(path, mine string) []string {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return nil
	}
	prefix := partialPrefix(base)
	var names []string
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), prefix)
		middle, ok2 := strings.CutSuffix(middle, partialSuffix)
		if _, err := hex.DecodeString(middle); !ok || !ok2 || err != nil || len(middle) != 16 || !e.Type().IsRegular() {
			continue
		}
		if name := filepath.Join(dir, e.Name()); name != mine {
			names = append(names, name)
		}
	}
	return names
}

// openPartial opens the partial file name, or begins it, and keeps other
// processes from it.
func openPartial(name string, l layout) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		// Who held the lock before may have given the file its final name.
		if stale(f, name) {
			f.Close() //nolint:errcheck // nothing was written to it
			continue
		}
		if err := begin(f, l); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

func stale(f *os.File, name string) bool {
	open, err := f.Stat()
	named, nameErr := os.Stat(name)
	return err != nil || nameErr != nil || !os.SameFile(open, named)
}

// begin gives a partial file its full size and its recipe. What stands in it
// stays, if it has the same layout.
func begin(f *os.File, l layout) error {
	recipe, err := l.recipe()
	if err != nil {
		return err
	}
	at := l.end + int64(len(l.slots))*journalSize
	size := at + int64(len(recipe))
	if info, err := f.Stat(); err == nil && info.Size() == size {
		got := make([]byte, len(recipe))
		if _, err := f.ReadAt(got, at); err == nil && bytes.Equal(got, recipe) {
			return nil
		}
	}
	// A tail that was being written when a run ended lies over journal and recipe.
	if err := f.Truncate(l.end); err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	_, err = f.WriteAt(recipe, at)
	return err
}

// journalAt is where the journal of a layout has the slot.
func (l layout) journalAt(s *slot) int64 {
	i, _ := slices.BinarySearchFunc(l.slots, s.at, func(x *slot, at int64) int { return int(min(max(x.at-at, -1), 1)) })
	return l.end + int64(i)*journalSize
}

func (w *writer) writeJournal(s *slot, sum string) error {
	raw, err := hex.DecodeString(sum)
	if err != nil {
		return err
	}
	_, err = w.to.WriteAt(raw, w.journalAt(s))
	return err
}

// whole is what the slot of an unfinished archive should hash to, if its header
// says that it is whole.
func (l layout) whole(f io.ReaderAt, s *slot) (digest.Digest, bool) {
	got := make([]byte, len(s.header))
	if _, err := f.ReadAt(got, s.at); err != nil || !bytes.Equal(got, s.header) {
		return "", false
	}
	if s.want != "" {
		return s.want, true
	}
	sum := make([]byte, journalSize)
	if _, err := f.ReadAt(sum, l.journalAt(s)); err != nil {
		return "", false
	}
	return digest.NewDigestFromBytes(digest.SHA256, sum), true
}

// resume looks at what an earlier run left: what is whole and has its digest is
// kept.
func (w *writer) resume(ctx context.Context, parallel int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, s := range w.slots {
		want, ok := w.whole(w.to, s)
		if !ok {
			continue
		}
		g.Go(func() error {
			sum, err := w.rehash(ctx, s, want)
			if err != nil {
				return ctx.Err() // what is not right is fetched again
			}
			w.states[s].sum = sum
			w.moved.add(&w.moved.kept, s.Size)
			return w.fillBlock(s)
		})
	}
	return g.Wait()
}

// rehash reads a slot and gives its hexadecimal SHA-256 if it has its digest.
func (w *writer) rehash(ctx context.Context, s *slot, want digest.Digest) (string, error) {
	buffer := w.buffers.Get().(*[bufferSize]byte)
	defer w.buffers.Put(buffer)
	return hashSection(ctx, io.NewSectionReader(w.to, s.start(), s.Size), want, buffer[:])
}

// hashSection gives the hexadecimal SHA-256 of a section if it is whole and has
// the digest that is wanted.
func hashSection(ctx context.Context, r *io.SectionReader, want digest.Digest, buffer []byte) (string, error) {
	h := newHashes(want)
	for left := r.Size(); left > 0; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := r.Read(buffer)
		h.write(buffer[:n])
		if left -= int64(n); err != nil && left > 0 {
			return "", err
		}
	}
	return h.check()
}
