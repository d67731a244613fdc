// Package nodes makes nodes pull from the private registry: one mirror configuration
// (Mirror), rendered for every system that configures nodes.
//
// There are two ways in. Patch takes a manifest and adds to the bootstrap objects in it
// what their nodes need, by inserted lines only. Format makes the configuration of a
// system that has no such object, as files.
//
// A system of the first kind is a row in objectKinds: the kind, where its specification
// stands, and a function from a Mirror to the lists that are to hold entries of ours. One
// of the second kind is a row in formats: a name and a function from a Mirror to files.
package nodes

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A File is a file of a node, or of a format.
type File struct {
	Path    string // absolute on a node, relative to the output folder in a format; slashes
	Mode    fs.FileMode
	Content []byte
	Secret  bool // it holds credentials; then Mode lets only its owner read
	Main    bool // of a format: the configuration itself, beside which the others are small
}

// formats are the configurations of systems without an object in the cluster, by name.
var formats = map[string]func(Mirror) ([]File, error){
	"canonical":       func(m Mirror) ([]File, error) { return Canonical(m, CanonicalOptions{}) },
	"canonical-charm": charmFiles,
	"cri-o":           crioFiles,
	"hosts":           hostsTree,
	"k0s":             k0sFormat,
	"k3s":             func(m Mirror) ([]File, error) { return belowRoot(k3s.files(m)) },
	"kind":            kindFiles,
	"rke2":            func(m Mirror) ([]File, error) { return belowRoot(rke2.files(m)) },
	"talos":           talosFiles,
	"tkg":             tkgFiles,
}

// mirrorFormats are the formats that have another form for containerd before 1.5, by name.
var mirrorFormats = map[string]func(Mirror) ([]File, error){
	"kind": kindMirrorFiles,
	"tkg":  tkgConfigTomlFiles,
}

// Formats are the names that Format knows, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Format renders m as the format of that name.
func Format(name string, m Mirror) ([]File, error) { return FormatStyle(name, StyleHosts, m) }

// FormatStyle renders m as the format of that name in a style: StyleHosts, or
// StyleContainerdConfig for the formats that have one for containerd before 1.5.
func FormatStyle(name string, style Style, m Mirror) ([]File, error) {
	if m.AuthSecret != "" {
		return nil, errors.New("only objects in a cluster can name a Secret: for format " + name + " give user name and password")
	}
	if style == StyleHosts {
		return formats[name](m)
	}
	render, ok := mirrorFormats[name]
	if !ok {
		return nil, fmt.Errorf("style %s is for objects and for format %s, not for format %s", style, strings.Join(slices.Sorted(maps.Keys(mirrorFormats)), " and "), name)
	}
	return render(m)
}
