package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

type mirrorOptions struct {
	sources sourceFlags
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
			o.sources.fill(site, o.sources.given())
			o.target.fill(cmd, site, pushing)
			o.access.fill(cmd, site)
			return o.run(cmd.Context(), streams)
		},
	}
	o.sources.addTo(cmd)
	o.target.addTo(cmd)
	o.access.addTo(cmd)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "send nothing, print what would go where")
	return cmd
}

func (o *mirrorOptions) run(ctx context.Context, streams Streams) error {
	m, err := o.target.mapping()
	if err != nil {
		return err
	}
	images, unknown, err := o.images(ctx, streams)
	if err != nil {
		return err
	}
	pairs, err := o.pairs(images, m)
	if err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	defer c.close()
	both, err := o.access.remote(streams.In, o.target.host(), c.report)
	if err != nil {
		return err
	}
	c.name(pairs)
	plan, err := c.plan(ctx, pairs, both, registry.PlanOptions{Platforms: o.sources.platforms, Referrers: o.sources.referrers})
	switch {
	case err == nil && o.dryRun:
		err = printPlan(streams.Out, plan)
	case err == nil:
		err = c.transfer(ctx, plan, both, both, registry.TransferOptions{})
	}
	if err != nil {
		return err
	}
	return printUnknown(streams.ErrOut, unknown)
}

// images are what the sources name.
func (o *mirrorOptions) images(ctx context.Context, streams Streams) ([]cargo.Image, []cargo.Unknown, error) {
	sources, err := o.sources.sources(ctx, streams)
	opts, optErr := o.sources.options()
	if err := errors.Join(err, optErr); err != nil {
		return nil, nil, err
	}
	c := cargo.New(opts)
	if err := c.Gather(ctx, sources, nil); err != nil {
		return nil, nil, err
	}
	images, unknown := c.Images()
	if len(images)+len(unknown) == 0 {
		return nil, nil, errors.New("no image is named by what was given")
	}
	return images, unknown, nil
}

// pairs say where the images are fetched and where they go.
func (o *mirrorOptions) pairs(images []cargo.Image, m image.Mapping) ([]image.Pair, error) {
	from, err := o.sources.origins()
	if err != nil {
		return nil, err
	}
	var plan, fetched []image.Pair
	var errs []error
	for _, im := range images {
		groups := im.Groups
		if !o.target.grouped() {
			groups = []string{""}
		} else if len(groups) == 0 {
			errs = append(errs, fmt.Errorf("%s: it has no group for --layout group: it was found in no folder of manifests", im.Ref))
		}
		source, _ := from.Source(im.Ref)
		for _, group := range groups {
			target, _ := m.InGroup(group).Target(im.Ref)
			plan = append(plan, image.Pair{Source: im.Ref, Target: target})
			fetched = append(fetched, image.Pair{Source: source, Target: target})
		}
	}
	errs = append(errs, image.CheckPairs(plan))
	return fetched, errors.Join(errs...)
}
