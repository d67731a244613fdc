package imgpkg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
)

// TarManifest is the first file of a tar that imgpkg copy --to-tar writes: it holds all
// manifests and configurations. Layers are files of their own, called LayerFile.
const TarManifest = "manifest.json"

// rootLabel marks the image of a tar that is the bundle which was copied.
const rootLabel = "dev.carvel.imgpkg.copy.root-bundle"

// The bounds of what is read of a tar.
const (
	MaxTarManifest = 256 << 20 // bytes of manifest.json
	maxTarImages   = 20_000    // with those in indexes
	maxTarDepth    = 8         // indexes in indexes
)

// A TarEntry is one image of a tar: one of the two is there.
type TarEntry struct {
	ImageIndex *TarIndex
	Image      *TarImage
}

// A TarImage is an image of one platform, as a tar describes it. The names of the fields
// are imgpkg's.
type TarImage struct {
	Refs     []string   // REPOSITORY@DIGEST, where it was found
	Layers   []TarLayer // in the order of the manifest
	Config   TarText
	Manifest TarText
	Tag      string
	OrigRef  string            // as its bundle names it
	Labels   map[string]string // of imgpkg's own
}

// A TarIndex is an image of several platforms.
type TarIndex struct {
	Refs      []string
	Images    []TarImage
	Indexes   []TarIndex
	MediaType string
	Digest    digest.Digest
	Raw       string
	Tag       string
	OrigRef   string
	Labels    map[string]string
}

// A TarLayer is a layer that is a file of the tar.
type TarLayer struct {
	MediaType string
	Digest    digest.Digest
	DiffID    digest.Digest
	Size      int64
}

// A TarText is a manifest or a configuration, with its exact bytes.
type TarText struct {
	MediaType string `json:",omitempty"` // of a manifest
	Digest    digest.Digest
	Raw       string
}

// LayerFile is what the file of a layer is called in a tar.
func LayerFile(d digest.Digest) string {
	return d.Algorithm().String() + "-" + d.Encoded() + ".tar.gz"
}

// IsTarManifest says whether the beginning of a manifest.json is that of imgpkg's:
// docker save has another under the same name.
func IsTarManifest(beginning []byte) bool {
	d := json.NewDecoder(bytes.NewReader(beginning))
	for _, want := range []json.Token{json.Delim('['), json.Delim('{')} {
		if got, err := d.Token(); err != nil || got != want {
			return false
		}
	}
	key, err := d.Token()
	return err == nil && (key == "ImageIndex" || key == "Image")
}

// ParseTar reads manifest.json. What it says of manifests and configurations is compared
// with their digests; layers are for whoever reads the tar.
func ParseTar(text []byte) ([]TarEntry, error) {
	var entries []TarEntry
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&entries); err != nil {
		return nil, fmt.Errorf("reading %s: %w", TarManifest, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: something follows it", TarManifest)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s names no image", TarManifest)
	}
	left := maxTarImages
	for i, e := range entries {
		if err := e.check(&left); err != nil {
			return nil, fmt.Errorf("%s: image %d: %w", TarManifest, i+1, err)
		}
	}
	return entries, nil
}

func (e TarEntry) check(left *int) error {
	switch {
	case e.Image != nil && e.ImageIndex != nil, e.Image == nil && e.ImageIndex == nil:
		return errors.New("it has to be an image or an index")
	case e.Image != nil:
		return e.Image.check(left)
	}
	return e.ImageIndex.check(left, 0)
}

func (i *TarImage) check(left *int) error {
	if *left--; *left < 0 {
		return fmt.Errorf("there are more than %d images", maxTarImages)
	}
	return errors.Join(checkText("manifest", i.Manifest.Digest, i.Manifest.Raw), checkText("configuration", i.Config.Digest, i.Config.Raw))
}

func (i *TarIndex) check(left *int, depth int) error {
	if *left--; *left < 0 || depth > maxTarDepth {
		return fmt.Errorf("there are more than %d images, or indexes lie in more than %d others", maxTarImages, maxTarDepth)
	}
	errs := []error{checkText("index", i.Digest, i.Raw)}
	for k := range i.Images {
		errs = append(errs, i.Images[k].check(left))
	}
	for k := range i.Indexes {
		errs = append(errs, i.Indexes[k].check(left, depth+1))
	}
	return errors.Join(errs...)
}

// checkText compares a text with its digest.
func checkText(what string, d digest.Digest, raw string) error {
	if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("its %s: %.80q is no SHA-256 digest", what, d)
	}
	if got := d.Algorithm().FromString(raw); got != d {
		return fmt.Errorf("its %s is damaged: it is %s, not %s", what, got, d)
	}
	return nil
}

// Ref gives where the image was found, REPOSITORY@DIGEST, its tag, if it has one, and its
// digest.
func (e TarEntry) Ref() (ref, tag string, d digest.Digest) {
	var refs []string
	if e.Image != nil {
		refs, tag, d = e.Image.Refs, e.Image.Tag, e.Image.Manifest.Digest
	} else {
		refs, tag, d = e.ImageIndex.Refs, e.ImageIndex.Tag, e.ImageIndex.Digest
	}
	if len(refs) > 0 {
		ref = refs[0]
	}
	return ref, tag, d
}

// IsRoot says that the image is the bundle which was copied, not one of its members.
func (e TarEntry) IsRoot() bool {
	if e.Image == nil {
		return false // imgpkg makes no bundle of several platforms
	}
	_, is := e.Image.Labels[rootLabel]
	return is
}

// RootLabels are the labels of the bundle that is copied.
func RootLabels() map[string]string { return map[string]string{rootLabel: ""} }
