package download

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A SourceRule says that files whose URL starts with From (whole path elements) are
// fetched from To instead, and keep their name.
//
// From is [https://]HOST[/PATH], or * for every URL. To is an http, https or file
// URL, or a path on this machine; {host} in it stands for the host of the URL.
type SourceRule struct{ From, To string }

// ParseSourceRule reads FROM=TO. Its errors do not show To, which may hold a
// password.
func ParseSourceRule(s string) (SourceRule, error) {
	from, to, ok := strings.Cut(s, "=")
	if !ok {
		return SourceRule{}, errors.New("a file source is FROM=TO")
	}
	r := SourceRule{From: from, To: to}
	_, err := r.read()
	return r, err
}

// String is the rule as people may see it.
func (r SourceRule) String() string { return r.From + "=" + Shown(r.To) }

// A SourceMap says where files are fetched. It is a value: copy it, share it. The
// zero SourceMap fetches everything from where its URL says.
type SourceMap struct{ rules []sourceRule } // the longest From first, * last

// A sourceRule is a SourceRule that was read.
type sourceRule struct {
	SourceRule
	scheme string // empty for any
	prefix string // host/path, escaped as in URLs; empty for *
}

// NewSourceMap returns the map of the rules. Their order does not matter, the
// longest From wins. Two rules for the same URLs are an error.
func NewSourceMap(rules []SourceRule) (SourceMap, error) {
	var m SourceMap
	for _, written := range rules {
		r, err := written.read()
		if err != nil {
			return SourceMap{}, err
		}
		for _, other := range m.rules {
			if other.prefix == r.prefix && other.scheme == r.scheme {
				return SourceMap{}, fmt.Errorf("file source %s: %s is for the same URLs", r, other)
			}
		}
		m.rules = append(m.rules, r)
	}
	slices.SortFunc(m.rules, func(a, b sourceRule) int {
		return cmp.Or(cmp.Compare(len(b.prefix), len(a.prefix)), cmp.Compare(len(b.scheme), len(a.scheme)), cmp.Compare(a.From, b.From))
	})
	return m, nil
}

func (r SourceRule) read() (sourceRule, error) {
	read := sourceRule{SourceRule: r}
	if r.From != "*" {
		from := r.From
		if !isURL(from) {
			from = "any://" + from
		}
		u, err := url.Parse(from)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return read, errors.New("a file source begins with a host, as https://github.com/kubernetes-sigs, or is *")
		}
		if isURL(r.From) {
			read.scheme = u.Scheme
		}
		read.prefix = strings.TrimRight(strings.ToLower(u.Host)+u.EscapedPath(), "/")
	}
	to, err := url.Parse(strings.ReplaceAll(r.To, hostVariable, "example.org"))
	switch {
	case r.To == "":
		return read, fmt.Errorf("file source %s: there is no place after =", r.From)
	case !isURL(r.To):
	case err != nil || to.Scheme != "file" && to.Host == "" || !slices.Contains([]string{"http", "https", "file"}, to.Scheme):
		return read, fmt.Errorf("file source %s: its place (not shown) is no http, https or file URL", r.From)
	}
	return read, nil
}

// hostVariable in a SourceRule's To is the host of the URL.
const hostVariable = "{host}"

// Source is where the URL raw is fetched, and whether that is elsewhere. What is on
// this machine already stays where it is.
func (m SourceMap) Source(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return raw, false
	}
	name := strings.ToLower(u.Host) + u.EscapedPath()
	for _, r := range m.rules {
		rest, below := r.rest(u, name)
		if below {
			return r.place(u, rest), true
		}
	}
	return raw, false
}

// rest is what of the URL follows From, without a slash before it.
func (r sourceRule) rest(u *url.URL, name string) (string, bool) {
	if r.scheme != "" && r.scheme != u.Scheme {
		return "", false
	}
	if r.prefix == "" {
		return strings.TrimPrefix(u.EscapedPath(), "/"), true
	}
	rest, ok := strings.CutPrefix(name, r.prefix)
	return strings.TrimPrefix(rest, "/"), ok && (rest == "" || rest[0] == '/')
}

// place is To with the rest of the URL.
func (r sourceRule) place(u *url.URL, rest string) string {
	if isURL(r.To) {
		to := strings.ReplaceAll(r.To, hostVariable, u.Host)
		if rest != "" {
			to = strings.TrimSuffix(to, "/") + "/" + rest
		}
		if u.RawQuery != "" && !strings.HasPrefix(to, "file:") {
			to += "?" + u.RawQuery
		}
		return to
	}
	to := strings.ReplaceAll(r.To, hostVariable, strings.ReplaceAll(u.Host, ":", "_")) // Windows has no : in names
	plain, err := url.PathUnescape(rest)
	if err != nil || rest == "" {
		return to
	}
	return filepath.Join(to, filepath.FromSlash(path.Clean("/"+plain)))
}
