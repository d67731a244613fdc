package bundle

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// ImagesFolder is where the original tree has tars of images.
const ImagesFolder = "docker-images"

// ImportOptions say how a tree is read.
type ImportOptions struct {
	// Nameless says what the only image of the tar path (as in Tree) is called if
	// it has no tag there. nil means that such an image is an error.
	Nameless func(path string) (image.Ref, bool)
	// Name says what the only image of the tar path is called, whatever its tags there,
	// which it is told. nil means that the tags count.
	Name func(path string, tags []image.Ref) (image.Ref, error)
}

// A Tree is images that docker save or imgpkg wrote, and files beside them. It is a
// registry.Source of the images, and may be used by several goroutines at once.
// It reads in place: the tars must stay as long as the Tree is used.
type Tree struct {
	root     *os.Root
	files    []File
	images   map[image.Ref]digest.Digest
	tars     map[image.Ref][]string // that have the image
	contents map[digest.Digest]content

	repositories map[string]map[digest.Digest]bool     // manifests without a name of their own, by registry/path
	about        map[digest.Digest][]registry.Referrer // signatures, by what they are about
}

// ImportDir reads the folder dir as the project's first document lays it out
// (binaries/ docker-images/TYPE/NAME.tar ovas/ resources/): tars below
// docker-images/ are what docker save wrote, everything else is a file of its
// own, but for tars that imgpkg copy --to-tar wrote: they hold images wherever they lie. Links and whatever else is neither file nor folder are refused. Close the
// Tree when it is used no more.
func ImportDir(ctx context.Context, dir string, opts ImportOptions) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	t := newTree(root)
	if err := t.walk(ctx, opts); err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, errors.Join(err, root.Close()))
	}
	return t, nil
}

// ImportTar reads one tar that docker save or imgpkg copy --to-tar wrote. Close the Tree when it is used
// no more.
func ImportTar(ctx context.Context, name string, opts ImportOptions) (*Tree, error) {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	t := newTree(root)
	if err := t.addTar(ctx, filepath.Base(name), opts); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Dir(name), errors.Join(err, root.Close()))
	}
	return t, nil
}

func newTree(root *os.Root) *Tree {
	return &Tree{
		root: root, images: map[image.Ref]digest.Digest{}, tars: map[image.Ref][]string{}, contents: map[digest.Digest]content{},
		repositories: map[string]map[digest.Digest]bool{}, about: map[digest.Digest][]registry.Referrer{},
	}
}

// Close closes the tree's folder.
func (t *Tree) Close() error { return t.root.Close() }

// Images gives the names of the images, sorted.
func (t *Tree) Images() []image.Ref {
	return slices.SortedFunc(maps.Keys(t.images), image.Compare)
}

// Files gives the files that hold no images, sorted by their paths.
func (t *Tree) Files() []File { return t.files }

// Groups gives the groups of each image for image.LayoutGroup: the folders below
// docker-images/ that it was found in, sorted.
func (t *Tree) Groups() map[image.Ref][]string {
	groups := map[image.Ref][]string{}
	for ref, tars := range t.tars {
		for _, tar := range tars {
			below, _ := cutFolder(tar, ImagesFolder)
			if group, _, ok := strings.Cut(below, "/"); ok && !slices.Contains(groups[ref], group) {
				groups[ref] = append(groups[ref], group)
			}
		}
		slices.Sort(groups[ref])
	}
	return groups
}

// walk finds everything below the root. What is wrong is told of every file.
func (t *Tree) walk(ctx context.Context, opts ImportOptions) error {
	var errs []error
	paths := newPathSet()
	err := fs.WalkDir(t.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || d.IsDir() {
			return err
		}
		if err := t.add(ctx, name, d, paths, opts); err != nil {
			errs = append(errs, err)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	slices.SortFunc(t.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return errors.Join(errs...)
}

// add takes one file of the tree.
func (t *Tree) add(ctx context.Context, name string, d fs.DirEntry, paths pathSet, opts ImportOptions) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: it is neither file nor folder (%s)", name, info.Mode().Type())
	}
	if path.Ext(name) == ".tar" && (under(name, ImagesFolder) || t.isImgpkg(name)) {
		return t.addTar(ctx, name, opts)
	}
	if under(name, ImagesFolder) && isCompressed(name) {
		return fmt.Errorf("%s: it is compressed, and images are read where they lie: unpack it to a tar, as docker save writes it", name)
	}
	if path.Base(name) == imgpkg.FromTar {
		return t.checkFromTar(name) // what it says is in the names of the images
	}
	if err := errors.Join(checkFilePath(name), paths.add(name)); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	t.files = append(t.files, File{
		Path: name, Size: info.Size(), Mode: info.Mode().Perm(),
		Open: func(context.Context) (io.ReadCloser, error) { return t.open(name) },
	})
	return nil
}

// isCompressed says whether a name is that of a tar that was compressed.
func isCompressed(name string) bool {
	switch ext := path.Ext(name); ext {
	case ".tgz", ".txz":
		return true
	case ".gz", ".xz", ".zst", ".bz2":
		return path.Ext(strings.TrimSuffix(name, ext)) == ".tar"
	}
	return false
}

// addTar takes the images of a tar.
func (t *Tree) addTar(ctx context.Context, name string, opts ImportOptions) error {
	f, err := t.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if isImgpkg(f) {
		if err := t.addImgpkg(ctx, name, f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	saved, err := readDocker(ctx, name, f, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var errs []error
	for _, s := range saved {
		for _, ref := range s.refs {
			errs = append(errs, t.name(ref, s.manifest().Digest, name))
		}
		for _, c := range s.parts {
			if _, ok := t.contents[c.Digest]; !ok {
				t.contents[c.Digest] = c
			}
		}
	}
	return errors.Join(errs...)
}

// open opens a file of the tree. It must not wait for a pipe.
func (t *Tree) open(name string) (*os.File, error) {
	name = filepath.FromSlash(name)
	if info, err := t.root.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("this is no regular file")}
	}
	return t.root.Open(name)
}

// name gives an image a name, which may have come with the same image before.
func (t *Tree) name(ref image.Ref, d digest.Digest, tar string) error {
	if old, ok := t.images[ref]; ok && old != d {
		return fmt.Errorf("%s: %s is another image in %s", tar, ref, t.tars[ref][0])
	}
	t.images[ref], t.tars[ref] = d, append(t.tars[ref], tar)
	return nil
}

// Resolve implements registry.Source.
func (t *Tree) Resolve(_ context.Context, ref image.Ref) (registry.Descriptor, error) {
	for name, d := range t.images {
		if name.Name() != ref.Name() {
			continue
		}
		if ref.Digest == d.String() || ref.Digest == "" && ref.Tag == name.Tag {
			return t.contents[d].Descriptor, nil
		}
	}
	if d := digest.Digest(ref.Digest); t.repositories[ref.Name()][d] {
		return t.contents[d].Descriptor, nil
	}
	return registry.Descriptor{}, &registry.NotFoundError{Name: ref.String()}
}

// Fetch implements registry.Source. A layer that is not what its image says ends
// with an error that names it.
func (t *Tree) Fetch(_ context.Context, ref image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	c, ok := t.contents[desc.Digest]
	if !ok || c.Size != desc.Size {
		return nil, &registry.NotFoundError{Name: ref.Name() + "@" + desc.Digest.String()}
	}
	if c.tar == "" {
		return io.NopCloser(bytes.NewReader(c.raw)), nil
	}
	f, err := t.open(c.tar)
	if err != nil {
		return nil, err
	}
	return &layerReader{content: c, from: io.NewSectionReader(f, c.at.at, c.at.size), sum: digest.SHA256.Hash(), Closer: f}, nil
}

// Referrers implements registry.Source: docker save knows none, imgpkg has cosign's.
func (t *Tree) Referrers(_ context.Context, _ image.Ref, desc registry.Descriptor) ([]registry.Referrer, error) {
	return t.about[desc.Digest], nil
}

// A layerReader reads a layer and says which one is damaged.
type layerReader struct {
	content
	from io.Reader
	sum  hash.Hash
	io.Closer
}

func (r *layerReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := digest.NewDigest(digest.SHA256, r.sum); got != r.Digest {
			return n, fmt.Errorf("%s: %.200q is damaged: it is %s, not %s as its image says", r.tar, r.name, got, r.Digest)
		}
	}
	return n, err
}
