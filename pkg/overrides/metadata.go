package overrides

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/version"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/yaml"
)

// Contract is Cluster API's contract as of the clusterctl that is compiled in: the
// version of its core API. It chooses what `latest` is.
const Contract = "v1beta2"

// contracts are those of which this clusterctl installs providers
// (cmd/clusterctl/client/cluster/installer.go).
var contracts = map[string]bool{"v1beta1": true, Contract: true}

// embedded is what clusterctl v0.3 knew by itself of the series of its day, whose
// releases came without metadata (cmd/clusterctl/client/repository/metadata_client.go
// at v0.3.3, getEmbeddedMetadata).
var embedded = map[string]clusterctlv1.ReleaseSeries{
	"cluster-api":              {Major: 0, Minor: 3, Contract: "v1alpha3"},
	"bootstrap-kubeadm":        {Major: 0, Minor: 3, Contract: "v1alpha3"},
	"control-plane-kubeadm":    {Major: 0, Minor: 3, Contract: "v1alpha3"},
	"infrastructure-aws":       {Major: 0, Minor: 5, Contract: "v1alpha3"},
	"infrastructure-azure":     {Major: 0, Minor: 4, Contract: "v1alpha3"},
	"infrastructure-metal3":    {Major: 0, Minor: 3, Contract: "v1alpha3"},
	"infrastructure-openstack": {Major: 0, Minor: 3, Contract: "v1alpha3"},
	"infrastructure-vsphere":   {Major: 0, Minor: 6, Contract: "v1alpha3"},
}

// embeddedMetadata is a metadata.yaml for a release that has none because clusterctl
// knew it, empty if it should have one.
func embeddedMetadata(label, v string) string {
	series, ok := embedded[label]
	if !ok || !has(&clusterctlv1.Metadata{ReleaseSeries: []clusterctlv1.ReleaseSeries{series}}, v) {
		return ""
	}
	return fmt.Sprintf("apiVersion: %s\nkind: Metadata\nreleaseSeries:\n- major: %d\n  minor: %d\n  contract: %s\n",
		clusterctlv1.GroupVersion, series.Major, series.Minor, series.Contract)
}

// parseMetadata reads a metadata.yaml as clusterctl does
// (cmd/clusterctl/client/repository/metadata_client.go).
func parseMetadata(text string) (*clusterctlv1.Metadata, error) {
	var m clusterctlv1.Metadata
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("it is no metadata of clusterctl: %w", err)
	}
	if want := clusterctlv1.GroupVersion.String(); m.APIVersion != want {
		return nil, fmt.Errorf("its apiVersion is %q, clusterctl wants %s", m.APIVersion, want)
	}
	if m.Kind != "" && m.Kind != "Metadata" {
		return nil, fmt.Errorf("its kind is %s, clusterctl wants Metadata", m.Kind)
	}
	return &m, nil
}

// has says that m lists the series of v.
func has(m *clusterctlv1.Metadata, v string) bool {
	parsed, err := version.ParseSemantic(v)
	return err == nil && m.GetReleaseSeriesForVersion(parsed) != nil
}

// contractOf is the contract that m gives the series of v, empty if it lists none.
func contractOf(m *clusterctlv1.Metadata, v string) string {
	parsed, err := version.ParseSemantic(v)
	if err != nil {
		return ""
	}
	if series := m.GetReleaseSeriesForVersion(parsed); series != nil {
		return series.Contract
	}
	return ""
}

// deciding are the versions by whose metadata clusterctl decides: the newest, and what
// `latest` is if that is another.
func deciding(versions []string) []string {
	return slices.Compact([]string{newest(versions), latest(versions)})
}

// unlisted are the versions beside top whose series its metadata m does not list.
func unlisted(m *clusterctlv1.Metadata, top string, versions []string) []string {
	var found []string
	for _, v := range versions {
		if v != top && !has(m, v) {
			found = append(found, v)
		}
	}
	return found
}

// newest is the version that upgrades are planned from, and latest the one that
// `latest` is: prereleases only if there is nothing else. Both expect semantic
// versions, at least one.
func newest(versions []string) string {
	return best(versions, func(a, b *version.Version) bool { return a.LessThan(b) })
}

func latest(versions []string) string {
	return best(versions, func(a, b *version.Version) bool {
		if aPre, bPre := a.PreRelease() != "", b.PreRelease() != ""; aPre != bPre {
			return aPre
		}
		return a.LessThan(b)
	})
}

func best(versions []string, less func(a, b *version.Version) bool) string {
	found := versions[0]
	for _, v := range versions[1:] {
		if less(version.MustParseSemantic(found), version.MustParseSemantic(v)) {
			found = v
		}
	}
	return found
}

// resolves says that clusterctl finds a version behind `latest`: where the newest
// metadata gives the current contract to another series, it wants a version of that
// one (latestContractRelease in repository_versions.go).
func resolves(m *clusterctlv1.Metadata, versions []string) bool {
	series := m.GetReleaseSeriesForContract(Contract)
	if series == nil {
		return true
	}
	for _, v := range versions {
		parsed := version.MustParseSemantic(v)
		if parsed.Major() == uint(series.Major) && parsed.Minor() == uint(series.Minor) { //nolint:gosec // as clusterctl compares
			return true
		}
	}
	return false
}
