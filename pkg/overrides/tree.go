package overrides

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A tree is what lies in a folder of overrides already: metadata by label and
// version, empty where a version has none.
type tree map[string]map[string]string

// readTree reads the folder dir, which need not be there.
func readTree(dir string) (tree, error) {
	t := tree{}
	labels, err := folders(dir)
	if err != nil {
		return nil, err
	}
	for _, label := range labels {
		versions, err := folders(filepath.Join(dir, label))
		if err != nil {
			return nil, err
		}
		t[label] = map[string]string{}
		for _, v := range versions {
			if !isVersion(v) {
				continue // nor does clusterctl see it
			}
			text, err := os.ReadFile(filepath.Join(dir, label, v, "metadata.yaml"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("reading the existing tree: %w", err)
			}
			t[label][v] = string(text)
		}
	}
	return t, nil
}

func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the existing tree: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// stale gives a sentence for every file in the folders of the layout's releases that
// it does not write: it may name another registry.
func (l *Layout) stale() ([]string, error) {
	var found []string
	for _, r := range l.Releases {
		dir := filepath.Join(l.overrides, r.Provider.Label, r.Version)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading the existing tree: %w", err)
		}
		for _, entry := range entries {
			if name := entry.Name(); r.files[name] == nil && name != "metadata.yaml" && filepath.Ext(name) == ".yaml" {
				found = append(found, filepath.Join(dir, name)+": left as it is, for the input has none")
			}
		}
	}
	return found, nil
}
