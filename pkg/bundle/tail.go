package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// nameAnnotation is where containerd looks for the full name of an image
// (containerd, images.AnnotationImageName).
const nameAnnotation = "io.containerd.image.name"

// An imageName is a name by which an archive has an image.
type imageName struct {
	ref   image.Ref // with a tag or a digest, never both
	image int       // which of the lock's images
}

// imageNames are all names of the images, sorted. What manifests call by tag
// and digest has two of them: containerd and its CRI know an image by the one or
// the other, and where there are both, they ask for the digest.
func imageNames(images []LockImage) ([]imageName, error) {
	owner := map[image.Ref]imageName{}
	add := func(ref image.Ref, i int, certain bool) {
		if first, ok := owner[ref]; !ok || certain && images[first.image].Digest != images[i].Digest {
			owner[ref] = imageName{ref, i}
		}
	}
	for i, img := range images {
		ref, err := image.Parse(img.Image)
		if err != nil {
			return nil, err
		}
		byTag, byDigest := ref, ref
		byTag.Digest, byDigest.Tag, byDigest.Digest = "", "", img.Digest.String()
		if ref.Tag != "" {
			add(byTag, i, ref.Digest == "") // who names no digest means the tag
		}
		if ref.Digest != "" {
			add(byDigest, i, false)
		}
	}
	names := make([]imageName, 0, len(owner))
	for _, n := range owner {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b imageName) int { return image.Compare(a.ref, b.ref) })
	return names, nil
}

// ociIndex is index.json: every name with what it names. size gives the bytes of
// a manifest.
func ociIndex(images []LockImage, names []imageName, size func(digest.Digest) int64) ([]byte, error) {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: make([]registry.Descriptor, 0, len(names)),
	}
	for _, n := range names {
		img, name := images[n.image], n.ref.String()
		index.Manifests = append(index.Manifests, registry.Descriptor{
			MediaType: img.MediaType, Digest: img.Digest, Size: size(img.Digest),
			Annotations: map[string]string{nameAnnotation: name, ocispec.AnnotationRefName: name},
		})
	}
	return json.Marshal(index)
}

// A dockerImage is an entry of manifest.json (moby, image/spec/v1.2.md).
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerManifests is manifest.json: the tagged images that docker can load, each
// for one platform. What is no container image, or is not whole here, is left out.
func dockerManifests(images []LockImage, names []imageName, nodes map[digest.Digest]*node, has func(digest.Digest) bool) ([]byte, error) {
	at, all := map[digest.Digest]int{}, []dockerImage{}
	for _, n := range names {
		d := dockerPlatform(images[n.image])
		m := nodes[d]
		if n.ref.Tag == "" || m == nil || !dockerLoads(m, has) {
			continue
		}
		i, seen := at[d]
		if !seen {
			i = len(all)
			at[d] = i
			all = append(all, dockerImage{Config: blobPath(m.Config.Digest)})
			for _, l := range m.Layers {
				all[i].Layers = append(all[i].Layers, blobPath(l.Digest))
			}
		}
		all[i].RepoTags = append(all[i].RepoTags, n.ref.String())
	}
	return json.Marshal(all)
}

// dockerPlatform is the manifest for linux/amd64, or else for the first linux.
func dockerPlatform(img LockImage) digest.Digest {
	var first digest.Digest
	for _, p := range img.Platforms {
		if p.Platform == "linux/amd64" {
			return p.Digest
		}
		if first == "" && strings.HasPrefix(p.Platform, "linux/") {
			first = p.Digest
		}
	}
	return first
}

// dockerLoads is whether docker load, of any version, takes the image m.
func dockerLoads(m *node, has func(digest.Digest) bool) bool {
	if m.Config == nil || !has(m.Config.Digest) || len(m.Layers) == 0 {
		return false
	}
	return !slices.ContainsFunc(m.Layers, func(l registry.Descriptor) bool {
		plain := strings.HasSuffix(l.MediaType, "tar") || strings.HasSuffix(l.MediaType, "gzip")
		return !plain || isForeign(l.MediaType) || !has(l.Digest)
	})
}

// encode gives the bytes of airgap.lock.yaml.
func (l *Lock) encode() ([]byte, error) { return yaml.Marshal(l) }

// parseLock reads airgap.lock.yaml. What it does not know is an error: it could
// mean something.
func parseLock(data []byte) (*Lock, error) {
	var l Lock
	if err := yaml.UnmarshalStrict(data, &l); err != nil {
		return nil, fmt.Errorf("reading %s: %w", lockPath, err)
	}
	if l.APIVersion != APIVersion || l.Kind != LockKind {
		return nil, fmt.Errorf("%s is a %q of %q, not a %s of %s", lockPath, l.Kind, l.APIVersion, LockKind, APIVersion)
	}
	return &l, nil
}

// checksums is SHA256SUMS. sums are hexadecimal, by path.
func checksums(paths []string, sums map[string]string) []byte {
	var b []byte
	for _, path := range paths {
		b = append(b, sums[path]+"  "+path+"\n"...)
	}
	return b
}

// parseChecksums reads SHA256SUMS: sums by path.
func parseChecksums(data []byte) map[string]string {
	sums := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
			sums[path] = sum
		}
	}
	return sums
}

// sortImages puts the images of a lock in the order of their names.
func sortImages(images []LockImage) {
	slices.SortFunc(images, func(a, b LockImage) int { return cmp.Compare(a.Image, b.Image) })
}
