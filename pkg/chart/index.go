package chart

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// IndexName is what the index of a chart repository is called.
const IndexName = "index.yaml"

// A Packed is a chart with its package.
type Packed struct {
	*Chart
	Raw []byte
}

// an index is index.yaml (https://helm.sh/docs/topics/chart_repository/#the-index-file).
type index struct {
	APIVersion string                  `json:"apiVersion"`
	Entries    map[string][]indexEntry `json:"entries"`
}

type indexEntry struct {
	Metadata
	URLs   []string `json:"urls"`
	Digest string   `json:"digest,omitempty"`
}

// Index writes the index of a repository whose packages are beside it, under their
// FileName. It has no times in it: the same charts give the same bytes.
func Index(charts []Packed) ([]byte, error) {
	x := index{APIVersion: "v1", Entries: map[string][]indexEntry{}}
	for _, c := range charts {
		sum := sha256.Sum256(c.Raw)
		x.Entries[c.Name] = append(x.Entries[c.Name], indexEntry{c.Metadata, []string{c.FileName()}, hex.EncodeToString(sum[:])})
	}
	for _, entries := range x.Entries {
		slices.SortStableFunc(entries, func(a, b indexEntry) int { return compareVersions(b.Version, a.Version) })
	}
	text, err := yaml.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", IndexName, err)
	}
	return text, nil
}

// Find gives the URL of a chart's package, which may begin with oci://, and its sha256,
// which may be empty, as the index of the repository at the URL repository has them.
func Find(text []byte, repository, name, version string) (from, sum string, err error) {
	var x index
	if err := yaml.Unmarshal(text, &x); err != nil {
		return "", "", fmt.Errorf("this is no index of charts: %w", err)
	}
	entries := x.Entries[name]
	if len(entries) == 0 {
		return "", "", fmt.Errorf("it has no chart %s", name)
	}
	i := slices.IndexFunc(entries, func(e indexEntry) bool { return e.Version == version })
	if i < 0 { // v1.2.3 and 1.2.3 are one version to Helm
		i = slices.IndexFunc(entries, func(e indexEntry) bool {
			return strings.TrimPrefix(e.Version, "v") == strings.TrimPrefix(version, "v")
		})
	}
	if i < 0 {
		return "", "", fmt.Errorf("it has no version %s of %s, but %s", version, name, latest(entries))
	}
	if len(entries[i].URLs) == 0 {
		return "", "", fmt.Errorf("it says no URL for %s %s", name, version)
	}
	from, err = resolve(repository, entries[i].URLs[0])
	return from, strings.TrimPrefix(entries[i].Digest, "sha256:"), err
}

// latest names some versions.
func latest(entries []indexEntry) string {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b indexEntry) int { return compareVersions(b.Version, a.Version) })
	var versions []string
	for _, e := range sorted[:min(len(sorted), 3)] {
		versions = append(versions, e.Version)
	}
	text := strings.Join(versions, ", ")
	if more := len(sorted) - len(versions); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// resolve gives the URL that an index says, which may be below that of the repository, whose
// credentials are good for its own host alone.
func resolve(repository, at string) (string, error) {
	base, err1 := url.Parse(repository)
	to, err2 := url.Parse(at)
	if err1 != nil || err2 != nil {
		return "", errors.New("the URL of the chart is none")
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/")+"/", ""
	to = base.ResolveReference(to)
	if to.User == nil && to.Host == base.Host {
		to.User = base.User
	}
	return to.String(), nil
}

// compareVersions orders versions as Helm does: 1.10 after 1.9, a release after what
// came before it.
func compareVersions(a, b string) int {
	numbersA, beforeA := cutVersion(a)
	numbersB, beforeB := cutVersion(b)
	if c := slices.CompareFunc(numbersA, numbersB, compareNumbers); c != 0 {
		return c
	}
	switch {
	case beforeA == "" || beforeB == "":
		return cmp.Or(cmp.Compare(len(beforeB), 0)-cmp.Compare(len(beforeA), 0), cmp.Compare(a, b))
	default:
		return cmp.Or(slices.CompareFunc(strings.Split(beforeA, "."), strings.Split(beforeB, "."), compareNumbers), cmp.Compare(a, b))
	}
}

func cutVersion(v string) (numbers []string, before string) {
	v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
	v, before, _ = strings.Cut(v, "-")
	return strings.Split(v, "."), before
}

// compareNumbers compares what may be numbers of any length, which come before words.
func compareNumbers(a, b string) int {
	wordA, wordB := strings.Trim(a, "0123456789") != "", strings.Trim(b, "0123456789") != ""
	switch {
	case wordA && !wordB:
		return 1
	case wordB && !wordA:
		return -1
	case !wordA:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}
