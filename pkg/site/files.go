package site

import (
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// groups reads the mapping of groups of manifests, whose keys are not known before.
func (d *decoder) groups(n *yaml.Node) []Group {
	var groups []Group
	var keys []key
	for i, name := range resolve(n).Content {
		if resolve(n).Kind != yaml.MappingNode || i%2 == 1 || name.Kind != yaml.ScalarNode {
			continue
		}
		keys = append(keys, key{name: name.Value, read: func(value *yaml.Node) {
			if d.check(name, image.CheckGroup(name.Value)) {
				read := func(n *yaml.Node) (Manifest, bool) { return d.manifest(name.Value, n) }
				groups = append(groups, Group{Name: name.Value, Manifests: each(d, value, read)})
			}
		}})
	}
	d.mapping(n, keys)
	return groups
}

// manifest reads a URL, a path, or a mapping that says more.
func (d *decoder) manifest(group string, n *yaml.Node) (Manifest, bool) {
	m := Manifest{Place: d.place(n)}
	before := len(d.errs)
	if n = resolve(n); n.Kind == yaml.ScalarNode {
		if text, ok := d.text(n); ok && isURL(text) {
			m.URL = d.url(n)
		} else if ok {
			m.Path = d.path(n)
		}
	} else {
		d.mapping(n, []key{
			{name: "url", read: func(n *yaml.Node) { m.URL = d.url(n) }},
			{name: "path", read: func(n *yaml.Node) { m.Path = d.path(n) }},
			{name: "name", read: func(n *yaml.Node) { m.Name, _ = d.word(n) }},
			{name: "sha256", read: func(n *yaml.Node) { m.SHA256 = d.sha256(n) }},
		})
		if len(d.errs) == before && (m.URL == "") == (m.Path == "") {
			d.failf(n, "a manifest has either a url or a path")
		}
	}
	if len(d.errs) > before {
		return m, false
	}
	if m.Name == "" {
		m.Name = baseOf(m.URL + filepath.ToSlash(m.Path))
	}
	if !fileWord.MatchString(m.Name) {
		d.failf(n, "say with name: what the file is called in the archive")
		return m, false
	}
	return m, d.once(n, "the manifest "+m.Name+" of "+group)
}

// file reads a file that is fetched.
func (d *decoder) file(n *yaml.Node) (File, bool) {
	f := File{Place: d.place(n)}
	before := len(d.errs)
	var whole, parts bool
	d.mapping(n, []key{
		{name: "url", read: func(n *yaml.Node) { f.Parts, whole = append(f.Parts, d.source(n)), true }},
		{name: "parts", read: func(n *yaml.Node) {
			read := func(n *yaml.Node) (string, bool) { s := d.source(n); return s, s != "" }
			f.Parts, parts = append(f.Parts, each(d, n, read)...), true
		}},
		{name: "path", read: func(n *yaml.Node) { f.Path = d.entry(n) }},
		{name: "sha256", read: func(n *yaml.Node) { f.SHA256 = d.sha256(n) }},
		{name: "sha256URL", read: func(n *yaml.Node) { f.SHA256URL = d.source(n) }},
		{name: "mode", read: func(n *yaml.Node) { f.Mode = d.mode(n) }},
	})
	if len(d.errs) > before {
		return f, false
	}
	switch {
	case whole == parts || len(f.Parts) == 0:
		d.failf(n, "a file has either a url or parts")
	case f.SHA256 != "" && f.SHA256URL != "":
		d.failf(n, "a file has either sha256 or sha256URL")
	case f.Path == "" && (parts || !fileWord.MatchString(baseOf(f.Parts[0]))):
		d.failf(n, "say with path: what the file is called in the archive, such as ovas/node.ova")
	}
	if len(d.errs) > before {
		return f, false
	}
	if f.Path == "" {
		f.Path = usualPath(baseOf(f.Parts[0]))
	}
	return f, d.once(n, f.Path)
}

// usualPath is where a file is if nothing else is said: OVAs lie where the walk-through
// of 2020 has them.
func usualPath(base string) string {
	if strings.EqualFold(path.Ext(base), ".ova") {
		return "ovas/" + base
	}
	return "files/" + base
}

// isURL says that a text is meant for a URL, good or bad.
func isURL(text string) bool { return strings.Contains(text, "://") }

// url reads an http, https or file URL. It may hold a password: no error shows it.
func (d *decoder) url(n *yaml.Node) string {
	text, ok := d.text(n)
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		d.failf(n, "this is no URL (not shown, it may hold a password)")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file":
		d.failf(n, "a URL begins with https://, http:// or file://")
	case u.Scheme != "file" && u.Hostname() == "":
		d.failf(n, "this URL has no host")
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || u.Path == ""):
		d.failf(n, "a file URL has three slashes and an absolute path: file:///srv/a.yaml")
	default:
		return text
	}
	return ""
}

// path reads a path on this machine.
func (d *decoder) path(n *yaml.Node) string {
	text, ok := d.text(n)
	if !ok {
		return ""
	}
	if text = filepath.FromSlash(text); filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(filepath.Dir(d.name), text)
}

// source reads a URL or a path on this machine.
func (d *decoder) source(n *yaml.Node) string {
	if text, ok := d.text(n); !ok || isURL(text) {
		if !ok {
			return ""
		}
		return d.url(n)
	}
	return d.path(n)
}

// own are the names at the top of an archive that no file may have (package bundle).
var own = []string{"oci-layout", "blobs", "index.json", "manifest.json", "repositories", "airgap.lock.yaml", "sha256sums"}

// entry reads the path of a file in the archive.
func (d *decoder) entry(n *yaml.Node) string {
	text, ok := d.text(n)
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(text, "/")
	switch {
	case !fs.ValidPath(text) || text == "." || strings.ContainsAny(text, `\:*?"<>|`):
		d.failf(n, "%q is no path in an archive, as ovas/node.ova is: slashes between names, none at the ends, no .. and none of \\ : * ? \" < > |", text)
	case slices.Contains(own, strings.ToLower(first)):
		d.failf(n, "%s is a name that archives use for themselves", first)
	default:
		return text
	}
	return ""
}

var (
	hex256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
	octal  = regexp.MustCompile(`^(0o?)?[0-7]{3}$`)
)

func (d *decoder) sha256(n *yaml.Node) string {
	text, ok := d.text(n)
	digits := strings.ToLower(strings.TrimPrefix(text, "sha256:"))
	if ok && !hex256.MatchString(digits) {
		d.failf(n, "%q is no sha256: that has 64 hexadecimal digits", text)
		return ""
	}
	return digits
}

func (d *decoder) mode(n *yaml.Node) string {
	text, ok := d.text(n)
	if ok && !octal.MatchString(text) {
		d.failf(n, "%q is no mode, as 0755 is", text)
		return ""
	}
	if !ok {
		return ""
	}
	return "0" + text[len(text)-3:]
}

// baseOf is the last name of a URL or path, without query.
func baseOf(source string) string {
	if isURL(source) {
		if u, err := url.Parse(source); err == nil {
			return path.Base(u.Path)
		}
	}
	return path.Base(filepath.ToSlash(source))
}
