package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// A bill is a bill of materials in the form of CycloneDX 1.6
// (https://cyclonedx.org/docs/1.6/json/): what a program is made of.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Ref     string `json:"bom-ref"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// bills writes a bill for each archive, of what the linker wrote into its program.
func (r *release) bills(context.Context) error {
	for _, a := range r.Archives {
		info, err := buildinfo.Read(bytes.NewReader(a.program))
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		text, err := json.MarshalIndent(r.bill(a, info), "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.out, a.Name+".cdx.json"), append(text, '\n'), 0o644); err != nil { //nolint:gosec // everybody may read it
			return err
		}
	}
	return nil
}

func (r *release) bill(a archive, info *debug.BuildInfo) bill {
	self := module("application", info.Main.Path, r.Version)
	self.PURL += "?goos=" + a.OS + "&goarch=" + a.Arch
	self.Hashes = []hash{{"SHA-256", a.SHA256}}
	b := bill{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{r.Time.UTC().Format(time.RFC3339), self},
		Components: []component{module("library", "std", strings.TrimPrefix(info.GoVersion, "go"))},
	}
	for _, dep := range info.Deps {
		b.Components = append(b.Components, module("library", dep.Path, dep.Version))
	}
	return b
}

// module names a Go module as package URLs do
// (https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md).
func module(kind, path, version string) component {
	purl := "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Ref: purl, Type: kind, Name: path, Version: version, PURL: purl}
}
