package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/internal/output"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

type rewriteOptions struct {
	input      inputFlags
	target     targetFlags
	confidence confidenceFlag
	output     string
	inPlace    bool
	diff       bool
	check      bool
	quiet      bool
}

func newRewriteCmd(streams Streams) *cobra.Command {
	var o rewriteOptions
	cmd := &cobra.Command{
		Use:   "rewrite",
		Short: "Point manifests at the private registry",
		Long: `Respell the images in manifests so that they name the private registry. Every
other byte stays as it is, and rewriting twice is rewriting once.

A reference that cannot be respelled is left alone and reported with its place;
the exit status is then 3. Nothing is written if an input cannot be read, or if
two images would go to the same place.`,
		Example: `  # a folder of manifests, rewritten into another folder
  kubectl airgap rewrite -f resources --to registry.airgap.example.com/airgap -o out

  # what would change
  kubectl airgap rewrite -f resources --to registry.airgap.example.com/airgap --diff

  # one file, with an exception
  kubectl airgap rewrite -f deploy.yaml --to registry.airgap.example.com --layout path --map docker.io/library=registry.airgap.example.com/hub

  # does everything name the private registry?
  kubectl airgap rewrite -f out --to registry.airgap.example.com/airgap --check`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.target.fill(cmd, site, pulling)
			return o.run(cmd.Context(), streams)
		},
	}
	o.input.addTo(cmd)
	o.target.addTo(cmd)
	o.target.addLock(cmd)
	o.confidence.addTo(cmd, "rewrite")
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "",
		"write into `DIR`, every input at its path below the directory it was found in, and copy the other files; - is standard output, the default for one input")
	flags.BoolVar(&o.inPlace, "in-place", false, "write the files where they are")
	flags.BoolVar(&o.diff, "diff", false, "write nothing, print a unified diff (for patch -p0)")
	flags.BoolVar(&o.check, "check", false, "write nothing, print what would change; the exit status is 3 if anything would")
	completeDirs(cmd, "output")
	return cmd
}

func (o *rewriteOptions) run(ctx context.Context, streams Streams) (err error) {
	m, err := o.target.mapping()
	if err != nil {
		return err
	}
	set, err := o.input.find(streams, o.dir())
	if err != nil {
		return err
	}
	limitMemory(set)
	tree, err := o.tree(set)
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, tree.Discard()) }()
	results, err := input.Each(ctx, set.Inputs, func(in *input.Input, f *manifest.File) (*rewrite.Result, error) {
		group, err := o.target.group(in, f)
		if err != nil {
			return nil, err
		}
		r, err := rewrite.File(f, m, rewrite.Options{
			Least: o.confidence.level(), Group: group, Diff: o.diff, Changes: o.check,
		})
		if err != nil {
			return nil, err
		}
		err = tree.Put(in, r.Output, string(r.Output) != f.Source())
		if !o.toStdout() {
			r.Output = nil // no file stays in memory
		}
		return r, err
	})
	if err == nil {
		err = rewrite.Collisions(m, results)
	}
	if err == nil {
		err = tree.Commit()
	}
	if err != nil {
		return err
	}
	return o.print(streams, results)
}

// dry says that nothing is to be written.
func (o *rewriteOptions) dry() bool { return o.diff || o.check }

func (o *rewriteOptions) toStdout() bool {
	return !o.dry() && !o.inPlace && o.dir() == ""
}

// dir is the directory to write to, empty for none.
func (o *rewriteOptions) dir() string {
	if o.output == "-" {
		return ""
	}
	return o.output
}

// tree is where the outputs go; an empty one stands for standard output.
func (o *rewriteOptions) tree(set input.Set) (*output.Tree, error) {
	switch {
	case o.inPlace && o.output != "":
		return nil, errors.New("--in-place and --output exclude each other")
	case o.dry():
		return &output.Tree{}, nil
	case o.inPlace:
		return output.InPlace(set)
	case o.toStdout() && len(set.Inputs) > 1:
		return nil, fmt.Errorf("%d inputs cannot all go to standard output: give --output DIR or --in-place", len(set.Inputs))
	case o.toStdout():
		return &output.Tree{}, nil
	}
	return output.InDir(o.dir(), set)
}

// print prints what became of the inputs.
func (o *rewriteOptions) print(streams Streams, results []*rewrite.Result) error {
	out := bufio.NewWriter(streams.Out)
	for _, r := range results {
		switch {
		case o.diff:
			out.Write(r.Diff) //nolint:errcheck // Flush tells
		case o.check:
			printChanges(out, r)
		default:
			out.Write(r.Output) //nolint:errcheck // Flush tells
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	report := rewrite.NewReport(results)
	printRefused(streams.ErrOut, report.Refused)
	if !o.quiet {
		printReport(streams.ErrOut, report, !o.dry())
	}
	if len(report.Refused) > 0 || o.check && report.Rewritten > 0 {
		return errFindings
	}
	return nil
}
