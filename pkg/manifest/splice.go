package manifest

import (
	"slices"
	"strconv"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// edits collects what is to change in each text of a file.
type edits struct {
	of     map[*yamltree.Text]*textEdits
	levels [][]*yamltree.Text // the texts with edits, by depth
}

// respell records the changes that make the uses name what to says, all or none.
func (e *edits) respell(uses []Use, to func(Use) (image.Ref, bool)) (reason string) {
	var all []change
	for i := range uses {
		changes, reason := uses[i].asItIs(), ""
		if target, ok := to(uses[i]); ok {
			uses[i].moves = true
			changes, reason = uses[i].respell(target)
		} else if len(uses) == 1 {
			return ""
		}
		if reason != "" {
			return reason
		}
		for _, c := range changes {
			if slices.ContainsFunc(all, func(o change) bool { return !o.fixed && o.View == c.View && o.to != c.to }) {
				return shares(changes, c)
			}
		}
		all = append(all, changes...)
	}
	return e.make(all)
}

// make records changes, all or none. It gives the reason if a place
// cannot be reached, or another use wants to change it to something else. The same
// change twice is one (an anchor used twice, a repository that several images share).
func (e *edits) make(changes []change) (reason string) {
	for _, c := range changes {
		if c.fixed {
			continue
		}
		if !c.Text.Reachable(c.Base, c.Base+len(c.S)) {
			return "its spelling does not survive decoding and encoding, so it is left alone"
		}
		if old, ok := e.of[c.Text].find(c.Base); ok && old != c.edit() {
			return shares(changes, c)
		}
	}
	for _, c := range changes {
		if !c.fixed {
			e.add(c.Text, c.edit())
		}
	}
	return ""
}

// shares says why c cannot have the field that it shares with others.
func shares(changes []change, c change) string {
	for _, x := range changes {
		if x.fixed {
			return "its consumer adds " + x.S + ", which goes elsewhere than the other images below " + c.S +
				"; give " + x.S + " an imageRepository of its own"
		}
	}
	return "another image that shares the field " + strconv.Quote(c.S) + " goes elsewhere"
}

// add records one edit of t.
func (e *edits) add(t *yamltree.Text, x edit) {
	if e.of == nil {
		e.of = map[*yamltree.Text]*textEdits{}
	}
	if e.of[t] == nil {
		e.of[t] = &textEdits{}
		d := t.Depth()
		for len(e.levels) <= d {
			e.levels = append(e.levels, nil)
		}
		e.levels[d] = append(e.levels[d], t)
	}
	e.of[t].add(x)
}

// apply carries all edits out to the file and gives its new bytes, and false if
// some edit has no place there.
func (e *edits) apply(file *yamltree.Text) ([]byte, bool) {
	for d := len(e.levels) - 1; d > 0; d-- {
		for _, t := range e.levels[d] {
			if !e.outward(t) {
				return nil, false
			}
		}
	}
	return splice(file.S, e.of[file].sorted(file.S))
}

// outward turns the edits of t into edits of the text around it.
func (e *edits) outward(t *yamltree.Text) bool {
	if t.Encode != nil {
		inner, ok := splice(t.S, e.of[t].sorted(t.S))
		if !ok || string(inner) == t.S {
			return ok
		}
		s, ok := t.Encode(string(inner))
		if ok {
			e.add(t.Outer, newEdit(t.From, t.To, s))
		}
		return ok
	}
	for _, x := range e.of[t].sorted(t.S) {
		from, to, ok := t.Span(x.from, x.to())
		if !ok {
			return false
		}
		s, ok := t.Respell(x.s)
		if !ok {
			return false
		}
		e.add(t.Outer, newEdit(from, to, s))
	}
	return true
}
