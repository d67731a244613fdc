package overrides

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A checker finds what clusterctl would stumble over in a layout that joins an
// existing tree.
type checker struct {
	existing tree
	layout   *Layout
	declared func(label string) bool
	old      bool // there is something for clusterctl v0.3
	notes    []string
	errs     []error
}

func (k *checker) failf(format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf(format, args...))
}

func (k *checker) notef(format string, args ...any) {
	k.notes = append(k.notes, fmt.Sprintf(format, args...))
}

func (k *checker) check() {
	for releases := range byProvider(k.layout.Releases) {
		k.provider(releases)
	}
	for _, r := range k.layout.Releases {
		if components := r.files[certManagerFile]; k.old && r.Provider.Label == CertManager && components != nil {
			k.builtInCertManager(components)
		}
	}
}

// builtInCertManager tells clusterctl v0.3, which reads no cert-manager.yaml, where the
// images are. It keeps the last parts of their names.
func (k *checker) builtInCertManager(components *Piece) {
	if len(components.repositories) == 1 {
		k.layout.certManagerImages = components.repositories[0]
		return
	}
	k.notef("%s: clusterctl v0.3 has its own copy of it and cannot be told where the images are, as they are in %d repositories",
		components.Name, len(components.repositories))
}

// byProvider gives the releases of one provider after the other.
func byProvider(releases []*Release) iter.Seq[[]*Release] {
	return func(yield func([]*Release) bool) {
		for len(releases) > 0 {
			n := 1
			for n < len(releases) && releases[n].Provider.Label == releases[0].Provider.Label {
				n++
			}
			if !yield(releases[:n]) {
				return
			}
			releases = releases[n:]
		}
	}
}

// provider checks the releases of one provider, and decides what its URL says.
func (k *checker) provider(releases []*Release) {
	provider := releases[0].Provider
	all := map[string]string{} // metadata by version, those in the tree too
	for v, text := range k.existing[provider.Label] {
		all[v] = text
	}
	failed := len(k.errs)
	if !known(provider, k.declared) {
		k.failf("%s is none of clusterctl's providers: if it is yours, say --provider %s:%s=DIR", provider.Label, provider.Label, releases[0].Version)
	}
	var given []string
	for _, r := range releases {
		k.release(r)
		given = append(given, r.Version)
		all[r.Version] = k.metadata(r)
	}
	versions := sortedKeys(all)
	for _, v := range versions {
		if err := checkVersion(v); err != nil {
			k.failf("%s/%s in the existing tree: %w", provider.Label, v, err)
		}
	}
	if len(k.errs) > failed {
		return
	}
	entry := Entry{Provider: provider, Version: latest(given)}
	if provider.Label != CertManager { // clusterctl reads no metadata of it
		entry.Version = k.series(provider, versions, all)
	}
	k.layout.Entries = append(k.layout.Entries, entry)
}

// known says that clusterctl has the provider built in, or that the user wants it.
func known(provider Provider, declared func(string) bool) bool {
	return provider.builtIn || declared(provider.Label)
}

// release checks one release by itself.
func (k *checker) release(r *Release) {
	components := r.files[r.Provider.File]
	if components == nil {
		k.failf("%s %s: no components: clusterctl calls them %s", r.Provider.Label, r.Version, r.Provider.File)
	} else {
		for _, sentence := range components.Alien {
			k.failf("%s", sentence)
		}
	}
	if r.Provider.Label == CertManager {
		return
	}
	text := k.metadata(r)
	if text == "" {
		k.failf("%s %s: no metadata.yaml, without which clusterctl does not take it: put the one of the release beside %s, or say --provider %s:%s=DIR",
			r.Provider.Label, r.Version, placeOf(components, r), r.Provider.Label, r.Version)
		return
	}
	m, err := parseMetadata(text)
	if err != nil {
		k.failf("%s %s: metadata.yaml: %w", r.Provider.Label, r.Version, err)
		return
	}
	if !has(m, r.Version) {
		k.failf("%s %s: its metadata.yaml does not list the series of this version", r.Provider.Label, r.Version)
	}
	k.oldContract(r, m)
}

// metadata is the metadata of r: what was given, else what the tree has.
func (k *checker) metadata(r *Release) string {
	if p := r.files["metadata.yaml"]; p != nil {
		return p.source
	}
	return k.existing[r.Provider.Label][r.Version]
}

func placeOf(components *Piece, r *Release) string {
	if components == nil {
		return r.Provider.File
	}
	return components.Name
}

// oldContract notes a release that today's clusterctl refuses to install.
func (k *checker) oldContract(r *Release, m *clusterctlv1.Metadata) {
	if contract := contractOf(m, r.Version); contract != "" && !contracts[contract] {
		k.old = k.old || contract == "v1alpha3"
		k.notef("%s %s speaks %s: only the clusterctl of its time installs it", r.Provider.Label, r.Version, contract)
	}
}

// series checks the versions against each other, and gives the folder for the URL.
// clusterctl plans upgrades by the metadata of the newest version, which has to know
// the others (cmd/clusterctl/client/cluster/upgrader_info.go).
func (k *checker) series(provider Provider, versions []string, metadata map[string]string) string {
	var m *clusterctlv1.Metadata
	for _, top := range deciding(versions) {
		if metadata[top] == "" {
			k.failf("%s %s in the existing tree is the newest, but has no metadata.yaml", provider.Label, top)
			return ""
		}
		var err error
		if m, err = parseMetadata(metadata[top]); err != nil {
			k.failf("%s %s: metadata.yaml: %w", provider.Label, top, err)
			return ""
		}
		for _, v := range unlisted(m, top, versions) {
			k.failf("%s %s: its metadata.yaml does not list the series of %s, which is there too", provider.Label, top, v)
		}
	}
	if !resolves(m, versions) {
		k.notef("%s: its URL says %s, not latest: the metadata gives contract %s to a series that is not here", provider.Label, latest(versions), Contract)
		return latest(versions)
	}
	return "latest"
}
