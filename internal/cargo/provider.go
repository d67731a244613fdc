package cargo

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// The groups of the images that clusterctl's own manifests use, as the walk-through of
// 2020 calls them.
const (
	groupProviders   = "clusterapi"
	groupCertManager = "cert-manager"
)

// addReleases adds the releases of providers and of cert-manager, which clusterctl
// installs before the first of them: the version that the sources say, or the one
// that clusterctl would take.
func (c *Cargo) addReleases(ctx context.Context, s Sources, d *download.Client) error {
	if len(s.Providers) == 0 && s.CertManager == "" {
		return nil
	}
	catalogue, err := overrides.NewCatalogue(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range s.Providers {
		errs = append(errs, c.addRelease(ctx, catalogue, groupProviders, p, d))
	}
	if s.CertManager != site.NoCertManager {
		p := site.Provider{Place: groupCertManager, Name: overrides.CertManager, Version: s.CertManager}
		errs = append(errs, c.addRelease(ctx, catalogue, groupCertManager, p, d))
	}
	return errors.Join(errs...)
}

// addRelease fetches the files of one release. All of them are read at once, since
// they are manifests: images are found in them.
func (c *Cargo) addRelease(ctx context.Context, catalogue *overrides.Catalogue, group string, p site.Provider, d *download.Client) error {
	files, notes, err := catalogue.Release(ctx, p.Name, p.Version, overrides.ReleaseOptions{
		URL: p.URL, Flavors: p.Flavors, ClusterClasses: p.ClusterClasses,
		Get: func(ctx context.Context, url string) ([]byte, error) { return d.Read(ctx, url, "") },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", p.Place, err)
	}
	c.Notes = append(c.Notes, notes...)
	var errs []error
	for _, f := range files {
		content, err := d.Read(ctx, f.URL, f.SHA256)
		if _, missing := errors.AsType[*registry.NotFoundError](err); missing && !f.Required {
			c.Notes = append(c.Notes, fmt.Sprintf("%s %s publishes no %s", p.Name, p.Version, f.URL))
			continue
		}
		if err == nil {
			err = c.AddDocument(group, f.Path, f.URL, content)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Place, err))
		}
	}
	return errors.Join(errs...)
}
