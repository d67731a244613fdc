package registry

import (
	_ "crypto/sha256" // the algorithms that digests may name
	_ "crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The media types that the OCI specification does not define or no longer
// defines (distribution, docs/content/spec/manifest-v2-2.md; image-spec
// v1.1.0-rc2, artifact.md).
const (
	dockerManifest   = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList       = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig     = "application/vnd.docker.container.image.v1+json"
	schema1          = "application/vnd.docker.distribution.manifest.v1+json"
	schema1Signed    = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	artifactManifest = "application/vnd.oci.artifact.manifest.v1+json"
)

// A form is what the content of a media type looks like.
type form int

const (
	blobForm     form = iota // anything
	manifestForm             // config and layers, or the blobs of an artifact
	indexForm                // other manifests
	schema1Form              // what Docker wrote before 2016
)

func formOf(mediaType string) form {
	switch mediaType {
	case ocispec.MediaTypeImageIndex, dockerList:
		return indexForm
	case ocispec.MediaTypeImageManifest, dockerManifest, artifactManifest:
		return manifestForm
	case schema1, schema1Signed:
		return schema1Form
	}
	return blobForm
}

var errSchema1 = errors.New("it is a Docker image of schema 1, which registries and containerd no longer take: " +
	"build it anew, or pull and push it once with a Docker of version 1.10 or later")

// A document is what a manifest says, of whatever form it is.
type document struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Config        *Descriptor     `json:"config"`
	Layers        []Descriptor    `json:"layers"`
	Blobs         []Descriptor    `json:"blobs"` // of an artifact manifest
	Manifests     []Descriptor    `json:"manifests"`
	Subject       *Descriptor     `json:"subject"`
	FSLayers      json.RawMessage `json:"fsLayers"` // of schema 1
	form          form
}

// parseDocument reads a manifest whose place calls it mediaType. What could be
// taken for an index as well as for an image is refused, lest the one who checks
// and the one who runs it see different things (CVE-2021-41190).
func parseDocument(mediaType string, raw []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("it is no manifest: %w", err)
	}
	outside, inside := formOf(mediaType), formOf(d.MediaType)
	isIndex := d.Manifests != nil
	isImage := d.Config != nil || d.Layers != nil || d.Blobs != nil
	switch {
	case outside == schema1Form, inside == schema1Form, d.SchemaVersion == 1, d.FSLayers != nil:
		return nil, errSchema1
	case isIndex && isImage:
		return nil, errors.New("it is an image and an index at once")
	case outside != blobForm && inside != blobForm && outside != inside:
		return nil, fmt.Errorf("it says that it is %s, but was called %s", d.MediaType, mediaType)
	}
	d.form = max(outside, inside)
	if d.form == blobForm { // older tools and registries leave it out
		return nil, fmt.Errorf("its media type %q is that of no image", mediaType)
	}
	if isIndex && d.form != indexForm || isImage && d.form != manifestForm {
		return nil, fmt.Errorf("what it holds is not what its media type %s says", mediaType)
	}
	if d.MediaType == "" {
		d.MediaType = mediaType
	}
	return d, d.check()
}

// check says whether every descriptor can be used as a name of content.
func (d *document) check() error {
	for _, c := range d.named() {
		if err := c.Digest.Validate(); err != nil {
			return fmt.Errorf("it names the digest %q: %w", c.Digest, err)
		}
		if c.Size < 0 {
			return fmt.Errorf("it gives %s a size of %d bytes", c.Digest, c.Size)
		}
		if c.Data != nil {
			if err := checkContent(c, c.Data); err != nil {
				return fmt.Errorf("the data that it holds of %s: %w", c.Digest, err)
			}
		}
	}
	return nil
}

// named are all descriptors of what the document consists of, in its order.
func (d *document) named() []Descriptor {
	var all []Descriptor
	if d.Config != nil {
		all = append(all, *d.Config)
	}
	all = append(all, d.Layers...)
	all = append(all, d.Blobs...)
	return append(all, d.Manifests...)
}

// children are the manifests that the document consists of, blobs what it
// needs beside them, and foreign what registries do not hold. An index may name
// blobs too: BuildKit's caches do.
func (d *document) parts() (children, blobs, foreign []Descriptor) {
	for _, c := range d.named() {
		switch {
		case d.form == indexForm && formOf(c.MediaType) != blobForm:
			children = append(children, c)
		case isForeign(c.MediaType):
			foreign = append(foreign, c)
		default:
			blobs = append(blobs, c)
		}
	}
	return children, blobs, foreign
}

// isForeign reports whether layers of a media type stay where their URLs point:
// Docker's rootfs.foreign and OCI's nondistributable (image-spec, layer.md).
func isForeign(mediaType string) bool {
	return strings.Contains(mediaType, "foreign") || strings.Contains(mediaType, "nondistributable")
}

// isImageConfig reports whether a config says for which platform an image is.
func isImageConfig(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageConfig || mediaType == dockerConfig
}

// checkContent compares content with what names it.
func checkContent(desc Descriptor, raw []byte) error {
	if int64(len(raw)) != desc.Size {
		return fmt.Errorf("it has %d bytes, not %d", len(raw), desc.Size)
	}
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	if got := desc.Digest.Algorithm().FromBytes(raw); got != desc.Digest {
		return &wrongDigestError{want: desc.Digest, got: got}
	}
	return nil
}

// A wrongDigestError says that content is not what it was asked for as.
type wrongDigestError struct{ want, got digest.Digest }

func (e *wrongDigestError) Error() string {
	return fmt.Sprintf("the content is damaged: it is %s, not %s", e.got, e.want)
}

// plain is desc without what only its place in a parent says of it.
func plain(desc Descriptor) Descriptor {
	return Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
}
