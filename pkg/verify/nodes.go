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
	silent   []*containerd.Config // of objects that say nothing, where others do
}

// NewMirrors returns the mirrors of nodes that pull from the registry of target,
// REGISTRY[/PREFIX]. Where one of the configurations is a folder, nodes of whose object
// nothing is said have that.
func NewMirrors(target string, configs []*containerd.Config) *Mirrors {
	m := &Mirrors{}
	m.registry, _, _ = strings.Cut(target, "/")
	folder := false
	for _, c := range configs {
		folder = folder || c.Name == ""
		if c.Silent {
			m.silent = append(m.silent, c)
		} else {
			m.configs = append(m.configs, c)
		}
	}
	switch {
	case folder:
		m.silent = nil
	case len(m.configs) == 0: // on this site, nodes are told otherwise
		m.configs, m.silent = m.silent, nil
	}
	return m
}

// Count is how many configurations there are.
func (m *Mirrors) Count() int { return len(m.configs) + len(m.silent) }

// Mirrored says where the nodes pull an image from by another name than its own, and
// whether every one of them does, from the same place: what Site.Mirrored asks. Nodes
// whose files for the registry of the image are wrong do not count, as Findings tells
// that: if all are, at is the zero Ref.
func (m *Mirrors) Mirrored(ref image.Ref) (at image.Ref, ok bool) {
	if ref.Registry == m.registry || len(m.configs) == 0 {
		return image.Ref{}, false
	}
	for _, c := range m.configs {
		reach := c.Reach(pullable(ref), m.registry)
		if isTold(c, ref.Registry) || isAstray(&reach) {
			continue
		}
		if !reach.Found || !at.IsZero() && reach.At != at {
			return image.Ref{}, false
		}
		at = reach.At
	}
	if ref.Tag == "" && ref.Digest == "" {
		at.Tag = ""
	}
	return at, true
}

// isTold says that there is a problem of the files of a registry, which Findings tells.
func isTold(c *containerd.Config, registry string) bool {
	return slices.ContainsFunc(c.Problems(), func(p containerd.Problem) bool {
		return (p.Host == registry || p.Host == "") && (p.Effect == containerd.Outside || p.Effect == containerd.Broken || p.Effect == containerd.Taken)
	})
}

// isAstray says that a file on the node keeps the private registry from being asked.
func isAstray(r *containerd.Reach) bool {
	written := func(a containerd.Attempt) bool { return a.Place != "" }
	return len(r.Problems) > 0 || !r.Found && slices.ContainsFunc(r.Outside, written)
}

// HaveLogin says whether every node sends credentials to the private registry by
// itself. Nodes whose files for it are wrong do not count, nor those of which Findings
// tells that they have none, as they ask for something that is wanted elsewhere.
func (m *Mirrors) HaveLogin(wanted []Wanted) bool {
	configs := m.configs
	if len(m.missed(wanted)) == 0 {
		configs = slices.Concat(m.configs, m.silent)
	}
	for _, c := range configs {
		attempts, problems := c.Attempts(image.Ref{Registry: m.registry, Repository: "any", Tag: "latest"})
		sends := func(a containerd.Attempt) bool {
			return a.Host == m.registry && slices.Contains(a.Headers, "Authorization")
		}
		if slices.ContainsFunc(attempts, func(a containerd.Attempt) bool { return a.Host != m.registry }) {
			continue // they are led elsewhere, which is told
		}
		if len(problems) == 0 && !isTold(c, m.registry) && !slices.ContainsFunc(attempts, sends) {
			return false
		}
	}
	return len(m.configs) > 0
}

// missed are the registries of which something is wanted that nodes find by a mirror
// alone.
func (m *Mirrors) missed(wanted []Wanted) []string {
	var all []string
	for i := range wanted {
		if name := wanted[i].Source.Registry; name != m.registry && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
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
	all := []Finding{}
	if missed := m.missed(wanted); len(missed) > 0 && len(m.silent) > 0 {
		var places []string
		for _, c := range m.silent {
			places = append(places, c.Place)
		}
		all = append(all, site.finding(CheckNodeOutside, places[0], image.Ref{}, fmt.Sprintf(
			"%s puts no files on its nodes that lead containerd to the private registry, as others do: images of %s are asked of the internet%s",
			m.silent[0].Name, strings.Join(missed, ", "), elsewhere(places[1:]))))
	}
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
	return once(all)
}

// once is all findings without repetitions: several configurations may be of one object.
func once(all []Finding) []Finding {
	seen := map[Finding]bool{}
	return slices.DeleteFunc(all, func(f Finding) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}

// problems are the findings that problems of containerd's files are, one for each
// reason. What depends on something that cannot be seen here is none: it would be one on
// every site.
func problems(site Site, all []containerd.Problem) []Finding {
	checks := map[containerd.Effect]string{
		containerd.Outside: CheckNodeOutside, containerd.Broken: CheckNodeBroken,
		containerd.Taken: CheckNodePatched, containerd.Ignored: CheckNodeIgnored,
	}
	type fault struct{ check, reason string }
	var order []fault
	places := map[fault][]string{}
	for _, p := range all {
		f := fault{checks[p.Effect], p.Reason}
		if f.check == "" || slices.Contains(places[f], p.Place) {
			continue
		}
		if places[f] == nil {
			order = append(order, f)
		}
		places[f] = append(places[f], p.Place)
	}
	var found []Finding
	for _, f := range order {
		at := places[f]
		found = append(found, site.finding(f.check, at[0], image.Ref{}, f.reason+elsewhere(at[1:])))
	}
	return found
}

// elsewhere says where else something is so.
func elsewhere(places []string) string {
	switch len(places) {
	case 0:
		return ""
	case 1:
		return "; so at " + places[0]
	}
	return fmt.Sprintf("; so at %s and %s", places[0], count(len(places)-1, "other place"))
}

// reach says what is wrong with how one configuration reaches the images of a registry.
func (m *Mirrors) reach(site Site, c *containerd.Config, ref image.Ref) []Finding {
	if isTold(c, ref.Registry) {
		return nil
	}
	reach := c.Reach(pullable(ref), m.registry)
	all := problems(site, reach.Problems)
	told := map[string]bool{}
	for _, a := range reach.Outside {
		if told[a.URL] {
			continue
		}
		told[a.URL] = true
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
