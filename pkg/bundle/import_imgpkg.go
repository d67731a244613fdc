package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// isImgpkg says whether a tar is one that imgpkg copy --to-tar wrote: by the file that is
// its first, and how that begins.
func isImgpkg(f io.ReadSeeker) bool {
	defer f.Seek(0, io.SeekStart) //nolint:errcheck // who reads it next will see
	r := tar.NewReader(f)
	h, err := r.Next()
	if err != nil || strings.TrimPrefix(h.Name, "./") != imgpkg.TarManifest || h.Typeflag != tar.TypeReg {
		return false
	}
	const enough = 100
	beginning, err := io.ReadAll(io.LimitReader(r, enough))
	return err == nil && imgpkg.IsTarManifest(beginning)
}

// isImgpkg says whether a file of the tree is a tar of imgpkg.
func (t *Tree) isImgpkg(name string) bool {
	f, err := t.open(name)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // it was only read
	return isImgpkg(f)
}

// addImgpkg takes the images of a tar that imgpkg wrote. A bundle is one image, whose
// members are found in its repository.
func (t *Tree) addImgpkg(ctx context.Context, name string, f *os.File) error {
	index, err := indexTar(ctx, f)
	if err != nil {
		return err
	}
	text, err := index.readUpTo(f, imgpkg.TarManifest, imgpkg.MaxTarManifest)
	if err != nil {
		return err
	}
	entries, err := imgpkg.ParseTar(text)
	if err != nil {
		return err
	}
	r := imgpkgReader{tree: t, tar: name, index: index}
	var errs []error
	for _, e := range entries {
		_, _, d := e.Ref()
		if err := r.entry(e); err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", d, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return r.names(entries)
}

// An imgpkgReader reads one tar of imgpkg.
type imgpkgReader struct {
	tree  *Tree
	tar   string
	index *tarIndex
}

// entry takes what an image consists of.
func (r *imgpkgReader) entry(e imgpkg.TarEntry) error {
	if e.Image != nil {
		return r.image(e.Image)
	}
	return r.indexes(e.ImageIndex)
}

func (r *imgpkgReader) indexes(i *imgpkg.TarIndex) error {
	var errs []error
	for k := range i.Images {
		errs = append(errs, r.image(&i.Images[k]))
	}
	for k := range i.Indexes {
		errs = append(errs, r.indexes(&i.Indexes[k]))
	}
	n, err := r.manifest(i.Digest, i.MediaType, i.Raw)
	if err == nil {
		for _, child := range n.Manifests {
			if _, ok := r.tree.contents[child.Digest]; !ok {
				errs = append(errs, fmt.Errorf("index %s: manifest %s is not in the tar", i.Digest, child.Digest))
			}
		}
	}
	return errors.Join(append(errs, err)...)
}

func (r *imgpkgReader) image(i *imgpkg.TarImage) error {
	n, err := r.manifest(i.Manifest.Digest, i.Manifest.MediaType, i.Manifest.Raw)
	if err != nil {
		return err
	}
	if n.Config == nil || n.Config.Digest != i.Config.Digest || n.Config.Size != int64(len(i.Config.Raw)) {
		return fmt.Errorf("manifest %s has another configuration than the tar says", i.Manifest.Digest)
	}
	r.put(content{Descriptor: *n.Config, raw: []byte(i.Config.Raw)})
	var errs []error
	for _, layer := range n.Layers {
		errs = append(errs, r.layer(layer))
	}
	return errors.Join(errs...)
}

// manifest takes a manifest, which was compared with its digest.
func (r *imgpkgReader) manifest(d digest.Digest, mediaType, raw string) (*node, error) {
	if len(raw) > maxManifest {
		return nil, fmt.Errorf("manifest %s has %d bytes, more than %d", d, len(raw), maxManifest)
	}
	n, err := parseNode([]byte(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d, err)
	}
	r.put(content{Descriptor: registry.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(raw))}, raw: []byte(raw)})
	return n, nil
}

// layer takes a layer, whose digest is compared when it is read. imgpkg leaves out those
// that their makers do not want to be copied.
func (r *imgpkgReader) layer(l registry.Descriptor) error {
	if l.Digest.Algorithm() != digest.SHA256 {
		return fmt.Errorf("layer %s: it is not named by SHA-256", l.Digest)
	}
	name := imgpkg.LayerFile(l.Digest)
	at, err := r.index.find(name)
	if err != nil && isForeign(l.MediaType) {
		return nil
	}
	if err == nil && at.size != l.Size {
		err = fmt.Errorf("%s has %d bytes, not %d as its image says", name, at.size, l.Size)
	}
	if err == nil {
		r.put(content{Descriptor: l, tar: r.tar, name: name, at: at})
	}
	return err
}

func (r *imgpkgReader) put(c content) {
	if _, ok := r.tree.contents[c.Digest]; !ok {
		r.tree.contents[c.Digest] = c
	}
}

// names gives names to the images: to the bundle that was copied, else to all that have a
// tag, else to all. What else is in the tar is found by its digest in their repositories.
func (r *imgpkgReader) names(entries []imgpkg.TarEntry) error {
	roots, err := r.roots(entries)
	if err != nil {
		return err
	}
	for ref, d := range roots {
		if err := r.tree.name(ref, d, r.tar); err != nil {
			return err
		}
		for _, e := range entries {
			_, tag, d := e.Ref()
			r.tree.within(ref.Name(), d)
			if subject, ok := signed(tag); ok {
				desc := r.tree.contents[d].Descriptor
				r.tree.about[subject] = append(r.tree.about[subject], registry.Referrer{Descriptor: desc, Tag: tag})
			}
		}
	}
	return nil
}

// roots are the images that have names of their own.
func (r *imgpkgReader) roots(entries []imgpkg.TarEntry) (map[image.Ref]digest.Digest, error) {
	tags, bundles := false, false
	for _, e := range entries {
		_, tag, _ := e.Ref()
		_, signature := signed(tag)
		tags, bundles = tags || tag != "" && !signature, bundles || e.IsRoot()
	}
	roots := map[image.Ref]digest.Digest{}
	for _, e := range entries {
		text, tag, d := e.Ref()
		if _, signature := signed(tag); signature || bundles && !e.IsRoot() || tags && tag == "" {
			continue
		}
		ref, err := image.Parse(text)
		if err == nil && ref.Digest != d.String() {
			err = fmt.Errorf("it is said to be %s", text)
		}
		if err == nil && tag != "" {
			ref, err = image.Parse(ref.Name() + ":" + tag)
		}
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", d, err)
		}
		roots[ref] = d
	}
	return roots, nil
}

// signed is the digest that a tag of cosign is about.
func signed(tag string) (digest.Digest, bool) {
	name, kind, _ := strings.Cut(tag, ".")
	sum, ok := strings.CutPrefix(name, "sha256-")
	d := digest.NewDigestFromEncoded(digest.SHA256, sum)
	return d, ok && (kind == "sig" || kind == "att" || kind == "sbom") && d.Validate() == nil
}

// within notes that a repository has a manifest.
func (t *Tree) within(repository string, d digest.Digest) {
	if t.repositories[repository] == nil {
		t.repositories[repository] = map[digest.Digest]bool{}
	}
	t.repositories[repository][d] = true
}

// checkFromTar sees that all tars are there that the list beside them names.
func (t *Tree) checkFromTar(name string) error {
	f, err := t.open(name)
	if err != nil {
		return err
	}
	paths, err := imgpkg.ReadFromTar(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var errs []error
	for tar := range paths {
		if _, err := t.root.Stat(path.Join(path.Dir(name), tar)); err != nil {
			errs = append(errs, fmt.Errorf("%s names %.200q, which is not there", name, tar))
		}
	}
	return errors.Join(errs...)
}
