package cli

import (
	"fmt"
	"io"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

// Rules of output: results go to standard output, and nothing else does. What
// is said about them goes to standard error, one line per thing, beginning with
// the name of the thing. Nothing depends on the order of a map or on a clock.

// printChanges prints the references that would change, one per line.
func printChanges(w io.Writer, r *rewrite.Result) {
	for _, c := range r.Changes {
		fmt.Fprintf(w, "%s:%d:%d: %s: would go to %s\n", r.Name, c.Line, c.Column, c.Written, c.Target)
	}
}

// printRefused prints the references that cannot be respelled, one per line.
func printRefused(w io.Writer, refused []*manifest.RefusedError) {
	for _, r := range refused {
		fmt.Fprintln(w, r)
	}
}

// printReport prints the sums that rewrite ends with. done says whether the
// rewriting was done or only looked at.
func printReport(w io.Writer, r rewrite.Report, done bool) {
	if r.Unsure > 0 {
		fmt.Fprintf(w, "%s of low confidence left alone (--confidence)\n", count(r.Unsure, "reference"))
	}
	verb := "rewritten"
	if !done {
		verb = "would be rewritten"
	}
	fmt.Fprintf(w, "%s, %s: %s %s, %d unchanged, %d refused\n",
		count(r.Files, "file"), count(r.Documents, "document"), count(r.Rewritten, "reference"), verb, r.Unchanged, len(r.Refused))
}

// count is "1 file" or "2 files".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// printWritten prints what became of clusterctl's home.
func printWritten(w io.Writer, h home, n sums) {
	if n.others > 0 {
		fmt.Fprintf(w, "%s left alone, as clusterctl does not read such\n", count(n.others, "input"))
	}
	if n.written == 0 {
		fmt.Fprintf(w, "%s: all is as it should be already, nothing written\n", h.name)
		return
	}
	fmt.Fprintf(w, "%s written, %d as they should be already\n", count(n.written, "file"), n.all-n.written)
	if !h.own {
		fmt.Fprintf(w, "clusterctl --config %s uses them\n", h.name)
	}
}
