package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Mirrors are the configurations of containerd on the nodes of a site.
type Mirrors struct {
	registry string // of the target, host[:port]
	configs  []*containerd.Config
}

// NewMirrors returns the mirrors of nodes that pull from the registry of target,
// REGISTRY[/PREFIX].
func NewMirrors(target string, configs []*containerd.Config) *Mirrors {
	host, _, _ := strings.Cut(target, "/")
	return &Mirrors{registry: host, configs: configs}
}

// Count is how many configurations there are.
func (m *Mirrors) Count() int { return len(m.configs) }

// Mirrored says where the nodes pull an image from by another name than its own, and
// whether every one of them does, from the same place: what Site.Mirrored asks.
func (m *Mirrors) Mirrored(ref image.Ref) (at image.Ref, ok bool) {
	if ref.Registry == m.registry || len(m.configs) == 0 {
		return image.Ref{}, false
	}
	for i, c := range m.configs {
		reach := c.Reach(pullable(ref), m.registry)
		if !reach.Found || i > 0 && reach.At != at {
			return image.Ref{}, false
		}
		at = reach.At
	}
	if ref.Tag == "" && ref.Digest == "" {
		at.Tag = ""
	}
	return at, true
}

// HaveLogin says whether every node sends credentials to the private registry by
// itself.
func (m *Mirrors) HaveLogin() bool {
	for _, c := range m.configs {
		attempts, _ := c.Attempts(image.Ref{Registry: m.registry, Repository: "any", Tag: "latest"})
		sends := func(a containerd.Attempt) bool {
			return a.Host == m.registry && slices.Contains(a.Headers, "Authorization")
		}
		if !slices.ContainsFunc(attempts, sends) {
			return false
		}
	}
	return len(m.configs) > 0
}

// pullable is an image of a name that may have neither tag nor digest.
func pullable(ref image.Ref) image.Ref {
	if ref.Tag == "" && ref.Digest == "" {
		ref.Tag = "latest"
	}
	return ref
}

// Findings are what is wrong with the configurations, and where they let an image that
// is wanted be asked of anybody but the private registry.
func (m *Mirrors) Findings(site Site, wanted []Wanted) []Finding {
	var all []Finding
	for _, c := range m.configs {
		all = append(all, problems(site, c.Problems())...)
		seen := map[string]bool{}
		for i := range wanted {
			ref := wanted[i].Source
			if seen[ref.Registry] {
				continue // the files are by registry
			}
			seen[ref.Registry] = true
			all = append(all, m.reach(site, c, ref)...)
		}
	}
	return all
}

// problems are the findings that problems of containerd's files are. What depends on
// something that cannot be seen here is none: it would be one on every site.
func problems(site Site, all []containerd.Problem) []Finding {
	checks := map[containerd.Effect]string{
		containerd.Outside: CheckNodeOutside, containerd.Broken: CheckNodeBroken, containerd.Ignored: CheckNodeIgnored,
	}
	var found []Finding
	for _, p := range all {
		if check, ok := checks[p.Effect]; ok {
			found = append(found, site.finding(check, p.Place, image.Ref{}, p.Reason))
		}
	}
	return found
}

// reach says what is wrong with how one configuration reaches the images of a registry.
func (m *Mirrors) reach(site Site, c *containerd.Config, ref image.Ref) []Finding {
	reach := c.Reach(pullable(ref), m.registry)
	all := problems(site, reach.Problems)
	if ref.Registry == m.registry { // its own name: there is no way outside but itself
		return all
	}
	for _, a := range reach.Outside {
		place := a.Place
		if place == "" {
			place = c.Place
		}
		when := "what the private registry does not have, or while it is down, is asked of " + a.URL
		if !reach.Found || reach.OutsideFirst {
			when = "they are asked of " + a.URL
		}
		all = append(all, site.finding(CheckNodeOutside, place, image.Ref{}, fmt.Sprintf("images of %s: %s", ref.Registry, when)))
	}
	return all
}
