package rewrite

import (
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
	var pairs []image.Pair
	for _, r := range results {
		m := m.InGroup(r.group)
		for ref := range r.refs {
			target, _ := m.Target(ref)
			pairs = append(pairs, image.Pair{Source: ref, Target: target})
		}
	}
	return image.CheckPairs(pairs)
}
