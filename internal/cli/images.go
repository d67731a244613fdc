package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

type imagesOptions struct {
	sources sourceFlags
	output  choice
	explain bool
}

func newImagesCmd(streams Streams) *cobra.Command {
	var o imagesOptions
	cmd := &cobra.Command{
		Use:   "images",
		Short: "List every image that manifests and Kubernetes itself name",
		Long: `List every image that a cluster will pull from manifests: those of containers of
any kind, in custom resources, arguments and environment variables, inside
ConfigMaps, Secrets, scripts and templates, and in image lists; and those that
kubeadm of a Kubernetes version and the nodes pull by themselves.

Each image is listed once, with its full name. A name with variables is listed as
it is written.`,
		Example: `  # every image below a folder
  kubectl airgap images -f resources

  # where each of them was found, and by which rule
  kubectl airgap images -f resources -o table --explain

  # the images of what a chart renders, for a program
  helm template my-release ./chart | kubectl airgap images -f - -o json

  # what kubeadm pulls, and the sandbox (pause) images that nodes may ask for
  kubectl airgap images --kubernetes-version v1.36.3 --node-image-pause known

  # what only looks like an image, too
  kubectl airgap images -k overlays/site --confidence possible`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.sources.fill(site)
			return o.run(cmd.Context(), streams)
		},
	}
	o.sources.addTo(cmd, "list")
	chooseFlag(cmd, &o.output, "output", "o", "output format", imagelist.Formats()...)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "show for every use the object, the path in it, and the rule that found it")
	return cmd
}

func (o *imagesOptions) run(ctx context.Context, streams Streams) error {
	if !o.sources.given() && !o.sources.site.Needs() {
		return usagef("no input: name one with --filename or --kustomize, or write an airgap.yaml")
	}
	all, err := o.sources.gather(ctx, streams, streams.ErrOut, gatherOptions{noFiles: true, limited: true})
	if err != nil {
		return err
	}
	return all.List().Write(streams.Out, imagelist.Format(o.output.value), imagelist.WriteOptions{Explain: o.explain})
}
