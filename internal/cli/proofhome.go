package cli

import (
	"context"
	"crypto/sha256"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// homeFiles are those of clusterctl's home: what it installs, and what clusters are made of.
func (p *proof) homeFiles(ctx context.Context) ([]overrides.HomeFile, error) {
	if p.home == "" {
		return nil, nil
	}
	opts, err := p.homeOptions(p.mapping)
	if err != nil {
		return nil, err
	}
	return overrides.HomeFiles(ctx, opts)
}

// A digest tells whether a file of the home is among the inputs, too.
type digest = [sha256.Size]byte

// nodeManifests are the templates that are not among the inputs, for the nodes in them.
// What no text of a template can be read as, the look at the home tells.
func nodeManifests(files []overrides.HomeFile, inputs map[digest]bool) []containerd.Manifest {
	var all []containerd.Manifest
	for _, t := range files {
		if !t.Template || inputs[sha256.Sum256(t.Written)] {
			continue
		}
		for _, text := range [][]byte{t.Filled, t.Written} {
			m := []containerd.Manifest{{Name: t.Path, Source: string(text)}}
			if _, err := containerd.FromManifests(m, containerd.Options{}); err == nil {
				all = append(all, m...)
				break
			}
		}
	}
	return all
}

// addHome adds the files of the home to what manifests say. Of one that is among the inputs
// only what the values of its variables make of it is new.
func addHome(to *verify.Manifests, files []overrides.HomeFile, inputs map[digest]bool) {
	for _, t := range files {
		seen := inputs[sha256.Sum256(t.Written)]
		if seen && !t.Values {
			continue
		}
		for _, text := range [][]byte{t.Filled, t.Written} {
			if f, err := manifest.Parse(t.Path, text); err == nil {
				to.AddHome(f, seen)
				break
			}
		}
	}
}

// fill gives references the values of their variables that the flags name, and those of
// clusterctl's home.
func (p *proof) fill(ctx context.Context) (func(string) string, error) {
	values, err := p.variables.values()
	if err != nil {
		return nil, err
	}
	ofHome := func(text string) string { return text }
	if p.home != "" {
		opts, err := p.homeOptions(p.mapping)
		if err != nil {
			return nil, err
		}
		if ofHome, err = overrides.HomeVariables(ctx, opts); err != nil {
			return nil, err
		}
	}
	return func(text string) string { return ofHome(manifest.FillGiven(text, values)) }, nil
}
