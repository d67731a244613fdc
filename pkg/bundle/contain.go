package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// readLock reads the lock and checks it against the files that are there.
func (a *Archive) readLock() error {
	raw, err := a.read(a.byPath[lockPath], maxLock)
	if err != nil {
		return err
	}
	if a.lock, err = parseLock(raw); err != nil {
		return &InvalidError{Entry: lockPath, Problem: err.Error()}
	}
	for _, f := range a.lock.Files {
		e := a.byPath[f.Path]
		problem := cmp.Or(checkFilePath(f.Path), digest.NewDigestFromEncoded(digest.SHA256, f.SHA256).Validate())
		switch {
		case problem == nil && e == nil:
			problem = fmt.Errorf("%s names it, and the archive does not have it", lockPath)
		case problem == nil && e.Size != f.Size:
			problem = fmt.Errorf("it has %d bytes, and %s says %d", e.Size, lockPath, f.Size)
		}
		if problem != nil {
			return &InvalidError{Entry: shown(f.Path), Problem: problem.Error()}
		}
	}
	for _, b := range a.lock.Elsewhere {
		if b.Digest.Validate() != nil || b.Size < 0 {
			return &InvalidError{Entry: lockPath, Problem: fmt.Sprintf("elsewhere: %q is no digest, or its size is less than nothing", b.Digest)}
		}
	}
	return nil
}

// readImages walks through every image of the lock and sees that all of it is there.
func (a *Archive) readImages() error {
	elsewhere := map[digest.Digest]int64{}
	for _, b := range a.lock.Elsewhere {
		elsewhere[b.Digest] = b.Size
	}
	for i := range a.lock.Images {
		img := &a.lock.Images[i]
		ref, err := image.Parse(img.Image)
		if err != nil || ref.String() != img.Image || a.images[ref] != nil {
			return &InvalidError{Entry: lockPath, Problem: fmt.Sprintf("%s is no name of an image, or it is there twice", shown(img.Image))}
		}
		a.images[ref] = img
		a.refs = append(a.refs, ref)
		if a.repos[ref.Name()] == nil {
			a.repos[ref.Name()] = map[digest.Digest]bool{}
		}
		w := walk{a, elsewhere, img.Image, a.repos[ref.Name()], map[digest.Digest]bool{}}
		if err := w.image(img); err != nil {
			return err
		}
	}
	slices.SortFunc(a.refs, image.Compare)
	return nil
}

// A walk goes through all that one image consists of.
type walk struct {
	*Archive
	elsewhere map[digest.Digest]int64
	name      string
	repo      map[digest.Digest]bool
	seen      map[digest.Digest]bool
}

func (w *walk) image(img *LockImage) error {
	roots := []registry.Descriptor{{MediaType: img.MediaType, Digest: img.Digest, Size: -1}}
	for _, r := range img.Referrers {
		_, d, tagged := strings.Cut(r, "@")
		if !tagged {
			d = r
		}
		roots = append(roots, registry.Descriptor{Digest: digest.Digest(d), Size: -1})
	}
	for len(roots) > 0 {
		d := roots[0]
		if err := d.Digest.Validate(); err != nil {
			return &InvalidError{Entry: lockPath, Problem: fmt.Sprintf("%s: %q is no digest", img.Image, d.Digest)}
		}
		children, err := w.manifest(d)
		if err != nil {
			return err
		}
		roots = append(roots[1:], children...)
	}
	return nil
}

// manifest looks at one manifest and its blobs and gives the manifests below it.
// The size -1 means that nobody said it.
func (w *walk) manifest(d registry.Descriptor) ([]registry.Descriptor, error) {
	if w.seen[d.Digest] {
		return nil, nil
	}
	if err := w.content(d); err != nil {
		return nil, err
	}
	n := w.nodes[d.Digest]
	if n == nil {
		var err error
		if n, err = w.parse(d.Digest); err != nil {
			return nil, err
		}
		w.nodes[d.Digest] = n
		w.media[d.Digest] = cmp.Or(d.MediaType, n.mediaType())
	}
	for _, b := range n.blobs() {
		if isForeign(b.MediaType) && w.blobs[b.Digest] == nil {
			continue
		}
		if err := w.content(b); err != nil {
			return nil, err
		}
	}
	return n.Manifests, nil
}

// parse reads a manifest, whose digest must be right: it decides what else belongs
// to an image.
func (w *walk) parse(d digest.Digest) (*node, error) {
	e := w.blobs[d]
	if e == nil {
		return nil, w.problem(d, "a manifest cannot be elsewhere")
	}
	raw, err := w.read(e, maxManifest)
	if err != nil {
		return nil, err
	}
	if got := d.Algorithm().FromBytes(raw); got != d {
		return nil, w.problem(d, (&DigestError{Want: d, Got: got}).Error())
	}
	n, err := parseNode(raw)
	if err != nil {
		return nil, w.problem(d, err.Error())
	}
	return n, nil
}

// content sees that some content is there, with the size that it should have.
func (w *walk) content(d registry.Descriptor) error {
	if w.seen[d.Digest] {
		return nil
	}
	w.seen[d.Digest] = true
	size, ok := w.elsewhere[d.Digest]
	if e := w.blobs[d.Digest]; e != nil {
		size, ok = e.Size, true
	}
	switch {
	case !ok:
		return w.problem(d.Digest, "the archive does not have it")
	case d.Size >= 0 && d.Size != size:
		return w.problem(d.Digest, fmt.Sprintf("it has %d bytes, and the manifest that names it says %d", size, d.Size))
	}
	w.users[d.Digest] = append(w.users[d.Digest], w.name)
	w.repo[d.Digest] = true
	return nil
}

func (w *walk) problem(d digest.Digest, problem string) error {
	return &InvalidError{Entry: blobPath(d), Problem: problem, Images: []string{w.name}}
}

// checkIndex sees that index.json names the same as the lock: containerd and
// skopeo read the one, we the other.
func (a *Archive) checkIndex() error {
	raw, err := a.read(a.byPath[indexPath], maxText)
	if err != nil {
		return err
	}
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return &InvalidError{Entry: indexPath, Problem: err.Error()}
	}
	names, err := imageNames(a.lock.Images)
	if err != nil {
		return err
	}
	want := map[string]digest.Digest{}
	for _, n := range names {
		want[n.ref.String()] = a.lock.Images[n.image].Digest
	}
	for _, d := range index.Manifests {
		name := d.Annotations[nameAnnotation]
		if want[name] != d.Digest || name == "" || d.Annotations[ocispec.AnnotationRefName] != name {
			return &InvalidError{Entry: indexPath, Problem: fmt.Sprintf("it has %s as %s, and %s does not", shown(name), shown(string(d.Digest)), lockPath)}
		}
		delete(want, name)
	}
	for _, n := range names {
		if _, lacks := want[n.ref.String()]; lacks {
			return &InvalidError{Entry: indexPath, Problem: fmt.Sprintf("it does not have %s, and %s has", n.ref, lockPath)}
		}
	}
	return nil
}
