package kubernetes

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// A Version is what a release of Kubernetes is called. It is comparable.
type Version struct {
	Major, Minor, Patch int
	// Suffix is what follows: -rc.1, +vmware.1. Most releases have none.
	Suffix string
}

// Leading zeros are no part of a number (semver.org, 2.), and 9 digits fit an int.
var versionPattern = regexp.MustCompile(
	`^v?(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// ParseVersion reads a version, with or without its v: kubeadm takes both.
func ParseVersion(s string) (Version, error) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fmt.Errorf("kubernetes version %q: it is not vMAJOR.MINOR.PATCH, such as %s", s, Newest())
	}
	var numbers [3]int
	for i := range numbers {
		n, err := strconv.Atoi(m[i+1])
		if err != nil {
			return Version{}, fmt.Errorf("kubernetes version %q: %w", s, err)
		}
		numbers[i] = n
	}
	return Version{numbers[0], numbers[1], numbers[2], m[4] + m[5]}, nil
}

// String is the canonical form, v1.36.3.
func (v Version) String() string {
	return fmt.Sprintf("v%d.%d.%d%s", v.Major, v.Minor, v.Patch, v.Suffix)
}

// Compare orders versions by their numbers alone.
func (v Version) Compare(other Version) int {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor), cmp.Compare(v.Patch, other.Patch))
}
