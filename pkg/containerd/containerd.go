// Package containerd says whom a node's containerd asks for an image, without a node.
//
// A Config is what decides that on one kind of node: a tree of hosts.toml files
// (/etc/containerd/certs.d) and the containerd configuration that names the tree. Load
// reads it from a folder, FromManifests from the objects that put files on nodes.
// Attempts then gives, for an image, the requests that a release of containerd makes, in
// order, and Problems what in the files does not do what it seems to.
//
// The rules are those of containerd's remotes/docker/config/hosts.go and cri/config at
// v1.6.0 to v1.7.34, v2.0.0 to v2.4.2; the end-to-end tests hold them against real ones.
package containerd

import (
	"cmp"
	"io/fs"
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// CertsDir is where nodes have the tree of hosts.toml files, if nothing else is said.
const CertsDir = "/etc/containerd/certs.d"

// Options say what the files of a node do not.
type Options struct {
	// Version is the release of containerd: 1.7.35, v2.4.2, or 1.7 for the last of its
	// line. Empty is the newest that is known here, 2.4.
	Version string
	// Name stands before paths in places: the folder's name, as the user gave it.
	Name string
	// Dir is where the folder is on nodes; empty is CertsDir.
	Dir string
	// Config is containerd's own config.toml, nil if it is not known: then it is taken
	// to name Dir, and nothing else. ConfigName is its name in places.
	Config     []byte
	ConfigName string
}

// A Config is what decides whom the containerd of a node asks. Nothing changes it.
type Config struct {
	// Name is the object whose nodes these are, KIND NAME; empty for a folder.
	Name string
	// Place is where the object stands, FILE:LINE:COLUMN; the folder's name for a folder.
	Place string
	// Silent says that the object puts nothing on its nodes that has to do with whom
	// their containerd asks: that is then as their machine image has it.
	Silent bool

	release  release
	tree     *tree
	cri      cri
	dirs     map[string]hostDir // by path; what containerd makes of it
	agent    *registries        // of K3s or RKE2, which write the tree themselves
	problems []Problem

	registries []string // that have a hosts.toml which can be read
}

// Load reads what nodes are to have as /etc/containerd/certs.d, or Options.Dir. A link that
// leads nowhere is one on the node as well; any other file that cannot be read is an error.
func Load(fsys fs.FS, opts Options) (*Config, error) {
	release, err := parseRelease(opts.Version)
	if err != nil {
		return nil, err
	}
	dir := cmp.Or(opts.Dir, CertsDir)
	t, err := loadTree(fsys, dir, opts.Name)
	if err != nil {
		return nil, err
	}
	c := &Config{Place: cmp.Or(opts.Name, dir), release: release, tree: t, cri: cri{configPath: dir}}
	if opts.Config != nil {
		f := textFile(cmp.Or(opts.ConfigName, "config.toml"), string(opts.Config))
		c.cri, c.problems = readConfigToml(f, release)
	}
	c.readDirs()
	return c, nil
}

// Problems are all that is wrong with the files, whatever images are pulled, in the order
// of their paths.
func (c *Config) Problems() []Problem { return slices.Clone(c.problems) }

// Registries are those that have a hosts.toml of their own which containerd can read,
// in the order of their names; _default, which stands for all others, is none.
func (c *Config) Registries() []string {
	names := slices.DeleteFunc(slices.Clone(c.registries), func(name string) bool { return name == defaultDir })
	slices.Sort(names)
	return slices.Compact(names)
}

// Sandbox is the sandbox image that config.toml names, as it is written there, and its
// place. Both are empty where it names none: then it is containerd's own default.
func (c *Config) Sandbox() (written, place string) { return c.cri.sandbox, c.cri.sandboxPlace }

// An Effect is what comes of a Problem on the node.
type Effect string

// The effects, worst first.
const (
	Outside Effect = "outside" // images are asked of a registry that is not the mirror
	Broken  Effect = "broken"  // images cannot be pulled
	Taken   Effect = "taken"   // a patch takes away what is written
	Ignored Effect = "ignored" // what is written has no effect
	Unknown Effect = "unknown" // it depends on what cannot be seen here
)

// A Problem is something in the files that does not do what it seems to.
type Problem struct {
	Place  string // FILE:LINE:COLUMN, or the path of what has no lines
	Host   string // the registry whose images it concerns, _default; empty: all
	Effect Effect
	Reason string // a sentence without the place
}

// Error is PLACE: reason.
func (p *Problem) Error() string { return p.Place + ": " + p.Reason }

// A Reach is how an image is pulled, seen from the private registry.
type Reach struct {
	// At is the name by which the private registry is asked, tag and digest included;
	// Found says that it is asked for what a tag means (or for the digest) at all. Also
	// are the names by which it is asked after that, if it does not have At.
	At    image.Ref
	Found bool
	Also  []image.Ref
	// Outside are the attempts at other registries: whatever At does not have, or while
	// it is down, is asked of them. OutsideFirst says that one comes before At.
	Outside      []Attempt
	OutsideFirst bool
	// Unknown says that a variable decides whom containerd asks.
	Unknown bool
	// Problems keep this image from being pulled at all.
	Problems []Problem
}

// Reach says how the image ref is pulled where registry, host[:port], is the private one.
// Everything is well if it is Found, At is where the image was put, and nothing is Outside.
func (c *Config) Reach(ref image.Ref, registry string) Reach {
	attempts, problems := c.Attempts(ref)
	r := Reach{Problems: problems}
	for _, a := range attempts {
		switch {
		case a.Unknown:
			r.Unknown = true
		case a.Host == "": // it is no URL: nobody is asked
		case a.Host != registry:
			r.Outside = append(r.Outside, a)
		case a.Resolve:
			r.found(a.Ref(ref))
		}
	}
	return r
}

// found takes note of a name by which the private registry is asked.
func (r *Reach) found(at image.Ref, ok bool) {
	switch {
	case ok && !r.Found:
		r.At, r.Found, r.OutsideFirst = at, true, len(r.Outside) > 0
	case ok && at != r.At && !slices.Contains(r.Also, at):
		r.Also = append(r.Also, at)
	}
}
