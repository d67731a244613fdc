// Package nodes makes nodes pull from the private registry: one mirror configuration
// (Mirror), rendered for every system that configures nodes.
package nodes

import "io/fs"

// A File is a file of a node, or of a format.
type File struct {
	Path    string // absolute on a node, relative to the output folder in a format; slashes
	Mode    fs.FileMode
	Content []byte
	Secret  bool // it holds credentials; then Mode lets only its owner read
}

// formats are the configurations of systems without an object in the cluster, by name.
var formats = map[string]func(Mirror) ([]File, error){
	"cri-o": crioFiles,
	"k3s":   func(m Mirror) ([]File, error) { return belowRoot(k3s.files(m)) },
	"rke2":  func(m Mirror) ([]File, error) { return belowRoot(rke2.files(m)) },
	"talos": talosFiles,
}

// Format renders m as the format of that name.
func Format(name string, m Mirror) ([]File, error) { return formats[name](m) }
