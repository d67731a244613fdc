package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

type imagesOptions struct {
	input      inputFlags
	kubernetes kubernetesFlags
	confidence confidenceFlag
	output     choice
	explain    bool
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
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), streams) },
	}
	o.input.addTo(cmd)
	o.kubernetes.addTo(cmd)
	o.confidence.addTo(cmd, "list")
	chooseFlag(cmd, &o.output, "output", "o", "output format", imagelist.Formats()...)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "show for every use the object, the path in it, and the rule that found it")
	return cmd
}

func (o *imagesOptions) run(ctx context.Context, streams Streams) error {
	list, err := o.kubernetes.list(ctx, streams, o.confidence.level())
	if err != nil {
		return err
	}
	if !o.kubernetes.given() || o.input.given() {
		if err := o.addManifests(ctx, streams, list); err != nil {
			return err
		}
	}
	return list.Write(streams.Out, imagelist.Format(o.output.value), imagelist.WriteOptions{Explain: o.explain})
}

func (o *imagesOptions) addManifests(ctx context.Context, streams Streams, list *imagelist.List) error {
	set, err := o.input.find(streams, "")
	if err != nil {
		return err
	}
	limitMemory(set)
	lists, err := input.Each(ctx, set.Inputs, func(_ *input.Input, f *manifest.File) (*imagelist.List, error) {
		list := imagelist.New(o.confidence.level())
		list.Add(f.Uses())
		return list, nil
	})
	if err != nil {
		return err
	}
	for _, l := range lists {
		list.Merge(l)
	}
	return nil
}
