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
If publish-images-fromtar.yaml lies beside them, all that it names has to be there.`,
		Example: `  kubectl airgap bundle import kube-cluster-api -o site.tar

  # one tar of docker save, or of imgpkg copy --to-tar
  kubectl airgap bundle import repo.tar -o site.tar`,
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
	completeFiles(cmd, "output", "tar")
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
	if info, err := os.Stat(o.dir); err == nil && info.Mode().IsRegular() {
		return bundle.ImportTar(ctx, o.dir, bundle.ImportOptions{})
	}
	return bundle.ImportDir(ctx, o.dir, bundle.ImportOptions{})
}
