// Package imagelist is the list of images that somebody will pull, and of the
// places that say so.
//
// A List is filled from the uses that pkg/manifest finds and written in one of
// the formats of this package. It neither reads files nor prints.
package imagelist

import (
	"iter"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A Use is one place that names an image: a manifest.Use without what only its
// file needs.
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
	least  manifest.Confidence
	blocks [][]use // in the order of the input
}

// A use is a Use as a list keeps it: small, since there may be very many, and
// without ties to the file, all of which a part of it would keep in memory.
type use struct {
	image        string
	written      string
	origin       *manifest.Origin
	item         int32 // as in manifest.Use
	line, column int32
	templated    bool
}

// maxBlock is how many uses stand in one block, so that none is ever moved for
// others to be added.
const maxBlock = 1024

// New returns an empty list that leaves out every use less sure than least.
func New(least manifest.Confidence) *List {
	return &List{least: least}
}

// Add adds uses. Prefixes are left out, since they name no image by themselves.
func (l *List) Add(uses iter.Seq[manifest.Use]) {
	for u := range uses {
		if !u.Prefix && u.Confidence >= l.least {
			l.add(&u)
		}
	}
}

func (l *List) add(u *manifest.Use) {
	x := use{
		image: u.Ref.String(), origin: u.Origin, item: int32(u.Item),
		line: int32(u.Line), column: int32(u.Column), templated: u.Templated,
	}
	if u.Templated {
		x.image = strings.Clone(u.Written)
	}
	x.written = x.image
	if u.Written != x.image {
		x.written = strings.Clone(u.Written)
	}
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last]) >= maxBlock {
		l.blocks, last = append(l.blocks, nil), last+1
	}
	l.blocks[last] = append(l.blocks[last], x)
}

// AddLines adds the images that a source other than a file names, one per line,
// such as the answer of a program. The rule says how they became known.
func (l *List) AddLines(source, rule string, refs []image.Ref) {
	origin := &manifest.Origin{
		File: source, Document: 1, Form: manifest.FormList, Confidence: manifest.Certain, Rule: rule,
	}
	for i, r := range refs {
		l.add(&manifest.Use{Origin: origin, Ref: r, Written: r.String(), Item: i, Line: i + 1, Column: 1})
	}
}

// AddAt adds an image that stands alone at a line and column of a file which is no manifest,
// such as a site file. The rule says how it became known.
func (l *List) AddAt(file string, line, column int, rule string, ref image.Ref) {
	origin := &manifest.Origin{
		File: file, Document: 1, Form: manifest.FormList, Confidence: manifest.Certain, Rule: rule,
	}
	l.add(&manifest.Use{Origin: origin, Ref: ref, Written: ref.String(), Item: manifest.NoItem, Line: line, Column: column})
}

// Merge adds what is in other, behind what is here. Other must not change after that.
func (l *List) Merge(other *List) {
	l.blocks = append(l.blocks, other.blocks...)
}

// Items are the images, sorted by their reference, each once.
func (l *List) Items() iter.Seq[Item] {
	var uses []*use
	for _, block := range l.blocks {
		for i := range block {
			uses = append(uses, &block[i])
		}
	}
	slices.SortStableFunc(uses, func(a, b *use) int { return strings.Compare(a.image, b.image) })
	return func(yield func(Item) bool) {
		for from, to := 0, 0; from < len(uses); from = to {
			for to < len(uses) && uses[to].image == uses[from].image {
				to++
			}
			if !yield(newItem(uses[from:to])) {
				return
			}
		}
	}
}

// newItem is the item of all uses of one image.
func newItem(uses []*use) Item {
	item := Item{Image: uses[0].image, Templated: uses[0].templated, Uses: make([]Use, len(uses))}
	for i, u := range uses {
		item.Uses[i] = Use{
			File: u.origin.File, Line: int(u.line), Column: int(u.column), Document: u.origin.Document,
			Object: u.origin.Object, Path: manifest.Use{Origin: u.origin, Item: int(u.item)}.Path(),
			Form: u.origin.Form, Confidence: u.origin.Confidence.String(), Rule: u.origin.Rule, Written: u.written,
		}
	}
	return item
}
