package bundle

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A seed is a place in memory that images are put into by hand.
type seed struct {
	testing.TB
	registry.Memory
}

func parse(t testing.TB, name string) image.Ref {
	t.Helper()
	ref, err := image.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (s *seed) blob(ref image.Ref, mediaType string, b []byte) registry.Descriptor {
	s.Helper()
	desc := describe(mediaType, b)
	_, err := s.PutBlob(s.Context(), ref, desc, nil, func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return desc
}

func (s *seed) manifest(ref image.Ref, mediaType string, m any) registry.Descriptor {
	s.Helper()
	raw := jsonOf(s, m)
	desc := describe(mediaType, raw)
	if err := s.PutManifest(s.Context(), ref, desc, raw); err != nil {
		s.Fatal(err)
	}
	return desc
}

// image puts an image with one layer for each text; docker is the media types.
func (s *seed) image(ref image.Ref, platform string, docker bool, texts ...string) registry.Descriptor {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	configType, layerType := ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayerGzip
	if docker {
		m.MediaType, configType = dockerManifest, "application/vnd.docker.container.image.v1+json"
		layerType = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	}
	var config ocispec.Image
	config.OS, config.Architecture, _ = strings.Cut(platform, "/")
	config.RootFS.Type = "layers"
	for _, text := range texts {
		plain := tarOf(s, item{name: "file-" + text, body: []byte(text)})
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain))
		m.Layers = append(m.Layers, s.blob(ref, layerType, compressed(s, plain)))
	}
	m.Config = s.blob(ref, configType, jsonOf(s, config))
	desc := s.manifest(ref, m.MediaType, m)
	desc.Platform = &config.Platform
	return desc
}

func (s *seed) index(ref image.Ref, manifests ...registry.Descriptor) registry.Descriptor {
	return s.manifest(ref, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: manifests,
	})
}

// about puts an artifact that is about desc.
func (s *seed) about(ref image.Ref, desc *registry.Descriptor, artifactType, text string) registry.Descriptor {
	return s.manifest(ref, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: s.blob(ref, ocispec.MediaTypeEmptyJSON, []byte("{}")),
		Layers: []ocispec.Descriptor{s.blob(ref, "text/plain", []byte(text))}, Subject: desc,
		Annotations: map[string]string{"says": text},
	})
}

// untagged is ref for pushing by digest.
func untagged(ref image.Ref) image.Ref {
	ref.Tag = ""
	return ref
}

// A site is an archive and what it was made of.
type site struct {
	*Archive
	path  string
	plan  *registry.Plan
	seed  *seed
	pause registry.Descriptor // an index for two platforms
	amd64 registry.Descriptor // its manifest for linux/amd64
	sbom  registry.Descriptor // about amd64
	sign  registry.Descriptor // about pause
	nginx registry.Descriptor
	tool  registry.Descriptor // called by tag and digest
	cert  registry.Descriptor // about tool, by cosign's tag
	port  registry.Descriptor
}

// newSite makes an archive of images as they are in the field, and two files.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{seed: &seed{TB: t}}
	pause, nginx := parse(t, "registry.k8s.io/pause:3.10"), parse(t, "nginx:1.25")
	tool, port := parse(t, "quay.io/x/y:v1"), parse(t, "localhost:5000/a/b:v2")
	s.amd64 = s.seed.image(untagged(pause), "linux/amd64", false, "base", "amd64")
	s.pause = s.seed.index(pause, s.amd64, s.seed.image(untagged(pause), "linux/arm64", false, "arm64"))
	s.sign = s.seed.about(untagged(pause), &s.pause, "example/signature", "signed")
	s.sbom = s.seed.about(untagged(pause), &s.pause, "example/sbom", "contains nothing")
	s.nginx = s.seed.image(nginx, "linux/amd64", true, "base", "nginx")
	s.tool = s.seed.image(tool, "linux/amd64", false, "tool")
	sig := tool
	sig.Tag = strings.ReplaceAll(s.tool.Digest.String(), ":", "-") + ".sig"
	s.cert = s.seed.about(sig, nil, "example/cosign", "cosigned")
	s.port = s.seed.image(port, "linux/arm64", false, "port")
	tool.Digest = s.tool.Digest.String()
	s.create(t, pause, nginx, tool, port)
	return s
}

func (s *site) create(t testing.TB, refs ...image.Ref) {
	t.Helper()
	pairs, err := image.Pairs(image.Mapping{}, refs)
	if err != nil {
		t.Fatal(err)
	}
	s.plan, err = registry.NewPlan(t.Context(), pairs, &s.seed.Memory, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	s.path = filepath.Join(t.TempDir(), "site.tar")
	file := func(path, text string, mode int64) File {
		return File{Path: path, Size: int64(len(text)), Mode: 0o755, Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}}
	}
	_, err = Create(t.Context(), s.path, Contents{Plan: s.plan, Files: []File{
		file("binaries/v1.36/kubectl", "#!/bin/kubectl", 0o755), file("resources/cni/a <b>&%2f.yaml", "kind: List\n", 0o644),
	}}, &s.seed.Memory, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Archive, err = Open(s.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}
