package rewrite

import (
	"errors"
	"maps"
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A Report sums up what became of several files.
type Report struct {
	Files, Documents             int
	Rewritten, Unchanged, Unsure int
	Refused                      []*manifest.RefusedError
}

// NewReport sums up results.
func NewReport(results []*Result) Report {
	report := Report{Files: len(results)}
	for _, r := range results {
		report.Documents += r.Documents
		report.Rewritten += r.Rewritten
		report.Unchanged += r.Unchanged
		report.Unsure += r.Unsure
		report.Refused = append(report.Refused, r.Refused...)
	}
	return report
}

// Collisions gives an error for every two images in all results that would go to
// the same place (image.CollisionError), and for every target whose name no
// registry takes. m is the mapping that made the results; ask before anything
// is written.
func Collisions(m image.Mapping, results []*Result) error {
	refs := map[string][]image.Ref{}
	for _, r := range results {
		refs[r.group] = slices.AppendSeq(refs[r.group], maps.Keys(r.refs))
	}
	var errs []error
	for _, group := range slices.Sorted(maps.Keys(refs)) {
		_, err := image.Pairs(m.InGroup(group), refs[group])
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
