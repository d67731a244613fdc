package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
)

func newBundleCmd(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Look into an archive, check it, cut it into parts",
		Long: `Look into an archive that pull wrote, check every byte of it, cut it into parts
for media that do not hold the whole, and compare it with another one.

Every command here, and push, load and serve, read the parts as they read the
whole: name the archive, or any part.`,
		Args: noVerb,
		// What cobra takes for the same when it looks for a command by itself.
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newBundleCheckCmd(streams),
		newBundleDiffCmd(streams),
		newBundleImportCmd(streams),
		newBundleJoinCmd(streams),
		newBundleLsCmd(streams),
		newBundleSplitCmd(streams),
	)
	return cmd
}

// archiveArg takes the archive as the one argument.
func archiveArg(archive *string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s given, but the command takes one: the archive, as site.tar", count(len(args), "argument"))
		}
		*archive = args[0]
		return nil
	}
}

// completeArchive completes archives, their parts, and nothing after the first.
func completeArchive(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

func newBundleCheckCmd(streams Streams) *cobra.Command {
	var archive string
	cmd := &cobra.Command{
		Use:   "check ARCHIVE",
		Short: "Read all of an archive and hold it against its digests",
		Long: `Read all of an archive, or of its parts, and hold every byte against the digests
in it. What is damaged is printed with the images that cannot do without it; the
exit status is then 3.`,
		Example:           `  kubectl airgap bundle check site.tar`,
		Args:              archiveArg(&archive),
		ValidArgsFunction: completeArchive,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return checkArchive(cmd.Context(), archive, streams, isQuiet(cmd))
	}
	return cmd
}

func checkArchive(ctx context.Context, archive string, streams Streams, quiet bool) (err error) {
	show := newLocalProgress(streams, quiet)
	defer show.Close()
	if err := bundle.CheckParts(ctx, archive, show.Report); err != nil && ctx.Err() == nil {
		show.Close()
		fmt.Fprintln(streams.Out, err) // it names the part that has to be brought again
		return errFindings
	}
	a, err := bundle.Open(archive)
	if damaged, ok := errors.AsType[*bundle.InvalidError](err); ok && damaged.Entry != "" { // an archive but for this entry
		show.Close()
		fmt.Fprintln(streams.Out, archive+": "+damaged.Error())
		return errFindings
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	show.Expect(a.Size(), 0)
	findings, err := a.Check(ctx, 0, show.Report)
	show.Close()
	if err != nil {
		return err
	}
	for _, f := range findings {
		fmt.Fprintln(streams.Out, archive+": "+f.String())
	}
	snaps := wrongSnaps(a)
	for _, err := range snaps {
		fmt.Fprintf(streams.Out, "%s: %v\n", archive, err)
	}
	if len(findings)+len(snaps) > 0 {
		return errFindings
	}
	if !quiet {
		fmt.Fprintf(streams.ErrOut, "%s: every byte is as its digests say: %s, %s, %s\n", archive,
			count(len(a.Lock().Images), "image"), count(len(a.Lock().Files), "file"), progress.Size(a.Size()))
	}
	return nil
}

func newBundleSplitCmd(streams Streams) *cobra.Command {
	var archive string
	var size byteSize
	cmd := &cobra.Command{
		Use:   "split ARCHIVE --size SIZE",
		Short: "Cut an archive into parts for media that do not hold the whole",
		Long: `Write an archive as parts beside it, ARCHIVE.part-0001 and so on, with their
checksums in ARCHIVE.parts.sha256, which sha256sum -c reads as well. The archive
stays. The parts need not be joined again: name the archive, or any part, where a
command wants one.`,
		Example: `  # for DVDs
  kubectl airgap bundle split site.tar --size 4.7GB`,
		Args:              archiveArg(&archive),
		ValidArgsFunction: completeArchive,
	}
	cmd.Flags().Var(&size, "size", "how large a part is, in bytes or with a unit as in 4G (2³⁰ bytes) or 4.7GB (10⁹ bytes)")
	complete(cmd, "size")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if size == 0 {
			return usagef("how large are the parts? Give --size, such as --size 4.7GB")
		}
		show := newLocalProgress(streams, isQuiet(cmd))
		parts, err := bundle.Split(cmd.Context(), archive, int64(size), show.Report)
		show.Close()
		for _, part := range parts {
			fmt.Fprintln(streams.Out, part)
		}
		return err
	}
	return cmd
}

func newBundleJoinCmd(streams Streams) *cobra.Command {
	var archive, output string
	cmd := &cobra.Command{
		Use:   "join ARCHIVE",
		Short: "Make one archive of its parts",
		Long: `Make one archive of its parts, and hold each against its checksum. No command
needs that: all read the parts as they read the whole.`,
		Example:           `  kubectl airgap bundle join site.tar.part-0001 -o site.tar`,
		Args:              archiveArg(&archive),
		ValidArgsFunction: completeArchive,
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write this `FILE` (by default the archive that was split, beside its parts)")
	completeFiles(cmd, "output", "tar")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if output == "-" {
			return errNoStream
		}
		show := newLocalProgress(streams, isQuiet(cmd))
		defer show.Close()
		return bundle.Join(cmd.Context(), archive, output, show.Report)
	}
	return cmd
}
