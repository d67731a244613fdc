package overrides

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
)

// A verified is a release that clusterctl may read files of.
type verified struct {
	entry
	release string // its version
	speaks  string // the contract of it, empty if it says none
}

// folders are where clusterctl looks for files of a release: in the overrides first.
func (v *verifier) folders(e *entry, release string) []string {
	var dirs []string
	for _, base := range []string{v.layer.folder, e.base} {
		dir := filepath.Join(base, e.provider.Label, release)
		if base != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// look finds a file of a release. It gives the place where it should be if there is none.
func (v *verifier) look(e *entry, release, name string) (path string, ok bool) {
	dirs := v.folders(e, release)
	for _, dir := range dirs {
		path = filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return path, true
		}
	}
	return path, false
}

// checkRepository looks at a provider's folder of versions, and says which of them its
// URL leads to.
func (v *verifier) checkRepository(e *entry) {
	versions := v.versions(e)
	if e.version != "latest" && !slices.Contains(versions, e.version) {
		v.add(trapURL, v.at(e.node), "url: it leads nowhere: there is no %s in %s", e.version, filepath.Join(e.base, e.provider.Label))
		return
	}
	if len(versions) == 0 {
		if e.unclear {
			return
		}
		v.add(trapURL, v.at(e.node), "url: it leads nowhere: there is no version in %s", filepath.Join(e.base, e.provider.Label))
		return
	}
	metadata := map[string]*clusterctlv1.Metadata{}
	for _, release := range versions {
		metadata[release] = v.checkMetadata(e, release)
		v.checkComponents(e, release)
		speaks := ""
		if m := metadata[release]; m != nil {
			speaks = contractOf(m, release)
		}
		v.releases = append(v.releases, verified{*e, release, speaks})
	}
	for _, top := range deciding(versions) {
		if m := metadata[top]; m != nil {
			for _, other := range unlisted(m, top, versions) {
				path, _ := v.look(e, top, metadataFile)
				v.add(trapMetadata, path, "it does not list the series of %s, which is there too: clusterctl plans upgrades by it", other)
			}
		}
	}
	chosen := e.version
	if chosen == "latest" {
		chosen = v.latest(e, metadata, versions)
	}
	if m := metadata[chosen]; m != nil {
		e.contract = contractOf(m, chosen)
		e.metadata, _ = v.look(e, chosen, metadataFile)
	}
}

// latest is the version that `latest` is, empty if it is none.
func (v *verifier) latest(e *entry, metadata map[string]*clusterctlv1.Metadata, versions []string) string {
	top := latest(versions)
	m := metadata[top]
	if m == nil {
		return ""
	}
	if !resolves(m, versions) {
		if e.unclear {
			return ""
		}
		v.add(trapLatest, v.at(e.node), "url: the metadata of %s gives contract %s to a series that is not here, and latest means that one", top, Contract)
		return ""
	}
	series := m.GetReleaseSeriesForContract(Contract)
	if series == nil {
		return top
	}
	return latest(slices.DeleteFunc(slices.Clone(versions), func(other string) bool {
		parsed := version.MustParseSemantic(other)
		return parsed.Major() != uint(series.Major) || parsed.Minor() != uint(series.Minor) //nolint:gosec // as clusterctl compares
	}))
}

const metadataFile = "metadata.yaml"

// versions are the folders of a provider that are named as versions should be.
func (v *verifier) versions(e *entry) []string {
	dir := filepath.Join(e.base, e.provider.Label)
	names, err := folders(dir)
	if err != nil {
		v.add(trapMode, dir, "it cannot be read: %v", reason(err))
		return nil
	}
	var versions []string
	for _, name := range names {
		if !isVersion(name) {
			if _, err := version.ParseGeneric(name); err == nil { // v1.14
				e.unclear = true
				v.add(trapVersion, filepath.Join(dir, name), "clusterctl does not take it for a version")
			}
			continue // nor does clusterctl see it
		}
		if err := checkVersion(name); err != nil && name != e.version {
			e.unclear = true
			v.add(trapVersion, filepath.Join(dir, name), "%v", err)
			continue
		}
		versions = append(versions, name)
	}
	return versions
}

// checkMetadata looks at the metadata.yaml of a release; nil means that it is no use.
func (v *verifier) checkMetadata(e *entry, release string) *clusterctlv1.Metadata {
	path, ok := v.look(e, release, metadataFile)
	if !ok {
		v.add(trapMetadata, path, "it is not there, and clusterctl does not take %s %s without", e.provider.Label, release)
		return nil
	}
	content, ok := v.readFile(path)
	if !ok {
		return nil
	}
	m, err := parseMetadata(string(content))
	if err != nil {
		v.add(trapMetadata, path, "%v", err)
		return nil
	}
	if !has(m, release) {
		v.add(trapMetadata, path, "it does not list the series of this version")
		return nil
	}
	return m
}

// checkComponents looks for the components of a release under the name that its URL says.
func (v *verifier) checkComponents(e *entry, release string) {
	path, ok := v.look(e, release, e.provider.File)
	if ok {
		if isDir(path) {
			v.add(trapMode, path, "it is a folder")
		}
		return
	}
	var others []string
	for _, dir := range v.folders(e, release) {
		for _, name := range yamlFiles(dir) {
			if strings.Contains(name, "components") {
				others = append(others, name)
			}
		}
	}
	if len(others) > 0 {
		v.add(trapComponents, path, "it is not there; there is %s, which clusterctl does not look for", strings.Join(others, ", "))
		return
	}
	v.add(trapComponents, path, "it is not there")
}

// yamlFiles are the names of YAML files in dir, sorted.
func yamlFiles(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // said by readFile, if a file is needed
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".yaml" {
			names = append(names, entry.Name())
		}
	}
	return names
}

// readFile reads a file of the tree, or says why clusterctl could not.
func (v *verifier) readFile(path string) ([]byte, bool) {
	info, err := os.Stat(path)
	if err != nil {
		v.add(trapMode, path, "it cannot be read: %v", reason(err))
		return nil, false
	}
	if info.IsDir() {
		v.add(trapMode, path, "it is a folder")
		return nil, false
	}
	content, err := os.ReadFile(path)
	switch mode := info.Mode().Perm(); {
	case err != nil:
		v.add(trapMode, path, "it cannot be read: %v", reason(err))
		return nil, false
	case v.windows():
	case mode&0o444 == 0:
		v.add(trapMode, path, "its mode is %#o: nobody but root may read it", mode)
	case mode&0o002 != 0:
		v.add(trapWritable, path, "its mode is %#o: everybody may write it", mode)
	}
	return content, true
}

// checkContracts compares what the releases speak that URLs lead to. If clusterctl
// installs none of them, the home is for a clusterctl of another time, which wants them
// to agree (Validate in cmd/clusterctl/client/cluster/installer.go).
func (v *verifier) checkContracts() {
	today := slices.ContainsFunc(v.entries, func(e entry) bool { return contracts[e.contract] })
	var core string
	for _, e := range v.entries {
		if e.provider.Kind() == "core" {
			core = e.contract
		}
	}
	for _, e := range v.entries {
		switch {
		case e.contract == "" || contracts[e.contract]:
		case today:
			v.add(trapContract, e.metadata, "%s speaks %s, and this clusterctl installs only what speaks %s", e.provider.Label, e.contract, strings.Join(sortedKeys(contracts), " or "))
		case core != "" && e.contract != core:
			v.add(trapContract, e.metadata, "%s speaks %s, and the core provider %s", e.provider.Label, e.contract, core)
		}
	}
}
