package cargo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/snap"
)

// groupSnap is the group of the images that a snap of Canonical Kubernetes pulls.
const groupSnap = "kubernetes"

// addSnaps adds snaps of Canonical Kubernetes: the images that they pull, and themselves
// as files, with the assertion that lies beside each.
func (c *Cargo) addSnaps(ctx context.Context, s Sources, d *download.Client) error {
	var errs []error
	for _, name := range s.Snaps {
		errs = append(errs, c.addSnap(ctx, name, s.Unsquashfs, d))
	}
	return errors.Join(errs...)
}

func (c *Cargo) addSnap(ctx context.Context, name, unsquashfs string, d *download.Client) error {
	contents, err := snap.Read(ctx, name, snap.Options{Unsquashfs: unsquashfs})
	if err != nil {
		return err
	}
	f, err := manifest.Parse(name+"/images.txt", contents.Images)
	if err != nil {
		return err
	}
	if !f.HasUses() {
		return fmt.Errorf("reading %s: its images.txt names no image", name)
	}
	list := c.NewList()
	list.Add(f.Uses())
	c.AddImages(groupSnap, list)
	if contents.Version != "" {
		c.Notes = append(c.Notes, fmt.Sprintf("%s: Kubernetes %s", name, contents.Version))
	}
	return c.addSnapFiles(ctx, name, d)
}

// addSnapFiles adds the snap and its assertion, unless they are among the files already.
func (c *Cargo) addSnapFiles(ctx context.Context, name string, d *download.Client) error {
	if c.opts.NoFiles {
		return nil
	}
	paths := []string{name}
	if assertion := snap.Assertion(name); exists(assertion) {
		paths = append(paths, assertion)
	} else {
		c.Notes = append(c.Notes, fmt.Sprintf("%s: there is no %s beside it, which snap ack wants on the node", name, filepath.Base(assertion)))
	}
	var errs []error
	for _, p := range paths {
		if c.from[usualPath(p)] != p {
			errs = append(errs, c.addFile(ctx, site.File{Place: "--snap", Parts: []string{p}}, d))
		}
	}
	return errors.Join(errs...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// checkSnaps holds every snap of this machine against its assertion, where both are
// carried side by side. Those from elsewhere are held against it in the archive.
func (c *Cargo) checkSnaps(ctx context.Context) error {
	var errs []error
	for _, f := range c.Files() {
		assertion, ok := c.files[snap.Assertion(f.Path)]
		if snap.IsSnap(f.Path) && ok && f.URL == "" && assertion.URL == "" {
			if err := checkSnap(ctx, f, assertion); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", c.from[f.Path], err))
			}
		}
	}
	return errors.Join(errs...)
}

func checkSnap(ctx context.Context, of, by bundle.File) error {
	opened, err := of.Open(ctx)
	if err != nil {
		return err
	}
	defer opened.Close() //nolint:errcheck // it was only read
	assertion, err := by.Open(ctx)
	if err != nil {
		return err
	}
	defer assertion.Close() //nolint:errcheck // it was only read
	return snap.CheckAssertion(opened, assertion)
}
