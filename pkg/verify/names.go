package verify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
)

// NamesOptions say what is known of what nobody wrote into a manifest.
type NamesOptions struct {
	// Kubernetes are the versions that kubeadm installs on the site; none means that
	// kubeadm does not.
	Kubernetes []kubernetes.Version
	// Sandboxes are the sandbox images that the containerd of the nodes asks for.
	Sandboxes []kubernetes.Sandbox
	// Carried are images that are on the site although no manifest names them: those of
	// an archive, of a list.
	Carried []image.Ref
	// Ask is asked for a version that is newer than those known here, nil if there is
	// nobody to ask.
	Ask func(kubernetes.Version) (kubernetes.Release, error)
}

// Names gives the images that will be pulled although no manifest names them, and what
// is known already to be wrong with them: what kubeadm asks for below the
// imageRepository of each cluster, or in its own where none is set; the sandboxes of
// containerd; what operators start that the manifests install. Whether what is wanted
// is there, Registry finds out. A version of which nobody knows what it pulls is a finding.
func (m *Manifests) Names(opts NamesOptions) ([]Wanted, []Finding, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	n := &names{Manifests: m, opts: opts}
	var errs []error
	for _, v := range opts.Kubernetes {
		errs = append(errs, n.kubeadmOf(v, ""))
	}
	asked := m.asked()
	for _, v := range slices.SortedFunc(maps.Keys(asked), compareVersions) {
		if !slices.Contains(opts.Kubernetes, v) {
			errs = append(errs, n.kubeadmOf(v, asked[v]))
		}
	}
	n.found = append(n.found, n.unreadable(len(opts.Kubernetes)+len(asked) > 0)...)
	for _, s := range opts.Sandboxes {
		n.ask(s.By, s.By, "", []image.Ref{s.Image})
	}
	if len(opts.Kubernetes) > 0 && len(opts.Sandboxes) == 0 && !m.sandboxes {
		n.found = append(n.found, m.site.finding(CheckNameUnknown, "containerd", image.Ref{},
			"nothing says which sandbox (pause) image the nodes ask for: it need not be that of kubeadm").advised(
			"say it (--node-image-pause, nodeImagePause in airgap.yaml), as `containerd config dump` on a node shows it", nil))
	}
	for _, o := range m.operators {
		errs = append(errs, n.operator(&o))
	}
	return Merge(n.wanted), n.found, errors.Join(errs...)
}

func compareVersions(a, b kubernetes.Version) int {
	return cmp.Or(a.Compare(b), strings.Compare(a.Suffix, b.Suffix))
}

// names is one call of Names.
type names struct {
	*Manifests
	opts   NamesOptions
	wanted []Wanted
	found  []Finding
}

// kubeadmOf asks for what kubeadm pulls for a version, for each cluster of the
// manifests. The place is where a manifest wants the version, empty if none does.
func (n *names) kubeadmOf(v kubernetes.Version, place string) error {
	release, err := kubernetes.Find(v)
	if err != nil && n.opts.Ask != nil {
		release, err = n.opts.Ask(v)
	}
	if err != nil {
		by := "kubeadm " + v.String()
		n.found = append(n.found, n.site.finding(CheckNameUnknown, by, image.Ref{}, "what it pulls was not checked: "+err.Error()).advised(
			"put "+by+" on PATH, which will be asked, or name with --filename what its `kubeadm config images list` prints", nil))
		return nil
	}
	for _, c := range n.clusters() {
		if c.hidden {
			continue
		}
		refs, err := release.ImagesIn(c.Repositories)
		if err != nil {
			return fmt.Errorf("kubeadm %s: %w", v, err)
		}
		advice := ""
		if c.Image == "" {
			advice = "set imageRepository in the ClusterConfiguration to where the images of " + release.Repository + " are at {target}, or set up a mirror of it on every node (kubectl airgap nodes)"
		}
		n.ask("kubeadm "+v.String(), cmp.Or(place, "kubeadm "+v.String()), advice, c.tagged(refs))
	}
	return nil
}

// tagged are the images of kubeadm with the tags that it is given for some.
func (c *cluster) tagged(refs []image.Ref) []image.Ref {
	for i, r := range refs {
		switch {
		case c.dnsTag != "" && endsIn(r.Repository, "coredns"):
			refs[i].Tag = c.dnsTag
		case c.etcdTag != "" && endsIn(r.Repository, "etcd"):
			refs[i].Tag = c.etcdTag
		}
	}
	return refs
}

// clusters are those of the manifests, each kind once; one that sets nothing if there
// is none that sets anything.
func (n *names) clusters() []cluster {
	var all []cluster
	for _, c := range n.kubeadm {
		all = append(all, *c)
	}
	if len(all) == 0 {
		return []cluster{{}}
	}
	slices.SortFunc(all, func(a, b cluster) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(all)
}

// ask notes that somebody, who is installed at place, asks for images. What is not on the site is one finding for
// each registry that would be asked, as it is mended in one place.
func (n *names) ask(by, place, advice string, refs []image.Ref) {
	outside := map[string][]image.Ref{}
	var registries []string
	for _, r := range refs {
		at, ok := n.site.resolve(r)
		if ok && at.IsZero() {
			continue
		}
		if ok {
			n.wanted = append(n.wanted, Wanted{Pair: image.Pair{Source: r, Target: at}, Uses: []string{place}, By: by})
			continue
		}
		if n.isTold(r) {
			continue
		}
		if outside[r.Registry] == nil {
			registries = append(registries, r.Registry)
		}
		outside[r.Registry] = append(outside[r.Registry], r)
	}
	for _, registry := range registries {
		all := outside[registry]
		problem := fmt.Sprintf("%s asks for %s%s: not at %s, and no mirror of the nodes leads there", by, all[0], more(len(all)), n.site.Target)
		f := n.site.finding(CheckNameOutside, place, all[0], problem)
		if advice != "" {
			f = f.advised(advice, strings.NewReplacer("{target}", n.site.Target))
		}
		n.found = append(n.found, f)
	}
}

// isTold says that a finding is about the field that leads to r already.
func (n *names) isTold(r image.Ref) bool {
	return slices.ContainsFunc(n.outside, func(prefix string) bool {
		return r.Name() == prefix || strings.HasPrefix(r.Name(), prefix+"/")
	})
}

// more says that there are others.
func more(n int) string {
	switch n {
	case 1:
		return ""
	case 2:
		return " and 1 more image"
	}
	return fmt.Sprintf(" and %d more images", n-1)
}

// operator asks for what an operator starts.
func (n *names) operator(o *operator) error {
	fill := strings.NewReplacer("{image}", o.ref.String(), "{tag}", o.ref.Tag, "{target}", n.site.Target)
	if len(o.row.needs) == 0 {
		if !n.isOnSite(&o.row) {
			problem := fmt.Sprintf("%s (%s) starts images that no manifest names, and none of them is known to be on the site", o.row.name, o.ref)
			n.found = append(n.found, n.site.finding(CheckNameUnknown, o.place, o.ref, problem).advised(o.row.advice, fill))
		}
		return nil
	}
	if o.ref.Tag == "" { // named by digest: its version cannot be seen
		problem := fmt.Sprintf("%s (%s) starts images of its own version, which its digest does not tell", o.row.name, o.ref)
		n.found = append(n.found, n.site.finding(CheckNameUnknown, o.place, o.ref, problem).advised(o.row.advice, fill))
		return nil
	}
	refs, err := o.names()
	if err != nil {
		return fmt.Errorf("%s: what %s starts: %w", o.place, o.row.name, err)
	}
	n.ask(o.row.name, o.place, fill.Replace(o.row.advice), refs)
	return nil
}

// isOnSite says whether an image that a row looks for is wanted or carried.
func (n *names) isOnSite(row *operatorRow) bool {
	for r := range n.Manifests.wanted {
		if row.isSatisfied(n.origin(r).Repository) {
			return true
		}
	}
	return slices.ContainsFunc(n.opts.Carried, func(r image.Ref) bool { return row.isSatisfied(r.Repository) })
}

// advised is the finding with a remedy of its own.
func (f Finding) advised(remedy string, fill *strings.Replacer) Finding {
	f.Remedy = remedy
	if fill != nil {
		f.Remedy = fill.Replace(remedy)
	}
	return f
}
