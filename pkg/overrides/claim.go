package overrides

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// A Claim is what a user says of a file or folder: it belongs to this release.
type Claim struct {
	Provider Provider
	Version  string
	Place    string // a file or folder, as the user named it
}

// String is what ParseClaim reads, with the label of the provider.
func (c Claim) String() string { return c.Provider.Label + ":" + c.Version + "=" + c.Place }

// ParseClaim reads NAME:VERSION=DIR (CONTRACT.md, overrides). NAME is a provider's
// name, or its label where the name is ambiguous.
func (c *Catalogue) ParseClaim(s string) (Claim, error) {
	release, place, ok := strings.Cut(s, "=")
	name, v, colon := strings.Cut(release, ":")
	if !ok || !colon || name == "" || place == "" {
		return Claim{}, fmt.Errorf("%q is not NAME:VERSION=DIR", s)
	}
	if err := checkVersion(v); err != nil {
		return Claim{}, fmt.Errorf("%s: %w", s, err)
	}
	p, err := c.resolve(name)
	if err != nil {
		return Claim{}, fmt.Errorf("%s: %w", s, err)
	}
	return Claim{Provider: p, Version: v, Place: place}, nil
}

// covers says that the claim is about the file at path. place is the claim's, made
// comparable with it.
func covers(place, path string) bool {
	return path != "" && (path == place || strings.HasPrefix(path, strings.TrimSuffix(place, "/")+"/"))
}

// checkVersion refuses what clusterctl cannot find again. It rebuilds the name of a
// folder as v and the semantic version
// (cmd/clusterctl/client/repository/repository_versions.go).
func checkVersion(v string) error {
	parsed, err := version.ParseSemantic(v)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no semantic version, as v1.14.2 is", v)
	case "v"+parsed.String() != v:
		return fmt.Errorf("clusterctl looks for version %s as v%s: name it so", v, parsed)
	}
	return nil
}

// isVersion says that the name of a folder is meant for a version, good or bad.
func isVersion(s string) bool {
	_, err := version.ParseSemantic(s)
	return err == nil
}
