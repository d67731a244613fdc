// Package reference writes what the commands say of themselves as pages: for docs/
// in Markdown, and for man.
package reference

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cli"
)

// command is the whole program, as kubectl calls it.
func command() *cobra.Command {
	root := cli.New("kubectl-airgap", cli.Build{}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
	root.DisableAutoGenTag = true // it would hold the date
	return root
}

// Markdown writes a page for each command into dir, which must exist:
// kubectl_airgap_images.md and so on.
func Markdown(dir string) error {
	if err := doc.GenMarkdownTree(command(), dir); err != nil {
		return fmt.Errorf("writing the reference: %w", err)
	}
	return nil
}

// Man writes a manual page for each command into dir, which must exist:
// kubectl-airgap-images.1 and so on. They name the version and the day of when.
func Man(dir, version string, when time.Time) error {
	header := &doc.GenManHeader{Title: "KUBECTL-AIRGAP", Section: "1", Source: "kubectl-airgap " + version, Manual: "kubectl airgap", Date: &when}
	if err := doc.GenManTree(command(), header, dir); err != nil {
		return fmt.Errorf("writing the manual: %w", err)
	}
	return nil
}

// Pages are the files of a folder by name.
func Pages(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	pages := make(map[string][]byte, len(entries))
	for _, e := range entries {
		if pages[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return pages, nil
}
