package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// NewPlan finds out what every pair's Source consists of and plans that it goes
// to its Target. It reads manifests, and the configs that alone say for which
// platform an image is; no layers. The images stand in the order of pairs, each
// pair once.
//
// All images that cannot be planned are reported at once in that order, each as
// "IMAGE: …"; the plan then holds the others. If the context ends, or the source
// returns an error with a method Fatal() bool that is true, that is the one
// error, and there is no plan.
func NewPlan(ctx context.Context, pairs []image.Pair, from Source, opts PlanOptions) (*Plan, error) {
	p, err := newPlanner(from, opts)
	if err != nil {
		return nil, err
	}
	pairs, sources := unique(pairs)
	targets := map[image.Ref][]image.Ref{}
	for _, pair := range pairs {
		targets[pair.Source] = append(targets[pair.Source], pair.Target)
	}
	found := make([]Image, len(sources))
	errs, err := each(ctx, len(sources), parallelOr(opts.Parallel), func(ctx context.Context, i int) error {
		if err := p.image(ctx, sources[i], targets[sources[i]], &found[i]); err != nil {
			return fmt.Errorf("%s: %w", sources[i], err)
		}
		p.report(Event{Kind: ImagePlanned, Name: sources[i].String()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return assemble(pairs, sources, found, errs)
}

// unique is pairs without repetition, and their sources without repetition.
func unique(pairs []image.Pair) (once []image.Pair, sources []image.Ref) {
	seen, named := map[image.Pair]bool{}, map[image.Ref]bool{}
	for _, p := range pairs {
		if !seen[p] {
			seen[p] = true
			once = append(once, p)
		}
		if !named[p.Source] {
			named[p.Source] = true
			sources = append(sources, p.Source)
		}
	}
	return once, sources
}

// assemble makes a plan of what was found, without what contradicts itself.
func assemble(pairs []image.Pair, sources []image.Ref, found []Image, errs []error) (*Plan, error) {
	at := make(map[image.Ref]int, len(sources))
	for i, s := range sources {
		at[s] = i
	}
	plan := &Plan{}
	for _, pair := range pairs {
		if i := at[pair.Source]; errs[i] == nil {
			img := found[i]
			img.Pair = pair
			plan.Images = append(plan.Images, img)
		}
	}
	errs = append(errs, plan.settleTargets()...)
	errs = append(errs, plan.settleSizes()...)
	return plan, errors.Join(errs...)
}

// settleTargets takes out images that would take each other's place.
func (p *Plan) settleTargets() []error {
	var errs []error
	first := map[image.Ref]int{}
	contested := map[int]bool{}
	for i := range p.Images {
		img := &p.Images[i]
		place := targetRef(img)
		f, taken := first[place]
		if !taken {
			first[place] = i
			continue
		}
		if other := &p.Images[f]; other.Root.Digest != img.Root.Digest {
			contested[f], contested[i] = true, true
			errs = append(errs, fmt.Errorf("%s: it is %s, but %s is %s, and both go to %s",
				img.Source, img.Root.Digest, other.Source, other.Root.Digest, place))
		}
	}
	p.drop(contested)
	return errs
}

// settleSizes takes out images that give a blob another size than an image
// before them does: one of them is wrong, and either would break the other.
func (p *Plan) settleSizes() []error {
	type claim struct {
		size int64
		by   image.Ref
	}
	var errs []error
	claims, wrong := map[digest.Digest]claim{}, map[int]bool{}
	for i := range p.Images {
		for _, b := range p.Images[i].Blobs {
			c, seen := claims[b.Digest]
			if !seen {
				claims[b.Digest] = claim{b.Size, p.Images[i].Source}
			} else if c.size != b.Size {
				wrong[i] = true
				errs = append(errs, fmt.Errorf("%s: its blob %s has %d bytes, but %d in %s",
					p.Images[i].Source, b.Digest, b.Size, c.size, c.by))
			}
		}
	}
	p.drop(wrong)
	return errs
}

func (p *Plan) drop(out map[int]bool) {
	if len(out) == 0 {
		return
	}
	var rest []Image
	for i := range p.Images {
		if !out[i] {
			rest = append(rest, p.Images[i])
		}
	}
	p.Images = rest
}

// targetRef is the name that an image's root gets: a tag, which the digest
// follows, or where there is no tag the digest, which leaving out platforms may
// have changed.
func targetRef(img *Image) image.Ref {
	ref := img.Target
	ref.Digest = ""
	if ref.Tag == "" {
		ref.Digest = string(img.Root.Digest)
	}
	return ref
}
