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
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A File is one input: its name, its exact bytes and the uses of images in it.
type File struct {
	Name string
	text *text
	uses []Use
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
	f := &File{Name: name, text: &text{s: string(src)}}
	p := &parser{
		matchers: matchers(), prefixes: prefixMatchers(), keys: map[string]*keyFacts{},
		masked: map[*text]string{}, full: full, prose: strings.HasSuffix(name, ".txt"),
	}
	err := p.file(f)
	var place *placeError
	if errors.As(err, &place) {
		line, column := lineColumn(f.text.s, place.pos)
		return nil, &SyntaxError{File: name, Line: line, Column: column, Reason: place.reason}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	f.uses = inOrder(f.text.s, p.uses)
	return f, nil
}

// Source is the exact content of the file.
func (f *File) Source() string { return f.text.s }

// Documents is the number of documents in the file.
func (f *File) Documents() int { return f.docs }

// Uses reports every use in source order, at every depth.
func (f *File) Uses() []Use { return f.uses }

// Replace returns the bytes of f with each use respelled as to says; every
// other byte is unchanged. A use for which to returns false is left as it is.
// Uses that cannot be respelled where they stand are left alone and reported
// as *RefusedError, joined with errors.Join, beside the bytes.
func (f *File) Replace(to func(Use) (image.Ref, bool)) ([]byte, error) {
	var e edits
	var refused []error
	for at := 0; at < len(f.uses); {
		joint := f.joint(at)
		at += len(joint)
		if reason := e.respell(joint, to); reason != "" {
			for _, u := range joint {
				refused = append(refused, &RefusedError{f.Name, u.Line, u.Column, u.Written, reason})
			}
		}
	}
	out, ok := e.apply(f.text)
	if !ok {
		return nil, fmt.Errorf("rewriting %s: edits overlap", f.Name)
	}
	return out, errors.Join(refused...)
}

// joint is the use at i and those after it that have to change together with it.
func (f *File) joint(i int) []Use {
	end := i + 1
	for end < len(f.uses) && f.uses[i].joint && f.uses[end].joint && f.uses[end].at == f.uses[i].at {
		end++
	}
	return f.uses[i:end]
}

// A parser holds what the walkers of one file share.
type parser struct {
	matchers []matcher
	prefixes []prefixMatcher
	keys     map[string]*keyFacts
	masked   map[*text]string
	uses     []Use
	full     bool
	prose    bool // the name says that the file need not be YAML
}

func (p *parser) record(u Use) { p.uses = append(p.uses, u) }

// file walks the documents of f.
func (p *parser) file(f *File) error {
	if err := checkText(f.text.s); err != nil {
		return err
	}
	for _, c := range chunks(f.text.s) {
		if strings.HasPrefix(f.text.s[c.from:c.to], byteOrderMark) {
			c.from += len(byteOrderMark)
		}
		doc := f.text.s[c.from:c.to]
		if onlyDirectives(doc) {
			continue
		}
		f.docs++
		if !p.full && !worthParsing(doc) {
			continue
		}
		w := &walker{p: p, t: f.text, document: f.docs, taken: map[*node]bool{}, aliases: map[*node]bool{}}
		if err := w.chunk(c); err != nil {
			return err
		}
	}
	return nil
}

// chunk walks one document of the file itself.
func (w *walker) chunk(c chunk) error {
	v := view{w.t, c.from, w.t.s[c.from:c.to]}
	if w.list(v) {
		return nil
	}
	roots, err := w.p.documents(w.t, c)
	if err != nil {
		if len(variables(v.s)) == 0 && !w.p.prose {
			return err
		}
		w.script(v)
		return nil
	}
	for _, root := range roots {
		if root.kind != scalarNode {
			w.root(root)
		} else {
			w.script(v)
		}
	}
	return nil
}

// worthParsing says whether a document can hold a reference.
func worthParsing(doc string) bool {
	if strings.Contains(doc, "kind: CustomResourceDefinition\n") && strings.Contains(doc, "\nspec:") && !strings.Contains(doc, "\nitems:") {
		return mayHoldDefault(doc)
	}
	return mayHold(doc) || isWordList(doc)
}

// isWordList says that s may be a list of references, one per line: its first line is
// one word.
func isWordList(s string) bool {
	for len(s) > 0 {
		line, n := cutLine(s)
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			return !strings.Contains(line, ": ") && !strings.HasSuffix(line, ":")
		}
		s = s[n:]
	}
	return false
}

// byteOrderMark may stand before the first document.
const byteOrderMark = "\ufeff"

// documents parses the chunk c of t: as it is, or else with its variables masked.
func (p *parser) documents(t *text, c chunk) ([]*node, error) {
	if root, ok := parseBlock(t.s, c.from, c.to); ok {
		return []*node{root}, nil
	}
	roots, err := parseTree(t, t.s, c.from, c.to)
	if err == nil {
		return roots, nil
	}
	masked, ok := p.masked[t]
	if !ok {
		masked = mask(t.s)
		p.masked[t] = masked
	}
	if masked[c.from:c.to] == t.s[c.from:c.to] {
		return nil, err
	}
	roots, maskedErr := parseTree(t, masked, c.from, c.to)
	if maskedErr != nil {
		return nil, err
	}
	return roots, nil
}

// checkText refuses what is no UTF-8 text.
func checkText(s string) error {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return &placeError{i, "a NUL byte: this is no text"}
	}
	if utf8.ValidString(s) {
		return nil
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return &placeError{i, "invalid UTF-8"}
			}
		}
	}
	return nil
}

// inOrder gives uses their lines and columns, and sorts them by these.
func inOrder(s string, uses []Use) []Use {
	at := make([]int, len(uses))
	for i, u := range uses {
		at[i] = u.at.t.root(u.at.base)
	}
	if !sort.IntsAreSorted(at) {
		sort.Stable(byPlace{at, uses})
	}
	line, start, seen := 1, 0, 0
	for i := range uses {
		for {
			n := strings.IndexByte(s[seen:at[i]], '\n')
			if n < 0 {
				break
			}
			seen += n + 1
			start = seen
			line++
		}
		uses[i].Line, uses[i].Column = line, utf8.RuneCountInString(s[start:at[i]])+1
	}
	return uses
}

// byPlace sorts uses by the bytes of the file where they stand.
type byPlace struct {
	at   []int
	uses []Use
}

func (p byPlace) Len() int           { return len(p.at) }
func (p byPlace) Less(i, j int) bool { return p.at[i] < p.at[j] }
func (p byPlace) Swap(i, j int) {
	p.at[i], p.at[j] = p.at[j], p.at[i]
	p.uses[i], p.uses[j] = p.uses[j], p.uses[i]
}

// lineColumn is the 1-based line and column, in characters, of byte i.
func lineColumn(s string, i int) (line, column int) {
	i = min(max(i, 0), len(s))
	start := strings.LastIndexByte(s[:i], '\n') + 1
	return strings.Count(s[:i], "\n") + 1, utf8.RuneCountInString(s[start:i]) + 1
}
