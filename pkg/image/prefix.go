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
	r, reason := parsePrefix(s)
	if reason != "" {
		return Ref{}, &ParseError{Input: Shown(s), Reason: reasonFor(s, reason)}
	}
	return r, nil
}

// parsePrefix returns what is wrong with s as a reason, or "".
func parsePrefix(s string) (r Ref, reason string) {
	name := strings.TrimSuffix(s, "/")
	first, rest, more := strings.Cut(name, "/")
	r = Ref{Registry: first, Repository: rest}
	switch {
	case first == dockerHubLegacy:
		r.Registry = dockerHub
	case !isRegistry(first):
		r, more = Ref{Registry: dockerHub, Repository: name}, true
	}
	if strings.ContainsAny(r.Repository, "@:") {
		return r, "a registry or repository is wanted, without tag or digest"
	}
	path := r.Repository
	if !more {
		path = "x" // any valid one: only the registry is to be checked
	}
	return r, checkName(r.Registry, path)
}

// parsePlace reads a place where images go to.
func parsePlace(s string) (Ref, error) {
	if strings.Contains(s, "://") {
		return Ref{}, fmt.Errorf("%s: a target is REGISTRY[/PREFIX], %s", Shown(s), reasonFor(s, "without a scheme"))
	}
	r, reason := parsePrefix(s)
	if reason != "" {
		return Ref{}, fmt.Errorf("%s: a target is REGISTRY[/PREFIX]: %s", Shown(s), reasonFor(s, reason))
	}
	if first, _, _ := strings.Cut(s, "/"); !isRegistry(first) {
		return Ref{}, fmt.Errorf("%s: the kubelet reads this as %s; write that, or the registry with a dot or a port, such as %s.local or %s:443",
			s, r.Name(), first, first)
	}
	return r, nil
}

// parseFrom reads the names that a rule is for. One element that is no
// registry is refused: nginx is an image in a manifest, but nginx/… as well.
func parseFrom(s string) (Ref, error) {
	if strings.Contains(s, "://") {
		return Ref{}, fmt.Errorf("%s: a source is REGISTRY[/PATH], %s", Shown(s), reasonFor(s, "without a scheme"))
	}
	short := strings.TrimSuffix(s, "/")
	if validComponent(short) && !isRegistry(short) {
		return Ref{}, fmt.Errorf("%s: write docker.io/library/%s for the image, or docker.io/%s for all images below it", s, short, short)
	}
	r, reason := parsePrefix(s)
	if reason != "" {
		return Ref{}, fmt.Errorf("%s: a source is REGISTRY[/PATH]: %s", Shown(s), reasonFor(s, reason))
	}
	return r, nil
}

// below returns what stands below prefix in r, and whether r is prefix or
// lies below it. Only whole elements count: quay.io/a is not above quay.io/ab.
// Nothing lies below the zero Ref.
func below(prefix, r Ref) (rest string, ok bool) {
	if r.Registry != prefix.Registry || prefix.IsZero() {
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
