package cli

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// templates are those of clusterctl's home: what clusters are made of.
func (p *proof) templates(ctx context.Context) ([]overrides.HomeTemplate, error) {
	if p.home == "" {
		return nil, nil
	}
	opts, err := p.homeOptions(p.mapping)
	if err != nil {
		return nil, err
	}
	return overrides.HomeTemplates(ctx, opts)
}

// A digest tells whether a template is among the inputs, too.
type digest = [sha256.Size]byte

// nodeManifests are the templates that are not among the inputs, for the nodes in them.
func nodeManifests(templates []overrides.HomeTemplate, inputs map[digest]bool) []containerd.Manifest {
	var all []containerd.Manifest
	for _, t := range templates {
		if !inputs[sha256.Sum256(t.Written)] {
			all = append(all, containerd.Manifest{Name: t.Path, Source: string(t.Filled)})
		}
	}
	return all
}

// addTemplates adds the templates to what manifests say. Of one that is among the inputs
// only what the values of its variables make of it is new.
func addTemplates(to *verify.Manifests, templates []overrides.HomeTemplate, inputs map[digest]bool) error {
	for _, t := range templates {
		seen := inputs[sha256.Sum256(t.Written)]
		if seen && !t.Values {
			continue
		}
		f, err := manifest.Parse(t.Path, t.Filled)
		if err != nil {
			return fmt.Errorf("reading %s with its variables filled in: %w", t.Path, err)
		}
		to.AddTemplate(f, seen)
	}
	return nil
}
