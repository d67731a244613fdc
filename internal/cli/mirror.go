package cli

import (
	"context"
	"errors"

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
what is missing there is sent.`,
		Example: `  # every image that a folder of manifests names
  kubectl airgap mirror -f resources --to registry.airgap.example.com/airgap

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
		noFiles: true, caFile: o.access.caFile, report: c.report, registry: registries(streams.In, &o.access, &o.origin, c.report),
	})
	if err != nil {
		return err
	}
	images, unknown := all.Images()
	if len(images)+len(unknown) == 0 {
		return usagef("nothing to mirror: no image is named by what was given")
	}
	pairs, err := o.pairs(images, m)
	if err != nil {
		return err
	}
	both, err := o.access.remote(streams.In, o.target.host(), plainHosts(images, sources), c.report)
	if err != nil {
		return err
	}
	from := registry.Renamed(both, sources.Name)
	opts.Held = both.Holds
	plan, err := c.plan(ctx, pairs, from, opts)
	switch {
	case err == nil && o.dryRun:
		err = printPlan(streams.Out, plan)
	case err == nil:
		err = c.transfer(ctx, plan, from, both, registry.TransferOptions{})
	}
	if err != nil {
		return err
	}
	return printUnknown(streams.ErrOut, unknown)
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
