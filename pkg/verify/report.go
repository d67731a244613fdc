package verify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// What stands at the top of every report.
const (
	APIVersion = "kubectl-airgap.io/v1alpha1"
	Kind       = "VerifyReport"
)

// NewReport puts together what the checks came to. Findings of one check about one
// image at one place are one finding: the first of them. Images that stand for the
// same name are one, with what is known of either. Neither slice is kept.
func NewReport(target string, findings []Finding, images []Image) *Report {
	return &Report{
		APIVersion: APIVersion, Kind: Kind, Target: target,
		Findings: sortFindings(findings), Images: mergeImages(images),
	}
}

// Count is how many errors and how many warnings the report holds.
func (r *Report) Count() (errors, warnings int) {
	for _, f := range r.Findings {
		if f.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// sortFindings gives findings once, errors first, then by place, then in the order of
// the checks.
func sortFindings(findings []Finding) []Finding {
	type key struct{ check, place, image string }
	seen := map[key]bool{}
	var all []Finding
	for _, f := range findings {
		if k := (key{f.Check, f.Place, f.Image}); !seen[k] {
			seen[k] = true
			all = append(all, f)
		}
	}
	order := map[string]int{}
	for i, c := range checks {
		order[c.Name] = i + 1
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank(a.Severity), rank(b.Severity)),
			comparePlaces(a.Place, b.Place),
			cmp.Compare(order[a.Check], order[b.Check]),
			cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.Image, b.Image),
		)
	})
	if all == nil {
		all = []Finding{} // in JSON a list, not null
	}
	return all
}

func rank(s Severity) int {
	if s == Error {
		return 0
	}
	return 1
}

// A place is a Place taken apart: lines are numbers, not text.
type place struct {
	file         string
	line, column int
}

func parsePlace(s string) place {
	rest, column, ok := cutNumber(s)
	if !ok {
		return place{file: s}
	}
	file, line, ok := cutNumber(rest)
	if !ok {
		return place{file: rest, line: column}
	}
	return place{file, line, column}
}

// cutNumber takes :NUMBER off the end. The port of a registry is no line: what
// follows it is a path.
func cutNumber(s string) (rest string, n int, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 1 {
		return s, 0, false
	}
	n, err := strconv.Atoi(s[i+1:])
	return s[:i], n, err == nil
}

func comparePlaces(a, b string) int {
	x, y := parsePlace(a), parsePlace(b)
	return cmp.Or(cmp.Compare(x.file, y.file), cmp.Compare(x.line, y.line), cmp.Compare(x.column, y.column))
}

// mergeImages gives images once for each name, sorted.
func mergeImages(images []Image) []Image {
	all := slices.Clone(images)
	slices.SortStableFunc(all, func(a, b Image) int { return cmp.Compare(a.Image, b.Image) })
	merged := []Image{}
	for _, i := range all {
		if last := len(merged) - 1; last >= 0 && merged[last].Image == i.Image {
			merged[last] = merged[last].and(i)
			continue
		}
		merged = append(merged, i)
	}
	return merged
}

// and is what is known of one image from two places.
func (i Image) and(other Image) Image {
	i.Source = cmp.Or(i.Source, other.Source)
	i.Target = cmp.Or(i.Target, other.Target)
	i.Group = cmp.Or(i.Group, other.Group)
	i.Digest = cmp.Or(i.Digest, other.Digest)
	i.Size = cmp.Or(i.Size, other.Size)
	if i.Platforms == nil {
		i.Platforms = other.Platforms
	}
	i.Uses = mergePlaces(i.Uses, other.Uses)
	return i
}

// mergePlaces is both lists as one, sorted, each place once.
func mergePlaces(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.SortFunc(all, comparePlaces)
	return slices.Compact(all)
}
