package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// errNoStream refuses standard output for an archive.
var errNoStream = usagef("an archive is written at many places at once: give --output a FILE, not -")

// A carrier makes plans, carries them out and shows how far it is. It must be closed.
type carrier struct {
	streams  Streams
	quiet    bool
	parallel int
	show     *progress.Progress
	sent     atomic.Int64 // bytes that came
}

func newCarrier(streams Streams, quiet bool, parallel int) *carrier {
	return &carrier{streams: streams, quiet: quiet, parallel: parallel, show: newProgress(streams, quiet)}
}

func (c *carrier) close() { c.show.Close() }

// report takes the events of both ends and of what is between them.
func (c *carrier) report(e registry.Event) {
	if e.Kind == registry.Advance {
		c.sent.Add(e.Bytes)
	}
	c.show.Report(e)
}

// announce says how much will be moved before it is.
func (c *carrier) announce(contents bundle.Contents) {
	var files int64
	for _, f := range contents.Files {
		files += f.Size
	}
	c.show.Expect(files, 0)
	if !c.quiet {
		fmt.Fprintf(c.show, "%s of %s, %s of %s\n", count(len(contents.Plan.Images), "image"), progress.Size(contents.Plan.Size()),
			count(len(contents.Files), "file"), progress.Size(files))
	}
}

// questions is how many times as many small requests are under way as blobs.
const questions = 2

// plan says what the pairs consist of.
func (c *carrier) plan(ctx context.Context, pairs []image.Pair, from registry.Source, opts registry.PlanOptions) (*registry.Plan, error) {
	opts.Parallel, opts.Report = questions*c.parallel, c.report
	plan, err := registry.NewPlan(ctx, pairs, from, opts)
	if err != nil {
		return nil, err
	}
	c.show.Expect(plan.Size(), len(plan.Images))
	printLeftOut(c.show, plan)
	return plan, nil
}

// printLeftOut says what somebody may miss although no error says so: platforms that
// were asked for and that an image does not have, and layers that no registry holds.
func printLeftOut(w io.Writer, plan *registry.Plan) {
	for i := range plan.Images {
		im := &plan.Images[i]
		if len(im.Missing) > 0 {
			var has []string
			for _, p := range im.Platforms {
				has = append(has, p.Platform)
			}
			fmt.Fprintf(w, "%s: it is not there for %s, only for %s\n", im.Source, strings.Join(im.Missing, ", "), strings.Join(has, ", "))
		}
		for _, layer := range im.Foreign {
			fmt.Fprintf(w, "%s: layer %s stays where it is, as its maker wants it: nodes fetch it from %s\n",
				im.Source, layer.Digest, strings.Join(layer.URLs, " or "))
		}
	}
}

// transfer carries out the plan and says what came of it.
func (c *carrier) transfer(ctx context.Context, plan *registry.Plan, from registry.Source, to registry.Sink, opts registry.TransferOptions) error {
	opts.Parallel, opts.Report = c.parallel, c.report
	results, err := registry.Transfer(ctx, plan, from, to, opts)
	c.close()
	if err != nil {
		return err
	}
	c.sums(results)
	return nil
}

// sums prints how much was moved.
func (c *carrier) sums(results []registry.Result) {
	if c.quiet {
		return
	}
	present := 0
	for _, r := range results {
		if r.Present {
			present++
		}
	}
	fmt.Fprintf(c.streams.ErrOut, "%s: %d pushed, %d there already; %s sent\n",
		count(len(results), "image"), len(results)-present, present, progress.Size(c.sent.Load()))
}

// newLocalProgress shows the progress of what takes seconds and has no names worth a
// line: to people, not in logs.
func newLocalProgress(streams Streams, quiet bool) *progress.Progress {
	f, ok := streams.ErrOut.(*os.File)
	return newProgress(streams, quiet || !ok || !term.IsTerminal(int(f.Fd())))
}

// newProgress shows progress where the user sees it.
func newProgress(streams Streams, quiet bool) *progress.Progress {
	opts := progress.Options{Quiet: quiet}
	if f, ok := streams.ErrOut.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		opts.Terminal, opts.Color = true, os.Getenv("NO_COLOR") == ""
		opts.Width = func() int {
			width, _, _ := term.GetSize(int(f.Fd())) // 0 is not known
			return width
		}
	}
	return progress.New(streams.ErrOut, opts)
}

// printPlan prints what a transfer would move, one image per line: under the name it
// will have, and where it is fetched if that is elsewhere.
func printPlan(w io.Writer, plan *registry.Plan) error {
	if plan == nil || len(plan.Images) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	elsewhere := slices.ContainsFunc(plan.Images, func(im registry.Image) bool { return im.Source != im.Target })
	from := func(text string) string {
		if elsewhere {
			return "\t" + text
		}
		return ""
	}
	fmt.Fprintln(table, "IMAGE"+from("FROM")+"\tDIGEST\tSIZE\tPLATFORMS")
	for i := range plan.Images {
		im := &plan.Images[i]
		var names []string
		for _, p := range im.Platforms {
			names = append(names, p.Platform)
		}
		fmt.Fprintf(table, "%s%s\t%s\t%s\t%s\n", im.Target, from(im.Source.String()), im.Root.Digest, progress.Size(im.Size()), strings.Join(names, ","))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s, %s\n", count(len(plan.Images), "image"), progress.Size(plan.Size()))
	return err
}

// printUnknown prints the references that name no image yet, and what to do.
func printUnknown(w io.Writer, unknown []cargo.Unknown) error {
	for _, u := range unknown {
		switch {
		case u.Untagged:
			fmt.Fprintf(w, "%s: %s: no image, its tag is chosen when it is installed; give the image with --image, or the release with --tkg\n", u.Uses[0], u.Name())
		case u.Reason != "":
			fmt.Fprintf(w, "%s: %s: no image: %s; give values with --variable NAME=VALUE, or the image with --image\n", u.Uses[0], u.Written, u.Reason)
		default:
			fmt.Fprintf(w, "%s: %s: no image, its variables have no value; give them with --variable NAME=VALUE, or the image with --image\n", u.Uses[0], u.Written)
		}
	}
	if len(unknown) > 0 {
		return errFindings
	}
	return nil
}

// printFiles prints the files that an archive would hold.
func printFiles(w io.Writer, files []bundle.File) error {
	for _, f := range files {
		line := strings.TrimRight(fmt.Sprintf("%s   %s   %s", f.Path, progress.Size(f.Size), f.URL), " ")
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// created says in a line what an archive holds and what making it took.
func created(contents bundle.Contents, r *bundle.Report) string {
	how := fmt.Sprintf("%s fetched, %s were here", progress.Size(r.Fetched), progress.Size(r.Copied+r.Kept))
	if r.Unchanged {
		how = "nothing has changed, nothing was fetched"
	}
	return fmt.Sprintf("%s, %s, %s; %s",
		count(len(contents.Plan.Images), "image"), count(len(contents.Files), "file"), progress.Size(r.Size), how)
}
