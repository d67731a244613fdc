package imgpkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Location is a member of a bundle as the image of locations names it.
type Location struct {
	Image    image.Ref // as in the ImagesLock, with a digest
	IsBundle bool      // it is a bundle itself
}

// An Artifact is a small image: its manifest and its blobs, whose Data is their content.
type Artifact struct {
	Manifest ocispec.Descriptor // Data holds its bytes
	Blobs    []ocispec.Descriptor
}

// Locations makes the image that says of a bundle that its repository has all its
// members. imgpkg pull then writes names of that repository into images.yml. The same
// locations give the same bytes, and those that imgpkg copy makes.
func Locations(members []Location) (Artifact, error) {
	content, err := locationsTar(locationsText(members))
	if err != nil {
		return Artifact{}, fmt.Errorf("making the image of locations: %w", err)
	}
	layer, err := gzipped(content)
	if err != nil {
		return Artifact{}, fmt.Errorf("making the image of locations: %w", err)
	}
	config := fmt.Sprintf(`{"architecture":"","created":"0001-01-01T00:00:00Z",`+
		`"history":[{"author":"imgpkg","created":"0001-01-01T00:00:00Z","created_by":"imgpkg"}],`+
		`"os":"","rootfs":{"type":"layers","diff_ids":[%q]},"config":{}}`, digest.FromBytes(content))
	a := Artifact{Blobs: []ocispec.Descriptor{describe(configType, []byte(config)), describe(LayerType, layer)}}
	raw, err := json.Marshal(struct {
		SchemaVersion int       `json:"schemaVersion"`
		MediaType     string    `json:"mediaType"`
		Config        pointer   `json:"config"`
		Layers        []pointer `json:"layers"`
	}{2, manifestType, pointTo(a.Blobs[0]), []pointer{pointTo(a.Blobs[1])}})
	a.Manifest = describe(manifestType, raw)
	return a, err
}

// A pointer is a descriptor with its fields in the order in which imgpkg writes them.
type pointer struct {
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	Digest    digest.Digest `json:"digest"`
}

func pointTo(d ocispec.Descriptor) pointer { return pointer{d.MediaType, d.Size, d.Digest} }

func describe(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data)), Data: data}
}

// locationsText is image-locations.yml, in the form that sigs.k8s.io/yaml gives it. No
// reference needs quotes in YAML.
func locationsText(members []Location) string {
	lines := make([]string, 0, len(members))
	for _, m := range members {
		lines = append(lines, fmt.Sprintf("- image: %s\n  isBundle: %t\n", fullName(m.Image), m.IsBundle))
	}
	slices.Sort(lines)
	list := "images:\n" + strings.Join(slices.Compact(lines), "")
	if len(lines) == 0 {
		list = "images: null\n"
	}
	return "---\napiVersion: " + apiVersion + "\n" + list + "kind: ImageLocations\n"
}

// fullName spells a reference as imgpkg does, which knows Docker Hub by its old name.
func fullName(r image.Ref) string {
	r.Tag = ""
	if r.Registry == "docker.io" {
		r.Registry = "index.docker.io"
	}
	return r.String()
}

// locationsTar is a folder with the one file, without times and owners.
func locationsTar(text string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	headers := []*tar.Header{
		{Name: ".", Mode: 0o700, Typeflag: tar.TypeDir},
		{Name: "image-locations.yml", Mode: 0o600, Typeflag: tar.TypeReg, Size: int64(len(text))},
	}
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

func gzipped(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed) // as imgpkg's library does
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
