package overrides

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Relocate gives clusterctl.yaml for a tree that was moved: text with the folder that
// it names replaced by the tree at overrides, an absolute path. Nothing else changes.
func Relocate(name string, text []byte, overrides string) ([]byte, error) {
	e := newEditor(name, text)
	folder := e.value("overridesFolder")
	if e.err == nil && (folder == nil || folder.Value == "") {
		e.fail(nil, "it names no overridesFolder, so it is not known from where it was moved")
	}
	if e.err != nil {
		return nil, e.err
	}
	old := strings.ReplaceAll(folder.Value, "$$", "$")
	var missing []error
	for _, find := range e.locations() {
		n := find()
		if n == nil {
			continue
		}
		rest, inside := below(old, n.Value)
		if !inside {
			continue
		}
		label, _, _ := strings.Cut(rest, "/")
		if _, err := os.Stat(filepath.Join(overrides, label)); err != nil {
			missing = append(missing, fmt.Errorf("%s:%d:%d: %s is not in %s", name, n.Line, n.Column, label, overrides))
		}
		e.replace(n, FileURL(filepath.Join(overrides, filepath.FromSlash(rest))))
	}
	e.set("overridesFolder", folderValue(overrides))
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	return e.result()
}

// locations find the URLs of the file. They are looked for one by one: each edit
// moves those behind it.
func (e *editor) locations() []func() *yaml.Node {
	all := []func() *yaml.Node{func() *yaml.Node { return child(e.value("cert-manager"), "url") }}
	for i := range e.providers() {
		all = append(all, func() *yaml.Node {
			items := e.providers()
			if i >= len(items) {
				return nil // an error has happened
			}
			return child(items[i], "url")
		})
	}
	return all
}

// below is what of a file URL lies below the folder, slash-separated.
func below(folder, location string) (string, bool) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "file" && u.Scheme != "" {
		return "", false
	}
	folder = strings.TrimPrefix(filepath.ToSlash(folder), "/")
	return strings.CutPrefix(strings.TrimPrefix(u.Path, "/"), strings.TrimSuffix(folder, "/")+"/")
}
