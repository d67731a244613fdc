package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit statuses of every command.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitFindings = 3
)

// errFindings ends a command that has printed what is not as it should be.
var errFindings = errors.New("something is not as it should be")

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// report prints err and gives the exit status for it.
func report(w io.Writer, cmd *cobra.Command, err error) int {
	switch usage, wrong := errors.AsType[usageError](err); {
	case err == nil:
		return exitDone
	case errors.Is(err, errFindings):
		return exitFindings
	case wrong:
		fmt.Fprintf(w, "%s: %v\nSee '%s --help'.\n", cmd.CommandPath(), usage, cmd.CommandPath())
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "interrupted")
	default:
		fmt.Fprintln(w, err)
	}
	return exitFailed
}
