package registrytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of Docker's image manifest version 2, schema 2.
const (
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerConfig   = "application/vnd.docker.container.image.v1+json"
	DockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	DockerForeign  = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
)

// An Image says what Seed makes.
type Image struct {
	// Name is repository:tag, or repository alone for an image without a tag.
	Name string
	// Platforms are os/architecture[/variant]. More than one make an index; none
	// are linux/amd64.
	Platforms []string
	// Index makes an index of one platform as well.
	Index bool
	// Layers is the number of layers of each platform; 0 means 2.
	Layers int
	// Size is the number of random bytes in each layer; 0 means 1024.
	Size int
	// Seed says what is in the layers; images with the same seed share them per
	// platform. Empty means Name.
	Seed string
	// Base is the seed of one more layer, the first one, of 4 × Size bytes; empty
	// means none.
	Base string
	// Docker takes Docker's media types instead of OCI's.
	Docker bool
	// Foreign makes the first layer one that is fetched from elsewhere and that
	// the registry does not hold.
	Foreign bool
	// Attestations adds a manifest of platform unknown/unknown for each one, as
	// BuildKit does.
	Attestations bool
}

// Seed puts an image into the registry and gives what its name stands for. The
// same Image makes the same bytes.
func (r *Registry) Seed(img Image) (ocispec.Descriptor, error) {
	s := seeding{r: r, img: img}
	repository, tag, _ := strings.Cut(img.Name, ":")
	s.repository = repository
	platforms := img.Platforms
	if len(platforms) == 0 {
		platforms = []string{"linux/amd64"}
	}
	var children []ocispec.Descriptor
	for _, p := range platforms {
		at := tag
		if s.indexed() {
			at = "" // only the index is named
		}
		children = append(children, s.manifest(p, at))
	}
	if img.Attestations {
		for _, child := range children {
			children = append(children, s.attestation(child))
		}
	}
	if !s.indexed() || s.err != nil {
		return first(children), s.err
	}
	kind := ocispec.MediaTypeImageIndex
	if img.Docker {
		kind = DockerList
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: kind, Manifests: children}
	return s.put(kind, tag, index), s.err
}

func first(all []ocispec.Descriptor) ocispec.Descriptor {
	if len(all) == 0 {
		return ocispec.Descriptor{}
	}
	return all[0]
}

// seeding is an image under way; the first error ends it.
type seeding struct {
	r          *Registry
	img        Image
	repository string
	err        error
}

func (s *seeding) indexed() bool {
	return len(s.img.Platforms) > 1 || s.img.Index || s.img.Attestations
}

// manifest makes an image of one platform.
func (s *seeding) manifest(platform, tag string) ocispec.Descriptor {
	kinds := [...]string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig}
	if s.img.Docker {
		kinds = [...]string{DockerManifest, DockerConfig}
	}
	layers, diffs := s.layers(platform)
	config := ocispec.Image{
		Platform: parsePlatform(platform),
		Config:   ocispec.ImageConfig{Entrypoint: []string{"/" + s.repository}, WorkingDir: "/"},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: diffs},
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: kinds[0],
		Config: s.blob(kinds[1], encode(config)), Layers: layers,
	}
	desc := s.put(kinds[0], tag, m)
	if s.indexed() {
		p := config.Platform
		desc.Platform = &p
	}
	return desc
}

func (s *seeding) layers(platform string) (layers []ocispec.Descriptor, diffs []digest.Digest) {
	seed, size, n := s.img.Seed, s.img.Size, s.img.Layers
	if seed == "" {
		seed = s.img.Name
	}
	if size == 0 {
		size = 1024
	}
	if n == 0 {
		n = 2
	}
	kind, foreign := ocispec.MediaTypeImageLayerGzip, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
	if s.img.Docker {
		kind, foreign = DockerLayer, DockerForeign
	}
	add := func(name string, size int) {
		packed, diff := layer(name, size)
		diffs = append(diffs, diff)
		if s.img.Foreign && len(layers) == 0 {
			desc := describe(foreign, packed)
			desc.URLs = []string{"https://foreign.invalid/" + desc.Digest.Encoded()}
			layers = append(layers, desc)
			return
		}
		layers = append(layers, s.blob(kind, packed))
	}
	if s.img.Base != "" {
		add(s.img.Base+" "+platform, 4*size)
	}
	for i := range n {
		add(fmt.Sprintf("%s %s %d", seed, platform, i), size)
	}
	return layers, diffs
}

// attestation makes what BuildKit puts beside the image of a platform.
func (s *seeding) attestation(of ocispec.Descriptor) ocispec.Descriptor {
	statement := s.blob("application/vnd.in-toto+json", []byte(`{"_type":"https://in-toto.io/Statement/v0.1","subject":"`+of.Digest.String()+`"}`))
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: s.blob(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`)),
		Layers: []ocispec.Descriptor{statement},
	}
	desc := s.put(ocispec.MediaTypeImageManifest, "", m)
	desc.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": of.Digest.String(),
	}
	return desc
}

func (s *seeding) blob(kind string, data []byte) ocispec.Descriptor {
	desc := describe(kind, data)
	if s.err == nil {
		_, s.err = s.r.backend.PushBlob(context.Background(), s.repository, desc, bytes.NewReader(data))
	}
	return desc
}

func (s *seeding) put(kind, tag string, manifest any) ocispec.Descriptor {
	data := encode(manifest)
	if s.err == nil {
		_, s.err = s.r.backend.PushManifest(context.Background(), s.repository, tag, data, kind)
	}
	return describe(kind, data)
}

// PutManifest puts a manifest as it is into the registry, under tag if it is not
// empty. It must not name what the registry does not hold.
func (r *Registry) PutManifest(repository, tag, mediaType string, data []byte) (ocispec.Descriptor, error) {
	return r.backend.PushManifest(context.Background(), repository, tag, data, mediaType)
}

// PutBlob puts a blob into a repository.
func (r *Registry) PutBlob(repository, mediaType string, data []byte) (ocispec.Descriptor, error) {
	return r.backend.PushBlob(context.Background(), repository, describe(mediaType, data), bytes.NewReader(data))
}

// Manifest gives the bytes that a tag or digest stands for, nil if there are none.
func (r *Registry) Manifest(repository, reference string) []byte {
	get := r.backend.GetTag
	if strings.Contains(reference, ":") {
		get = func(ctx context.Context, repo, digest string) (ociregistry.BlobReader, error) {
			return r.backend.GetManifest(ctx, repo, ociregistry.Digest(digest))
		}
	}
	return content(get(context.Background(), repository, reference))
}

// Blob gives the bytes of a blob of a repository, nil if it has none.
func (r *Registry) Blob(repository string, d digest.Digest) []byte {
	return content(r.backend.GetBlob(context.Background(), repository, d))
}

func content(from ociregistry.BlobReader, err error) []byte {
	if err != nil {
		return nil
	}
	defer from.Close() //nolint:errcheck // memory
	var all bytes.Buffer
	_, _ = all.ReadFrom(from)
	return all.Bytes()
}

// layer is a tar.gz of one file of random bytes, stored, with the digest of the tar.
func layer(name string, size int) (packed []byte, diff digest.Digest) {
	var plain, zipped bytes.Buffer
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data)
	w := tar.NewWriter(&plain)
	file := strings.NewReplacer("/", "_", " ", "_", ":", "_").Replace(name)
	_ = w.WriteHeader(&tar.Header{Name: file, Mode: 0o755, Size: int64(size), ModTime: time.Unix(0, 0)})
	_, _ = w.Write(data)
	_ = w.Close()
	z, _ := gzip.NewWriterLevel(&zipped, gzip.NoCompression)
	_, _ = z.Write(plain.Bytes())
	_ = z.Close()
	return zipped.Bytes(), digest.FromBytes(plain.Bytes())
}

func parsePlatform(s string) ocispec.Platform {
	parts := strings.SplitN(s+"//", "/", 4)
	return ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}

func describe(kind string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: kind, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return data
}
