package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/disk"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

const (
	bufferSize = 1 << 20 // how much is read, hashed and written at once
	flushSize  = 8 << 20 // how much the disk is told to write at once
)

// A medium is what an archive is written to: a file, or what a test takes for one.
type medium interface {
	io.ReaderAt
	io.WriterAt
}

// A writer puts content where its archive has a slot for it. It is a
// registry.Sink that takes the content of one plan.
type writer struct {
	*build
	to      medium
	local   pieces // what other files here hold already
	states  map[*slot]*state
	buffers sync.Pool
	moved   tallies
}

// A state is what became of a slot so far.
type state struct {
	sync.Mutex        // held while the slot is being filled
	sum        string // hexadecimal SHA-256 of what is there; empty until it is whole
}

// tallies count the bytes that a run had not to fetch.
type tallies struct {
	sync.Mutex
	kept, copied, fetched int64
}

func newWriter(b *build, to medium) *writer {
	w := &writer{build: b, to: to, states: make(map[*slot]*state, len(b.slots))}
	w.buffers.New = func() any { return new([bufferSize]byte) }
	for _, s := range b.slots {
		w.states[s] = &state{}
	}
	return w
}

// sums are the hexadecimal SHA-256 of all slots by path, or an error that names
// those that are not whole.
func (w *writer) sums() (map[string]string, error) {
	sums := make(map[string]string, len(w.slots))
	var errs []error
	for _, s := range w.slots {
		if sums[s.Path] = w.sum(s); sums[s.Path] == "" {
			errs = append(errs, fmt.Errorf("%s: nobody brought its content", s.Path))
		}
	}
	return sums, errors.Join(errs...)
}

func (w *writer) sum(s *slot) string {
	st := w.states[s]
	st.Lock()
	defer st.Unlock()
	return st.sum
}

// Holds implements registry.Sink.
func (w *writer) Holds(_ context.Context, _ image.Ref, desc registry.Descriptor) (bool, error) {
	for d := range descendants(desc.Digest, w.nodes) {
		if !w.has(d) {
			return false, nil
		}
		for _, b := range w.nodes[d].blobs() {
			if !w.elsewhere[b.Digest] && !w.has(b.Digest) && !isForeign(b.MediaType) {
				return false, nil
			}
		}
	}
	return w.has(desc.Digest), nil
}

// has is whether some content is whole.
func (w *writer) has(d digest.Digest) bool {
	s := w.byDigest[d]
	return s != nil && w.sum(s) != ""
}

// PutBlob implements registry.Sink. A blob that a file beside the archive holds
// comes from there and counts as present. What open gives was checked on its way.
func (w *writer) PutBlob(ctx context.Context, _ image.Ref, desc registry.Descriptor, _ []image.Ref, open registry.Opener) (registry.Outcome, error) {
	if w.elsewhere[desc.Digest] {
		return registry.Present, nil
	}
	s := w.byDigest[desc.Digest]
	if s == nil {
		return 0, fmt.Errorf("%s is not in the plan of the archive", desc.Digest)
	}
	return w.put(ctx, s, open, passedHashes(s.want))
}

// PutManifest implements registry.Sink.
func (w *writer) PutManifest(_ context.Context, _ image.Ref, desc registry.Descriptor, raw []byte) error {
	s := w.byDigest[desc.Digest]
	if s == nil {
		return fmt.Errorf("%s is not in the plan of the archive", desc.Digest)
	}
	return w.putRaw(s, raw)
}

// putRaw fills a slot with bytes that are at hand.
func (w *writer) putRaw(s *slot, raw []byte) error {
	st := w.states[s]
	st.Lock()
	defer st.Unlock()
	if st.sum != "" {
		return nil
	}
	if int64(len(raw)) != s.Size || s.want.Algorithm().FromBytes(raw) != s.want {
		return fmt.Errorf("%s: the content has another digest", s.want)
	}
	if _, err := w.to.WriteAt(raw, s.start()); err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	return w.seal(s, hex.EncodeToString(sum[:]))
}

// put fills a slot: not at all if it is whole, from a file nearby, or from what
// open gives. h sees what open gives.
func (w *writer) put(ctx context.Context, s *slot, open registry.Opener, h hashes) (registry.Outcome, error) {
	st := w.states[s]
	st.Lock()
	defer st.Unlock()
	if st.sum != "" || w.copyLocal(ctx, s) {
		return registry.Present, nil
	}
	content, err := open(ctx)
	if err != nil {
		return 0, err
	}
	sum, err := w.fill(ctx, s, h, content)
	// What closing says of content that came whole and right is of no interest.
	if closeErr := content.Close(); err != nil {
		return 0, errors.Join(err, closeErr)
	}
	w.moved.add(&w.moved.fetched, s.Size)
	return registry.Sent, w.seal(s, sum)
}

// fill writes what from gives to the place of a slot, and gives its hexadecimal
// SHA-256. Its length is right and h has nothing against it, or it is an error.
func (w *writer) fill(ctx context.Context, s *slot, h hashes, from io.Reader) (string, error) {
	h.reset()
	buffer := w.buffers.Get().(*[bufferSize]byte)
	defer w.buffers.Put(buffer)
	var done int64
	for done < s.Size {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := io.ReadFull(from, buffer[:min(bufferSize, s.Size-done)])
		h.write(buffer[:n])
		if _, writeErr := w.to.WriteAt(buffer[:n], s.start()+done); writeErr != nil {
			return "", writeErr
		}
		w.flush(s, done, int64(n))
		done += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF { // ReadFull says so itself; a source whose error wraps it says more
			return "", fmt.Errorf("it ended after %d of %d bytes: %w", done, s.Size, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return "", err
		}
	}
	switch n, err := io.ReadFull(from, buffer[:1]); {
	case n > 0:
		return "", fmt.Errorf("it has more than %d bytes", s.Size)
	case !errors.Is(err, io.EOF):
		return "", err
	}
	return h.check()
}

// flush lets the disk write while the network still brings, n bytes after those
// that are done.
func (w *writer) flush(s *slot, done, n int64) {
	end := done + n
	if f, ok := w.to.(*os.File); ok && (end/flushSize > done/flushSize || end == s.Size) {
		begin := done / flushSize * flushSize
		disk.Write(f, s.start()+begin, end-begin)
	}
}

// seal makes a slot whole: the header is written after all that it speaks of.
// The lock of its state is held.
func (w *writer) seal(s *slot, sum string) error {
	if s.want == "" {
		if err := w.writeJournal(s, sum); err != nil {
			return err
		}
	}
	if err := w.fillBlock(s); err != nil {
		return err
	}
	if _, err := w.to.WriteAt(s.header, s.at); err != nil {
		return err
	}
	w.states[s].sum = sum
	return nil
}

// fillBlock writes what fills the last block of a slot. It is zeros already,
// unless the file was damaged.
func (w *writer) fillBlock(s *slot) error {
	_, err := w.to.WriteAt(make([]byte, s.end()-s.start()-s.Size), s.start()+s.Size)
	return err
}

// copyLocal fills a slot from a file nearby, and says whether that worked. If
// not, the content is fetched: what is wrong with the file is not told.
func (w *writer) copyLocal(ctx context.Context, s *slot) bool {
	p, ok := w.local.find(s)
	if !ok {
		return false
	}
	sum, err := w.fill(ctx, s, newHashes(p.digest), io.NewSectionReader(p.from, p.at, p.size))
	if err != nil || w.seal(s, sum) != nil {
		return false
	}
	w.moved.add(&w.moved.copied, s.Size)
	return true
}

func (t *tallies) add(to *int64, n int64) {
	t.Lock()
	defer t.Unlock()
	*to += n
}

// hashes are what some content hashes to: its SHA-256, which the checksums need,
// and the digest that it should have, if there is one.
type hashes struct {
	want digest.Digest
	all  []hash.Hash // SHA-256 unless want is known to be right and says it, then that of want's kind if it is another
}

// newHashes checks against want; empty means that there is nothing to check.
func newHashes(want digest.Digest) hashes {
	h := hashes{want, []hash.Hash{sha256.New()}}
	if want != "" && !isSHA256(want) {
		h.all = append(h.all, want.Algorithm().Hash())
	}
	return h
}

// passedHashes is for content that somebody has checked against want, or will
// before its last byte comes: hashing it again would take as long as fetching it.
func passedHashes(want digest.Digest) hashes {
	if isSHA256(want) {
		return hashes{want: want}
	}
	return newHashes(want)
}

func (h hashes) reset() {
	for _, one := range h.all {
		one.Reset()
	}
}

func (h hashes) write(p []byte) {
	for _, one := range h.all {
		one.Write(p)
	}
}

// check gives the hexadecimal SHA-256 if the digest is the one that is wanted.
func (h hashes) check() (string, error) {
	if len(h.all) == 0 {
		return h.want.Encoded(), nil
	}
	sum := hex.EncodeToString(h.all[0].Sum(nil))
	if h.want == "" {
		return sum, nil
	}
	if got := digest.NewDigest(h.want.Algorithm(), h.all[len(h.all)-1]); got != h.want {
		return "", &DigestError{Want: h.want, Got: got}
	}
	return sum, nil
}

// A DigestError says that some content is not what it should be.
type DigestError struct{ Want, Got digest.Digest }

func (e *DigestError) Error() string {
	return fmt.Sprintf("its digest is %s, not %s", e.Got, e.Want)
}
