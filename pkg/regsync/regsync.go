// Package regsync reads what configurations of regsync (github.com/regclient/regclient)
// say beside the images that they name, which pkg/manifest finds: entries that name a
// whole repository or registry, platforms, and templates.
package regsync

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Types of entries (cmd/regsync/root.go).
const (
	TypeImage      = "image"
	TypeRepository = "repository"
	TypeRegistry   = "registry"
)

// A Config is a configuration of regsync.
type Config struct {
	Name    string // of the file, as its reader called it
	Entries []Entry
}

// An Entry is one of the list sync.
type Entry struct {
	Source, Target string // as they are written, templates and all
	Type           string
	Platform       string   // of the one manifest that is copied
	Platforms      []string // of the manifests that are copied along with a whole index
	Line           int      // 1-based
}

// config is what of the file is read: nothing of credentials is.
type config struct {
	Version int         `yaml:"version"`
	Sync    []yaml.Node `yaml:"sync"`
}

// Parse reads a configuration; name is used in errors. What is none gives nil: a document
// whose list sync has a source and a target in every entry is one. One of a version that
// regsync does not know is an error.
func Parse(name string, src []byte) (*Config, error) {
	if !bytes.Contains(src, []byte("sync:")) || !bytes.Contains(src, []byte("target:")) {
		return nil, nil
	}
	var c config
	if err := yaml.NewDecoder(bytes.NewReader(src)).Decode(&c); err != nil || len(c.Sync) == 0 {
		return nil, nil //nolint:nilerr // whoever reads the file for its images says what is wrong with it
	}
	all := &Config{Name: name}
	for i := range c.Sync {
		var e Entry
		if err := c.Sync[i].Decode(&e); err != nil || e.Source == "" || e.Target == "" {
			return nil, nil //nolint:nilerr // a list of another program
		}
		e.Line = c.Sync[i].Line
		all.Entries = append(all.Entries, e)
	}
	if c.Version < 0 || c.Version > 1 {
		return nil, fmt.Errorf("%s: version %d of regsync's configuration is not known here, only 1", name, c.Version)
	}
	return all, nil
}

// Notes are sentences about what a list of images does not say: entries that name no
// single image, and platforms. They are in the order of the file.
func (c *Config) Notes() []string {
	var notes []string
	for _, e := range c.Entries {
		if note := e.note(); note != "" {
			notes = append(notes, fmt.Sprintf("%s:%d: %s", c.Name, e.Line, note))
		}
	}
	return notes
}

func (e Entry) note() string {
	switch e.Type {
	case TypeRepository, TypeRegistry:
		return fmt.Sprintf("%s is a whole %s, whose images only its registry can list: name those that the site needs with --image", e.Source, e.Type)
	case TypeImage:
	default:
		return fmt.Sprintf("%s: regsync knows no type %q, only %s, %s and %s", e.Source, e.Type, TypeImage, TypeRepository, TypeRegistry)
	}
	switch {
	case e.Platform != "":
		return fmt.Sprintf("%s: regsync takes the manifest for %s alone, under another digest; here --platform says that for all images", e.Source, e.Platform)
	case len(e.Platforms) > 0:
		return fmt.Sprintf("%s: regsync takes an index for all platforms with the manifests of %s alone, which not every registry accepts; here all are taken, or with --platform an index of those",
			e.Source, strings.Join(e.Platforms, ", "))
	}
	return ""
}

// errControl is what templates may not hold here.
var errControl = errors.New("only functions stand in templates of references here, no conditions, loops, variables or definitions")
