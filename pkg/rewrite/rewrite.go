// Package rewrite points manifests at another registry: it applies an
// image.Mapping to the uses in a file and says what became of each.
package rewrite

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// A Change is one reference that was respelled.
type Change struct {
	Line, Column int
	Written      string    // as the file spelled it
	Target       image.Ref // what it names now
}

// A Result is what became of one file.
type Result struct {
	Name      string
	Output    []byte // the file with its references respelled
	Diff      []byte // how Output differs, if Options asked for it
	Documents int
	Rewritten int                      // references that were respelled
	Changes   []Change                 // those, in the order of the file, if Options asked for them
	Unchanged int                      // references that were at the target already
	Unsure    int                      // references left alone, as detection was less sure than asked for
	Refused   []*manifest.RefusedError // references that cannot be respelled, in the order of the file

	group  string
	images images // of the file
}

// Options say what File respells.
type Options struct {
	// Least is how sure detection must be of a use. The zero value respells
	// whatever looks like an image.
	Least manifest.Confidence
	// Diff asks for Result.Diff: a unified diff as patch -p0 and git apply -p0
	// take it, empty if nothing changes.
	Diff bool
	// Changes asks for Result.Changes.
	Changes bool
	// Group is the group of the file in image.LayoutGroup, else empty.
	Group string
}

// File respells the uses in f as m says. A use that cannot be respelled is left
// alone and is in Refused. An error means that there is no result.
func File(f *manifest.File, m image.Mapping, opts Options) (*Result, error) {
	r := &rewriter{
		Result:  Result{Name: f.Name, Documents: f.Documents(), group: opts.Group},
		mapping: m.InGroup(opts.Group),
		opts:    opts,
	}
	output, err := f.Replace(r.target)
	for _, leaf := range leaves(err) {
		refused, ok := errors.AsType[*manifest.RefusedError](leaf)
		if !ok {
			return nil, leaf
		}
		r.takeBack(refused)
	}
	slices.SortStableFunc(r.Refused, func(a, b *manifest.RefusedError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	r.Output = output
	r.images.recent = nil
	if opts.Diff {
		r.Diff = unified(f.Name, []byte(f.Source()), output)
	}
	return &r.Result, nil
}

// leaves are the errors that errors.Join put together in err.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) // only what Replace joined, not what a cause joined
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

// A rewriter fills a Result while a file asks where its uses go.
type rewriter struct {
	Result
	mapping image.Mapping
	opts    Options
}

// target says where u goes; false if it stays.
func (r *rewriter) target(u manifest.Use) (image.Ref, bool) {
	if u.Confidence < r.opts.Least {
		if !u.Prefix {
			r.Unsure++
		}
		return image.Ref{}, false
	}
	to, moves := u.Target(r.mapping)
	if reason := r.obstacle(u, to); reason != "" {
		r.refuse(&manifest.RefusedError{
			File: r.Name, Line: u.Line, Column: u.Column, Written: u.Written, Reason: reason,
		})
		return image.Ref{}, false
	}
	if !u.Prefix {
		r.images.add(u.Ref)
	}
	if !moves {
		r.Unchanged++
		return image.Ref{}, false
	}
	r.Rewritten++
	if r.opts.Changes {
		r.Changes = append(r.Changes, Change{u.Line, u.Column, strings.Clone(u.Written), clone(to)})
	}
	return to, true
}

// obstacle is why u cannot go where the mapping says, empty if it can.
func (r *rewriter) obstacle(u manifest.Use, to image.Ref) string {
	if last := len(r.Refused) - 1; last >= 0 && r.Refused[last].Line == u.Line && r.Refused[last].Column == u.Column {
		return r.Refused[last].Reason // what one use needs to stay, another cannot move
	}
	if u.Ref.IsZero() {
		return "a variable or placeholder hides which image this is; give it a value of the private registry"
	}
	below, name := u.Ref, to.Name()
	if literals, variables := manifest.Literals(u.Ref.Name()); len(variables) > 0 {
		if u.Ref.Registry == "docker.io" && !strings.Contains(strings.TrimPrefix(strings.Join(literals, ""), "docker.io/"), "/") {
			return "a variable is the whole name on Docker Hub, which may stand for one in library/"
		}
		below = literalPlace(literals[0])
		literals, _ = manifest.Literals(name)
		name = strings.Join(literals, "x")
	}
	if u.Prefix && !u.Implied || below != u.Ref {
		if rule, conflict := r.mapping.PrefixConflict(below); conflict {
			return fmt.Sprintf("rule %s sends images below this prefix elsewhere than the rest of them", rule)
		}
	}
	if u.Prefix && !u.Implied {
		return ""
	}
	if _, err := image.Parse(name); err != nil {
		return fmt.Sprintf("no target: %v", err)
	}
	return ""
}

// literalPlace is the registry, and as much of the path behind it, that s surely begins
// with, whatever follows s.
func literalPlace(s string) image.Ref {
	host, path, _ := strings.Cut(s, "/")
	return image.Ref{Registry: host, Repository: path[:max(strings.LastIndexByte(path, '/'), 0)]}
}

// takeBack makes a use that counts as rewritten one that is refused.
func (r *rewriter) takeBack(refused *manifest.RefusedError) {
	if refused.Moves {
		r.Rewritten--
	}
	i := slices.IndexFunc(r.Changes, func(c Change) bool { return c.Line == refused.Line && c.Column == refused.Column })
	if i >= 0 {
		r.Changes = slices.Delete(r.Changes, i, i+1)
	}
	r.refuse(refused)
}

// refuse reports a reference, once where several uses of it stand in one place.
func (r *rewriter) refuse(refused *manifest.RefusedError) {
	refused.Written = strings.Clone(refused.Written)
	refused.Moves = true // all alike, for what the user has to see to is the same
	if !slices.ContainsFunc(r.Refused, func(old *manifest.RefusedError) bool { return *old == *refused }) {
		r.Refused = append(r.Refused, refused)
	}
}

// clone is r without ties to the file that it was found in, all of which a part
// of it would keep in memory.
func clone(r image.Ref) image.Ref {
	return image.Ref{
		Registry:   strings.Clone(r.Registry),
		Repository: strings.Clone(r.Repository),
		Tag:        strings.Clone(r.Tag),
		Digest:     strings.Clone(r.Digest),
	}
}

// unified is the diff of a file that becomes another one, nil if it stays as it is.
func unified(name string, before, after []byte) []byte {
	if strings.Contains(name, " ") {
		name += "\t" // a date may stand behind it, so that the name does not end at its first space
	}
	patch := diff.Diff(name, before, name, after)
	_, patch, _ = bytes.Cut(patch, []byte("\n")) // the command line of diff
	return patch
}
