package image

import (
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
// place where m sends it. Images that stay are in it as their own target.
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
// at once in the order of the sources.
func Pairs(m Mapping, refs []Ref) ([]Pair, error) {
	pairs := make([]Pair, 0, len(refs))
	for _, r := range refs {
		target, moves := m.Target(r)
		if !moves {
			r = target // the mapping's own spelling of it
		}
		pairs = append(pairs, Pair{Source: r, Target: target})
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return Compare(a.Source, b.Source) })
	pairs = slices.Compact(pairs)
	if err := checkPairs(pairs); err != nil {
		return nil, err
	}
	return pairs, nil
}

// checkPairs reports what stands against carrying out the plan.
func checkPairs(pairs []Pair) error {
	var errs []error
	sharing := make(map[Ref][]Ref, len(pairs)) // sources by target without digest
	for _, p := range pairs {
		if reason := checkTarget(p.Target); reason != "" && p.Source != p.Target {
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

// checkTarget is checkName for a name as the kubelet will read it.
func checkTarget(r Ref) (reason string) {
	if !isRegistry(r.Registry) {
		return checkName(dockerHub, r.Name())
	}
	return checkName(r.Registry, r.Repository)
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
