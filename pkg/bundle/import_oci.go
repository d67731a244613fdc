package bundle

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

const (
	maxOriginals = 10_000 // manifests in one tar
	maxNesting   = 4      // indexes in indexes
)

// An original is a manifest that came with an image.
type original struct {
	*node
	raw []byte
}

// readOriginals finds the manifests that today's docker save puts beside its own
// list (index.json of an OCI image layout), by the digest of their configuration.
// With them an image keeps its digest. Those that are not in the tar, as docker
// leaves out what is for other platforms, do not count.
func (d *dockerReader) readOriginals() error {
	d.originals = map[digest.Digest][]original{}
	if !d.has(indexPath) {
		return nil
	}
	text, err := d.read(d.file, indexPath)
	if err != nil {
		return err
	}
	var index ocispec.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("reading %s: %w", indexPath, err)
	}
	seen := map[digest.Digest]bool{}
	return d.follow(index.Manifests, seen, maxNesting)
}

// follow reads manifests and those below them.
func (d *dockerReader) follow(all []registry.Descriptor, seen map[digest.Digest]bool, depth int) error {
	for _, desc := range all {
		if desc.Digest.Validate() != nil || seen[desc.Digest] || !d.has(blobPath(desc.Digest)) {
			continue
		}
		if seen[desc.Digest] = true; len(seen) > maxOriginals || depth == 0 {
			return fmt.Errorf("%s names more manifests than there can be", indexPath)
		}
		raw, err := d.read(d.file, blobPath(desc.Digest))
		if err != nil {
			return err
		}
		if got := desc.Digest.Algorithm().FromBytes(raw); got != desc.Digest {
			return fmt.Errorf("%s is damaged: %w", blobPath(desc.Digest), &DigestError{desc.Digest, got})
		}
		n, err := parseNode(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", blobPath(desc.Digest), err)
		}
		if n.Config != nil {
			d.originals[n.Config.Digest] = append(d.originals[n.Config.Digest], original{n, raw})
		}
		if err := d.follow(n.Manifests, seen, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// withOriginal gives the image with this configuration as a manifest of the tar
// has it, if one does and all of its layers are there.
func (d *dockerReader) withOriginal(config []byte) (savedImage, bool) {
	for _, o := range d.originals[digest.FromBytes(config)] {
		if saved, ok := d.complete(o, config); ok {
			return saved, true
		}
	}
	return savedImage{}, false
}

func (d *dockerReader) complete(o original, config []byte) (saved savedImage, ok bool) {
	for _, l := range o.Layers {
		at, err := d.find(blobPath(l.Digest))
		if err != nil || at.size != l.Size || l.Digest.Algorithm() != digest.SHA256 || isForeign(l.MediaType) {
			return savedImage{}, false
		}
		desc := registry.Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
		saved.parts = append(saved.parts, content{Descriptor: desc, tar: d.path, name: blobPath(l.Digest), at: at})
	}
	if o.Config.Size != int64(len(config)) || len(o.raw) > maxManifest {
		return savedImage{}, false
	}
	saved.parts = append(saved.parts, content{Descriptor: describe(o.Config.MediaType, config), raw: config},
		content{Descriptor: describe(o.mediaType(), o.raw), raw: o.raw})
	return saved, true
}
