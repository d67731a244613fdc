package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// krew writes the manifest by which krew installs the release.
func (r *release) krew(context.Context) error {
	t, err := template.ParseFiles("plugins/krew.yaml.tmpl")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := t.Option("missingkey=error").Execute(&text, r); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "krew.yaml"), text.Bytes(), 0o644) //nolint:gosec // everybody may read it
}

// checksums writes SHA256SUMS of all that lies in the folder.
func (r *release) checksums(context.Context) error {
	entries, err := os.ReadDir(r.out) // sorted by name
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), sums.Bytes(), 0o644) //nolint:gosec // everybody may read it
}
