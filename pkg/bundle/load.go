package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// LoadOptions say which images are loaded.
type LoadOptions struct {
	Platform string               // os/architecture[/variant]; empty means all that the archive has
	Report   func(registry.Event) // told what happens; may be nil
}

// A Loaded says what a tar of images holds.
type Loaded struct {
	Images  []image.Ref // the names, sorted
	LeftOut []LeftOut   // in the order of the pairs
	Size    int64       // bytes of the tar
}

// LeftOut is an image that no node could run.
type LeftOut struct {
	Image  image.Ref
	Reason string
}

// Load writes images of the archive to w as a tar for nodes: what ctr images
// import, docker load, and the image folders of K3s, RKE2 and Canonical
// Kubernetes take. It is an OCI image layout that also has docker's manifest.json;
// every image is in it under the full name of its pair's Target, the Source being
// its name in the archive (Lock.Pairs makes pairs). The same images give the same
// bytes. Everything is read where it lies and compared with its digest.
//
// What is no container image, or not for the platform, is left out and told. With
// a platform, an index of several is replaced by one of that platform, whose digest
// is another. docker load takes of an image for several platforms linux/amd64, or
// else the first, and none whose layers are compressed with zstd.
func Load(ctx context.Context, a *Archive, pairs []image.Pair, w io.Writer, o LoadOptions) (*Loaded, error) {
	p, err := Prepare(ctx, a, pairs, o)
	if err == nil {
		err = p.Write(ctx, w)
	}
	if err != nil {
		return nil, err
	}
	return p.Loaded(), nil
}

// LoadFile is Load into the file path, which is there whole or not at all.
func LoadFile(ctx context.Context, a *Archive, pairs []image.Pair, path string, o LoadOptions) (*Loaded, error) {
	l, err := newLoader(ctx, a, pairs, o)
	if err == nil {
		err = writeWhole(path, 0o644, func(w io.Writer) error { return l.write(ctx, w) })
	}
	if err != nil {
		return nil, fmt.Errorf("loading images: %w", err)
	}
	return &l.Loaded, nil
}

// A loader writes one tar.
type loader struct {
	Loaded
	archive *Archive
	build   *build
	tail    []byte
	users   map[digest.Digest]image.Ref // an image that consists of each content
	report  func(registry.Event)
}

// newLoader finds out what the tar will hold, to the byte.
func newLoader(ctx context.Context, a *Archive, pairs []image.Pair, o LoadOptions) (*loader, error) {
	l := &loader{archive: a, report: o.Report, users: map[digest.Digest]image.Ref{}}
	plan, err := l.choose(ctx, pairs, o.Platform)
	if err != nil {
		return nil, err
	}
	if err := l.findAll(plan); err != nil {
		return nil, err
	}
	if l.build, err = newBuild(Contents{Plan: plan}); err != nil {
		return nil, err
	}
	if l.tail, err = l.build.loadTail(); err != nil {
		return nil, err
	}
	for i := range plan.Images {
		l.Images = append(l.Images, plan.Images[i].Target)
	}
	slices.SortFunc(l.Images, image.Compare)
	l.Size = l.build.end + int64(len(l.tail))
	return l, nil
}

// choose plans the images that nodes of the platform run.
func (l *loader) choose(ctx context.Context, pairs []image.Pair, platform string) (*registry.Plan, error) {
	var platforms []string
	if platform != "" {
		var err error
		if platform, err = registry.NormalizePlatform(platform); err != nil {
			return nil, err
		}
		platforms = []string{platform}
	}
	plan, err := registry.NewPlan(ctx, pairs, l.archive, registry.PlanOptions{Manifests: l.archive.Manifest, Digests: l.archive.lock.Digests()})
	if err != nil {
		return nil, err
	}
	var chosen []image.Pair
	for i := range plan.Images {
		img := &plan.Images[i]
		switch {
		case len(img.Platforms) == 0:
			l.LeftOut = append(l.LeftOut, LeftOut{img.Source, "it is no container image"})
		case platform != "" && !img.Offers(platform):
			l.LeftOut = append(l.LeftOut, LeftOut{img.Source, "it is not there for " + platform + ", only for " + offered(img)})
		default:
			chosen = append(chosen, img.Pair)
		}
	}
	if len(chosen) == 0 {
		return nil, &NothingError{l.LeftOut}
	}
	return registry.NewPlan(ctx, chosen, l.archive, registry.PlanOptions{Platforms: platforms, Manifests: l.archive.Manifest, Digests: l.archive.lock.Digests()})
}

// offered lists the platforms of an image.
func offered(img *registry.Image) string {
	var names []string
	for _, p := range img.Platforms {
		if !slices.Contains(names, p.Platform) {
			names = append(names, p.Platform)
		}
	}
	return strings.Join(names, ", ")
}

// findAll sees that the archive has everything itself: nodes have nothing yet.
func (l *loader) findAll(plan *registry.Plan) error {
	var errs []error
	for _, c := range plan.Contents() {
		user := plan.Images[c.Images[0]].Source
		l.users[c.Digest] = user
		if _, ok := l.archive.Blob(c.Digest); !ok && c.Raw == nil {
			errs = append(errs, fmt.Errorf("%s: its blob %s was left out of the archive, because the site has it", user, c.Digest))
		}
	}
	return errors.Join(errs...)
}

// loadTail is what follows the blobs: the index, the same for docker, and the end
// of the tar.
func (b *build) loadTail() ([]byte, error) {
	names, err := imageNames(b.lock.Images)
	if err != nil {
		return nil, err
	}
	size := func(d digest.Digest) int64 { return b.byDigest[d].Size }
	has := func(d digest.Digest) bool { return b.byDigest[d] != nil }
	index, indexErr := ociIndex(b.lock.Images, names, size)
	docker, dockerErr := dockerManifests(b.lock.Images, names, b.nodes, has)
	tail, tailErr := appendEntry(nil, indexPath, index)
	tail, entryErr := appendEntry(tail, dockerPath, docker)
	return append(tail, make([]byte, trailerSize)...), errors.Join(indexErr, dockerErr, tailErr, entryErr)
}

// appendEntry appends an entry to a tar.
func appendEntry(tar []byte, path string, content []byte) ([]byte, error) {
	size := int64(len(content))
	h, err := header(Entry{Path: path, Size: size})
	tar = append(append(tar, h...), content...)
	return append(tar, make([]byte, padded(size)-size)...), err
}

// write writes the tar.
func (l *loader) write(ctx context.Context, w io.Writer) error {
	for _, s := range l.build.slots {
		if _, err := w.Write(s.header); err != nil {
			return err
		}
		if err := l.content(ctx, w, s); err != nil {
			return err
		}
		if _, err := w.Write(make([]byte, padded(s.Size)-s.Size)); err != nil {
			return err
		}
	}
	_, err := w.Write(l.tail)
	return err
}

// content writes the content of an entry.
func (l *loader) content(ctx context.Context, w io.Writer, s *slot) error {
	if s.raw != nil {
		_, err := w.Write(s.raw)
		return err
	}
	blob, ok := l.archive.Blob(s.want)
	if !ok {
		return &registry.NotFoundError{Name: s.want.String()} // findAll has seen it
	}
	verifier := s.want.Algorithm().Digester()
	t := tally{name: s.want.String(), image: l.users[s.want].String(), size: s.Size, report: l.report}
	defer t.end()
	if err := t.copy(ctx, io.MultiWriter(w, verifier.Hash()), blob); err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	if got := verifier.Digest(); got != s.want {
		return &InvalidError{Entry: s.Path, Problem: (&DigestError{s.want, got}).Error(), Images: l.archive.users[s.want]}
	}
	return nil
}
