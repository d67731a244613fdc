package verify

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// An open is a reference that is at the private registry, and whose variables hide which
// image of it is meant: nothing can look whether it is there.
type open struct {
	at     image.Ref // with its variables
	names  []string  // of the variables
	places []string
}

// fill gives a use the values of its variables, if with them it names an image: those that
// they have on the site; else their defaults, unless an image was carried for the use.
func (r *reading) fill(u *manifest.Use) {
	if !u.Templated || u.Prefix || isWhole(u.Ref) {
		return
	}
	text := u.Written
	if r.opts.Fill != nil {
		text = r.opts.Fill(text)
	}
	if !r.site.Carried.standsFor(u) {
		text = manifest.Fill(text, nil)
	}
	if ref, err := image.Parse(text); err == nil {
		u.Ref, u.Written = ref, text
	}
}

// fillPrefix does the same with the beginning of names, and says whether it is known then.
func (r *reading) fillPrefix(u *manifest.Use) bool {
	if _, err := image.ParsePrefix(u.Written); err == nil {
		return true
	}
	text := u.Written
	if r.opts.Fill != nil {
		text = r.opts.Fill(text)
	}
	text = manifest.Fill(text, nil)
	ref, err := image.ParsePrefix(text)
	if err != nil {
		return !u.Templated
	}
	u.Ref, u.Written = ref, text
	return true
}

// nameless looks at what names nothing though it has to: the beginning of names that
// variables hide, and what no kubelet takes for an image.
func (r *reading) nameless(f *manifest.File) {
	for _, n := range f.Unread() {
		place := fmt.Sprintf("%s:%d:%d", f.Name, n.Line, n.Column)
		if n.Rule == manifest.UnreadContainer {
			r.found(CheckManifestInvalid, place, image.Ref{}, "%q is no name of an image", image.Shown(n.Written))
			continue
		}
		r.prefix(&manifest.Use{
			Origin:  &manifest.Origin{File: f.Name, Document: n.Document, Rule: n.Rule, At: n.Path, Confidence: manifest.Certain},
			Written: n.Written, Templated: true, Prefix: true, Item: manifest.NoItem,
		}, place)
	}
}

// isWhole says that no variable is left in a reference.
func isWhole(r image.Ref) bool {
	_, err := image.Parse(r.String())
	return err == nil
}

// open notes a use whose variables have no value. An image that was carried for it is
// looked at in any case.
func (r *reading) open(u *manifest.Use, at image.Ref, place string) {
	if r.told == toldAll || r.site.Carried.standsFor(u) {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	o := r.opens[u.Ref]
	if o == nil {
		_, names := manifest.Literals(strings.Clone(u.Written))
		o = &open{at: clone(at), names: names}
		r.opens[clone(u.Ref)] = o
	}
	o.places = append(o.places, place)
}

// unknown are the findings about references whose variables nothing answers: no value,
// no image that was carried for them, none of their name that a list among the files names.
func (m *Manifests) unknown() []Finding {
	var all []Finding
	if m.opts.Untold {
		return nil
	}
	for _, ref := range slices.SortedFunc(maps.Keys(m.opens), image.Compare) {
		o := m.opens[ref]
		if m.listed[o.at.Name()] {
			continue
		}
		places := mergePlaces(o.places, nil)
		problem := fmt.Sprintf("%s: nobody has said which image this is%s%s", ref, m.others(o.at), elsewhere(places[1:]))
		all = append(all, m.site.finding(CheckManifestUnknown, places[0], image.Ref{}, problem).advised(remedyOf(o.names), nil))
	}
	return all
}

// identifier is a name that a variable may be given a value by.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// remedyOf says how to give variables values.
func remedyOf(variables []string) string {
	var flags, keys []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(variables))) {
		if !identifier.MatchString(name) {
			return "write in its place what is meant, or list the image among what is verified and carried"
		}
		flags, keys = append(flags, "--variable "+name+"=VALUE"), append(keys, name)
	}
	return "say it as pull was told: " + strings.Join(flags, " ") + ", or set " + strings.Join(keys, " and ") + " in clusterctl.yaml (--clusterctl-home)"
}

// others says which images of the same name are on the site for others.
func (m *Manifests) others(of image.Ref) string {
	var tags []string
	add := func(w Wanted) {
		if w.Target.Name() == of.Name() && w.Target.Tag != "" {
			tags = append(tags, w.Target.Tag)
		}
	}
	for _, w := range m.wanted {
		add(*w)
	}
	if m.site.Carried != nil {
		for _, w := range m.site.Carried.wanted {
			add(w)
		}
	}
	if len(tags) == 0 {
		return ""
	}
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	return "; for others there is " + strings.Join(tags, ", ")
}

// standsFor says whether an image was carried for a use with variables: for one of the
// same variables that it fits.
func (c *Carried) standsFor(u *manifest.Use) bool {
	if c == nil {
		return false
	}
	_, names := manifest.Literals(u.Written)
	literals, _ := manifest.Literals(u.Ref.String())
	for _, w := range c.answers[strings.Join(names, "\n")] {
		if fits(literals, w.String()) {
			return true
		}
	}
	return false
}

// fits says whether text is made of literals with something between them.
func fits(literals []string, text string) bool {
	if len(literals) < 2 { // no variable, or not even a registry
		return text == literals[0]
	}
	text, ok := strings.CutPrefix(text, literals[0])
	for _, part := range literals[1 : len(literals)-1] {
		if !ok {
			return false
		}
		_, text, ok = strings.Cut(text, part)
	}
	return ok && strings.HasSuffix(text, literals[len(literals)-1])
}
