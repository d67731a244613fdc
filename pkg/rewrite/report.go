package rewrite

import "github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"

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
