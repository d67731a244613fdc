package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A Tars says what LoadImgpkg wrote.
type Tars struct {
	// Paths are the repositories below the destination, by the names of the tars.
	Paths map[string]string
	// Images are those in the tars, sorted.
	Images []image.Ref
	// LeftOut are what no tar of imgpkg can hold.
	LeftOut []LeftOut
	Size    int64 // bytes of the tars
}

// LoadImgpkg writes into the folder dir a tar for each image, as imgpkg copy --to-tar does,
// and publish-images-fromtar.yaml, which tanzu isolated-cluster upload-bundle wants beside
// them. A pair's Source is the image's name in the archive, and stays it in the tar; its
// Target is where it is to be: below, a registry and a prefix, which the list leaves out.
// Bundles have their members with them. The same images give the same bytes.
//
// Everything is compared with its digest. Each file is there whole or not at all.
func LoadImgpkg(ctx context.Context, a *Archive, pairs []image.Pair, below, dir string, o LoadOptions) (*Tars, error) {
	tars, err := loadImgpkg(ctx, a, pairs, below, dir, o)
	if err != nil {
		return nil, fmt.Errorf("writing tars for imgpkg: %w", err)
	}
	return tars, nil
}

func loadImgpkg(ctx context.Context, a *Archive, pairs []image.Pair, below, dir string, o LoadOptions) (*Tars, error) {
	plan, err := registry.NewPlan(ctx, pairs, a, registry.PlanOptions{Manifests: a.Manifest, Digests: a.lock.Digests(), Referrers: true})
	if err != nil {
		return nil, err
	}
	l := imgpkgLoader{archive: a, report: o.Report, below: below, Tars: Tars{Paths: map[string]string{}}}
	files, err := l.prepare(plan)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := writeWhole(filepath.Join(dir, f.name), 0o644, func(w io.Writer) error { return l.write(ctx, w, f) }); err != nil {
			return nil, err
		}
	}
	list := func(w io.Writer) error { return imgpkg.WriteFromTar(w, l.Paths) }
	if err := writeWhole(filepath.Join(dir, imgpkg.FromTar), 0o644, list); err != nil {
		return nil, err
	}
	slices.SortFunc(l.Images, image.Compare)
	return &l.Tars, nil
}

// An imgpkgLoader writes tars for imgpkg.
type imgpkgLoader struct {
	Tars
	archive *Archive
	report  func(registry.Event)
	below   string // what targets begin with
}

// An imgpkgTar is one tar that is to be.
type imgpkgTar struct {
	name     string
	of       image.Ref
	manifest []byte
	layers   []registry.Descriptor // sorted by digest, each once
}

// prepare finds out what every tar will hold. All that stands against it is told at once.
func (l *imgpkgLoader) prepare(plan *registry.Plan) ([]imgpkgTar, error) {
	var files []imgpkgTar
	var errs []error
	named := map[string]image.Ref{}
	for i := range plan.Images {
		img := &plan.Images[i]
		f, err := l.tar(img)
		if before, twice := named[f.name]; err == nil && twice {
			err = fmt.Errorf("its tar and that of %s would both be %s", before, f.name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", img.Source, err))
			continue
		}
		named[f.name] = img.Source
		files = append(files, f)
		l.Images = append(l.Images, img.Source)
	}
	return files, errors.Join(errs...)
}

// tar is the tar of one image.
func (l *imgpkgLoader) tar(img *registry.Image) (imgpkgTar, error) {
	path, ok := strings.CutPrefix(img.Target.Name(), l.below+"/")
	if !ok && l.below != "" {
		return imgpkgTar{}, fmt.Errorf("it goes to %s, which is not below %s", img.Target, l.below)
	}
	if l.below == "" {
		path = img.Target.Repository
	}
	version := cmp.Or(img.Target.Tag, strings.ReplaceAll(img.Root.Digest.String(), ":", "-"))
	f := imgpkgTar{name: strings.ReplaceAll(path, "/", "-") + "-" + version + ".tar", of: img.Source}
	t := tarring{archive: l.archive, img: img, nodes: manifestNodes(img), raw: map[digest.Digest][]byte{}, layers: map[digest.Digest]registry.Descriptor{}}
	for _, m := range img.Manifests {
		t.raw[m.Digest] = m.Raw
	}
	entries, err := t.entries()
	if err != nil {
		return f, err
	}
	if left := t.unnamed(); left > 0 {
		l.LeftOut = append(l.LeftOut, LeftOut{img.Source, fmt.Sprintf("%d of what refers to it, which have no tag", left)})
	}
	if f.manifest, err = json.Marshal(entries); err != nil {
		return f, err
	}
	f.layers = slices.SortedFunc(maps.Values(t.layers), func(a, b registry.Descriptor) int { return cmp.Compare(a.Digest, b.Digest) })
	l.Paths[f.name] = path
	return f, nil
}

// A tarring is an image on its way into a tar.
type tarring struct {
	archive *Archive
	img     *registry.Image
	nodes   map[digest.Digest]*node
	raw     map[digest.Digest][]byte
	layers  map[digest.Digest]registry.Descriptor
}

// entries describe the image itself, its members if it is a bundle, and its signatures.
func (t *tarring) entries() ([]imgpkg.TarEntry, error) {
	labels := map[string]string(nil)
	if len(t.img.Lists) > 0 {
		labels = imgpkg.RootLabels()
	}
	root, err := t.entry(t.img.Root.Digest, t.img.Source, t.img.Source.Tag, labels)
	if err != nil {
		return nil, err
	}
	entries := []imgpkg.TarEntry{root}
	seen := map[digest.Digest]bool{t.img.Root.Digest: true}
	for _, m := range t.img.Members {
		d := digest.Digest(m.Image.Digest)
		if seen[d] {
			continue
		}
		seen[d] = true
		e, err := t.entry(d, m.Image, "", nil)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Image, err)
		}
		entries = append(entries, e)
	}
	for _, m := range t.img.Manifests {
		if m.Tag == "" || imgpkg.IsOwnTag(m.Tag) {
			continue
		}
		e, err := t.entry(m.Digest, t.img.Source, m.Tag, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Tag, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// unnamed counts what refers to the image and is found by no tag: imgpkg carries none.
func (t *tarring) unnamed() int {
	b := build{nodes: t.nodes}
	return len(slices.DeleteFunc(b.referrers(t.img), func(r string) bool { return strings.Contains(r, "@") }))
}

// entry describes an image that was found as ref.
func (t *tarring) entry(d digest.Digest, ref image.Ref, tag string, labels map[string]string) (imgpkg.TarEntry, error) {
	refs := []string{ref.Name() + "@" + d.String()}
	n := t.nodes[d]
	if n == nil {
		return imgpkg.TarEntry{}, fmt.Errorf("manifest %s is not in the plan", d)
	}
	if !isIndex(n) {
		i, err := t.image(d, n)
		i.Refs, i.Tag, i.OrigRef, i.Labels = refs, tag, refs[0], labels
		return imgpkg.TarEntry{Image: &i}, err
	}
	i, err := t.index(d, n)
	i.Refs, i.Tag, i.OrigRef, i.Labels = refs, tag, refs[0], labels
	return imgpkg.TarEntry{ImageIndex: &i}, err
}

func isIndex(n *node) bool { return n.Config == nil && n.Manifests != nil }

func (t *tarring) index(d digest.Digest, n *node) (imgpkg.TarIndex, error) {
	i := imgpkg.TarIndex{MediaType: n.mediaType(), Digest: d, Raw: string(t.raw[d])}
	for _, child := range n.Manifests {
		below := t.nodes[child.Digest]
		switch {
		case below == nil:
			return i, fmt.Errorf("manifest %s is not in the plan", child.Digest)
		case isIndex(below):
			one, err := t.index(child.Digest, below)
			if err != nil {
				return i, err
			}
			i.Indexes = append(i.Indexes, one)
		default:
			one, err := t.image(child.Digest, below)
			if err != nil {
				return i, err
			}
			i.Images = append(i.Images, one)
		}
	}
	return i, nil
}

func (t *tarring) image(d digest.Digest, n *node) (imgpkg.TarImage, error) {
	i := imgpkg.TarImage{Manifest: imgpkg.TarText{MediaType: n.mediaType(), Digest: d, Raw: string(t.raw[d])}}
	if n.Config == nil {
		return i, fmt.Errorf("manifest %s has no configuration, which imgpkg wants", d)
	}
	config, err := t.config(*n.Config)
	if err != nil {
		return i, err
	}
	i.Config = imgpkg.TarText{Digest: n.Config.Digest, Raw: string(config)}
	var said struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	_ = json.Unmarshal(config, &said) // what is no container image has none
	for k, layer := range n.Layers {
		one := imgpkg.TarLayer{MediaType: layer.MediaType, Digest: layer.Digest, Size: layer.Size}
		if k < len(said.RootFS.DiffIDs) {
			one.DiffID = said.RootFS.DiffIDs[k]
		}
		i.Layers = append(i.Layers, one)
		if err := t.layer(layer); err != nil {
			return i, err
		}
	}
	return i, nil
}

// config reads a configuration.
func (t *tarring) config(desc registry.Descriptor) ([]byte, error) {
	e := t.archive.blobs[desc.Digest]
	if e == nil {
		return nil, &registry.NotFoundError{Name: desc.Digest.String(), Err: t.archive.leftOut(desc.Digest)}
	}
	raw, err := t.archive.read(e, maxManifest)
	if err != nil {
		return nil, err
	}
	if got := desc.Digest.Algorithm().FromBytes(raw); got != desc.Digest {
		return nil, &InvalidError{Entry: e.Path, Problem: (&DigestError{desc.Digest, got}).Error(), Images: t.archive.users[desc.Digest]}
	}
	return raw, nil
}

// layer notes a layer. The archive lacks those that registries do not hold, and those
// that the site has.
func (t *tarring) layer(layer registry.Descriptor) error {
	if _, there := t.archive.Blob(layer.Digest); !there {
		if isForeign(layer.MediaType) {
			return nil
		}
		return &registry.NotFoundError{Name: "layer " + layer.Digest.String(), Err: t.archive.leftOut(layer.Digest)}
	}
	t.layers[layer.Digest] = layer
	return nil
}

// write writes a tar.
func (l *imgpkgLoader) write(ctx context.Context, to io.Writer, f imgpkgTar) error {
	counted := &counter{to: to}
	w := tar.NewWriter(counted)
	put := func(name string, size int64, content io.Reader) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg, Size: size}); err != nil {
			return err
		}
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, content, make([]byte, pieceSize))
		return err
	}
	if err := put(imgpkg.TarManifest, int64(len(f.manifest)), bytes.NewReader(f.manifest)); err != nil {
		return err
	}
	for _, layer := range f.layers {
		content, _ := l.archive.Blob(layer.Digest) // tarring has seen it
		sum := layer.Digest.Algorithm().Digester()
		reader := &told{ReadCloser: io.NopCloser(&contextReader{ctx, io.TeeReader(content, sum.Hash())}), name: layer.Digest.String(), report: l.tell}
		if err := put(imgpkg.LayerFile(layer.Digest), layer.Size, reader); err != nil {
			return fmt.Errorf("%s: layer %s: %w", f.of, layer.Digest, err)
		}
		if got := sum.Digest(); got != layer.Digest {
			return &InvalidError{Entry: blobPath(layer.Digest), Problem: (&DigestError{layer.Digest, got}).Error(), Images: l.archive.users[layer.Digest]}
		}
	}
	err := w.Close()
	l.Size += counted.bytes
	return err
}

func (l *imgpkgLoader) tell(e registry.Event) {
	if l.report != nil {
		l.report(e)
	}
}

// A counter counts what is written.
type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.bytes += int64(n)
	return n, err
}
