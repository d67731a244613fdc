package overrides

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

// Options say what Arrange has to know beside the pieces.
type Options struct {
	// Claims are what the user says of files and folders; their places are as absolute
	// as the paths of the pieces.
	Claims []Claim
	// Overrides is the absolute path of the tree. What is in it already is kept, and
	// has to fit together with what comes.
	Overrides string
	// Declared are the labels that clusterctl.yaml says something of.
	Declared []string
}

// A Release is one version of a provider: its folder in the tree.
type Release struct {
	Provider Provider
	Version  string

	files map[string]*Piece // by the name that they get
}

// Dir is the folder of the release below the tree.
func (r *Release) Dir() string { return path.Join(r.Provider.Label, r.Version) }

func (r *Release) compare(other *Release) int {
	return cmp.Or(
		cmp.Compare(r.Provider.order(), other.Provider.order()),
		cmp.Compare(r.Provider.Label, other.Provider.Label),
		cmp.Compare(r.Version, other.Version),
	)
}

// A Layout is a tree that clusterctl can use.
type Layout struct {
	Releases []*Release // as clusterctl orders providers, cert-manager last
	Entries  []Entry    // what clusterctl.yaml has to say of their providers
	Notes    []string   // what was left out or concluded, and the user should know

	overrides         string
	certManagerImages string // the repository for the cert-manager that clusterctl v0.3 has built in
}

// An Entry is what clusterctl.yaml says of one provider, or of cert-manager.
type Entry struct {
	Provider Provider
	Version  string // the folder in its URL: latest where that works
}

// Arrange puts pieces in their places. What clusterctl would stumble over is an
// error, all of it at once; the layout beside it is not to be written.
func (c *Catalogue) Arrange(pieces []*Piece, opts Options) (*Layout, error) {
	existing, err := readTree(opts.Overrides)
	if err != nil {
		return &Layout{}, err
	}
	a := &arranger{Catalogue: c, opts: opts, releases: map[string]*Release{}}
	for _, p := range pieces {
		if p.Role == Components {
			a.components(p)
		}
	}
	for _, p := range pieces {
		if p.Role != Components {
			a.companion(p)
		}
	}
	a.unused(pieces)
	l := &Layout{Notes: a.notes, overrides: opts.Overrides}
	for _, r := range a.releases {
		l.Releases = append(l.Releases, r)
	}
	slices.SortFunc(l.Releases, (*Release).compare)
	l.embed(existing)
	k := checker{existing: existing, layout: l, declared: a.declared}
	k.check()
	if _, ok := existing[CertManager]; !ok && !a.declared(CertManager) && a.lacks(CertManager) {
		k.notef("no cert-manager.yaml: clusterctl init will look for version %s on GitHub", c.certManagerVersion)
	}
	stale, err := l.stale()
	l.Notes = slices.Concat(l.Notes, k.notes, stale)
	a.errs = append(a.errs, err)
	if err := errors.Join(append(a.errs, k.errs...)...); err != nil {
		return l, err
	}
	if len(l.Releases) == 0 {
		return l, errors.New("no provider in the input: clusterctl's components have the label " + providerLabel +
			", or are named with --provider NAME:VERSION=DIR")
	}
	return l, nil
}

// embed gives releases of 2020 the metadata that clusterctl knew of them.
func (l *Layout) embed(existing tree) {
	for _, r := range l.Releases {
		text := embeddedMetadata(r.Provider.Label, r.Version)
		if text == "" || r.files["metadata.yaml"] != nil || existing[r.Provider.Label][r.Version] != "" {
			continue
		}
		name := r.Dir() + "/metadata.yaml"
		r.files["metadata.yaml"] = &Piece{
			Name: name, Role: Metadata, source: text, Result: &rewrite.Result{Name: name, Output: []byte(text), Documents: 1},
		}
		l.Notes = append(l.Notes, name+": written as clusterctl v0.3 knew it, for the release came without")
	}
}

// An arranger collects releases and what is wrong with them.
type arranger struct {
	*Catalogue
	opts     Options
	releases map[string]*Release // by Dir
	notes    []string
	errs     []error
}

func (a *arranger) failf(format string, args ...any) {
	a.errs = append(a.errs, fmt.Errorf(format, args...))
}

func (a *arranger) notef(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// components places what init applies.
func (a *arranger) components(p *Piece) {
	if len(p.Labels) > 1 {
		a.notef("%s: left out: it holds %s, clusterctl reads each from a file of its own", p.Name, strings.Join(p.Labels, ", "))
		return
	}
	claim, claimed := a.claimOf(p)
	label := claim.Provider.Label
	if !claimed {
		var clear bool
		if label, clear = a.labelOf(p); !clear {
			return
		}
	}
	provider, ok := a.Provider(label)
	switch {
	case label == "":
		a.failf("%s: it does not say which provider it is: say --provider NAME:VERSION=%s", p.Name, p.Name)
		return
	case !ok:
		a.failf("%s: its label says %s, which is no provider of clusterctl and has no type: say --provider NAME:VERSION=%s", p.Name, label, p.Name)
		return
	}
	v := claim.Version
	if !claimed {
		if v, ok = a.versionOf(p, provider); !ok {
			return
		}
	}
	a.put(provider, v, provider.File, p)
}

// claimOf is the claim that p, components, belongs to. A folder may hold several
// providers and be claimed for each: then the label says which one p is.
func (a *arranger) claimOf(p *Piece) (Claim, bool) {
	var found []Claim
	for _, claim := range a.opts.Claims {
		if covers(claim.Place, p.Path) && a.fits(claim.Provider, p) {
			found = append(found, claim)
		}
	}
	if len(found) == 0 {
		return Claim{}, false
	}
	for _, other := range found[1:] {
		if other.Version != found[0].Version || other.Provider.Label != found[0].Provider.Label {
			a.failf("%s: --provider %s and --provider %s both claim it", p.Name, found[0], other)
		}
	}
	return found[0], true
}

// fits says that p may be the components of provider. A label that clusterctl does not
// know counts for nothing against what the user says.
func (a *arranger) fits(provider Provider, p *Piece) bool {
	if len(p.Labels) == 1 {
		if p.Labels[0] == provider.Label {
			return true
		}
		if _, known := a.Known(p.Labels[0]); known {
			return false
		}
	}
	return p.file() == provider.File || strings.HasPrefix(p.file(), provider.Kind()+"-components")
}

// labelOf is the provider that p names itself, or that its folders name:
// <label>/<version>/<file>. It is false if they contradict each other.
func (a *arranger) labelOf(p *Piece) (string, bool) {
	folder := path.Base(path.Dir(p.folder()))
	of, inFolder := a.Provider(folder)
	if !inFolder || !isVersion(path.Base(p.folder())) {
		folder = ""
	}
	if len(p.Labels) == 0 {
		return folder, true
	}
	_, known := a.Known(p.Labels[0])
	switch {
	case known && folder != "" && folder != p.Labels[0] && of.Kind() != "core": // its repository has other providers, too
		a.failf("%s: it holds %s, but lies in the folder of %s", p.Name, p.Labels[0], folder)
		return "", false
	case !known && folder != "" && folder != p.Labels[0] && p.file() == of.File:
		return folder, true
	case !a.declared(p.Labels[0]):
		if meant, ok := a.labelled(p.Labels[0], p.file()); ok {
			a.notef("%s: its label says %s, which clusterctl calls %s", p.Name, p.Labels[0], meant.Label)
			return meant.Label, true
		}
	}
	return p.Labels[0], true
}

// versionOf is the version of p: that of its folder, else the one in its manager's image.
func (a *arranger) versionOf(p *Piece, provider Provider) (string, bool) {
	if folder := path.Base(p.folder()); isVersion(folder) {
		if err := checkVersion(folder); err != nil {
			a.failf("%s: %w, or say --provider %s:%s=%s", p.Name, err, provider.Label, "v"+strings.TrimPrefix(folder, "v"), p.Name)
			return "", false
		}
		return folder, true
	}
	if p.Version == "" {
		a.failf("%s: it does not say which version of %s it is: say --provider %s:VERSION=%s", p.Name, provider.Label, provider.Label, p.Name)
		return "", false
	}
	a.notef("%s: taken for %s %s by the tag of its image", p.Name, provider.Label, p.Version)
	return p.Version, true
}

// companion places a file that belongs to a provider's release.
func (a *arranger) companion(p *Piece) {
	homes := a.claimed(p)
	if len(homes) == 0 {
		homes = a.beside(p)
	}
	if len(homes) == 0 {
		homes = a.byFolder(p)
	}
	if len(homes) == 0 {
		a.notef("%s: left out: it is not clear which provider's it is (--provider NAME:VERSION=DIR)", p.Name)
	}
	for _, home := range homes {
		a.put(home.Provider, home.Version, p.file(), p)
	}
}

// claimed are the releases that the user says p belongs to. Of these only
// infrastructure has templates, if there is any.
func (a *arranger) claimed(p *Piece) []Release {
	var homes, infrastructure []Release
	for _, claim := range a.opts.Claims {
		if !covers(claim.Place, p.Path) || claim.Provider.Label == CertManager {
			continue
		}
		home := Release{Provider: claim.Provider, Version: claim.Version}
		homes = append(homes, home)
		if claim.Provider.Kind() == "infrastructure" {
			infrastructure = append(infrastructure, home)
		}
	}
	if p.Role != Metadata && len(infrastructure) > 0 {
		return infrastructure
	}
	return homes
}

// byFolder is the release whose folder p lies in: <label>/<version>/<file>.
func (a *arranger) byFolder(p *Piece) []Release {
	v := path.Base(p.folder())
	provider, ok := a.Provider(path.Base(path.Dir(p.folder())))
	if !ok || checkVersion(v) != nil || provider.Label == CertManager {
		return nil
	}
	return []Release{{Provider: provider, Version: v}}
}

// beside are the releases whose components lie beside p. Metadata are those of all of
// them if they are of one version: a repository publishes its providers with one
// metadata.yaml. A template is that of infrastructure, or of the only release.
func (a *arranger) beside(p *Piece) []Release {
	var homes, infrastructure []Release
	for _, key := range sortedKeys(a.releases) {
		r := a.releases[key]
		components := r.files[r.Provider.File]
		if components == nil || components.folder() != p.folder() || r.Provider.Label == CertManager {
			continue
		}
		homes = append(homes, *r)
		if r.Provider.Kind() == "infrastructure" {
			infrastructure = append(infrastructure, *r)
		}
	}
	several := func(r Release) bool { return r.Version != homes[0].Version }
	switch {
	case p.Role == Metadata && !slices.ContainsFunc(homes, several):
		return homes
	case p.Role != Metadata && len(infrastructure) == 1:
		return infrastructure
	case p.Role != Metadata && len(homes) == 1:
		return homes
	}
	return nil
}

// put gives p its place. Of two components the one that is called as clusterctl
// calls it goes before.
func (a *arranger) put(provider Provider, v, name string, p *Piece) {
	key := path.Join(provider.Label, v)
	r := a.releases[key]
	if r == nil {
		r = &Release{Provider: provider, Version: v, files: map[string]*Piece{}}
		a.releases[key] = r
	}
	old := r.files[name]
	switch {
	case old == nil || old.file() != name && p.file() == name:
		r.files[name] = p
	case old.same(p):
		return
	case old.file() == name && p.file() != name:
		old = p
	default:
		a.failf("%s and %s would both be %s/%s, and differ", old.Name, p.Name, key, name)
		return
	}
	if old != nil {
		a.notef("%s: left out: clusterctl calls the components of %s %s, which %s is", old.Name, provider.Label, name, r.files[name].Name)
	}
}

// unused finds claims that nothing was found for.
func (a *arranger) unused(pieces []*Piece) {
	for _, claim := range a.opts.Claims {
		if !slices.ContainsFunc(pieces, func(p *Piece) bool { return covers(claim.Place, p.Path) }) {
			a.failf("--provider %s: there is nothing of a provider", claim)
		}
	}
}

// lacks says that there is no release of the label.
func (a *arranger) lacks(label string) bool {
	for _, r := range a.releases {
		if r.Provider.Label == label {
			return false
		}
	}
	return true
}

// declared says that the user wants the provider, though clusterctl does not know it.
func (a *arranger) declared(label string) bool {
	return slices.Contains(a.opts.Declared, label) ||
		slices.ContainsFunc(a.opts.Claims, func(c Claim) bool { return c.Provider.Label == label })
}
