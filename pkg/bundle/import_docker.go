package bundle

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A content is a manifest, a configuration or a layer.
type content struct {
	registry.Descriptor
	raw  []byte // its bytes, if it is no layer
	tar  string // else the tar that has it,
	name string // its name there
	at   span   // and where that is
}

// A savedImage is an image of a tar and what it consists of.
type savedImage struct {
	refs  []image.Ref
	parts []content // layers, configuration, manifest
}

func (s *savedImage) manifest() content { return s.parts[len(s.parts)-1] }

// A dockerReader reads one tar that docker save wrote.
type dockerReader struct {
	path string
	file *os.File
	*tarIndex
	originals map[digest.Digest][]original
}

// readDocker gives the images of a tar, called as opts say.
func readDocker(ctx context.Context, path string, f *os.File, opts ImportOptions) ([]savedImage, error) {
	index, err := indexTar(ctx, f)
	if err != nil {
		return nil, explainTar(f, err)
	}
	d := dockerReader{path: path, file: f, tarIndex: index}
	text, err := d.read(f, dockerPath)
	if err != nil {
		return nil, fmt.Errorf("docker save did not write it: %w", err)
	}
	var list []dockerImage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading %s: %w", dockerPath, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s names no image", dockerPath)
	}
	if err := d.readOriginals(); err != nil {
		return nil, err
	}
	var images []savedImage
	var errs []error
	for i, one := range list {
		saved, err := d.image(ctx, one)
		if err == nil {
			saved.refs, err = opts.refsOf(path, one.RepoTags, len(list) == 1)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("image %d%s: %w", i+1, firstOf(one.RepoTags), err))
		}
		images = append(images, saved)
	}
	return images, errors.Join(errs...)
}

func firstOf(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.200q)", tags[0])
}

// explainTar says more of a file that is no tar.
func explainTar(f io.ReaderAt, err error) error {
	var magic [4]byte
	_, _ = f.ReadAt(magic[:], 0)
	switch compression(magic[:]) {
	case "gzip", "zstd":
		return fmt.Errorf("it is compressed (%s), and what is in it can only be reached uncompressed", compression(magic[:]))
	}
	return fmt.Errorf("reading the tar: %w", err)
}

// refsOf are the names of an image.
func (o ImportOptions) refsOf(path string, tags []string, only bool) ([]image.Ref, error) {
	var refs []image.Ref
	for _, tag := range tags {
		ref, err := image.Parse(tag)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	if o.Name != nil && only {
		ref, err := o.Name(path, refs)
		return []image.Ref{ref}, err
	}
	if len(refs) > 0 {
		return refs, nil
	}
	if o.Nameless != nil && only {
		if ref, ok := o.Nameless(path); ok {
			return []image.Ref{ref}, nil
		}
	}
	return nil, errors.New("it has no tag, and nothing says what it is called")
}

// image gives an image with the manifest that came with it, or else makes an OCI
// manifest for it: of the same tar always the same one.
func (d *dockerReader) image(ctx context.Context, one dockerImage) (savedImage, error) {
	raw, err := d.read(d.file, one.Config)
	if err != nil {
		return savedImage{}, fmt.Errorf("its configuration: %w", err)
	}
	var config ocispec.Image
	if err := json.Unmarshal(raw, &config); err != nil {
		return savedImage{}, fmt.Errorf("its configuration %.200q: %w", one.Config, err)
	}
	if saved, ok := d.withOriginal(raw); ok {
		return saved, nil
	}
	ids := config.RootFS.DiffIDs
	if len(ids) != len(one.Layers) {
		return savedImage{}, fmt.Errorf("%s gives it %d layers, its configuration %d", dockerPath, len(one.Layers), len(ids))
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{},
		Config: describe(ocispec.MediaTypeImageConfig, raw),
	}
	var saved savedImage
	for i, name := range one.Layers {
		layer, err := d.layer(ctx, name, ids[i])
		if err != nil {
			return savedImage{}, fmt.Errorf("its layer %d: %w", i+1, err)
		}
		manifest.Layers = append(manifest.Layers, layer.Descriptor)
		saved.parts = append(saved.parts, layer)
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		return savedImage{}, err
	}
	saved.parts = append(saved.parts, content{Descriptor: manifest.Config, raw: raw},
		content{Descriptor: describe(manifest.MediaType, text), raw: text})
	return saved, nil
}

func describe(mediaType string, raw []byte) registry.Descriptor {
	return registry.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
}

// layer says what a layer is as a blob. One that is not compressed, as docker save
// used to write all of them, must hash to its diff_id, which is not computed here
// but when it is read. The digest of a compressed one is computed, and its diff_id
// compared.
func (d *dockerReader) layer(ctx context.Context, name string, id digest.Digest) (content, error) {
	if id.Validate() != nil || id.Algorithm() != digest.SHA256 {
		return content{}, fmt.Errorf("%.80q is no diff_id", id)
	}
	at, err := d.find(name)
	if err != nil {
		return content{}, err
	}
	c := content{tar: d.path, name: name, at: at}
	c.MediaType, c.Digest, c.Size = ocispec.MediaTypeImageLayer, id, at.size
	var magic [4]byte
	if _, err := io.NewSectionReader(d.file, at.at, at.size).ReadAt(magic[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return content{}, fmt.Errorf("reading %.200q: %w", name, err)
	}
	switch compression(magic[:]) {
	case "zstd":
		return content{}, fmt.Errorf("%.200q is compressed with zstd, which docker save does not do", name)
	case "gzip":
		c.MediaType = ocispec.MediaTypeImageLayerGzip
		c.Digest, err = d.compressed(ctx, name, at, id)
	}
	return c, err
}

// compressed gives the digest of a compressed layer, whose content must have id.
func (d *dockerReader) compressed(ctx context.Context, name string, at span, id digest.Digest) (digest.Digest, error) {
	outer, inner := digest.SHA256.Digester(), digest.SHA256.Digester()
	whole := io.TeeReader(&contextReader{ctx, io.NewSectionReader(d.file, at.at, at.size)}, outer.Hash())
	z, err := gzip.NewReader(whole)
	if err == nil {
		_, err = io.CopyBuffer(inner.Hash(), z, make([]byte, pieceSize))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, whole)
	}
	if err != nil {
		return "", fmt.Errorf("reading %.200q: %w", name, err)
	}
	if inner.Digest() != id {
		return "", fmt.Errorf("%.200q is damaged: its content is %s, not %s as its configuration says", name, inner.Digest(), id)
	}
	return outer.Digest(), nil
}

// compression names what the first bytes of a file are the mark of, or "".
func compression(magic []byte) string {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return ""
}

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context // io.Reader takes none
	io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
