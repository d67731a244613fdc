// Package image says what a container image is called and where it goes.
package image

import (
	"fmt"
	"strings"
)

const (
	dockerHub       = "docker.io"
	dockerHubLegacy = "index.docker.io" // Docker Hub's name before 2015
	dockerOfficial  = "library/"        // where Docker Hub keeps names of one element
	defaultTag      = "latest"
)

// A Ref names an image. It is comparable, so it can key a map. The zero Ref
// names nothing.
//
// Parse fills every field as the kubelet would. A Ref made by hand may hold
// template text such as ${TAG} in Tag: nothing here looks into a tag again.
// A Ref without Repository is a registry, one without Tag and Digest is a
// prefix of names; see ParsePrefix.
type Ref struct {
	Registry   string // host[:port], docker.io where none was written
	Repository string // path below the registry, library/… filled in for docker.io
	Tag        string // latest where neither tag nor digest was written
	Digest     string // algorithm:hex, empty if none was written
}

// Name is the reference without tag and digest: registry/repository.
func (r Ref) Name() string { return join(r.Registry, r.Repository) }

// String is the full form: registry/repository[:tag][@digest]. Parse reads
// it back to the same Ref.
func (r Ref) String() string {
	slash, colon, at := "", "", ""
	if r.Registry != "" && r.Repository != "" {
		slash = "/"
	}
	if r.Tag != "" {
		colon = ":"
	}
	if r.Digest != "" {
		at = "@"
	}
	return r.Registry + slash + r.Repository + colon + r.Tag + at + r.Digest
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Compare orders references as their full forms sort, so that lists of Refs
// and lists of lines have the same order. It fits slices.SortFunc.
func Compare(a, b Ref) int { return strings.Compare(a.String(), b.String()) }

// A ParseError says why a text is no image reference. Input is as Shown gives it.
type ParseError struct {
	Input  string
	Reason string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("image reference %q: %s", e.Input, e.Reason)
}

// Parse reads s as the kubelet does: by ParseNormalizedNamed of
// github.com/distribution/reference, with tag latest where neither tag nor
// digest is written (k8s.io/kubernetes/pkg/util/parsers). Unlike the kubelet
// it keeps the tag of a reference that has a digest as well.
func Parse(s string) (Ref, error) {
	r, reason := parse(s)
	if reason != "" {
		return Ref{}, &ParseError{Input: Shown(s), Reason: reasonFor(s, reason)}
	}
	return r, nil
}

func parse(s string) (r Ref, reason string) {
	if isImageID(s) {
		return Ref{}, "64 hexadecimal digits are an image ID, not a name"
	}
	rest, digest, digested := strings.Cut(s, "@")
	registry, rest := splitRegistry(rest)
	path, tag, tagged := strings.Cut(rest, ":")
	if registry == dockerHub && validPath(path) && strings.IndexByte(path, '/') < 0 {
		path = dockerOfficial + path
	}
	if reason := checkName(registry, path); reason != "" {
		return Ref{}, reason
	}
	if tagged && !validTag(tag) {
		return Ref{}, "a tag holds up to 128 letters, digits, '_', '.' and '-', and does not begin with '.' or '-'"
	}
	if digested && !validDigest(digest) {
		return Ref{}, "a digest is sha256, sha384 or sha512, ':' and all its digits in lower case hexadecimal"
	}
	if !tagged && !digested {
		tag = defaultTag
	}
	return Ref{registry, path, tag, digest}, ""
}

// splitRegistry takes the registry off a name. The first element is one only
// if it cannot be an element of a path on Docker Hub, or is localhost:
// splitDockerDomain of distribution/reference.
func splitRegistry(name string) (registry, rest string) {
	first, rest, more := strings.Cut(name, "/")
	switch {
	case !more:
		return dockerHub, name
	case first == dockerHubLegacy:
		return dockerHub, rest
	case isRegistry(first):
		return first, rest
	}
	return dockerHub, name
}

// isRegistry reports whether the kubelet takes the first of several elements
// for a registry.
func isRegistry(first string) bool {
	if first == "localhost" {
		return true
	}
	for i := range len(first) {
		if c := first[i]; c == '.' || c == ':' || 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}

// join puts a slash between a and b if there is something on both sides.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "/" + b
}
