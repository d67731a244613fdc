package imgpkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// The bounds of what is read of a bundle.
const (
	maxLock    = 8 << 20 // bytes of an ImagesLock: more than thirty thousand images
	maxMembers = 10_000  // images that one bundle names
	maxContent = 4 << 30 // bytes of a layer once it is unpacked
	maxEntries = 200_000 // files in a layer
)

// An ImagesLock says which images belong together: .imgpkg/images.yml of a bundle, and
// what kbld writes.
type ImagesLock struct {
	Images []LockedImage
}

// A LockedImage is one image of an ImagesLock.
type LockedImage struct {
	Image       image.Ref         // with a digest, without a tag
	Annotations map[string]string // what kbld knows of it, such as kbld.carvel.dev/id
}

// ParseImagesLock reads an ImagesLock as strictly as imgpkg does: an unknown field, and
// an image without digest, is an error.
func ParseImagesLock(text []byte) (*ImagesLock, error) {
	var doc struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Images     []struct {
			Image       string            `yaml:"image"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"images"`
	}
	if len(text) > maxLock {
		return nil, fmt.Errorf("the ImagesLock has %d bytes, more than %d", len(text), maxLock)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("reading the ImagesLock: %w", err)
	}
	if doc.APIVersion != apiVersion || doc.Kind != "ImagesLock" {
		return nil, fmt.Errorf("it is a %.80q of %.80q, not an ImagesLock of %s", doc.Kind, doc.APIVersion, apiVersion)
	}
	if len(doc.Images) > maxMembers {
		return nil, fmt.Errorf("the ImagesLock names %d images, more than %d", len(doc.Images), maxMembers)
	}
	lock := &ImagesLock{}
	for i, entry := range doc.Images {
		ref, err := image.Parse(entry.Image)
		if err == nil && ref.Digest == "" {
			err = fmt.Errorf("%q has no digest", entry.Image)
		}
		if err != nil {
			return nil, fmt.Errorf("image %d of the ImagesLock: %w", i+1, err)
		}
		ref.Tag = "" // imgpkg never looks at it
		lock.Images = append(lock.Images, LockedImage{ref, entry.Annotations})
	}
	return lock, nil
}

// ReadBundle reads the ImagesLock out of the layer of a bundle, a gzipped tar. It does
// not read on behind it: who has to know the digest of the whole reads the rest.
func ReadBundle(layer io.Reader) (*ImagesLock, error) {
	text, err := fromLayer(layer, ".imgpkg/images.yml")
	if err != nil {
		return nil, fmt.Errorf("reading the layer of the bundle: %w", err)
	}
	return ParseImagesLock(text)
}

// fromLayer gives the file name out of a gzipped tar.
func fromLayer(layer io.Reader, name string) ([]byte, error) {
	z, err := gzip.NewReader(layer)
	if err != nil {
		return nil, err
	}
	bounded := &io.LimitedReader{R: z, N: maxContent}
	files := tar.NewReader(bounded)
	for range maxEntries {
		h, err := files.Next()
		switch {
		case bounded.N <= 0:
			return nil, fmt.Errorf("it has more than %d bytes before %s", int64(maxContent), name)
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s is not in it", name)
		case err != nil:
			return nil, err
		}
		if path.Clean(h.Name) != name || h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > maxLock {
			return nil, fmt.Errorf("%s has %d bytes, more than %d", name, h.Size, maxLock)
		}
		return io.ReadAll(files)
	}
	return nil, fmt.Errorf("it has more than %d files before %s", maxEntries, name)
}
