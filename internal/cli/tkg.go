package cli

import (
	"cmp"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/tkg"
)

// tkgFlags name releases of Tanzu Kubernetes Grid.
type tkgFlags struct {
	releases []string
	tkrs     []string
}

func (f *tkgFlags) addTo(cmd *cobra.Command, verb string) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.releases, "tkg", nil,
		verb+" what this release of Tanzu Kubernetes Grid consists of, as `REPOSITORY:VERSION`, such as projects.packages.broadcom.com/tkg:v1.6.0; its bills of materials are fetched; may be repeated")
	flags.StringArrayVar(&f.tkrs, "tkr", nil,
		"of --tkg, only this `VERSION` of Kubernetes, such as v1.23.8+vmware.2-tkg.1; may be repeated; by default all that go with the release")
	complete(cmd, "tkg")
	complete(cmd, "tkr")
}

// given says that flags name releases.
func (f *tkgFlags) given() bool { return len(f.releases)+len(f.tkrs) > 0 }

// add adds the releases to what is gathered.
func (f *tkgFlags) add(s *cargo.Sources) error {
	if len(f.releases) == 0 && len(f.tkrs) > 0 {
		return usagef("--tkr %s: of which release? Name it with --tkg REPOSITORY:VERSION", f.tkrs[0])
	}
	var errs []error
	for _, text := range f.releases {
		release, err := tkg.ParseRelease(text)
		if err != nil {
			errs = append(errs, usagef("--tkg: %w", err))
		}
		release.TKRs = f.tkrs
		s.TKG = append(s.TKG, release)
	}
	return joinUsage(errs)
}

// registries gives registries to whoever finds out what there is to fetch, before it is
// known which images that will be. A login on the command line is for the registry login
// alone, or if that is empty for the one that is asked.
func registries(stdin io.Reader, access *accessFlags, origin *originFlags, login string, report func(registry.Event)) func(image.Ref) (registry.Lister, error) {
	return func(ref image.Ref) (registry.Lister, error) {
		sources, err := origin.sources()
		if err != nil {
			return nil, err
		}
		place, plain := sources.Source(ref)
		var hosts []string
		if plain {
			hosts = []string{place.Registry}
		}
		remote, err := access.remote(stdin, cmp.Or(login, place.Registry), hosts, report)
		if err != nil {
			return nil, err
		}
		return registry.RenamedLister(remote, sources.Name), nil
	}
}
