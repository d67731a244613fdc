package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

type loadOptions struct {
	archive  string
	output   string
	target   targetFlags
	platform string
	perImage bool
	format   choice
	quiet    bool
}

func newLoadCmd(streams Streams) *cobra.Command {
	var o loadOptions
	cmd := &cobra.Command{
		Use:   "load ARCHIVE -o FILE|DIR",
		Short: "Write the images of an archive for nodes that have no registry",
		Long: `Write a tar that ctr images import, docker load, the image folders of K3s and RKE2
and that of Canonical Kubernetes take: every image under its full name, or with
--to under the name that it has in the private registry.

With --per-image, write one tar for each image and for one platform, as the image
folder of Canonical Kubernetes wants them: nothing is missing in any of them, for
one that lacks something is not imported.`,
		Example: `  # for the image folder of K3s
  kubectl airgap load site.tar --platform linux/amd64 -o images.tar

  # for the image folder of Canonical Kubernetes, /var/snap/k8s/common/images
  kubectl airgap load site.tar --per-image --platform linux/amd64 -o images

  # for tanzu isolated-cluster upload-bundle --source-directory tars --destination-repo harbor.example.com/tkg
  kubectl airgap load site.tar --format imgpkg --to harbor.example.com/tkg --map projects.registry.vmware.com/tkg=harbor.example.com/tkg -o tars

  # for Kubespray's manage-offline-container-images.sh register
  kubectl airgap load site.tar --format kubespray --platform linux/amd64 -o container-images.tar.gz

  # import as the kubelet wants it
  ctr --namespace k8s.io images import images.tar`,
		Args: archiveArg(&o.archive),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.quiet = isQuiet(cmd)
			if err := o.target.needed(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), streams)
		},
		ValidArgsFunction: completeArchive,
	}
	o.target.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "write this `FILE`; - is standard output; with --per-image, the DIR to write into")
	flags.StringVar(&o.platform, "platform", "", "only what this `OS/ARCH[/VARIANT]` needs; by default all that the archive has, and linux/amd64 with --per-image")
	flags.BoolVar(&o.perImage, "per-image", false, "write a tar for each image, called as the image with _ for / and :, into the directory that --output names")
	chooseFlag(cmd, &o.format, "format", "", "what to write: a tar for nodes, the tars of imgpkg, into the directory that --output names, or container-images.tar.gz of Kubespray", loadNodes, loadImgpkg, loadKubespray)
	completeFiles(cmd, "output", "tar")
	complete(cmd, "platform", usualPlatforms()...)
	return cmd
}

func (o *loadOptions) run(ctx context.Context, streams Streams) (err error) {
	if o.output == "" {
		return usagef("where to? Give --output FILE, or --output - for standard output")
	}
	if o.platform != "" {
		if _, err := registry.NormalizePlatform(o.platform); err != nil {
			return usagef("--platform: %w", err)
		}
	}
	if err := o.misused(); err != nil {
		return err
	}
	var m image.Mapping // leaves every name as it is
	if o.target.to != "" {
		if m, err = o.target.mapping(); err != nil {
			return err
		}
	}
	if o.perImage && o.output == "-" {
		return usagef("--per-image writes many files: give --output a DIR, not -")
	}
	if sameFile(o.archive, o.output) {
		return usagef("%s is the archive: what is written for nodes would take its place", o.output)
	}
	a, err := bundle.Open(o.archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	pairs, err := a.Lock().Pairs(m, bundle.PairsOptions{Grouped: o.target.to != "" && o.target.grouped()})
	if err != nil {
		return err
	}
	if o.format.value == loadKubespray {
		return o.writeKubespray(ctx, streams, a)
	}
	if o.format.value == loadImgpkg {
		return o.writeImgpkg(ctx, streams, a, pairs)
	}
	loaded, err := o.write(ctx, streams, a, pairs)
	if err != nil {
		return err
	}
	for _, left := range loaded.LeftOut {
		fmt.Fprintf(streams.ErrOut, "%s: left out: %s\n", left.Image, left.Reason)
	}
	if !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s: %s%s, %s\n", o.output, count(len(loaded.Images), "image"), o.forPlatform(), progress.Size(loaded.Size))
	}
	return nil
}

// sameFile says whether two paths are of one file.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// perImagePlatform is what tars of single images are for if nobody says otherwise: nodes
// nearly always are, whatever this machine is.
const perImagePlatform = "linux/amd64"

// forPlatform says what tars of single images are for.
func (o *loadOptions) forPlatform() string {
	if !o.perImage {
		return ""
	}
	return " for " + cmp.Or(o.platform, perImagePlatform)
}

// write writes the tar to where the flags say.
func (o *loadOptions) write(ctx context.Context, streams Streams, a *bundle.Archive, pairs []image.Pair) (*bundle.Loaded, error) {
	show := newLocalProgress(streams, o.quiet)
	defer show.Close()
	opts := bundle.LoadOptions{Platform: o.platform, Report: show.Report}
	if o.perImage {
		opts.Platform = cmp.Or(o.platform, perImagePlatform)
		return bundle.LoadEach(ctx, a, pairs, o.output, opts)
	}
	if o.output == "-" {
		return bundle.Load(ctx, a, pairs, streams.Out, opts)
	}
	return bundle.LoadFile(ctx, a, pairs, o.output, opts)
}
