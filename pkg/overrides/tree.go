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
