package image

import "strings"

// Target says where r goes, and whether that is another place than where it
// is. What is at the target or at a rule's To already stays, which makes
// Target(Target(r)) = Target(r); the longest rule decides over the rest, then
// the layout. Tag and digest go along as they are: a tag may be ${TAG}.
//
// LayoutHost keeps the names of different registries apart. As an element of
// a path holds no ':', the one before the port becomes '_' (localhost:5000/x
// goes to R/P/localhost_5000/x); a host in upper case is the same host in
// lower case; [fd00::1] becomes ip6__0fd00-0-01, every group behind a 0.
func (m Mapping) Target(r Ref) (Ref, bool) {
	if r.IsZero() || m.there(r) {
		return r, false
	}
	t := m.place(r, Mapping.layoutImage)
	if t.Repository == "" { // a rule for a whole name, to a bare registry
		t.Repository = lastElement(r.Repository)
	}
	t = official(t)
	if digest, ok := m.digests[t.Digest]; ok {
		t.Digest = digest
	}
	return t, t != r
}

// TargetPrefix is Target for a registry or repository prefix, as ParsePrefix
// reads it: whatever is below r goes below the result, if its consumer puts
// names behind it. Where that cannot be, as rules send parts of it elsewhere,
// the prefix stays, and PrefixConflict says why. A consumer that fills in
// library/ or that knows only last elements needs a rule of its own: LayoutName
// and LayoutGroup put every image straight below the result.
func (m Mapping) TargetPrefix(r Ref) (Ref, bool) {
	if r.IsZero() || m.there(r) {
		return r, false
	}
	if _, conflict := m.PrefixConflict(r); conflict {
		return r, false
	}
	t := m.place(r, Mapping.layoutPrefix)
	return t, t != r
}

// PrefixConflict returns the rule because of which no single prefix can
// replace r: it is for names below r, and sends them elsewhere than the rest.
func (m Mapping) PrefixConflict(r Ref) (Rule, bool) {
	if r.IsZero() || m.there(r) {
		return Rule{}, false
	}
	t := m.place(r, Mapping.layoutPrefix)
	for _, rule := range m.rules {
		rest, inside := below(r, rule.from)
		if !inside || rest == "" {
			continue
		}
		if rule.to != (Ref{Registry: t.Registry, Repository: join(t.Repository, rest)}) {
			return rule.Rule, true
		}
	}
	return Rule{}, false
}

// there reports whether r stays, as it is at a place where images go to.
func (m Mapping) there(r Ref) bool {
	if _, ok := below(m.to, r); ok {
		return true
	}
	for i := range m.rules {
		if m.rules[i].holds(r) {
			return true
		}
	}
	return false
}

// holds reports whether ref is where the rule sends images, be it that To is
// the name of one.
func (r rule) holds(ref Ref) bool {
	_, ok := below(r.to, ref)
	whole := official(r.to)
	return ok || ref.Registry == whole.Registry && ref.Repository == whole.Repository
}

// official is the image r with library/ filled in, as Parse does.
func official(r Ref) Ref {
	if r.Registry == dockerHub && strings.IndexByte(r.Repository, '/') < 0 {
		r.Repository = dockerOfficial + r.Repository
	}
	return r
}

// place returns r with the name that its rule gives it, or else the layout.
func (m Mapping) place(r Ref, layout func(Mapping, Ref) string) Ref {
	for i := range m.rules {
		rest, ok := below(m.rules[i].from, r)
		if !ok {
			continue
		}
		to := m.rules[i].to
		r.Registry, r.Repository = to.Registry, join(to.Repository, rest)
		return r
	}
	if !m.to.IsZero() {
		r.Registry, r.Repository = m.to.Registry, join(m.to.Repository, layout(m, r))
	}
	return r
}

// layoutImage is the path of an image below the target.
func (m Mapping) layoutImage(r Ref) string {
	switch m.layout {
	case LayoutPath:
		return r.Repository
	case LayoutName:
		return lastElement(r.Repository)
	case LayoutGroup:
		return join(m.group, lastElement(r.Repository))
	}
	return join(hostElement(r.Registry), r.Repository)
}

// layoutPrefix is the path below the target where images below r are put.
func (m Mapping) layoutPrefix(r Ref) string {
	switch m.layout {
	case LayoutPath:
		return r.Repository
	case LayoutName:
		return ""
	case LayoutGroup:
		return m.group
	}
	return join(hostElement(r.Registry), r.Repository)
}

// hostElement is a registry as one element of a path. Different registries
// give different elements; FuzzMapping holds that.
func hostElement(registry string) string {
	host := strings.ToLower(registry)
	if address, ok := strings.CutPrefix(host, "["); ok {
		address, port, _ := strings.Cut(address, "]")
		// An empty group would leave nothing between two dashes at an end.
		groups := "0" + strings.ReplaceAll(address, ":", "-0")
		return "ip6__" + groups + strings.Replace(port, ":", "_", 1)
	}
	if strings.Contains(host, "_") {
		// No domain, but distribution lets it pass; a single '_' is for ports.
		return strings.NewReplacer("__", "__2__", "_", "__1__").Replace(host)
	}
	return strings.Replace(host, ":", "_", 1)
}
