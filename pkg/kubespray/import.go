package kubespray

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Limits of an archive of the script: it may come from anyone.
const (
	maxTars  = 10_000
	maxIndex = 8 << 20 // bytes
	maxBytes = 1 << 40 // bytes of all images, uncompressed
)

// ImportOptions say how an archive of the script is read.
type ImportOptions struct {
	// Images is the list that the archive was made from (images.list). Without it, images
	// are known by the names in their own tars, which the script keeps but where an image
	// was saved by its digest.
	Images []image.Ref
}

// Import reads container-images.tar.gz as manage-offline-container-images.sh create writes
// it. What is in it is unpacked below dir, a folder of the caller's, which must stay as
// long as the Tree is used: about as many bytes as the images have. The Tree must be closed.
func Import(ctx context.Context, name, dir string, opts ImportOptions) (*bundle.Tree, error) {
	u := unpacker{images: filepath.Join(dir, bundle.ImagesFolder), left: maxBytes}
	if err := u.unpack(ctx, name); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	index, err := parseIndex(u.index)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	var errs []error
	for _, l := range index {
		if !u.tars[l.tar] {
			errs = append(errs, fmt.Errorf("reading %s: %s names %s, which is not there", name, indexName, l.tar))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	known := newNames(index, opts.Images)
	return bundle.ImportDir(ctx, dir, bundle.ImportOptions{Name: func(tar string, tags []image.Ref) (image.Ref, error) {
		return known.name(path.Base(tar), tags)
	}})
}

// IsArchive says whether a file is compressed by gzip, as the script's archive is and a
// folder is not.
func IsArchive(name string) bool {
	f, err := os.Open(name) //nolint:gosec // the user named it
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written
	var magic [2]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && magic == [2]byte{0x1f, 0x8b}
}

// An unpacker takes the tars out of an archive.
type unpacker struct {
	images string // the folder that they go to
	tars   map[string]bool
	index  []byte
	left   int64 // bytes that may still come
}

func (u *unpacker) unpack(ctx context.Context, name string) error {
	f, err := os.Open(name) //nolint:gosec // the user named it
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(u.images, 0o700); err != nil {
		return err
	}
	u.tars = map[string]bool{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := u.entry(ctx, h, t); err != nil {
			return fmt.Errorf("%.200q: %w", h.Name, err)
		}
	}
	if u.index == nil {
		return fmt.Errorf("there is no %s/%s in it: manage-offline-container-images.sh did not write it", archiveDir, indexName)
	}
	return nil
}

// entry takes one entry. Nothing in a name leads anywhere: all go to one folder.
func (u *unpacker) entry(ctx context.Context, h *tar.Header, content io.Reader) error {
	name, below := strings.CutPrefix(strings.TrimPrefix(h.Name, "./"), archiveDir+"/")
	switch {
	case h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader:
		return nil
	case h.Typeflag != tar.TypeReg:
		return errors.New("it is neither file nor folder")
	case below && name == indexName && h.Size <= maxIndex && u.index == nil:
		text, err := io.ReadAll(content)
		u.index = append([]byte{}, text...)
		return err
	case !below || !isTarName(name):
		return fmt.Errorf("the script writes nothing like that, only %s/NAME.tar and %s", archiveDir, indexName)
	case u.tars[name]:
		return errors.New("it is there twice")
	case len(u.tars) == maxTars || h.Size > u.left:
		return fmt.Errorf("there are more than %d images, or more than %d bytes of them", maxTars, int64(maxBytes))
	}
	u.tars[name], u.left = true, u.left-h.Size
	return write(ctx, filepath.Join(u.images, name), content)
}

func write(ctx context.Context, name string, content io.Reader) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // isTarName has seen the name
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.CopyBuffer(f, struct{ io.Reader }{&untilDone{ctx, content}}, make([]byte, 1<<20))
	return err
}

// An untilDone ends with its context.
type untilDone struct {
	ctx context.Context // io.Reader takes none
	io.Reader
}

func (r *untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
