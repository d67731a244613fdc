// Package manifest finds the images in manifests and respells them, byte for byte.
//
// A file is split into its documents; those that cannot hold a reference are let go by
// a byte scan, the others are parsed (kyaml, for structure and positions only) and
// walked once. The walker follows references into strings at any depth — YAML, JSON,
// base64, shell — and keeps for each the exact bytes that spell it, so that Replace can
// splice new ones in and leave every other byte alone.
package manifest

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A File is one input: its name, its exact bytes and the uses of images in it.
type File struct {
	Name string
	text *yamltree.Text
	uses []found // in the order of the file
	pods pods
	docs int
}

// A SyntaxError is an input that could not be understood, with its place.
type SyntaxError struct {
	File         string
	Line, Column int // 1-based
	Reason       string
}

// Error is FILE:LINE:COLUMN: reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// Parse finds the uses of images in src, which it does not keep; name is used in errors,
// and says by .txt that the file need not be YAML. Input that is
// no text, and YAML that cannot be parsed though it holds no variables, is a *SyntaxError.
func Parse(name string, src []byte) (*File, error) {
	return parse(name, src, false)
}

// parse is Parse; full parses every document, without the byte scan.
func parse(name string, src []byte, full bool) (*File, error) {
	f := &File{Name: name, text: &yamltree.Text{S: string(src)}}
	p := &parser{
		name: name, matchers: matchers(), prefixes: prefixMatchers(), keys: map[string]*keyFacts{},
		full: full, prose: strings.HasSuffix(name, ".txt"),
	}
	err := p.file(f)
	var place *yamltree.PlaceError
	if errors.As(err, &place) {
		line, column := yamltree.LineColumn(f.text.S, place.Pos)
		return nil, &SyntaxError{File: name, Line: line, Column: column, Reason: place.Reason}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	f.uses, f.pods = p.found, p.pods
	return f, nil
}

// Source is the exact content of the file.
func (f *File) Source() string { return f.text.S }

// Documents is the number of documents in the file.
func (f *File) Documents() int { return f.docs }

// HasUses says that Uses reports any.
func (f *File) HasUses() bool { return len(f.uses) > 0 }

// Uses reports every use in source order, at every depth.
func (f *File) Uses() iter.Seq[Use] {
	return func(yield func(Use) bool) {
		at := place{s: f.text.S, line: 1, column: 1}
		for i := range f.uses {
			if !yield(f.uses[i].use(&at)) {
				return
			}
		}
	}
}

// Replace returns the bytes of f with each use respelled as to says; every
// other byte is unchanged. A use for which to returns false is left as it is.
// Uses that cannot be respelled where they stand are left alone and reported
// as *RefusedError, joined with errors.Join, beside the bytes.
func (f *File) Replace(to func(Use) (image.Ref, bool)) ([]byte, error) {
	var e edits
	var refused []error
	at := place{s: f.text.S, line: 1, column: 1}
	var joint []Use // that have to change together
	for i := range f.uses {
		joint = append(joint, f.uses[i].use(&at))
		if i+1 < len(f.uses) && f.uses[i].isJoint(&f.uses[i+1]) {
			continue
		}
		if reason := e.respell(joint, to); reason != "" {
			for _, u := range joint {
				refused = append(refused, &RefusedError{f.Name, u.Line, u.Column, u.Written, reason, u.moves})
			}
		}
		joint = joint[:0]
	}
	out, ok := e.apply(f.text)
	if !ok {
		return nil, fmt.Errorf("rewriting %s: edits overlap", f.Name)
	}
	return out, errors.Join(refused...)
}

// A parser holds what the walkers of one file share.
type parser struct {
	name     string
	matchers []matcher
	prefixes []prefixMatcher
	keys     map[string]*keyFacts
	found    []found
	pods     pods
	full     bool
	prose    bool // the name says that the file need not be YAML
}

// file walks the documents of f.
func (p *parser) file(f *File) error {
	if err := yamltree.CheckText(f.text.S); err != nil {
		return err
	}
	for _, c := range yamltree.Chunks(f.text.S) {
		if strings.HasPrefix(f.text.S[c.From:c.To], yamltree.ByteOrderMark) {
			c.From += len(yamltree.ByteOrderMark)
		}
		doc := f.text.S[c.From:c.To]
		if yamltree.OnlyDirectives(doc) {
			continue
		}
		f.docs++
		if !p.full && !worthParsing(doc) {
			continue
		}
		before, containers := len(p.found), len(p.pods.containers)
		w := &walker{p: p, t: f.text, document: f.docs, taken: map[*yamltree.Node]bool{}, aliases: map[*yamltree.Node]bool{}}
		if err := w.chunk(c); err != nil {
			return err
		}
		sortByPlace(p.found[before:])
		p.pods.sort(containers)
	}
	return nil
}

// chunk walks one document of the file itself.
func (w *walker) chunk(c yamltree.Chunk) error {
	v := c.View(w.t)
	if w.list(v) {
		return nil
	}
	if is, err := w.copyList(v); is {
		return err
	}
	roots, err := yamltree.Parse(w.t, c)
	if err != nil {
		if len(variables(v.S)) == 0 && !w.p.prose {
			return err
		}
		w.unparsed(v)
		return nil
	}
	for _, root := range roots {
		if root.Kind != yamltree.Scalar {
			w.root(root)
		} else {
			w.script(v)
		}
	}
	return nil
}

// unparsed looks at the lines of what is no YAML before variables are filled in. Of a
// schema only the defaults are no prose.
func (w *walker) unparsed(v yamltree.View) {
	if !isDefinition(v.S) {
		w.script(v)
		return
	}
	for at := 0; at < len(v.S); {
		line, n := yamltree.CutLine(v.S[at:])
		if strings.HasPrefix(strings.TrimLeft(line, " -"), "default:") {
			w.script(v.Sub(at, at+len(line)))
		}
		at += n
	}
}

// worthParsing says whether a document can hold a reference.
func worthParsing(doc string) bool {
	if isDefinition(doc) {
		return mayHoldDefault(doc)
	}
	return mayHold(doc) || isWordList(doc) || mayInstall(doc) || mayFetch(doc)
}

// isDefinition says that the document is one CustomResourceDefinition, without parsing it.
func isDefinition(doc string) bool {
	return strings.Contains(doc, "kind: CustomResourceDefinition\n") && strings.Contains(doc, "\nspec:") && !strings.Contains(doc, "\nitems:")
}

// isWordList says that s may be a list of references, one per line: its first line is
// one word.
func isWordList(s string) bool {
	for len(s) > 0 {
		line, n := yamltree.CutLine(s)
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			return !strings.Contains(line, ": ") && !strings.HasSuffix(line, ":")
		}
		s = s[n:]
	}
	return false
}
