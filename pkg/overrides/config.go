package overrides

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ConfigName is how clusterctl calls its configuration.
const ConfigName = "clusterctl.yaml"

// Configure gives clusterctl.yaml for a layout. text is what there is, empty if
// nothing; name is its name in errors. Keys that are not clusterctl's way to the
// tree stay as they are, comments and order too.
func Configure(name string, text []byte, l *Layout) ([]byte, error) {
	e := newEditor(name, text)
	e.images(l.certManagerImages)
	e.set(versionCheck, `"true"`)
	e.set("overridesFolder", folderValue(l.overrides))
	for _, entry := range l.Entries {
		location := FileURL(filepath.Join(l.overrides, entry.Provider.Label, entry.Version, entry.Provider.File))
		if entry.Provider.Label == CertManager {
			e.setIn("cert-manager", "version", entry.Version) // a new key goes before the others
			e.setIn("cert-manager", "url", location)
		} else {
			e.provider(entry.Provider, location)
		}
	}
	return e.result()
}

// Declared are the labels of the providers that a clusterctl.yaml declares, and that
// of cert-manager if it has a section.
func Declared(text []byte) []string {
	e := newEditor("", text)
	var labels []string
	for _, item := range e.providers() {
		labels = append(labels, labelOf(item))
	}
	if e.value("cert-manager") != nil {
		labels = append(labels, CertManager)
	}
	return labels
}

// FileURL is the URL of a file as clusterctl reads it: it decodes %XX, cuts the path
// at # and ?, and fills in ${VARIABLES} before that
// (cmd/clusterctl/client/repository/repository_local.go).
func FileURL(file string) string {
	file = filepath.ToSlash(file)
	if !strings.HasPrefix(file, "/") {
		file = "/" + file // C:/…
	}
	elements := strings.Split(file, "/")
	for i, e := range elements {
		// Of what PathEscape leaves, $ begins a variable, and the others mean something to YAML.
		elements[i] = strings.NewReplacer("$", "%24", "&", "%26", "@", "%40", "=", "%3D", "%3A", ":").Replace(url.PathEscape(e))
	}
	return "file://" + strings.Join(elements, "/")
}

// folderValue is a folder as overridesFolder takes it: a path, in which $ has to be
// doubled, for clusterctl fills in variables (cmd/clusterctl/client/repository/overrides.go).
// On Windows it is read as the path of a URL.
func folderValue(dir string) string {
	if filepath.VolumeName(dir) != "" {
		dir = "/" + filepath.ToSlash(dir)
	}
	return scalar(strings.ReplaceAll(dir, "$", "$$"))
}

// scalar is s as YAML spells it on one line.
func scalar(s string) string {
	out, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Value: s, Tag: "!!str"})
	if err != nil || strings.Count(string(out), "\n") != 1 || strings.ContainsAny(s, ",[]{}") {
		return quoted(s)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// quoted is s between double quotes, whose escapes in YAML are those of JSON.
func quoted(s string) string {
	out, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Value: s, Tag: "!!str", Style: yaml.DoubleQuotedStyle})
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// images refuses a section that clusterctl would apply on top of the tree. The only one
// that is written, and kept, is for clusterctl v0.3, which has a cert-manager built in:
// certManager is where its images are, else empty.
func (e *editor) images(certManager string) {
	images := e.value("images")
	own := child(images, "cert-manager")
	switch {
	case images == nil && certManager != "":
		e.append("images:\n  cert-manager:\n    repository: " + certManager + "\n")
	case images == nil || certManager == "" && len(images.Content) == 0:
		return
	case certManager != "" && len(images.Content) == 2 && own != nil && len(own.Content) == 2 && child(own, "repository") != nil:
		e.setNode(own, "repository", certManager)
	default:
		e.fail(e.key("images"), "images: clusterctl applies this section to the rewritten files again, and keeps no more than the last "+
			"part of a name: registry.k8s.io/a/b:v1 becomes REPOSITORY/b:v1. Remove it, the files name the private registry already")
	}
}

// provider declares one provider: the URL of its entry, or an entry for it.
func (e *editor) provider(p Provider, location string) {
	for _, item := range e.providers() {
		if labelOf(item) == p.Label {
			e.setNode(item, "url", location)
			return
		}
	}
	e.addItem("providers", fmt.Sprintf("name: %s", p.Name), fmt.Sprintf("type: %s", p.Type), fmt.Sprintf("url: %s", location))
}

// labelOf is the label of a provider's entry, as far as it has one.
func labelOf(item *yaml.Node) string {
	name, kind := child(item, "name"), child(item, "type")
	if name == nil || kind == nil {
		return ""
	}
	return manifestLabel(name.Value, kind.Value)
}
