package bundle

import (
	"context"
	"errors"
	"io"
	"io/fs"

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
type Archive struct{}

// An Entry is one file of an archive.
type Entry struct {
	Path string      // slash-separated, from the top of the archive
	Size int64       // bytes
	Mode fs.FileMode // the permissions that its tar header gives it
}

// A Finding is something in an archive that is not as it should be.
type Finding struct {
	Entry   string        // the path of the entry
	Digest  digest.Digest // of the blob, if the entry is one
	Problem string        // what is wrong with it
	Images  []string      // the images that cannot do without it, sorted
}

// Open opens the archive path, or the parts that it was split into.
func Open(path string) (*Archive, error) { return nil, errors.ErrUnsupported }

// Close closes the file.
func (a *Archive) Close() error { return nil }

// Lock gives what the archive says that it holds. It is the archive's own: do not change it.
func (a *Archive) Lock() *Lock { return nil }

// Size gives the length of the archive in bytes.
func (a *Archive) Size() int64 { return 0 }

// Entries gives the files of the archive in its order.
func (a *Archive) Entries() []Entry { return nil }

// OpenFile gives the content of the entry path, unchecked. If there is none,
// the error is a *registry.NotFoundError.
func (a *Archive) OpenFile(path string) (*io.SectionReader, error) { return nil, errors.ErrUnsupported }

// Blob gives the manifest or blob d, unchecked, and whether there is one.
func (a *Archive) Blob(d digest.Digest) (*io.SectionReader, bool) { return nil, false }

// Manifest gives the bytes of a manifest, checked, and whether the archive has
// it: what registry.PlanOptions.Manifests asks for.
func (a *Archive) Manifest(desc registry.Descriptor) ([]byte, bool) { return nil, false }

// Images gives the names of the images, sorted.
func (a *Archive) Images() []image.Ref { return nil }

// Resolve implements registry.Source.
func (a *Archive) Resolve(ctx context.Context, ref image.Ref) (registry.Descriptor, error) {
	return registry.Descriptor{}, errors.ErrUnsupported
}

// Fetch implements registry.Source.
func (a *Archive) Fetch(ctx context.Context, ref image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	return nil, errors.ErrUnsupported
}

// Referrers implements registry.Source.
func (a *Archive) Referrers(ctx context.Context, ref image.Ref, desc registry.Descriptor) ([]registry.Referrer, error) {
	return nil, errors.ErrUnsupported
}

// Check reads all of the archive, with parallel readers (0 means 2), and gives
// what is not as its digests say, in the order of the entries.
func (a *Archive) Check(ctx context.Context, parallel int, report func(registry.Event)) ([]Finding, error) {
	return nil, errors.ErrUnsupported
}
