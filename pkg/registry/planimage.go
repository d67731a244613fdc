package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
)

// image reads one image and everything that belongs to it into img, unless all of
// its targets have it.
func (p *planner) image(ctx context.Context, ref image.Ref, targets []image.Ref, img *Image) error {
	desc, err := p.resolve(ctx, ref)
	if err != nil {
		return err
	}
	img.Root = plain(desc)
	held, err := p.complete(ctx, targets, desc)
	if err != nil || held && !mayBeBundle(desc) {
		img.Held = held
		return err
	}
	r := &reading{planner: p, ref: ref}
	root, err := r.root(ctx, desc, len(p.wanted) > 0)
	if err != nil {
		return err
	}
	if root.isBundle() {
		return r.bundled(ctx, img, root)
	}
	if img.Held = held; held {
		return nil
	}
	if img.Missing, err = root.choose(p.wanted); err != nil {
		return err
	}
	if err := r.rest(ctx, root); err != nil {
		return err
	}
	if err := root.prune(); err != nil {
		return err
	}
	if root.changed {
		img.Original = desc.Digest
	}
	c := newCollection(img)
	if err := c.add(root, ""); err != nil {
		return err
	}
	img.Root = plain(root.entry)
	img.Platforms = root.platforms()
	if !p.opts.Referrers {
		return nil
	}
	return r.referrers(ctx, c, root)
}

// complete says whether all targets have root already.
func (p *planner) complete(ctx context.Context, targets []image.Ref, root Descriptor) (bool, error) {
	if p.opts.Held == nil || len(p.wanted) > 0 || p.opts.Referrers {
		return false, nil
	}
	for _, target := range targets {
		held, err := p.opts.Held(ctx, targetRef(&Image{Pair: image.Pair{Target: target}, Root: root}), root)
		if err != nil {
			return false, fmt.Errorf("looking for %s: %w", target, err)
		}
		if !held {
			return false, nil
		}
	}
	return true, nil
}

// A collection puts the manifests and blobs of trees into an image.
type collection struct {
	img       *Image
	manifests map[manifestKey]bool
	sizes     map[digest.Digest]int64 // of blobs
	foreign   map[digest.Digest]bool
}

func newCollection(img *Image) *collection {
	return &collection{img, map[manifestKey]bool{}, map[digest.Digest]int64{}, map[digest.Digest]bool{}}
}

type manifestKey struct {
	digest digest.Digest
	tag    string
}

// add takes a tree, children first. Its root has the tag, which is empty but for
// some referrers.
func (c *collection) add(n *node, tag string) error {
	key := manifestKey{n.entry.Digest, tag}
	if c.manifests[key] {
		return nil
	}
	for _, child := range n.children {
		if err := c.add(child, ""); err != nil {
			return err
		}
	}
	_, blobs, foreign := n.doc.parts()
	for _, b := range blobs {
		if err := c.addBlob(n, b); err != nil {
			return err
		}
	}
	for _, f := range foreign {
		if !c.foreign[f.Digest] {
			c.foreign[f.Digest] = true
			d := plain(f)
			d.URLs = f.URLs
			c.img.Foreign = append(c.img.Foreign, d)
		}
	}
	c.manifests[key] = true
	c.img.Manifests = append(c.img.Manifests, Manifest{Descriptor: plain(n.entry), Raw: n.raw, Tag: tag})
	return nil
}

func (c *collection) addBlob(n *node, b Descriptor) error {
	if size, seen := c.sizes[b.Digest]; seen {
		if size != b.Size {
			return fmt.Errorf("manifest %s: it gives %s a size of %d bytes, another manifest %d", n.entry.Digest, b.Digest, b.Size, size)
		}
		return nil
	}
	c.sizes[b.Digest] = b.Size
	d := plain(b)
	d.Data = b.Data
	if n.doc.Config != nil && n.doc.Config.Digest == b.Digest && n.config != nil {
		d.Data = n.config
	}
	c.img.Blobs = append(c.img.Blobs, d)
	return nil
}

// platforms are what the tree offers, and how large each is.
func (n *node) platforms() []PlatformImage {
	var all []PlatformImage
	n.leaves(func(l *node) {
		if l.platform == "" || l.attests() != "" {
			return
		}
		p := PlatformImage{Platform: l.platform, Digest: l.entry.Digest, Size: l.entry.Size}
		_, blobs, _ := l.doc.parts()
		seen := map[digest.Digest]bool{}
		for _, b := range blobs {
			if !seen[b.Digest] {
				seen[b.Digest] = true
				p.Size += b.Size
			}
		}
		all = append(all, p)
	})
	return all
}

// referrers adds what refers to any manifest of the image, and what refers to
// that. An index that lost platforms has none: nobody signed it.
func (r *reading) referrers(ctx context.Context, c *collection, root *node) error {
	subjects := root.unchanged(nil)
	asked := map[digest.Digest]bool{}
	for range maxReferrerDepth {
		found, err := r.referring(ctx, subjects, asked)
		if err != nil {
			return err
		}
		subjects = nil
		for _, f := range found {
			if err := c.add(f.node, f.tag); err != nil {
				return err
			}
			subjects = append(subjects, f.node)
		}
	}
	return nil
}

// unchanged are the manifests of the tree that the source has as well.
func (n *node) unchanged(all []*node) []*node {
	for _, c := range n.children {
		all = c.unchanged(all)
	}
	if n.changed {
		return all
	}
	return append(all, n)
}

// A referring is a referrer that was read.
type referring struct {
	node *node
	tag  string
}

// referring asks for the referrers of all subjects that were not asked about
// yet, and reads them.
func (r *reading) referring(ctx context.Context, subjects []*node, asked map[digest.Digest]bool) ([]referring, error) {
	var about []*node
	for _, s := range subjects {
		if !asked[s.entry.Digest] {
			asked[s.entry.Digest] = true
			about = append(about, s)
		}
	}
	lists := make([][]referring, len(about))
	err := together(len(about), func(i int) (err error) {
		lists[i], err = r.referrersOf(ctx, about[i])
		return err
	})
	return slices.Concat(lists...), err
}

func (r *reading) referrersOf(ctx context.Context, subject *node) ([]referring, error) {
	list, err := r.askReferrers(ctx, subject.entry)
	if err != nil {
		return nil, fmt.Errorf("finding what refers to %s: %w", subject.entry.Digest, err)
	}
	all := make([]referring, 0, len(list))
	for _, l := range list {
		if imgpkg.IsOwnTag(l.Tag) {
			continue // it belongs to a bundle, which brings it
		}
		n, err := r.root(ctx, l.Descriptor, false)
		if err != nil {
			return nil, fmt.Errorf("referrer of %s: %w", subject.entry.Digest, err)
		}
		all = append(all, referring{n, l.Tag})
	}
	return all, nil
}

func (r *reading) askReferrers(ctx context.Context, desc Descriptor) ([]Referrer, error) {
	if err := r.asking.take(ctx); err != nil {
		return nil, err
	}
	defer r.asking.give()
	return r.from.Referrers(ctx, r.ref, plain(desc))
}
