package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

type mirrorOptions struct {
	sources sourceFlags
	origin  originFlags
	target  targetFlags
	access  accessFlags
	dryRun  bool
	quiet   bool
}

func newMirrorCmd(streams Streams) *cobra.Command {
	var o mirrorOptions
	cmd := &cobra.Command{
		Use:   "mirror",
		Short: "Copy images from their registries straight into the private one",
		Long: `Copy every image that manifests and Kubernetes itself name from its registry into
the private one, without an archive between: for a machine that reaches both. Only
what is missing there is sent. Charts of Helm go to charts/NAME:VERSION below it, as
helm push puts them: from a registry as they are there, with their digest.`,
		Example: `  # every image that a folder of manifests names
  kubectl airgap mirror -f resources --to registry.airgap.example.com/airgap

  # a chart, and the images that its values name
  kubectl airgap mirror --chart https://helm.cilium.io,name=cilium,version=1.19.3 --to registry.airgap.example.com/airgap

  # from a proxy that has them under other names
  kubectl airgap mirror -f resources --source-map '*=proxy.example.com/{host}' --to registry.airgap.example.com/airgap`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.sources.fill(site)
			o.origin.fill(site)
			o.target.fill(cmd, site, pushing)
			o.access.fill(cmd, site)
			return o.run(cmd.Context(), streams)
		},
	}
	o.sources.addTo(cmd, "copy")
	o.origin.addTo(cmd)
	o.target.addTo(cmd)
	o.access.addTo(cmd, pushParallel)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "send nothing, print what would go where")
	return cmd
}

func (o *mirrorOptions) run(ctx context.Context, streams Streams) error {
	if err := o.access.login.besides(&o.sources.input, &o.sources.cluster); err != nil {
		return err
	}
	m, err := o.target.mapping()
	if err != nil {
		return err
	}
	sources, err := o.origin.sources()
	if err != nil {
		return err
	}
	opts, err := o.origin.planOptions()
	if err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	defer c.close()
	all, err := o.sources.gather(ctx, streams, c.show, gatherOptions{
		noFiles: true, caFile: o.access.caFile, report: c.show.Report, registry: registries(streams.In, &o.access, &o.origin, o.target.host(), c.report),
	})
	if err != nil {
		return err
	}
	images, unknown := all.Images()
	if len(images)+len(unknown)+len(all.Charts()) == 0 {
		return usagef("nothing to mirror: neither image nor chart is named by what was given")
	}
	pairs, err := o.pairs(images, m)
	if err != nil {
		return err
	}
	hosts := plainHosts(slices.Concat(images, artifacts(all.Charts())), sources)
	both, err := o.access.remote(streams.In, o.target.host(), hosts, c.report)
	if err != nil {
		return err
	}
	opts.Held = both.Holds
	move := mirroring{from: registry.Renamed(both, sources.Name), to: both, opts: opts}
	if err := errors.Join(o.images(ctx, c, pairs, move), o.charts(ctx, streams, all.Charts(), move)); err != nil {
		return err
	}
	return printUnknown(streams.ErrOut, unknown)
}

// A mirroring is between what images move, and how that is planned.
type mirroring struct {
	from registry.Source
	to   *registry.Remote
	opts registry.PlanOptions
}

// images copies the images.
func (o *mirrorOptions) images(ctx context.Context, c *carrier, pairs []image.Pair, move mirroring) error {
	defer c.close()
	if len(pairs) == 0 {
		return nil
	}
	plan, err := c.plan(ctx, pairs, move.from, move.opts)
	if err != nil {
		return err
	}
	if o.dryRun {
		return printPlan(c.streams.Out, plan)
	}
	return c.transfer(ctx, plan, move.from, move.to, registry.TransferOptions{})
}

// pairs say where the images go.
func (o *mirrorOptions) pairs(images []cargo.Image, m image.Mapping) ([]image.Pair, error) {
	var pairs []image.Pair
	var errs []error
	for _, im := range images {
		groups, err := o.target.groups(im)
		errs = append(errs, err)
		for _, group := range groups {
			target, _ := m.InGroup(group).Target(im.Ref)
			pairs = append(pairs, image.Pair{Source: im.Ref, Target: target})
		}
	}
	return pairs, errors.Join(append(errs, image.CheckPairs(pairs))...)
}
