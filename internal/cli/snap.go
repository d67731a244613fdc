package cli

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/snap"
)

// snapFlags name snaps of Canonical Kubernetes.
type snapFlags struct{ snaps []string }

func (f *snapFlags) addTo(cmd *cobra.Command, verb string) {
	cmd.Flags().StringArrayVar(&f.snaps, "snap", nil,
		verb+" what this snap of Canonical Kubernetes pulls, as `FILE`, its images.txt; pull carries the snap and its .assert, too; may be repeated; needs unsquashfs (package squashfs-tools)")
	completeFiles(cmd, "snap", "snap")
}

// given says that flags name snaps.
func (f *snapFlags) given() bool { return len(f.snaps) > 0 }

// add adds the snaps to what is gathered.
func (f *snapFlags) add(s *cargo.Sources, snaps []string) {
	if len(snaps) == 0 {
		return
	}
	s.Snaps = snaps
	s.Unsquashfs, _ = exec.LookPath("unsquashfs") // without it, reading says what is missing
}

// checkSnaps holds the snaps that came from elsewhere against their assertions, now that
// both are in the archive; those of this machine were, before anything was fetched.
func checkSnaps(archive string, files []bundle.File) error {
	if !slices.ContainsFunc(files, func(f bundle.File) bool { return snap.IsSnap(f.Path) && f.URL != "" }) {
		return nil
	}
	a, err := bundle.Open(archive)
	if err != nil {
		return err
	}
	return errors.Join(append(wrongSnaps(a), a.Close())...)
}

// wrongSnaps says which snaps in the archive are not those that the assertions beside them
// are about.
func wrongSnaps(a *bundle.Archive) []error {
	var errs []error
	for _, f := range a.Lock().Files {
		if !snap.IsSnap(f.Path) {
			continue
		}
		assertion, err := a.OpenFile(snap.Assertion(f.Path))
		if err != nil {
			continue // it is carried without one
		}
		content, err := a.OpenFile(f.Path)
		if err == nil {
			err = snap.CheckAssertion(content, assertion)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Path, err))
		}
	}
	return errs
}
