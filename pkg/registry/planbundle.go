package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
)

// The bounds of bundles.
const (
	maxBundleManifest = 720     // bytes of the manifest of a bundle: with one layer it has 430, indented 530
	maxBundleLayer    = 1 << 30 // bytes of that layer
	keptBundleLayer   = 1 << 20 // bytes of one that is kept, so that it is read once
	maxBundleDepth    = 8       // bundles in bundles
	maxBundleMembers  = 20_000  // of one image, those of its members included
)

// A Member is an image that a bundle of imgpkg names.
type Member struct {
	Image  image.Ref // as the bundle names it: with a digest, without a tag
	Bundle bool      // it is a bundle itself, whose members belong to the image as well
}

// mayBeBundle says whether what is known of an image without reading it lets it be a
// bundle: imgpkg makes one layer, and manifests of Docker's form.
func mayBeBundle(desc Descriptor) bool {
	return desc.MediaType == dockerManifest && desc.Size <= maxBundleManifest
}

// isBundle says whether an image that was read is a bundle.
func (n *node) isBundle() bool { return imgpkg.IsBundle(n.config) }

// bundled reads a bundle, whose members come along whole: it names them by digest, so no
// platform can be left out of them.
func (r *reading) bundled(ctx context.Context, img *Image, root *node) error {
	c := newCollection(img)
	img.Root, img.Platforms = plain(root.entry), root.platforms()
	p, err := r.bundle(ctx, c, root)
	if err != nil || !r.opts.Referrers {
		return err
	}
	if err := r.referrers(ctx, c, root); err != nil {
		return err
	}
	return p.referrers(ctx, c)
}

// A packing is one image whose root is a bundle, while all that belongs to it is read.
type packing struct {
	*planner
	img   *Image
	into  *collection
	home  image.Ref                 // the repository of the root
	known map[digest.Digest]*packed // members, however often they are named
	seen  int
}

// A packed is a member that was read, with where it was found.
type packed struct {
	reading *reading
	node    *node
}

// bundle adds what belongs to a bundle, children first: the members, those of members
// that are bundles, and behind each bundle the image that says where its members are.
// What imgpkg copy leaves in a repository is the same.
func (r *reading) bundle(ctx context.Context, c *collection, root *node) (*packing, error) {
	home := image.Ref{Registry: r.ref.Registry, Repository: r.ref.Repository}
	p := &packing{planner: r.planner, img: c.img, into: c, home: home, known: map[digest.Digest]*packed{}}
	locations, err := p.members(ctx, packed{r, root}, 0)
	if err != nil {
		return nil, err
	}
	if err := c.add(root, ""); err != nil {
		return nil, err
	}
	return p, p.addLocations(root, locations)
}

// members adds the members of one bundle, and gives what its image of locations says.
func (p *packing) members(ctx context.Context, of packed, depth int) ([]imgpkg.Location, error) {
	if depth > maxBundleDepth {
		return nil, fmt.Errorf("bundle %s: it lies in more than %d bundles", of.node.entry.Digest, maxBundleDepth)
	}
	lock, err := p.lock(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", of.node.entry.Digest, err)
	}
	if p.seen += len(lock.Images); p.seen > maxBundleMembers {
		return nil, fmt.Errorf("the bundle has more than %d members", maxBundleMembers)
	}
	if err := p.readMembers(ctx, lock, of.reading.ref); err != nil {
		return nil, err
	}
	var locations []imgpkg.Location
	for _, m := range lock.Images {
		member := p.known[digest.Digest(m.Image.Digest)]
		is := member.node.isBundle()
		if err := p.add(ctx, m.Image, member, depth); err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Image, err)
		}
		locations = append(locations, imgpkg.Location{Image: m.Image, IsBundle: is})
	}
	return locations, nil
}

// readMembers reads the members that were not read yet, several at once.
func (p *packing) readMembers(ctx context.Context, lock *imgpkg.ImagesLock, bundle image.Ref) error {
	var names []image.Ref
	for _, m := range lock.Images {
		d := digest.Digest(m.Image.Digest)
		if p.known[d] == nil {
			p.known[d] = &packed{}
			names = append(names, m.Image)
		}
	}
	return together(len(names), func(i int) (err error) {
		member := p.known[digest.Digest(names[i].Digest)] // nobody writes to the map now
		if *member, err = p.read(ctx, names[i], bundle); err != nil {
			return fmt.Errorf("member %s: %w", names[i], err)
		}
		return nil
	})
}

// read reads a member: from the repository of the root or of its own bundle, where one
// that was relocated has it, else from where the bundle says that it is.
func (p *packing) read(ctx context.Context, name, bundle image.Ref) (packed, error) {
	places := []image.Ref{p.home, {Registry: bundle.Registry, Repository: bundle.Repository}, name}
	var errs []error
	for i, place := range places {
		place.Tag, place.Digest = "", name.Digest
		if i > 0 && (p.opts.Relocated || place.Name() == p.home.Name()) {
			continue
		}
		desc, err := p.resolve(ctx, place)
		if _, missing := errors.AsType[*NotFoundError](err); missing {
			errs = append(errs, fmt.Errorf("%s: %w", place.Name(), err))
			continue
		}
		if err != nil {
			return packed{}, err
		}
		r := &reading{planner: p.planner, ref: place}
		n, err := r.root(ctx, desc, false)
		return packed{r, n}, err
	}
	return packed{}, errors.Join(errs...)
}

// add adds a member that was read, and if it is a bundle what belongs to it.
func (p *packing) add(ctx context.Context, name image.Ref, m *packed, depth int) error {
	key := manifestKey{m.node.entry.Digest, imgpkg.MemberTag(m.node.entry.Digest)}
	if p.into.manifests[key] {
		return nil
	}
	var locations []imgpkg.Location
	var err error
	if m.node.isBundle() {
		if locations, err = p.members(ctx, *m, depth+1); err != nil {
			return err
		}
	}
	first := len(p.img.Blobs)
	if err := p.into.add(m.node, key.tag); err != nil {
		return err
	}
	p.img.Members = append(p.img.Members, Member{name, m.node.isBundle()})
	for _, b := range p.img.Blobs[first:] {
		if m.reading.ref.Name() != p.home.Name() {
			p.img.lies(b.Digest, m.reading.ref)
		}
	}
	if !m.node.isBundle() {
		return nil
	}
	return p.addLocations(m.node, locations)
}

// lies notes that a blob is in another repository of the source.
func (i *Image) lies(d digest.Digest, in image.Ref) {
	if i.Elsewhere == nil {
		i.Elsewhere = map[digest.Digest]image.Ref{}
	}
	i.Elsewhere[d] = in
}

// addLocations adds the image that says that all members of a bundle are there.
func (p *packing) addLocations(bundle *node, locations []imgpkg.Location) error {
	made, err := imgpkg.Locations(locations)
	if err != nil {
		return err
	}
	raw := made.Manifest.Data
	doc, err := parseDocument(made.Manifest.MediaType, raw)
	if err != nil {
		return err
	}
	n := &node{entry: plain(made.Manifest), raw: raw, doc: doc}
	if err := p.into.add(n, imgpkg.LocationsTag(bundle.entry.Digest)); err != nil {
		return err
	}
	for _, b := range made.Blobs {
		p.into.atHand(b)
	}
	return nil
}

// atHand notes the content of a small blob of the image.
func (c *collection) atHand(b Descriptor) {
	for i := range c.img.Blobs {
		if c.img.Blobs[i].Digest == b.Digest {
			c.img.Blobs[i].Data = b.Data
		}
	}
}

// lock reads the list of members out of the layer of a bundle.
func (p *packing) lock(ctx context.Context, of packed) (*imgpkg.ImagesLock, error) {
	layers := of.node.doc.Layers
	if len(layers) != 1 || layers[0].MediaType != imgpkg.LayerType {
		return nil, fmt.Errorf("it is no bundle that imgpkg would take: it has %d layers, and its first is no %s", len(layers), imgpkg.LayerType)
	}
	layer := plain(layers[0])
	if layer.Size > maxBundleLayer {
		return nil, fmt.Errorf("its layer has %d bytes, more than %d", layer.Size, maxBundleLayer)
	}
	p.img.Lists = append(p.img.Lists, layer.Digest)
	if layer.Size > keptBundleLayer {
		return p.largeLock(ctx, of.reading.ref, layer)
	}
	raw, err := p.content(ctx, of.reading.ref, layer)
	if err != nil {
		return nil, fmt.Errorf("its layer %s: %w", layer.Digest, err)
	}
	of.node.doc.Layers[0].Data = raw
	return imgpkg.ReadBundle(inline(raw))
}

// largeLock is lock for a layer that is not kept. Nothing of it counts before its
// digest was compared.
func (p *packing) largeLock(ctx context.Context, at image.Ref, layer Descriptor) (*imgpkg.ImagesLock, error) {
	if err := p.asking.take(ctx); err != nil {
		return nil, err
	}
	defer p.asking.give()
	content, err := p.from.Fetch(ctx, at, layer)
	if err != nil {
		return nil, fmt.Errorf("its layer %s: %w", layer.Digest, err)
	}
	defer content.Close() //nolint:errcheck // it was read, and what came is checked
	sum := layer.Digest.Algorithm().Digester()
	whole := io.TeeReader(io.LimitReader(content, layer.Size), sum.Hash())
	lock, err := imgpkg.ReadBundle(whole)
	if _, more := io.Copy(io.Discard, whole); more != nil {
		return nil, fmt.Errorf("its layer %s: %w", layer.Digest, more)
	}
	if got := sum.Digest(); got != layer.Digest {
		return nil, fmt.Errorf("its layer: %w", &wrongDigestError{want: layer.Digest, got: got})
	}
	return lock, err
}

// referrers adds what refers to the members.
func (p *packing) referrers(ctx context.Context, c *collection) error {
	for _, m := range p.img.Members {
		member := p.known[digest.Digest(m.Image.Digest)]
		first := len(c.img.Blobs)
		if err := member.reading.referrers(ctx, c, member.node); err != nil {
			return fmt.Errorf("member %s: %w", m.Image, err)
		}
		for _, b := range c.img.Blobs[first:] {
			if member.reading.ref.Name() != p.home.Name() {
				c.img.lies(b.Digest, member.reading.ref)
			}
		}
	}
	return nil
}
