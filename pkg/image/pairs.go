package image

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Pair is one image and the place it goes to.
type Pair struct{ Source, Target Ref }

// A CollisionError says that two images that may differ would go to the same
// place.
type CollisionError struct{ Target, First, Second Ref }

func (e *CollisionError) Error() string {
	return fmt.Sprintf("%s: both %s and %s go there; give one of them a place of its own with a rule, or use layout host",
		e.Target, e.First, e.Second)
}

// Pairs is the plan: every image of refs once, sorted by source, with the
// place where m sends it, if CheckPairs has nothing against it. Images that
// stay are in it as their own target.
func Pairs(m Mapping, refs []Ref) ([]Pair, error) {
	pairs := make([]Pair, 0, len(refs))
	for _, r := range refs {
		target, _ := m.Target(r)
		pairs = append(pairs, Pair{Source: r, Target: target})
	}
	pairs = inOrder(pairs)
	if err := CheckPairs(pairs); err != nil {
		return nil, err
	}
	return pairs, nil
}

// CheckPairs reports what stands against carrying out a plan. Pairs asks it
// for one mapping; who has several, as for the groups of LayoutGroup, asks it
// for all of their pairs together.
//
// Two sources collide if they go to the same repository and tag, and nothing
// says that they are the same content (CONTRACT.md, "Layouts of the target").
// They are the same if they have the same digest, and taken for the same if
// they have the same name and tag: with and without its digest that is one
// image of one registry. An image at the target itself collides with none of
// those that go there, for that is how a second run looks: it is the copy
// that an earlier run made.
//
// All collisions, and all targets whose name no registry takes, are reported
// at once in the order of the sources, whatever the order of pairs.
func CheckPairs(pairs []Pair) error {
	var errs []error
	sharing := make(map[Ref][]Ref, len(pairs)) // sources by target without digest
	for _, p := range inOrder(pairs) {
		if reason := checkName(p.Target.Registry, p.Target.Repository); reason != "" && p.Source != p.Target {
			errs = append(errs, fmt.Errorf("%s: the target %s is no name: %s", p.Source, p.Target, reason))
		}
		if p.Target.Tag == "" {
			continue // a digest is the content
		}
		place := p.Target
		place.Digest = ""
		if first, ok := collides(p, sharing[place]); ok {
			errs = append(errs, &CollisionError{Target: place, First: first, Second: p.Source})
		}
		sharing[place] = append(sharing[place], p.Source)
	}
	return errors.Join(errs...)
}

// inOrder is pairs sorted by source, each of them once.
func inOrder(pairs []Pair) []Pair {
	sorted := slices.SortedFunc(slices.Values(pairs), func(a, b Pair) int {
		return cmp.Or(Compare(a.Source, b.Source), Compare(a.Target, b.Target))
	})
	return slices.Compact(sorted)
}

// collides returns the first of the sources that go where p goes and may be
// something else.
func collides(p Pair, sources []Ref) (Ref, bool) {
	for _, s := range sources {
		same := s.Digest != "" && s.Digest == p.Source.Digest
		upstream := s.Name() == p.Source.Name()
		atTarget := s.Name() == p.Target.Name() || p.Source.Name() == p.Target.Name()
		if !same && !upstream && !atTarget {
			return s, true
		}
	}
	return Ref{}, false
}
