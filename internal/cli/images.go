package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

type imagesOptions struct {
	sources sourceFlags
	exports exportFlags
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
it is written.

Other outputs are for tools that people already use: configurations of regsync and
skopeo sync, an ImagesLock and a script for imgpkg, Hauler's Images, a script for
crane, and images.txt of Canonical Kubernetes. A name with variables has no place in
them: it is reported, and the exit status is 3.`,
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

  # the same images for regsync, which copies them into the private registry
  kubectl airgap images -f resources -o regsync --to registry.airgap.example.com/airgap

  # what the snap of Canonical Kubernetes pulls
  kubectl airgap images --snap k8s.snap

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
			o.exports.asks = o.sources.tkg.given()
			if err := o.exports.misused(cmd, o.format()); err != nil {
				return err
			}
			o.sources.fill(site)
			o.exports.fill(cmd, site, o.format())
			return o.run(cmd.Context(), streams)
		},
	}
	o.sources.addTo(cmd, "list")
	o.sources.cluster.addTo(cmd)
	o.exports.addTo(cmd)
	chooseFlag(cmd, &o.output, "output", "o", "output format", imagesFormats()...)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "show for every use the object, the path in it, and the rule that found it")
	cmd.Flags().StringVar(&o.why, "why", "", "show what brings this image `REF` in, step by step; a part of its name will do")
	complete(cmd, "why")
	return cmd
}

// imagesFormats are our own formats, and those of other tools.
func imagesFormats() []string {
	var names []string
	for _, f := range imagelist.Formats() {
		names = append(names, string(f))
	}
	return append(names, exportNames()...)
}

// format is the format of another tool, if one was asked for.
func (o *imagesOptions) format() export.Format { return export.Format(o.output.value) }

func (o *imagesOptions) run(ctx context.Context, streams Streams) error {
	if !o.sources.given() && !o.sources.site.Needs() {
		return usagef("no input: name one with --filename, --kustomize or --from-cluster, or write an airgap.yaml")
	}
	if slices.Contains(export.Formats(), o.format()) {
		return o.export(ctx, streams)
	}
	all, err := o.gather(ctx, streams)
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

func (o *imagesOptions) gather(ctx context.Context, streams Streams) (*cargo.Cargo, error) {
	return o.sources.gather(ctx, streams, streams.ErrOut, gatherOptions{
		noFiles: true, limited: true, registry: registries(streams.In, &o.exports.access, &o.exports.origin, "", nil),
	})
}

// export writes the images for another tool.
func (o *imagesOptions) export(ctx context.Context, streams Streams) error {
	if o.why != "" || o.explain {
		return usagef("--why and --explain are for %s", strings.Join(imagesFormats()[:len(imagelist.Formats())], ", "))
	}
	if err := o.exports.access.login.besides(&o.sources.input, &o.sources.cluster); err != nil {
		return err
	}
	e, err := o.exports.exporter(o.format())
	if err != nil {
		return err
	}
	all, err := o.gather(ctx, streams)
	if err != nil {
		return err
	}
	images, unknown := all.Images()
	digests, err := e.digests(ctx, streams.In, images)
	if err != nil {
		return err
	}
	if err := e.write(streams, images, digests); err != nil {
		return err
	}
	return cmp.Or(printUnknown(streams.ErrOut, unknown), o.sources.cluster.incomplete())
}
