package registrytest

import (
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// SeedReferrer puts an artifact that refers to subject by its subject field into
// subject's repository.
func (r *Registry) SeedReferrer(repository string, subject ocispec.Descriptor, artifactType, content string) (ocispec.Descriptor, error) {
	s := seeding{r: r, repository: repository}
	subject.Platform, subject.Annotations = nil, nil
	m := s.artifact(artifactType, content)
	m.Subject = &subject
	desc := s.put(ocispec.MediaTypeImageManifest, "", m)
	desc.ArtifactType = artifactType
	return desc, s.err
}

// SeedCosign puts what cosign writes about subject under the tag
// sha256-HEX.suffix; suffix is sig, att or sbom.
func (r *Registry) SeedCosign(repository string, subject ocispec.Descriptor, suffix string) (tag string, desc ocispec.Descriptor, err error) {
	s := seeding{r: r, repository: repository}
	payload := `{"critical":{"image":{"docker-manifest-digest":"` + subject.Digest.String() + `"},"type":"cosign container image signature"}}`
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: s.blob(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}`)),
	}
	layer := s.blob("application/vnd.dev.cosign.simplesigning.v1+json", []byte(payload))
	layer.Annotations = map[string]string{"dev.cosignproject.cosign/signature": "c2lnbmF0dXJl"}
	m.Layers = []ocispec.Descriptor{layer}
	tag = strings.ReplaceAll(subject.Digest.String(), ":", "-") + "." + suffix
	return tag, s.put(ocispec.MediaTypeImageManifest, tag, m), s.err
}

// SeedArtifact puts something that is no container image, such as a chart, under
// repository:tag.
func (r *Registry) SeedArtifact(name, artifactType, content string) (ocispec.Descriptor, error) {
	repository, tag, _ := strings.Cut(name, ":")
	s := seeding{r: r, repository: repository}
	return s.put(ocispec.MediaTypeImageManifest, tag, s.artifact(artifactType, content)), s.err
}

// artifact is a manifest as the image specification wants it of what is no image.
func (s *seeding) artifact(artifactType, content string) ocispec.Manifest {
	return ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType,
		Config:       s.blob(ocispec.MediaTypeEmptyJSON, []byte("{}")),
		Layers:       []ocispec.Descriptor{s.blob(artifactType+".content", []byte(content))},
	}
}
