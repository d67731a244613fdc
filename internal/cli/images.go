package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

type imagesOptions struct {
	sources sourceFlags
	output  choice
	explain bool
	why     string
}

func newImagesCmd(streams Streams) *cobra.Command {
	var o imagesOptions
	cmd := &cobra.Command{
		Use:   "images",
		Short: "List every image that manifests and Kubernetes itself name",
		Long: `List every image that a cluster will pull from manifests: those of containers of
any kind, in custom resources, arguments and environment variables, inside
ConfigMaps, Secrets, scripts and templates, and in image lists; and those that
kubeadm of a Kubernetes version and the nodes pull by themselves. Or list those
that the objects of a live cluster name, whatever their kind, without changing it.

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

  # what the cluster of the current context runs, and what it may run again
  kubectl airgap images --from-cluster

  # the same from what kubectl get --all-namespaces -o json pods,deployments,… wrote
  kubectl airgap images --from-dump cluster.json

  # what brings nginx in
  kubectl airgap images -f resources --why nginx

  # what only looks like an image, too
  kubectl airgap images -k overlays/site --confidence possible`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			if err := o.sources.cluster.misused(cmd); err != nil {
				return err
			}
			o.sources.fill(site)
			return o.run(cmd.Context(), streams)
		},
	}
	o.sources.addTo(cmd, "list")
	o.sources.cluster.addTo(cmd)
	chooseFlag(cmd, &o.output, "output", "o", "output format", imagelist.Formats()...)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "show for every use the object, the path in it, and the rule that found it")
	cmd.Flags().StringVar(&o.why, "why", "", "show what brings this image `REF` in, step by step; a part of its name will do")
	complete(cmd, "why")
	return cmd
}

func (o *imagesOptions) run(ctx context.Context, streams Streams) error {
	if !o.sources.given() && !o.sources.site.Needs() {
		return usagef("no input: name one with --filename, --kustomize or --from-cluster, or write an airgap.yaml")
	}
	all, err := o.sources.gather(ctx, streams, streams.ErrOut, gatherOptions{noFiles: true, limited: true})
	if err != nil {
		return err
	}
	format := imagelist.Format(o.output.value)
	if o.why != "" {
		err = printWhy(streams.Out, streams.ErrOut, all.List(), o.why, format)
	} else {
		err = all.List().Write(streams.Out, format, imagelist.WriteOptions{Explain: o.explain})
	}
	return cmp.Or(err, o.sources.cluster.incomplete())
}
