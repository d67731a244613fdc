package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// maxManifest is the largest manifest that registries must take (OCI distribution
// specification, "Pushing Manifests").
const maxManifest = 4 << 20

// The media types of Docker's images (Image Manifest Version 2, Schema 2).
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// A node is what a manifest says about others.
type node struct {
	MediaType    string                `json:"mediaType"`
	ArtifactType string                `json:"artifactType"`
	Manifests    []registry.Descriptor `json:"manifests"`
	Config       *registry.Descriptor  `json:"config"`
	Layers       []registry.Descriptor `json:"layers"`
	Blobs        []registry.Descriptor `json:"blobs"` // of OCI artifact manifests, which came and went in 2022
	Subject      *registry.Descriptor  `json:"subject"`
	Annotations  map[string]string     `json:"annotations"`
}

// parseNode reads a manifest or an index.
func parseNode(raw []byte) (*node, error) {
	var n node
	if err := json.Unmarshal(raw, &n); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	for _, d := range append(n.blobs(), n.Manifests...) {
		if d.Digest.Validate() != nil {
			return nil, fmt.Errorf("the manifest names %q, which is no digest", d.Digest)
		}
		if d.Size < 0 {
			return nil, errors.New("the manifest names a blob of less than no bytes")
		}
	}
	return &n, nil
}

// blobs are the config and the layers.
func (n *node) blobs() []registry.Descriptor {
	var all []registry.Descriptor
	if n.Config != nil {
		all = append(all, *n.Config)
	}
	return append(append(all, n.Layers...), n.Blobs...)
}

// mediaType is what n is, also where it does not say so itself.
func (n *node) mediaType() string {
	switch {
	case n.MediaType != "":
		return n.MediaType
	case n.Config == nil && n.Manifests != nil:
		return ocispec.MediaTypeImageIndex
	}
	return ocispec.MediaTypeImageManifest
}

// artifactType is what the referrers API of registries says that n is (OCI
// distribution specification, "Listing Referrers").
func (n *node) artifactType() string {
	if n.ArtifactType == "" && n.Config != nil {
		return n.Config.MediaType
	}
	return n.ArtifactType
}

// isManifest is whether content of the media type names other content.
func isManifest(mediaType string) bool {
	switch mediaType {
	case ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, dockerManifest, dockerList:
		return true
	}
	return false
}

// isForeign is whether a layer of the media type is fetched from URLs of its own,
// and so is no part of a registry or an archive.
func isForeign(mediaType string) bool {
	return strings.Contains(mediaType, "nondistributable") || strings.Contains(mediaType, ".foreign.")
}

// descendants are the manifests below root, with it, that nodes knows.
func descendants(root digest.Digest, nodes map[digest.Digest]*node) map[digest.Digest]bool {
	seen := map[digest.Digest]bool{}
	todo := []digest.Digest{root}
	for len(todo) > 0 {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n := nodes[d]
		if n == nil || seen[d] {
			continue
		}
		seen[d] = true
		for _, child := range n.Manifests {
			todo = append(todo, child.Digest)
		}
	}
	return seen
}
