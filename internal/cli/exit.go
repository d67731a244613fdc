package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
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
		fmt.Fprintf(w, "%s: %v\nSee '%s --help'.\n", cmd.CommandPath(), withoutCredentials(usage.Error()), cmd.CommandPath())
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "interrupted")
	default:
		fmt.Fprintln(w, withoutCredentials(err.Error()))
	}
	return exitFailed
}

// withoutCredentials is a message without the credentials that may stand in names of
// registries and URLs: it may quote an argument that is no such thing where it stands, or
// what another program says. A path of Windows is none.
func withoutCredentials(text string) string {
	return regexp.MustCompile(`[^\s"]+`).ReplaceAllStringFunc(text, func(word string) string {
		before, _, ok := strings.Cut(word, "@")
		if !ok || !strings.Contains(before, ":") || strings.Contains(before, `:\`) {
			return word
		}
		return image.Shown(word)
	})
}
