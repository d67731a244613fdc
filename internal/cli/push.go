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
	files   filesToFlags
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
that was interrupted goes on where it was. Charts of Helm go to charts/NAME:VERSION
below it, as helm push puts them. With --files-to, the archive's other files go to a
server that takes files by PUT, such as Artifactory or Nexus.`,
		Example: `  # with the login of docker login or podman login
  kubectl airgap push site.tar --to registry.airgap.example.com/airgap

  # to a registry with a CA and a password of its own
  kubectl airgap push site.tar --to registry.airgap.example.com/airgap --ca-file ca.crt --username ann --password-file pw

  # which files would go to a server of files, such as Kubespray's files_repo
  kubectl airgap push site.tar --files-to https://files.airgap.example.com/kubespray --dry-run

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
	o.files.addTo(cmd)
	cmd.Flags().StringVar(&o.alsoTag, "also-tag", "", "give every image this `TAG`, too, such as latest")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "send nothing, print what would go where")
	complete(cmd, "also-tag", "latest")
	return cmd
}

func (o *pushOptions) run(ctx context.Context, streams Streams) (err error) {
	if err := o.files.check(&o.access.login); err != nil {
		return err
	}
	if o.files.url != "" && o.target.to == "" {
		return o.withArchive(func(a *bundle.Archive) error { return o.pushFiles(ctx, streams, a) })
	}
	m, err := o.target.mapping()
	if err != nil {
		return err
	}
	if ref, err := image.Parse("image:" + o.alsoTag); o.alsoTag != "" && (err != nil || ref.Tag != o.alsoTag) {
		return usagef("--also-tag %s: a tag is letters, digits, dots, dashes and underscores", o.alsoTag)
	}
	return o.withArchive(func(a *bundle.Archive) error {
		errs := []error{o.pushImages(ctx, streams, a, m), o.pushCharts(ctx, streams, a)}
		if o.files.url != "" {
			errs = append(errs, o.pushFiles(ctx, streams, a))
		}
		return errors.Join(errs...)
	})
}

// withArchive opens the archive for do.
func (o *pushOptions) withArchive(do func(*bundle.Archive) error) (err error) {
	a, err := bundle.Open(o.archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}

// pushImages sends the images of the archive.
func (o *pushOptions) pushImages(ctx context.Context, streams Streams, a *bundle.Archive, m image.Mapping) error {
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
