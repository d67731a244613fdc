package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/chart"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A shelf is a place with charts in it, and where these go.
type shelf struct {
	from  registry.Source
	pairs []image.Pair
	opts  registry.PlanOptions
	plan  *registry.Plan
}

// packages is a shelf of packages, to go where helm push would put them.
func (f *targetFlags) packages(ctx context.Context, charts []chart.Packed) (shelf, error) {
	to, err := image.ParsePrefix(f.to)
	if err != nil {
		return shelf{}, usageError{err}
	}
	from, pairs, err := chart.Shelf(ctx, charts, to)
	return shelf{from: from, pairs: pairs}, err
}

// carryCharts sends the charts of the shelves, or prints what would be sent. The sink is
// asked for behind the plan: printing needs neither registry nor password.
func (c *carrier) carryCharts(ctx context.Context, shelves []shelf, dryRun bool, sink func() (registry.Sink, error)) error {
	defer c.close()
	if err := c.planCharts(ctx, shelves); err != nil {
		return err
	}
	if dryRun {
		return c.printCharts(shelves)
	}
	to, err := sink()
	if err != nil {
		return err
	}
	return c.sendCharts(ctx, shelves, to)
}

// planCharts says what the charts of the shelves consist of.
func (c *carrier) planCharts(ctx context.Context, shelves []shelf) error {
	var errs []error
	for i := range shelves {
		var err error
		shelves[i].plan, err = c.plan(ctx, shelves[i].pairs, shelves[i].from, shelves[i].opts)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// printCharts prints what would be sent.
func (c *carrier) printCharts(shelves []shelf) error {
	c.close()
	var errs []error
	for _, s := range shelves {
		errs = append(errs, printPlan(c.streams.Out, s.plan))
	}
	return errors.Join(errs...)
}

// sendCharts sends the charts of the shelves and says what came of it.
func (c *carrier) sendCharts(ctx context.Context, shelves []shelf, to registry.Sink) error {
	var errs []error
	all, present := 0, 0
	for _, s := range shelves {
		results, err := registry.Transfer(ctx, s.plan, s.from, to, registry.TransferOptions{Parallel: c.parallel, Report: c.report})
		errs = append(errs, err)
		for _, r := range results {
			if all++; r.Present {
				present++
			}
		}
	}
	c.close()
	err := errors.Join(errs...)
	if err == nil && !c.quiet {
		fmt.Fprintf(c.streams.ErrOut, "%s: %d pushed, %d there already\n", count(all, "chart"), all-present, present)
	}
	return err
}

// pushCharts sends the charts of the archive to the registry, as helm push would.
func (o *pushOptions) pushCharts(ctx context.Context, streams Streams, a *bundle.Archive) error {
	charts, err := cargo.Charts(a)
	if err != nil || len(charts) == 0 {
		return err
	}
	packed, err := o.target.packages(ctx, charts)
	if err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	return c.carryCharts(ctx, []shelf{packed}, o.dryRun, func() (registry.Sink, error) {
		return o.access.remote(streams.In, o.target.host(), nil, c.report)
	})
}

// artifacts are the charts that are in registries, in the form of images.
func artifacts(charts []cargo.Chart) []cargo.Image {
	var all []cargo.Image
	for i := range charts {
		if ref := charts[i].Artifact; !ref.IsZero() {
			all = append(all, cargo.Image{Ref: ref})
		}
	}
	return all
}

// charts copies the charts.
func (o *mirrorOptions) charts(ctx context.Context, streams Streams, charts []cargo.Chart, move mirroring) error {
	if len(charts) == 0 {
		return nil
	}
	shelves, err := o.shelves(ctx, charts, move)
	if err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	return c.carryCharts(ctx, shelves, o.dryRun, func() (registry.Sink, error) { return move.to, nil })
}

// shelves are where the charts are: artifacts in the registries that they come from, which
// are copied as they are, and packages from elsewhere.
func (o *mirrorOptions) shelves(ctx context.Context, charts []cargo.Chart, move mirroring) ([]shelf, error) {
	to, err := image.ParsePrefix(o.target.to)
	if err != nil {
		return nil, usageError{err}
	}
	fromRegistry := shelf{from: move.from, opts: move.opts}
	var packed []chart.Packed
	var errs []error
	for i := range charts {
		one := &charts[i]
		if one.Artifact.IsZero() {
			packed = append(packed, one.Packed)
			continue
		}
		target, err := one.Target(to)
		errs = append(errs, err)
		fromRegistry.pairs = append(fromRegistry.pairs, image.Pair{Source: one.Artifact, Target: target})
	}
	fromElsewhere, err := o.target.packages(ctx, packed)
	return []shelf{fromRegistry, fromElsewhere}, errors.Join(append(errs, err)...)
}
