// Package imagelist is the list of images that somebody will pull, and of the
// places that say so.
//
// A List is filled from the uses that pkg/manifest finds and written in one of
// the formats of this package. It neither reads files nor prints.
package imagelist

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A Use is one place that names an image: a manifest.Use without what only its
// file needs, so that a list does not keep files in memory.
type Use struct {
	File       string        `json:"file" yaml:"file"`
	Line       int           `json:"line" yaml:"line"`
	Column     int           `json:"column" yaml:"column"`
	Document   int           `json:"document" yaml:"document"`
	Object     string        `json:"object" yaml:"object"`
	Path       string        `json:"path" yaml:"path"`
	Form       manifest.Form `json:"form" yaml:"form"`
	Confidence string        `json:"confidence" yaml:"confidence"`
	Rule       string        `json:"rule" yaml:"rule"`
	Written    string        `json:"written" yaml:"written"`
}

// An Item is one image and every use of it, in the order of the input.
type Item struct {
	// Image is the canonical reference; where variables keep it from being one,
	// the reference as it is written.
	Image string `json:"image" yaml:"image"`
	// Templated says that Image holds variables.
	Templated bool `json:"templated,omitempty" yaml:"templated,omitempty"`
	// Uses are the places, never none.
	Uses []Use `json:"uses" yaml:"uses"`
}

// A List collects images. The zero List is empty and takes every use, however
// unsure; New makes one that is choosier.
type List struct {
	least manifest.Confidence
	items map[string]*Item
}

// New returns an empty list that leaves out every use less sure than least.
func New(least manifest.Confidence) *List {
	return &List{least: least}
}

// Add adds the uses found in the file of this name. Prefixes are left out, since
// they name no image by themselves.
func (l *List) Add(file string, uses []manifest.Use) {
	for i := range uses {
		u := &uses[i]
		if !u.Prefix && u.Confidence >= l.least {
			l.add(file, u)
		}
	}
}

func (l *List) add(file string, u *manifest.Use) {
	key := u.Ref.String()
	if u.Templated {
		key = u.Written
	}
	// Clones, since what a manifest.Use holds may be a part of the whole file.
	l.append(strings.Clone(key), u.Templated, Use{
		File:       file,
		Line:       u.Line,
		Column:     u.Column,
		Document:   u.Document,
		Object:     strings.Clone(u.Object),
		Path:       strings.Clone(u.Path),
		Form:       u.Form,
		Confidence: u.Confidence.String(),
		Rule:       u.Rule,
		Written:    strings.Clone(u.Written),
	})
}

// AddLines adds the images that a source other than a file names, one per line,
// such as the answer of a program. The rule says how they became known.
func (l *List) AddLines(source, rule string, refs []image.Ref) {
	for i, r := range refs {
		l.add(source, &manifest.Use{
			Ref: r, Written: r.String(), Document: 1, Path: fmt.Sprintf("[%d]", i), Line: i + 1, Column: 1,
			Form: manifest.FormList, Confidence: manifest.Certain, Rule: rule,
		})
	}
}

func (l *List) append(key string, templated bool, uses ...Use) {
	if l.items == nil {
		l.items = map[string]*Item{}
	}
	item := l.items[key]
	if item == nil {
		item = &Item{Image: key, Templated: templated}
		l.items[key] = item
	}
	item.Uses = append(item.Uses, uses...)
}

// Merge adds what is in other, behind what is here.
func (l *List) Merge(other *List) {
	for key, item := range other.items {
		l.append(key, item.Templated, item.Uses...)
	}
}

// Items are the images, sorted by their reference, each once.
func (l *List) Items() []*Item {
	items := make([]*Item, 0, len(l.items))
	for _, key := range slices.Sorted(maps.Keys(l.items)) {
		items = append(items, l.items[key])
	}
	return items
}
