package image

import (
	"fmt"
	"strings"
)

// ParsePrefix reads a registry or the beginning of a repository, as the
// fields of many operators hold it: registry.k8s.io, quay.io/, docker.io/istio.
// The result has neither tag nor digest, and no Repository if s is a registry.
//
// What makes the first element a registry is what Parse asks for, except that
// a registry may stand alone; anything else lies on Docker Hub (kindest is
// docker.io/kindest). No library/ is filled in: docker.io/istio is the place
// of docker.io/istio/pilot. One slash at the end is tolerated.
func ParsePrefix(s string) (Ref, error) {
	name := strings.TrimSuffix(s, "/")
	first, rest, more := strings.Cut(name, "/")
	r := Ref{Registry: first, Repository: rest}
	switch {
	case first == dockerHubLegacy:
		r.Registry = dockerHub
	case !isRegistry(first):
		r, more = Ref{Registry: dockerHub, Repository: name}, true
	}
	if reason := checkPrefix(r, more); reason != "" {
		return Ref{}, &ParseError{Input: s, Reason: reason}
	}
	return r, nil
}

// checkPrefix is checkName where the repository may be missing.
func checkPrefix(r Ref, path bool) (reason string) {
	if strings.Contains(r.Repository, "@") || strings.Contains(r.Repository, ":") {
		return "a registry or repository is wanted, without tag or digest"
	}
	if !path {
		r.Repository = "x" // any valid one: only the registry is to be checked
	}
	return checkName(r.Registry, r.Repository)
}

// parsePlace reads a place where images go to. Somebody says that its first
// element is a registry, so it needs no dot, unlike in a name that is found.
func parsePlace(s string) (Ref, error) {
	if strings.Contains(s, "://") {
		return Ref{}, fmt.Errorf("%s: a target is REGISTRY[/PREFIX], without a scheme", s)
	}
	first, rest, more := strings.Cut(strings.TrimSuffix(s, "/"), "/")
	if first == dockerHubLegacy {
		first = dockerHub
	}
	r := Ref{Registry: first, Repository: rest}
	if reason := checkPrefix(r, more); reason != "" {
		return Ref{}, fmt.Errorf("%s: a target is REGISTRY[/PREFIX]: %s", s, reason)
	}
	return r, nil
}

// parseFrom reads the names that a rule is for. One element that is no
// registry is refused: nginx is an image in a manifest, but nginx/… as well.
func parseFrom(s string) (Ref, error) {
	if strings.Contains(s, "://") {
		return Ref{}, fmt.Errorf("%s: a source is REGISTRY[/PATH], without a scheme", s)
	}
	short := strings.TrimSuffix(s, "/")
	if validComponent(short) && !isRegistry(short) {
		return Ref{}, fmt.Errorf("%s: write docker.io/library/%s for the image, or docker.io/%s for all images below it", s, short, short)
	}
	r, err := ParsePrefix(s)
	if err != nil {
		return Ref{}, fmt.Errorf("%s: a source is REGISTRY[/PATH]: %w", s, err)
	}
	return r, nil
}

// below returns what stands below prefix in r, and whether r is prefix or
// lies below it. Only whole elements count: quay.io/a is not above quay.io/ab.
func below(prefix, r Ref) (rest string, ok bool) {
	if r.Registry != prefix.Registry {
		return "", false
	}
	if prefix.Repository == "" {
		return r.Repository, true
	}
	rest, ok = strings.CutPrefix(r.Repository, prefix.Repository)
	if !ok || rest == "" {
		return "", ok
	}
	return strings.CutPrefix(rest, "/")
}

// lastElement is the part of a path behind its last slash.
func lastElement(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
