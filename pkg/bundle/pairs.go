package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Digests are the digests that the archive holds instead of those that its
// images had at their source, because platforms were left out: what
// image.Mapping.WithDigests takes.
func (l *Lock) Digests() map[string]string {
	digests := map[string]string{}
	for i := range l.Images {
		if from := l.Images[i].SourceDigest; from != "" {
			digests[from.String()] = l.Images[i].Digest.String()
		}
	}
	return digests
}

// PairsOptions say where else the images of a lock go.
type PairsOptions struct {
	Grouped bool   // the mapping has image.LayoutGroup: an image goes to the place of each of its groups
	AlsoTag string // another tag that every image gets, such as latest; empty for none
}

// Pairs is the plan of moving every image of the lock to where m sends it. All
// that stands against it is reported at once: targets that several images would
// share, and, with LayoutGroup, images that have no group.
func (l *Lock) Pairs(m image.Mapping, o PairsOptions) ([]image.Pair, error) {
	m = m.WithDigests(l.Digests())
	var pairs []image.Pair
	var errs []error
	for i := range l.Images {
		source, err := image.Parse(l.Images[i].Image)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", lockPath, err))
			continue
		}
		groups := l.Images[i].Groups
		switch {
		case !o.Grouped, len(groups) == 0 && hasPlace(m, source):
			groups = []string{""}
		case len(groups) == 0:
			errs = append(errs, fmt.Errorf("%s: it has no group for layout group: it was found in no folder of manifests; say with --map %s=REGISTRY/… where it goes", source, source.Name()))
		}
		for _, group := range groups {
			pairs = append(pairs, o.pairs(m.InGroup(group), source)...)
		}
	}
	errs = append(errs, image.CheckPairs(pairs))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(pairs, func(a, b image.Pair) int {
		return cmp.Or(image.Compare(a.Source, b.Source), image.Compare(a.Target, b.Target))
	})
	return slices.Compact(pairs), nil
}

// hasPlace says whether a rule says where an image goes, whatever its group.
func hasPlace(m image.Mapping, source image.Ref) bool {
	a, _ := m.InGroup("a").Target(source)
	b, _ := m.InGroup("b").Target(source)
	return a == b
}

// pairs are the places of one image.
func (o PairsOptions) pairs(m image.Mapping, source image.Ref) []image.Pair {
	target, _ := m.Target(source)
	pairs := []image.Pair{{Source: source, Target: target}}
	if o.AlsoTag != "" && target.Tag != o.AlsoTag {
		target.Tag = o.AlsoTag
		pairs = append(pairs, image.Pair{Source: source, Target: target})
	}
	return pairs
}

// ElsewhereAt gives for a blob that the archive leaves out the places, as m lays
// them out, where its site holds it: what registry.TransferOptions.Elsewhere takes.
func (l *Lock) ElsewhereAt(m image.Mapping) func(digest.Digest) []image.Ref {
	places := map[digest.Digest][]image.Ref{}
	for _, blob := range l.Elsewhere {
		ref, err := image.Parse(blob.Image)
		if err != nil {
			continue // Open has seen to that
		}
		groups := blob.Groups
		if len(groups) == 0 {
			groups = []string{""}
		}
		for _, group := range groups { // another layout does not ask for it
			target, _ := m.InGroup(group).Target(ref)
			places[blob.Digest] = append(places[blob.Digest], target)
		}
	}
	return func(d digest.Digest) []image.Ref { return places[d] }
}
