package image

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Layout says how a name is laid out below the target registry
// (CONTRACT.md, "Layouts of the target").
type Layout string

// The layouts of CONTRACT.md. The comments say where
// registry.k8s.io/coredns/coredns goes.
const (
	LayoutHost  Layout = "host"  // R/P/registry.k8s.io/coredns/coredns, the default
	LayoutPath  Layout = "path"  // R/P/coredns/coredns
	LayoutName  Layout = "name"  // R/P/coredns
	LayoutGroup Layout = "group" // R/P/GROUP/coredns
)

// A Rule sends every image whose name starts with From (whole path elements)
// to To. From is REGISTRY[/PATH] with a whole name, as Ref.Name spells it:
// docker.io/library is the place of nginx. A rule whose From and To are equal
// leaves its images where they are.
type Rule struct{ From, To string }

// ParseRule reads FROM=TO (CONTRACT.md, --map).
func ParseRule(s string) (Rule, error) {
	from, to, ok := strings.Cut(s, "=")
	if !ok {
		return Rule{}, fmt.Errorf("%s: a rule is FROM=TO", Shown(s))
	}
	r := Rule{From: from, To: to}
	if _, err := r.read(); err != nil {
		return Rule{}, err
	}
	return r, nil
}

// String is what ParseRule reads.
func (r Rule) String() string { return r.From + "=" + r.To }

// A Mapping says where images go. It is a value: copy it, share it. The zero
// Mapping leaves every image where it is.
type Mapping struct {
	to     Ref // the zero Ref: what has no rule stays
	layout Layout
	group  string
	rules  []rule // the longest From first

	digests map[string]string // what the target has instead of a digest
}

// A rule is a Rule that was read.
type rule struct {
	Rule
	from, to Ref
}

// NewMapping returns the mapping below the target to (REGISTRY[/PREFIX]; an
// empty one leaves what has no rule where it is). The layout may be empty for
// LayoutHost. The order of the rules does not matter, the longest From wins.
// A rule that could never apply is an error, as it would be one that nobody
// misses until an image is missing.
//
// A target or a To whose first element the kubelet takes for no registry, as in
// registry/airgap, is an error as well: it would pull whatever is rewritten to
// it from docker.io/registry/airgap.
func NewMapping(to string, layout Layout, rules []Rule) (Mapping, error) {
	m := Mapping{layout: cmp.Or(layout, LayoutHost)}
	var errs []error
	if !slices.Contains([]Layout{LayoutHost, LayoutPath, LayoutName, LayoutGroup}, m.layout) {
		errs = append(errs, fmt.Errorf("layout %q: it is one of host, path, name and group", layout))
	}
	if to != "" {
		var err error
		if m.to, err = parsePlace(to); err != nil {
			errs = append(errs, err)
		}
	}
	for _, written := range rules {
		r, err := written.read()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.rules = append(m.rules, r)
	}
	errs = append(errs, m.conflicts()...)
	if err := errors.Join(errs...); err != nil {
		return Mapping{}, err
	}
	slices.SortFunc(m.rules, longestFirst)
	return m, nil
}

// longestFirst orders rules so that of two that hold the same name the longer
// one stands first.
func longestFirst(a, b rule) int {
	x, y := a.from.Name(), b.from.Name()
	return cmp.Or(cmp.Compare(len(y), len(x)), cmp.Compare(x, y))
}

// CheckGroup reports what is wrong with a group that InGroup is to be given:
// it becomes part of a repository's path.
func CheckGroup(group string) error {
	if !validPath(group) {
		return fmt.Errorf("group %q: %s", group, checkName(dockerHub, cmp.Or(group, "/")))
	}
	return nil
}

// InGroup returns the mapping for manifests of the group (layout group only).
// A group that CheckGroup refuses makes targets that Pairs refuses.
func (m Mapping) InGroup(group string) Mapping {
	m.group = group
	return m
}

// WithDigests returns the mapping for a target that has other content under some
// digests: an image whose digest is a key gets the value with its new name. That
// is how an image index is named that was carried without some of its platforms.
// The values must be no keys.
func (m Mapping) WithDigests(digests map[string]string) Mapping {
	m.digests = digests
	return m
}

// read returns the rule behind its texts.
func (r Rule) read() (rule, error) {
	if err := checkRule(r.From, r.To); err != nil {
		return rule{}, fmt.Errorf("rule %w", err)
	}
	from, err := parseFrom(r.From)
	if err != nil {
		return rule{}, fmt.Errorf("rule %s: %w", r, err)
	}
	to, err := parsePlace(r.To)
	if err != nil {
		return rule{}, fmt.Errorf("rule %s: %w", r, err)
	}
	return rule{Rule: r, from: from, to: to}, nil
}

// conflicts returns an error for every rule that could never apply, because
// images that are at a place where images go to stay there.
func (m Mapping) conflicts() []error {
	var errs []error
	for i, r := range m.rules {
		if _, there := below(m.to, r.from); there {
			errs = append(errs, fmt.Errorf("rule %s never applies: %s is below the target %s, where images stay",
				r, r.From, m.to.Name()))
		}
		for j, other := range m.rules {
			if err := r.conflict(other, i, j); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

// conflict says why rule i cannot apply because of rule j.
func (r rule) conflict(other rule, i, j int) error {
	if i > j && r.from == other.from {
		return fmt.Errorf("rule %s: rule %s is for the same names", r, other)
	}
	if !other.holds(r.from) {
		return nil
	}
	if i == j {
		if r.from == r.to {
			return nil // the way to leave images where they are
		}
		return fmt.Errorf("rule %s never applies: %s is below %s, where images stay", r, r.From, r.To)
	}
	return fmt.Errorf("rule %s never applies: rule %s leaves images below %s where they are", r, other, other.To)
}
