package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

type pushOptions struct {
	archive string
	target  targetFlags
	access  accessFlags
	alsoTag string
	dryRun  bool
	quiet   bool
}

func newPushCmd(streams Streams) *cobra.Command {
	var o pushOptions
	cmd := &cobra.Command{
		Use:   "push ARCHIVE --to REGISTRY[/PREFIX]",
		Short: "Push the images of an archive into the private registry",
		Long: `Push every image of an archive into a registry, with its tag and its digest
unchanged. Only what is missing there is sent: a second run sends nothing, and one
that was interrupted goes on where it was.`,
		Example: `  # with the login of docker login or podman login
  kubectl airgap push site.tar --to registry.airgap.example.com/airgap

  # to a registry with a CA and a password of its own
  kubectl airgap push site.tar --to registry.airgap.example.com/airgap --ca-file ca.crt --username ann --password-file pw

  # what would be pushed, and where
  kubectl airgap push site.tar --to registry.airgap.example.com/airgap --dry-run`,
		Args: archiveArg(&o.archive),
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.target.fill(cmd, site, pushing)
			o.access.fill(cmd, site)
			return o.run(cmd.Context(), streams)
		},
		ValidArgsFunction: completeArchive,
	}
	o.target.addTo(cmd)
	o.access.addTo(cmd, pushParallel)
	cmd.Flags().StringVar(&o.alsoTag, "also-tag", "", "give every image this `TAG`, too, such as latest")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "send nothing, print what would go where")
	complete(cmd, "also-tag", "latest")
	return cmd
}

func (o *pushOptions) run(ctx context.Context, streams Streams) (err error) {
	m, err := o.target.mapping()
	if err != nil {
		return err
	}
	if ref, err := image.Parse("image:" + o.alsoTag); o.alsoTag != "" && (err != nil || ref.Tag != o.alsoTag) {
		return usagef("--also-tag %s: a tag is letters, digits, dots, dashes and underscores", o.alsoTag)
	}
	a, err := bundle.Open(o.archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	pairs, err := a.Lock().Pairs(m, bundle.PairsOptions{Grouped: o.target.grouped(), AlsoTag: o.alsoTag})
	if err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	defer c.close()
	plan, err := c.plan(ctx, pairs, a, registry.PlanOptions{Manifests: a.Manifest, Digests: a.Lock().Digests(), Referrers: true})
	if err != nil || o.dryRun {
		return errors.Join(err, printPlan(streams.Out, plan))
	}
	to, err := o.access.remote(streams.In, o.target.host(), nil, c.report)
	if err != nil {
		return err
	}
	return c.transfer(ctx, plan, a, to, registry.TransferOptions{Elsewhere: a.Lock().ElsewhereAt(m)})
}
