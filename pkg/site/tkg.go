package site

import (
	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/tkg"
)

// tkg reads REPOSITORY:VERSION, or a mapping that says which TKrs of it.
func (d *decoder) tkg(n *yaml.Node) (tkg.Release, bool) {
	read := parsed(d, tkg.ParseRelease)
	if at := resolve(n); at.Kind == yaml.ScalarNode {
		release, ok := read(n)
		return release, ok && d.once(n, "TKG "+release.String())
	}
	var release tkg.Release
	var ok bool
	var tkrs []string
	d.mapping(n, []key{
		{name: "release", required: true, read: func(n *yaml.Node) { release, ok = read(n) }},
		{name: "tkrs", read: func(n *yaml.Node) { tkrs = each(d, n, d.text) }},
	})
	release.TKRs = tkrs
	return release, ok && d.once(n, "TKG "+release.String())
}
