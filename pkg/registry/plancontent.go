package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// What a manifest may be. Registries take manifests of 4 MiB at most
// (distribution-spec, "Pushing Manifests"); the rest keeps what others wrote
// from filling the memory.
const (
	maxManifest      = 4 << 20  // bytes of one manifest or config
	maxManifestBytes = 64 << 20 // bytes of all manifests of one image
	maxManifests     = 2000     // of one image, with its referrers
	maxDepth         = 8        // indexes inside indexes
	maxReferrerDepth = 3        // referrers of referrers
)

// A planner is what the images of one plan have in common.
type planner struct {
	from   Source
	opts   PlanOptions
	wanted []string // platforms in their normal form
	asking slots    // requests to the source

	lock  sync.Mutex
	known map[digest.Digest]*held
}

// A held is content that is read once for all images. Whoever has the lock reads
// it; whoever waited for a reader that failed tries it in its own repository.
type held struct {
	lock slots
	raw  []byte
}

func newPlanner(from Source, opts PlanOptions) (*planner, error) {
	p := &planner{
		from:   from,
		opts:   opts,
		asking: make(slots, parallelOr(opts.Parallel)),
		known:  map[digest.Digest]*held{},
	}
	for _, s := range opts.Platforms {
		name, err := NormalizePlatform(s)
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, fmt.Errorf("platform %q: no image is for it", s)
		}
		p.wanted = append(p.wanted, name)
	}
	return p, nil
}

func (p *planner) report(e Event) {
	if p.opts.Report != nil {
		p.opts.Report(e)
	}
}

// resolve asks the source what ref names.
func (p *planner) resolve(ctx context.Context, ref image.Ref) (Descriptor, error) {
	if err := p.asking.take(ctx); err != nil {
		return Descriptor{}, err
	}
	defer p.asking.give()
	desc, err := p.from.Resolve(ctx, ref)
	if missing, ok := errors.AsType[*NotFoundError](err); ok && missing.Name == ref.String() {
		return Descriptor{}, &NotFoundError{Err: missing.Err} // who reads it is told the name already
	}
	if err != nil {
		return Descriptor{}, fmt.Errorf("finding its digest: %w", err)
	}
	if held := string(desc.Digest); ref.Digest != "" && held != ref.Digest && held != p.opts.Digests[ref.Digest] {
		return Descriptor{}, fmt.Errorf("finding its digest: the source answered with %s", desc.Digest)
	}
	return desc, nil
}

// content gives the bytes of a manifest or config, from wherever they can be
// had without asking the source again.
func (p *planner) content(ctx context.Context, ref image.Ref, desc Descriptor) ([]byte, error) {
	if desc.Size > maxManifest {
		return nil, fmt.Errorf("it has %d bytes, more than %d", desc.Size, maxManifest)
	}
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	h := p.held(desc.Digest)
	if err := h.lock.take(ctx); err != nil {
		return nil, err
	}
	defer h.lock.give()
	raw, err := h.raw, error(nil)
	if raw == nil {
		if raw, err = p.find(ctx, ref, desc); err != nil {
			return nil, err
		}
	}
	if err := checkContent(desc, raw); err != nil {
		return nil, err
	}
	h.raw = raw
	return raw, nil
}

func (p *planner) held(d digest.Digest) *held {
	p.lock.Lock()
	defer p.lock.Unlock()
	h, ok := p.known[d]
	if !ok {
		h = &held{lock: make(slots, 1)}
		p.known[d] = h
	}
	return h
}

func (p *planner) find(ctx context.Context, ref image.Ref, desc Descriptor) ([]byte, error) {
	if desc.Data != nil {
		return desc.Data, nil
	}
	if p.opts.Manifests != nil {
		if raw, ok := p.opts.Manifests(desc); ok {
			return raw, nil
		}
	}
	return p.fetch(ctx, ref, desc)
}

// fetch reads no more than one byte over what it should get.
func (p *planner) fetch(ctx context.Context, ref image.Ref, desc Descriptor) ([]byte, error) {
	if err := p.asking.take(ctx); err != nil {
		return nil, err
	}
	defer p.asking.give()
	r, err := p.from.Fetch(ctx, ref, desc)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was read, and what came is checked
	raw := make([]byte, desc.Size+1)
	n, err := io.ReadFull(r, raw)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF { //nolint:errorlint // ReadFull returns these two as they are
		return nil, err
	}
	return raw[:n:n], nil
}
