package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

func newInitCmd(streams Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a site file that says what a site needs",
		Long: `Write a commented airgap.yaml, which says once what would otherwise be flags of
every command: the registry, Kubernetes versions, providers, manifests, images and
files. A file that is there already stays.`,
		Example: `  kubectl airgap init

  # look at it first
  kubectl airgap init -o -`,
		Args: noArgs,
	}
	cmd.Flags().StringVarP(&output, "output", "o", site.FileName, "write this `FILE`; - is standard output")
	completeFiles(cmd, "output", "yaml", "yml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if output == "-" {
			_, err := streams.Out.Write(site.Template())
			return err
		}
		if _, err := os.Lstat(output); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already, and stays as it is", output)
		}
		if err := atomicfile.Write(output, site.Template(), 0o644); err != nil {
			return err
		}
		if !isQuiet(cmd) {
			fmt.Fprintf(streams.ErrOut, "%s written: edit it, then run %s pull -o site.tar\n", output, cmd.Root().DisplayName())
		}
		return nil
	}
	return cmd
}
