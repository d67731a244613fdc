package kubespray

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// What is in container-images.tar.gz of contrib/offline/manage-offline-container-images.sh.
const (
	archiveDir   = "container-images"
	indexName    = "container-images.txt"
	registryName = "registry-latest.tar" // of the registry that the script starts
)

// registryImage is the image in registryName.
func registryImage() image.Ref {
	return image.Ref{Registry: "docker.io", Repository: "library/registry", Tag: "latest"}
}

// stripped are the hosts that the script drops from names, so that those of Kubespray's
// *_image_repo take their place.
var stripped = []string{"registry.k8s.io", "gcr.io", "ghcr.io", "docker.io", "quay.io"}

// TarName is what the script calls the tar of an image: its name with - for / and :,
// without its digest.
func TarName(ref image.Ref) string {
	ref.Digest = ""
	return strings.NewReplacer("/", "-", ":", "-").Replace(ref.String()) + ".tar"
}

// IndexName is what the script's index calls an image: without its digest, and without its
// host if that is one of those that Kubespray replaces. In 2021 k8s.gcr.io was one, too.
func IndexName(ref image.Ref) string {
	ref.Digest = ""
	if slices.Contains(stripped, ref.Registry) {
		return strings.TrimPrefix(ref.String(), ref.Registry+"/")
	}
	return ref.String()
}

// An indexLine is one of container-images.txt.
type indexLine struct{ tar, image string }

// parseIndex reads container-images.txt.
func parseIndex(text []byte) ([]indexLine, error) {
	var index []indexLine
	var errs []error
	for l := range lines(text, &errs, indexName) {
		fields := strings.Fields(l.text)
		if len(fields) != 2 || !isTarName(fields[0]) {
			errs = append(errs, fmt.Errorf("%s:%d:%d: this is not FILE  IMAGE, as the script writes it", indexName, l.number, l.column))
			continue
		}
		index = append(index, indexLine{fields[0], fields[1]})
	}
	if len(index) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: it names no image", indexName))
	}
	return index, errors.Join(errs...)
}

// isTarName says whether a name can be that of a tar of the script.
func isTarName(name string) bool {
	return len(name) > len(".tar") && strings.HasSuffix(name, ".tar") && !strings.ContainsAny(name, `/\:`) && !strings.HasPrefix(name, ".")
}

// names say what the images of an archive are called in full.
type names struct {
	index map[string]string    // the name in the index, by tar
	list  map[string]image.Ref // the full name, by the script's name for its tar
	bare  map[string][]image.Ref
}

// newNames takes the index of an archive and the list that it was made from, which may
// be empty.
func newNames(index []indexLine, list []image.Ref) names {
	n := names{map[string]string{}, map[string]image.Ref{}, map[string][]image.Ref{}}
	for _, l := range index {
		n.index[l.tar] = l.image
	}
	for _, ref := range list {
		n.list[TarName(ref)] = ref
		n.bare[IndexName(ref)] = append(n.bare[IndexName(ref)], ref)
	}
	return n
}

// name is what the image of a tar is called: as the list says, else as its own tags do.
func (n names) name(tar string, tags []image.Ref) (image.Ref, error) {
	if tar == registryName {
		return registryImage(), nil
	}
	if ref, ok := n.list[tar]; ok {
		return ref, nil
	}
	inIndex, ok := n.index[tar]
	if !ok {
		return image.Ref{}, fmt.Errorf("%s does not name it", indexName)
	}
	switch refs := n.bare[inIndex]; {
	case len(refs) == 1:
		return refs[0], nil
	case len(refs) > 1:
		return image.Ref{}, fmt.Errorf("%s calls it %s, which %d images of the list are called", indexName, inIndex, len(refs))
	}
	for _, tag := range tags {
		if IndexName(tag) == inIndex || TarName(tag) == tar || tag.String() == inIndex || strings.HasSuffix(tag.String(), "/"+inIndex) {
			return tag, nil
		}
	}
	if len(tags) > 0 {
		return image.Ref{}, fmt.Errorf("%s calls it %s, the tar itself %s: say which it is with the list that the archive was made from", indexName, inIndex, tags[0])
	}
	return image.Ref{}, fmt.Errorf("%s calls it %s, without its registry, and the tar has no name for it: give the list that the archive was made from", indexName, inIndex)
}

// ParseImageList reads a list of images, one per line, as generate_list.sh writes it to
// temp/images.list. Errors are those of ParseFileList.
func ParseImageList(name string, text []byte) ([]image.Ref, error) {
	var refs []image.Ref
	var errs []error
	for l := range lines(text, &errs, name) {
		if at, _ := variable(l.text); at >= 0 {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %w", name, l.number, l.column+runes(l.text[:at]), errVariable))
			continue
		}
		ref, err := image.Parse(l.text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %w", name, l.number, l.column, err))
			continue
		}
		refs = append(refs, ref)
	}
	return refs, errors.Join(errs...)
}
