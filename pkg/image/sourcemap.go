package image

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A SourceRule says that images whose name starts with From (whole path elements)
// are fetched from To instead, and keep their name: registries that are gone, and
// proxies, have the content under another one.
//
// From is REGISTRY[/PATH] as in Rule, or * for every image. To is
// [http://|https://]REGISTRY[/PREFIX]; {host} in it stands for the registry of the
// image.
type SourceRule struct{ From, To string }

// ParseSourceRule reads FROM=TO.
func ParseSourceRule(s string) (SourceRule, error) {
	from, to, ok := strings.Cut(s, "=")
	if !ok {
		return SourceRule{}, fmt.Errorf("%s: a source is FROM=TO", Shown(s))
	}
	r := SourceRule{From: from, To: to}
	if _, err := r.read(); err != nil {
		return SourceRule{}, err
	}
	return r, nil
}

// String is what ParseSourceRule reads.
func (r SourceRule) String() string { return r.From + "=" + r.To }

// A SourceMap says where images are fetched. It is a value: copy it, share it.
// The zero SourceMap fetches every image from where its name says.
type SourceMap struct{ rules []sourceRule } // the longest From first, * last

// A sourceRule is a SourceRule that was read.
type sourceRule struct {
	SourceRule
	from  Ref    // zero for *
	to    string // without scheme
	plain bool   // http://
}

// NewSourceMap returns the map of the rules. Their order does not matter, the
// longest From wins. Two rules for the same names are an error.
func NewSourceMap(rules []SourceRule) (SourceMap, error) {
	var m SourceMap
	for _, written := range rules {
		r, err := written.read()
		if err != nil {
			return SourceMap{}, err
		}
		for _, other := range m.rules {
			if other.from == r.from {
				return SourceMap{}, fmt.Errorf("source %s: source %s is for the same names", r, other)
			}
		}
		m.rules = append(m.rules, r)
	}
	slices.SortFunc(m.rules, func(a, b sourceRule) int {
		return cmp.Or(cmp.Compare(len(b.from.Name()), len(a.from.Name())), cmp.Compare(a.From, b.From))
	})
	return m, nil
}

func (r SourceRule) read() (sourceRule, error) {
	if err := checkRule(r.From, r.To); err != nil {
		return sourceRule{}, fmt.Errorf("source %w", err)
	}
	read := sourceRule{SourceRule: r, to: strings.TrimPrefix(r.To, "https://")}
	if to, plain := strings.CutPrefix(r.To, "http://"); plain {
		read.to, read.plain = to, true
	}
	read.to = strings.TrimSuffix(read.to, "/")
	if r.From != "*" {
		from, err := parseFrom(r.From)
		if err != nil {
			return sourceRule{}, fmt.Errorf("source %s: %w", r, err)
		}
		read.from = from
	}
	if strings.Contains(r.To, "://") {
		read.to = withPort(read.to, read.plain)
	}
	if _, err := parsePlace(strings.ReplaceAll(read.to, hostVariable, "registry.example.org")); err != nil {
		return sourceRule{}, fmt.Errorf("source %s: %w", r, err)
	}
	return read, nil
}

// withPort is REGISTRY[/PREFIX] from behind a scheme, which says that the first element
// is a registry also where nothing in it does: it gets the scheme's port.
func withPort(to string, plain bool) string {
	host, rest, _ := strings.Cut(to, "/")
	switch {
	case host == "" || strings.ContainsAny(host, ".:{"):
		return to
	case plain:
		host += ":80"
	default:
		host += ":443"
	}
	return join(host, rest)
}

// hostVariable in a SourceRule's To is the registry of the image.
const hostVariable = "{host}"

// Name is where r is fetched: Source for whoever does not ask how.
func (m SourceMap) Name(r Ref) Ref {
	source, _ := m.Source(r)
	return source
}

// Source is where r is fetched; tag and digest go along as they are. plainHTTP
// says that its rule asks for a registry without TLS.
func (m SourceMap) Source(r Ref) (source Ref, plainHTTP bool) {
	for _, rule := range m.rules {
		rest := r.Repository
		if !rule.from.IsZero() {
			below, ok := below(rule.from, r)
			if !ok {
				continue
			}
			rest = below
		}
		place, err := parsePlace(strings.ReplaceAll(rule.to, hostVariable, hostElement(r.Registry)))
		if err != nil {
			continue // read has seen to it
		}
		if place.Repository == "" && rest == "" { // a rule for a whole name, to a bare registry
			rest = lastElement(r.Repository)
		}
		r.Registry, r.Repository = place.Registry, join(place.Repository, rest)
		return official(r), rule.plain
	}
	return r, false
}
