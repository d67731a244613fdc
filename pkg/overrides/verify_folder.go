package overrides

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A layer is where clusterctl looks for files first.
type layer struct {
	folder   string // the tree, empty if there is none
	missing  string // the folder that is named but not there
	from, to string // the tree was moved
}

// place is where path is, if the tree was moved.
func (l layer) place(path string) string {
	if rest, ok := inside(l.from, path); ok {
		return filepath.Join(l.to, rest)
	}
	return path
}

// lost says that path is in the folder that is not there, which is reported once.
func (l layer) lost(path string) bool {
	_, ok := inside(l.missing, path)
	return ok
}

// inside is what of path lies below dir.
func inside(dir, path string) (string, bool) {
	if dir == "" {
		return "", false
	}
	return strings.CutPrefix(filepath.Clean(path), strings.TrimSuffix(filepath.Clean(dir), string(filepath.Separator))+string(filepath.Separator))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// beside is the tree as Write puts it: in the folder of clusterctl.yaml.
func (v *verifier) beside() string { return absolute(filepath.Join(v.opts.Dir, "overrides")) }

// findFolder says where the overrides are (cmd/clusterctl/client/repository/overrides.go).
func (v *verifier) findFolder() {
	n := value(v.root, "overridesFolder")
	if strings.TrimSpace(text(n)) == "" {
		v.defaultFolder()
		return
	}
	dir, err := v.expand(n.Value)
	if err != nil {
		v.add(trapFolder, v.at(n), "overridesFolder: %v", err)
		return
	}
	if v.windows() {
		dir = windowsPath(dir)
	}
	beside := v.beside()
	switch {
	case strings.HasPrefix(dir, "file:"):
		v.add(trapFolder, v.at(n), "overridesFolder is a path, not a URL: %s", dir)
	case !filepath.IsAbs(dir):
		v.add(trapFolder, v.at(n), "overridesFolder is %s, which is not absolute: it depends on where clusterctl is called, and ~ means nothing to it", dir)
	case isDir(dir):
		v.layer.folder = dir
	case isDir(beside):
		v.add(trapMoved, v.at(n), "the tree is not at %s, but at %s", dir, beside)
		v.layer = layer{folder: beside, from: dir, to: beside}
	default:
		v.add(trapFolder, v.at(n), "%s is not there", dir)
		v.layer.missing = dir
	}
}

// defaultFolder is the tree that clusterctl takes if it is told none.
func (v *verifier) defaultFolder() {
	if v.opts.Environment.Home == "" {
		return
	}
	current, old := v.opts.Environment.Folders()
	for _, dir := range []string{current, old} {
		if dir = filepath.Join(dir, "overrides"); isDir(dir) {
			v.layer.folder = dir
			return
		}
	}
}

// windowsPath is how clusterctl reads overridesFolder on Windows.
func windowsPath(s string) string {
	if u, err := url.Parse(s); err == nil {
		return filepath.FromSlash(strings.TrimPrefix(u.Path, "/"))
	}
	return s
}

// checkUndeclared looks for providers that lie in the tree, but that clusterctl is not
// led to, and for those that clusterctl installs without being asked.
func (v *verifier) checkUndeclared() {
	if v.unread {
		return
	}
	tree := v.layer.folder
	if tree == "" {
		tree = v.beside()
	}
	labels, err := folders(tree)
	if err != nil {
		v.add(trapMode, tree, "it cannot be read: %v", reason(err))
		return
	}
	for _, label := range labels {
		provider, ok := v.Provider(label)
		if !ok || label == CertManager || v.declares(label) {
			continue
		}
		v.entries = append(v.entries, entry{provider: provider}) // it is there, so it is not absent
		if provider.builtIn {
			v.add(trapUndeclared, filepath.Join(tree, label), "%s has no url for it, so clusterctl takes its own: %s", v.name, provider.url)
		} else {
			v.add(trapUndeclared, filepath.Join(tree, label), "%s does not declare it, and clusterctl does not know it by itself", v.name)
		}
	}
	if v.layer.missing != "" {
		return
	}
	for _, label := range []string{"cluster-api", "bootstrap-kubeadm", "control-plane-kubeadm"} {
		provider, _ := v.Known(label)
		if !slices.ContainsFunc(v.entries, func(e entry) bool { return e.provider.Kind() == provider.Kind() }) {
			v.add(trapAbsent, v.name, "there is no %s provider, and clusterctl init installs %s unless it is told another", provider.Kind(), label)
		}
	}
}

// declares says that clusterctl.yaml has an entry for the provider.
func (v *verifier) declares(label string) bool {
	return slices.ContainsFunc(v.entries, func(e entry) bool { return e.provider.Label == label })
}
