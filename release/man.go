package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/internal/reference"
)

// manPages writes an archive of the manual.
func (r *release) manPages(context.Context) error {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a scratch folder
	if err := reference.Man(dir, r.Version, r.Time.UTC()); err != nil {
		return err
	}
	pages, err := reference.Pages(dir)
	if err != nil {
		return err
	}
	var members []member
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		members = append(members, member{"man1/" + name, 0o644, pages[name]})
	}
	packed, packErr := packTar(r.Time, members)
	return errors.Join(packErr, os.WriteFile(filepath.Join(r.out, "kubectl-airgap_"+r.Version+"_man.tar.gz"), packed, 0o644)) //nolint:gosec // everybody may read it
}
