package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func newBundleLsCmd(streams Streams) *cobra.Command {
	var archive string
	var output choice
	var exports exportFlags
	cmd := &cobra.Command{
		Use:   "ls ARCHIVE",
		Short: "List what is in an archive",
		Long: `List the images and the files of an archive. As JSON it is the inventory that
pull --have takes, and bundle diff: what a site has need not be carried again. In the
formats of other tools it names the images where they were pulled from.`,
		Example: `  kubectl airgap bundle ls site.tar

  # what the archive was made of, for imgpkg
  kubectl airgap bundle ls site.tar -o imgpkg-lock

  # what the site has, for the next pull
  kubectl airgap bundle ls site.tar -o json > inventory.json`,
		Args:              archiveArg(&archive),
		ValidArgsFunction: completeArchive,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exports.misused(cmd, export.Format(output.value)); err != nil {
				return err
			}
			if slices.Contains(export.Formats(), export.Format(output.value)) {
				return exportArchive(cmd, streams, archive, &exports, export.Format(output.value))
			}
			inventory, err := readInventory(archive)
			if err != nil {
				return err
			}
			return printInventory(streams.Out, inventory, output.value)
		},
	}
	exports.addTarget(cmd)
	chooseFlag(cmd, &output, "output", "o", "output format", append([]string{"table", "text", "json"}, exportNames()...)...)
	return cmd
}

// exportArchive writes the images of an archive for another tool.
func exportArchive(cmd *cobra.Command, streams Streams, archive string, flags *exportFlags, format export.Format) error {
	site, err := readSite(cmd)
	if err != nil {
		return err
	}
	flags.fill(cmd, site, format)
	e, err := flags.exporter(format)
	if err != nil {
		return err
	}
	if strings.HasSuffix(archive, ".json") {
		return usagef("%s: an inventory does not say what was pulled, only what came of it: name the archive", archive)
	}
	lock, err := bundle.ReadLock(archive)
	if err != nil {
		return err
	}
	images, err := lockedImages(lock)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	return e.write(streams, images, lock.SourceDigests())
}

// lockedImages are the images of a lock.
func lockedImages(lock *bundle.Lock) ([]cargo.Image, error) {
	var images []cargo.Image
	for i := range lock.Images {
		ref, err := image.Parse(lock.Images[i].Image)
		if err != nil {
			return nil, err
		}
		images = append(images, cargo.Image{Ref: ref, Groups: lock.Images[i].Groups, Bundle: lock.Images[i].IsBundle()})
	}
	return images, nil
}

// readInventory says what an archive, or an inventory that one was made into, has.
func readInventory(path string) (inv *bundle.Inventory, err error) {
	if strings.HasSuffix(path, ".json") {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("reading the inventory: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		if inv, err = bundle.ReadInventory(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return inv, nil
	}
	a, err := bundle.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return a.Inventory(), nil
}

func printInventory(w io.Writer, inv *bundle.Inventory, format string) error {
	switch format {
	case "json":
		return printJSON(w, inv)
	case "text":
		for _, i := range inv.Images {
			if _, err := fmt.Fprintln(w, i.Image); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	if len(inv.Images) > 0 {
		fmt.Fprintln(table, "IMAGE\tDIGEST\tSIZE\tPLATFORMS")
	}
	for _, i := range inv.Images {
		var names []string
		for _, p := range i.Platforms {
			names = append(names, p.Platform)
		}
		if n, is := i.Members(); is {
			names = append(names, "bundle of "+count(n, "image"))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", i.Image, i.Digest, progress.Size(i.Size), strings.Join(names, ","))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(inv.Files) > 0 {
		fmt.Fprintln(table, "FILE\tSHA256\tSIZE")
	}
	for _, f := range inv.Files {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Path, f.SHA256, progress.Size(f.Size))
	}
	return table.Flush()
}

func printJSON(w io.Writer, v any) error {
	text, err := jsonText(v)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// jsonText is JSON as all results are written in it.
func jsonText(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return b.Bytes(), err
}

func newBundleDiffCmd(streams Streams) *cobra.Command {
	var output choice
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two archives",
		Long: `Compare two archives, or the inventories of some (bundle ls -o json): which images
and files are new (+), gone (-) or others under the same name (~), and how many
bytes are new.`,
		Example: `  kubectl airgap bundle diff site-1.tar site-2.tar

  # what does the site lack?
  kubectl airgap bundle diff inventory.json site-2.tar`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("%s given, but the command takes two: archives or inventories", count(len(args), "argument"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			old, err := readInventory(args[0])
			if err != nil {
				return err
			}
			now, err := readInventory(args[1])
			if err != nil {
				return err
			}
			return printDifference(streams.Out, bundle.Diff(old, now), output.value)
		},
	}
	chooseFlag(cmd, &output, "output", "o", "output format", "text", "json")
	return cmd
}

func printDifference(w io.Writer, d *bundle.Difference, format string) error {
	if format == "json" {
		return printJSON(w, d)
	}
	var b strings.Builder
	for _, i := range d.Removed {
		fmt.Fprintf(&b, "- %s %s\n", i.Image, i.Digest)
	}
	for _, i := range d.Added {
		fmt.Fprintf(&b, "+ %s %s\n", i.Image, i.Digest)
	}
	for _, i := range d.Changed {
		if i.ReferrersOnly {
			fmt.Fprintf(&b, "~ %s %s: other signatures or attestations\n", i.Image, i.To)
			continue
		}
		fmt.Fprintf(&b, "~ %s %s, was %s\n", i.Image, i.To, i.From)
	}
	for _, change := range []struct {
		mark  string
		files []bundle.LockFile
	}{{"-", d.Files.Removed}, {"+", d.Files.Added}, {"~", d.Files.Changed}} {
		for _, f := range change.files {
			fmt.Fprintf(&b, "%s %s %s\n", change.mark, f.Path, f.SHA256)
		}
	}
	fmt.Fprintf(&b, "%s of content are new\n", progress.Size(d.NewBytes))
	_, err := io.WriteString(w, b.String())
	return err
}
