package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// within says whether a path is below a folder.
func within(path, dir string) bool {
	from, err1 := filepath.Abs(dir)
	to, err2 := filepath.Abs(path)
	if err1 != nil || err2 != nil {
		return false
	}
	rel, err := filepath.Rel(from, to)
	return err == nil && filepath.IsLocal(rel)
}

type importOptions struct {
	dir    string
	output string
	quiet  bool

	imageLists []string
	unpacked   string // the folder that was made for what is compressed
}

func newBundleImportCmd(streams Streams) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import DIR|TAR -o ARCHIVE",
		Short: "Make an archive of a folder that was filled by docker save or by imgpkg",
		Long: `Make an archive of a folder as it was carried before there was this program:
binaries/, docker-images/GROUP/NAME.tar as docker save writes them, ovas/ and
resources/. Every image is known by the name that its tar gives it, and belongs to
the group whose folder it is in; all other files keep their paths.

Tars that imgpkg copy --to-tar and tanzu isolated-cluster download-bundle wrote are
known by their content, wherever they lie, and their images by where they were found.
If publish-images-fromtar.yaml lies beside them, all that it names has to be there.

container-images.tar.gz of Kubespray's manage-offline-container-images.sh is unpacked
beside the output first. Its index has names without their registries: those in the
tars have them, or the list that it was made from (--image-list).`,
		Example: `  kubectl airgap bundle import kube-cluster-api -o site.tar

  # what Kubespray's script has created
  kubectl airgap bundle import container-images.tar.gz --image-list temp/images.list -o imported.tar`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s given, but the command takes one: the folder, or the tar", count(len(args), "argument"))
			}
			o.dir = args[0]
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.quiet = isQuiet(cmd)
			return o.run(cmd.Context(), streams)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "the archive to write, as `FILE`")
	cmd.Flags().StringArrayVar(&o.imageLists, "image-list", nil,
		"for container-images.tar.gz: `FILE` with the images that it was made from, one per line; may be repeated")
	completeFiles(cmd, "output", "tar")
	completeFiles(cmd, "image-list", "list", "txt")
	return cmd
}

func (o *importOptions) run(ctx context.Context, streams Streams) (err error) {
	if o.output == "" {
		return usagef("where to? Give --output FILE, such as --output site.tar")
	}
	if o.output == "-" {
		return errNoStream
	}
	if within(o.output, o.dir) {
		return usagef("%s would be in the folder that is imported, and part of the next archive", o.output)
	}
	defer func() { err = errors.Join(err, o.clean()) }()
	tree, err := o.tree(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	if len(tree.Images())+len(tree.Files()) == 0 {
		return fmt.Errorf("%s: there is nothing in it", o.dir)
	}
	var pairs []image.Pair
	for _, ref := range tree.Images() {
		pairs = append(pairs, image.Pair{Source: ref, Target: ref})
	}
	c := newCarrier(streams, o.quiet, 0)
	defer c.close()
	plan, err := c.plan(ctx, pairs, tree, registry.PlanOptions{Referrers: true})
	if err != nil {
		return err
	}
	contents := bundle.Contents{Plan: plan, Files: tree.Files(), Groups: tree.Groups()}
	c.announce(contents)
	report, err := bundle.Create(ctx, o.output, contents, tree, bundle.CreateOptions{Report: c.report})
	c.close()
	if err == nil && !o.quiet {
		fmt.Fprintln(streams.ErrOut, o.output+": "+created(contents, report))
	}
	return err
}

// tree is what the folder, or the one tar, holds.
func (o *importOptions) tree(ctx context.Context) (*bundle.Tree, error) {
	info, err := os.Stat(o.dir)
	packed := err == nil && info.Mode().IsRegular() && kubespray.IsArchive(o.dir)
	switch {
	case packed:
		return o.kubespray(ctx)
	case len(o.imageLists) > 0:
		return nil, usagef("--image-list is for container-images.tar.gz of Kubespray, which %s is not", o.dir)
	case err == nil && info.Mode().IsRegular():
		return bundle.ImportTar(ctx, o.dir, bundle.ImportOptions{})
	}
	return bundle.ImportDir(ctx, o.dir, bundle.ImportOptions{})
}
