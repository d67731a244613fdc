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
	confidence confidenceFlag
	output     choice
	explain    bool
}

func newImagesCmd(streams Streams) *cobra.Command {
	var o imagesOptions
	cmd := &cobra.Command{
		Use:   "images",
		Short: "List every image that manifests name",
		Long: `List every image that a cluster will pull from manifests: those of containers of
any kind, in custom resources, arguments and environment variables, inside
ConfigMaps, Secrets, scripts and templates, and in image lists.

Each image is listed once, with its full name. A name with variables is listed as
it is written.`,
		Example: `  # every image below a folder
  kubectl airgap images -f resources

  # where each of them was found, and by which rule
  kubectl airgap images -f resources -o table --explain

  # the images of what a chart renders, for a program
  helm template my-release ./chart | kubectl airgap images -f - -o json

  # what only looks like an image, too
  kubectl airgap images -k overlays/site --confidence possible`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), streams) },
	}
	o.input.addTo(cmd)
	o.confidence.addTo(cmd, "list")
	chooseFlag(cmd, &o.output, "output", "o", "output format", imagelist.Formats()...)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "show for every use the object, the path in it, and the rule that found it")
	return cmd
}

func (o *imagesOptions) run(ctx context.Context, streams Streams) error {
	set, err := o.input.find(streams, "")
	if err != nil {
		return err
	}
	lists, err := input.Each(ctx, set.Inputs, func(in *input.Input, f *manifest.File) (*imagelist.List, error) {
		list := imagelist.New(o.confidence.level())
		list.Add(in.Name, f.Uses())
		return list, nil
	})
	if err != nil {
		return err
	}
	var list imagelist.List
	for _, l := range lists {
		list.Merge(l)
	}
	return list.Write(streams.Out, imagelist.Format(o.output.value), imagelist.WriteOptions{Explain: o.explain})
}
