package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-airgap/kubectl-airgap/internal/spelling"
)

// flagError is what a command says of flags that it cannot take.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return usageError{err}
	}
	if like := similarFlags(cmd, unknown.GetSpecifiedName()); len(like) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(like, " or "))
	} else if others := commandsWith(cmd, unknown.GetSpecifiedName()); len(others) > 0 {
		err = fmt.Errorf("%w; it is one of %s", err, strings.Join(others, ", "))
	}
	return usageError{err}
}

// similarFlags are the flags of cmd that name may stand for: those that begin so, else
// those that are spelled nearly so.
func similarFlags(cmd *cobra.Command, name string) []string {
	var begin, near []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case len(name) > 1 && strings.HasPrefix(f.Name, name):
			begin = append(begin, "--"+f.Name)
		case spelling.Distance(name, f.Name) <= len(f.Name)/3:
			near = append(near, "--"+f.Name)
		}
	})
	if len(begin) > 0 {
		return begin
	}
	return near
}

// commandsWith are the other commands that have a flag of this name.
func commandsWith(cmd *cobra.Command, name string) []string {
	var paths []string
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		if c != cmd && c.LocalNonPersistentFlags().Lookup(name) != nil {
			paths = append(paths, c.CommandPath())
		}
		for _, below := range c.Commands() {
			look(below)
		}
	}
	look(cmd.Root())
	return paths
}
