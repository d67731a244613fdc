// Package synthetic makes container images that nobody wrote: as large, as many
// and as much alike as a test or a benchmark wants them, and the same ones every
// time. What is in a layer cannot be compressed, so that its size is its size.
package synthetic

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
)

// The media types of manifests.
const (
	OCIIndex       = "application/vnd.oci.image.index.v1+json"
	OCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// An Image is one image with all that it consists of.
type Image struct {
	Name      string // registry.k8s.io/x/y:v1, as manifests call it
	Manifests []Manifest
	Signature Manifest          // cosign's, which is found by its tag; or none
	Layers    map[string]Layer  // by digest
	Blobs     map[string][]byte // configs and signed payloads, by digest
}

// A Manifest is a manifest or an index.
type Manifest struct {
	Digest, MediaType string
	Tag               string // of a signature
	Raw               []byte
}

// Root is the manifest that the image's tag names.
func (i *Image) Root() Manifest { return i.Manifests[len(i.Manifests)-1] }

// Repository is the image's name without its tag.
func (i *Image) Repository() string { return i.Name[:strings.LastIndexByte(i.Name, ':')] }

// Tag is the image's tag.
func (i *Image) Tag() string { return i.Name[strings.LastIndexByte(i.Name, ':')+1:] }

// A Layer is one file whose bytes a seed gives, packed as layers are.
type Layer struct {
	Digest string
	Size   int64 // bytes, packed

	seed   string
	length int64 // of the file
	diff   string
}

// layers are those that were hashed already: that is what takes the time.
var layers sync.Map

func newLayer(seed string, length int64) Layer {
	key := fmt.Sprint(seed, "/", length)
	if known, ok := layers.Load(key); ok {
		return known.(Layer)
	}
	l := Layer{seed: seed, length: length}
	packed, plain := l.pack()
	l.Digest, l.diff, l.Size = Digest(packed), Digest(plain), int64(len(packed))
	layers.Store(key, l)
	return l
}

// Bytes are the layer as it is sent.
func (l Layer) Bytes() []byte {
	packed, _ := l.pack()
	return packed
}

func (l Layer) pack() (packed, plain []byte) {
	var p, z bytes.Buffer
	w := tar.NewWriter(&p)
	_ = w.WriteHeader(&tar.Header{Name: "bin/" + strings.NewReplacer("/", "_", ":", "_").Replace(l.seed), Mode: 0o755, Size: l.length})
	_, _ = io.CopyN(w, rand.NewChaCha8(sha256.Sum256([]byte(l.seed))), l.length)
	_ = w.Close()
	c, _ := gzip.NewWriterLevel(&z, gzip.NoCompression)
	_, _ = c.Write(p.Bytes())
	_ = c.Close()
	return z.Bytes(), p.Bytes()
}

// A Shape says how an image is built.
type Shape struct {
	Platforms []string // architecture[/variant]; more than one make an index
	Docker    bool     // Docker's media types instead of OCI's
	Signed    bool
	Layers    func(platform string) []Layer
}

// Build makes the image called name.
func (s Shape) Build(name string) *Image {
	image := &Image{Name: name, Layers: map[string]Layer{}, Blobs: map[string][]byte{}}
	index, manifest := OCIIndex, OCIManifest
	if s.Docker {
		index, manifest = DockerList, DockerManifest
	}
	var children []string
	for _, platform := range s.Platforms {
		m := image.add(manifest, image.manifest(platform, manifest, s.Layers(platform)))
		arch, variant, _ := strings.Cut(platform, "/")
		if variant != "" {
			variant = fmt.Sprintf(`,"variant":%q`, variant)
		}
		children = append(children, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,"platform":{"architecture":%q,"os":"linux"%s}}`, manifest, m.Digest, len(m.Raw), arch, variant))
	}
	if len(children) > 1 {
		image.add(index, fmt.Appendf(nil, "{\n  \"schemaVersion\": 2,\n  \"mediaType\": %q,\n  \"manifests\": [%s]\n}", index, strings.Join(children, ",")))
	}
	if s.Signed {
		image.sign()
	}
	return image
}

func (i *Image) add(mediaType string, raw []byte) Manifest {
	m := Manifest{Digest: Digest(raw), MediaType: mediaType, Raw: raw}
	i.Manifests = append(i.Manifests, m)
	return m
}

func (i *Image) blob(b []byte) string {
	d := Digest(b)
	i.Blobs[d] = b
	return d
}

// manifest is indented in a way of its own: who parses and prints it again changes its digest.
func (i *Image) manifest(platform, mediaType string, layers []Layer) []byte {
	configType, layerType := "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"
	if mediaType == DockerManifest {
		configType, layerType = "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"
	}
	var diffs, described []string
	for _, l := range layers {
		i.Layers[l.Digest] = l
		diffs = append(diffs, fmt.Sprintf("%q", l.diff))
		described = append(described, fmt.Sprintf(`{"mediaType":%q,"size":%d,"digest":%q}`, layerType, l.Size, l.Digest))
	}
	arch, variant, _ := strings.Cut(platform, "/")
	if variant != "" {
		variant = fmt.Sprintf(`,"variant":%q`, variant)
	}
	config := i.blob(fmt.Appendf(nil, `{"architecture":%q%s,"os":"linux","config":{"Labels":{"title":%q}},"rootfs":{"type":"layers","diff_ids":[%s]}}`,
		arch, variant, i.Name, strings.Join(diffs, ",")))
	return fmt.Appendf(nil, "{\n   \"schemaVersion\": 2,\n   \"mediaType\": %q,\n   \"config\": {\"mediaType\":%q,\"size\":%d,\"digest\":%q},\n   \"layers\": [%s]\n}",
		mediaType, configType, len(i.Blobs[config]), config, strings.Join(described, ","))
}

// sign adds what cosign writes beside an image: a manifest that is found by a tag.
func (i *Image) sign() {
	root := i.Root().Digest
	payload := i.blob(fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`,
		i.Repository(), root))
	config := i.blob(fmt.Appendf(nil, `{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[%q]},"config":{}}`, payload))
	raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":%d,"digest":%q},`+
		`"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":%d,"digest":%q,"annotations":{"dev.cosignproject.cosign/signature":"MEUCIQ"}}]}`,
		OCIManifest, len(i.Blobs[config]), config, len(i.Blobs[payload]), payload)
	i.Signature = Manifest{Digest: Digest(raw), MediaType: OCIManifest, Tag: strings.Replace(root, ":", "-", 1) + ".sig", Raw: raw}
}

// Digest is the digest of b as registries write it.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
