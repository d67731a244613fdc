package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A reader is where the bytes of an archive are: a file, or parts of one.
type reader interface {
	io.ReaderAt
	Size() int64
	Close() error
}

// An Archive is an archive that was opened to be read, in place. It is a
// registry.Source, and may be used by several goroutines at once.
type Archive struct {
	from    reader
	lock    *Lock
	entries []stored
	byPath  map[string]*stored
	blobs   map[digest.Digest]*stored
	nodes   map[digest.Digest]*node           // the manifests
	media   map[digest.Digest]string          // their media types
	users   map[digest.Digest][]string        // the images that need a manifest or blob, in the lock's order
	images  map[image.Ref]*LockImage          // by every name
	repos   map[string]map[digest.Digest]bool // what a repository has, by its name
	refs    []image.Ref                       // of the lock's images
}

// An Entry is one file of an archive.
type Entry struct {
	Path string      // slash-separated, from the top of the archive
	Size int64       // bytes
	Mode fs.FileMode // the permissions that its tar header gives it
}

// Open opens the archive path, or the parts that it was split into. It reads
// headers, index, lock and manifests and checks that they are sound: no entry
// leads out of the archive, everything that an image needs is there. It does
// not read layers: Check does. What is no such archive is an *InvalidError.
func Open(path string) (*Archive, error) {
	r, ok, err := openParts(path)
	if err == nil && !ok {
		r, err = openWhole(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the archive %s: %w", path, err)
	}
	a, err := newArchive(r)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the archive %s: %w", path, err), r.Close())
	}
	return a, nil
}

// newArchive reads what describes the archive r.
func newArchive(r reader) (*Archive, error) {
	a := &Archive{
		from:   r,
		byPath: map[string]*stored{},
		blobs:  map[digest.Digest]*stored{},
		nodes:  map[digest.Digest]*node{},
		media:  map[digest.Digest]string{},
		users:  map[digest.Digest][]string{},
		images: map[image.Ref]*LockImage{},
		repos:  map[string]map[digest.Digest]bool{},
	}
	var err error
	if a.entries, err = scan(r); err != nil {
		return nil, err
	}
	for i := range a.entries {
		e := &a.entries[i]
		a.byPath[e.Path] = e
		if d, err := blobOf(e.Path); err == nil && d != "" {
			a.blobs[d] = e
		}
	}
	if err := checkKind(a.byPath, a.blobs); err != nil {
		return nil, err
	}
	if err := a.readLock(); err != nil {
		return nil, err
	}
	if err := a.readImages(); err != nil {
		return nil, err
	}
	return a, a.checkIndex()
}

// Close closes the file.
func (a *Archive) Close() error { return a.from.Close() }

// Lock gives what the archive says that it holds. It is the archive's own: do not change it.
func (a *Archive) Lock() *Lock { return a.lock }

// Size gives the length of the archive in bytes.
func (a *Archive) Size() int64 { return a.from.Size() }

// Entries gives the files of the archive in its order.
func (a *Archive) Entries() []Entry {
	all := make([]Entry, len(a.entries))
	for i, e := range a.entries {
		all[i] = e.Entry
	}
	return all
}

// OpenFile gives the content of the entry path, unchecked. If there is none,
// the error is a *registry.NotFoundError.
func (a *Archive) OpenFile(path string) (*io.SectionReader, error) {
	e := a.byPath[path]
	if e == nil {
		return nil, &registry.NotFoundError{Name: path}
	}
	return a.section(e), nil
}

// Blob gives the manifest or blob d, unchecked, and whether there is one.
func (a *Archive) Blob(d digest.Digest) (*io.SectionReader, bool) {
	e := a.blobs[d]
	if e == nil {
		return nil, false
	}
	return a.section(e), true
}

func (a *Archive) section(e *stored) *io.SectionReader {
	return io.NewSectionReader(a.from, e.start, e.Size)
}

// Manifest gives the bytes of a manifest, checked, and whether the archive has
// it: what registry.PlanOptions.Manifests asks for.
func (a *Archive) Manifest(desc registry.Descriptor) ([]byte, bool) {
	e := a.blobs[desc.Digest]
	if e == nil || e.Size > maxManifest || desc.Size != e.Size && desc.Size != 0 {
		return nil, false
	}
	raw, err := a.read(e, maxManifest)
	if err != nil || desc.Digest.Algorithm().FromBytes(raw) != desc.Digest {
		return nil, false
	}
	return raw, true
}

// read gives all of an entry, unless that is more than limit bytes.
func (a *Archive) read(e *stored, limit int64) ([]byte, error) {
	if e.Size > limit {
		return nil, &InvalidError{Entry: e.Path, Problem: fmt.Sprintf("it has %d bytes, more than %d", e.Size, limit)}
	}
	raw := make([]byte, e.Size) // scan has seen that there are so many
	if n, err := a.from.ReadAt(raw, e.start); int64(n) < e.Size {
		return nil, fmt.Errorf("reading %s: %w", e.Path, err)
	}
	return raw, nil
}

// Images gives the names of the images, sorted.
func (a *Archive) Images() []image.Ref { return slices.Clone(a.refs) }

// A wholeFile is an archive in one file.
type wholeFile struct {
	*os.File
	size int64
}

func (f wholeFile) Size() int64 { return f.size }

func openWhole(path string) (reader, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return wholeFile{f, info.Size()}, nil
}
