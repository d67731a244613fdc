package verify

import (
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Site is where names lead on a site: what all checks of names have in common.
type Site struct {
	// Target is the private registry for people, REGISTRY[/PREFIX].
	Target string
	// Mapping says what is at the target: whatever it leaves where it is.
	Mapping image.Mapping
	// Mirrored says where the nodes pull an image from whose name is not at the target,
	// and whether anything on the site has it: a mirror that every node knows, or the
	// node's own store. Tag and digest may be missing. nil means nothing does. The zero Ref
	// stands for where Mapping puts it.
	Mirrored func(image.Ref) (at image.Ref, ok bool)
	// Carried says by which names images were carried, and for which references, nil if that
	// is not known: names that were shortened on the way do not tell which operator is meant.
	Carried *Carried
	// FilesURLs are where the site has files and charts: what nodes fetch from their hosts
	// is on the site.
	FilesURLs []string
}

// resolve is where r is pulled from, and whether that is on the site. The zero Ref stands
// for a place that nobody knows, because something is wrong that is told elsewhere.
func (s *Site) resolve(r image.Ref) (at image.Ref, ok bool) {
	target, moves := s.Mapping.Target(r)
	if !moves {
		return r, true
	}
	if s.Mirrored == nil {
		return image.Ref{}, false
	}
	if at, ok = s.Mirrored(r); ok && at.IsZero() {
		at = s.place(r, target)
	}
	return at, ok
}

// place is where the mapping puts r, if that is so whatever its group.
func (s *Site) place(r, target image.Ref) image.Ref {
	_, carried := s.Carried.Target(r) // what was not is nowhere
	if grouped, _ := s.Mapping.InGroup("any").Target(r); grouped != target && (carried || s.Carried == nil) {
		return image.Ref{}
	}
	return target
}

// holdsPrefix says whether whatever is below r is on the site.
func (s *Site) holdsPrefix(r image.Ref) bool {
	_, moves := s.Mapping.TargetPrefix(r)
	_, conflict := s.Mapping.PrefixConflict(r)
	if !moves && !conflict {
		return true
	}
	if s.Mirrored == nil {
		return false
	}
	r.Repository = strings.TrimPrefix(r.Repository+"/any", "/") // mirrors are asked for images
	_, ok := s.Mirrored(r)
	return ok
}

// A Wanted is one image that something on the site will pull.
type Wanted struct {
	// Source is the name that is asked for, Target where it is pulled from.
	image.Pair
	Group string   // of the manifests that ask for it; empty if there is none
	Uses  []string // the places that ask for it, sorted
	// By is what asks for it although no manifest names it, such as kubeadm v1.36.3;
	// empty if one does.
	By string

	carried bool // nothing is known to ask for it: it is in an archive
}

// Pairs gives the plan: every pair of all that is wanted once, sorted by source.
func Pairs(wanted []Wanted) []image.Pair {
	pairs := make([]image.Pair, len(wanted))
	for i, w := range wanted {
		pairs[i] = w.Pair
	}
	slices.SortFunc(pairs, comparePairs)
	return slices.Compact(pairs)
}

func comparePairs(a, b image.Pair) int {
	if c := image.Compare(a.Source, b.Source); c != 0 {
		return c
	}
	return image.Compare(a.Target, b.Target)
}

// Merge is all that is wanted, each pair once, sorted by source. What a manifest names
// counts as that, whoever else asks for it. What is in an archive counts only where
// nothing asks for its target, by whatever name.
func Merge(wanted ...[]Wanted) []Wanted {
	all := slices.Concat(wanted...)
	asked := map[image.Ref]bool{}
	for _, w := range all {
		asked[w.Target] = asked[w.Target] || !w.carried
	}
	all = slices.DeleteFunc(all, func(w Wanted) bool { return w.carried && asked[w.Target] })
	slices.SortStableFunc(all, func(a, b Wanted) int { return comparePairs(a.Pair, b.Pair) })
	var merged []Wanted
	for _, w := range all {
		last := len(merged) - 1
		if last < 0 || merged[last].Pair != w.Pair {
			w.Uses = mergePlaces(w.Uses, nil)
			merged = append(merged, w)
			continue
		}
		m := &merged[last]
		m.Uses = mergePlaces(m.Uses, w.Uses)
		if m.Group == "" {
			m.Group = w.Group
		}
		if w.By == "" {
			m.By = ""
		}
	}
	return merged
}

// Images gives what a report says of images of which no more is known than that they
// are wanted.
func Images(wanted []Wanted) []Image {
	var all []Image
	for _, w := range wanted {
		all = append(all, w.image())
	}
	return all
}

func (w *Wanted) image() Image {
	return Image{Image: w.Source.String(), Target: w.Target.String(), Group: w.Group, Uses: w.Uses}
}

// clone is r without ties to the text that it was found in, all of which a part of it
// would keep in memory.
func clone(r image.Ref) image.Ref {
	return image.Ref{
		Registry: strings.Clone(r.Registry), Repository: strings.Clone(r.Repository),
		Tag: strings.Clone(r.Tag), Digest: strings.Clone(r.Digest),
	}
}
