package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// An edit replaces text.S[from:from+length] by s. The last bytes of it are kept.
type edit struct {
	from         int
	length, kept int32
	s            string
}

func newEdit(from, to int, s string) edit { return edit{from: from, length: int32(to - from), s: s} }

// to is the end of what x is about, and changed that of what it changes.
func (x edit) to() int      { return x.from + int(x.length) }
func (x edit) changed() int { return x.to() - int(x.kept) }

// edit is what c does to its text. In the file itself the common end of old and new is
// kept: then most edits of a file put the same words in, and these are in memory once. In
// other texts the end may be spelled otherwise than it reads, and is spelled anew.
func (c *change) edit() edit {
	x := newEdit(c.Base, c.Base+len(c.S), c.to)
	if c.Text.Outer == nil {
		kept := commonSuffix(c.S, c.to)
		x.kept, x.s = int32(kept), c.to[:len(c.to)-kept]
	}
	return x
}

func commonSuffix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// textEdits are the edits of one text. They come mostly in the order of the text.
type textEdits struct {
	list []edit       // those that do
	late map[int]edit // the others, by where they begin
}

// find is the edit that begins at from.
func (e *textEdits) find(from int) (edit, bool) {
	if e == nil {
		return edit{}, false
	}
	if i, ok := e.search(from); ok {
		return e.list[i], true
	}
	x, ok := e.late[from]
	return x, ok
}

func (e *textEdits) search(from int) (int, bool) {
	if len(e.list) == 0 || from > e.list[len(e.list)-1].from {
		return len(e.list), false
	}
	return slices.BinarySearchFunc(e.list, from, func(x edit, from int) int { return cmp.Compare(x.from, from) })
}

// add records x, in the place of another edit that begins where x does.
func (e *textEdits) add(x edit) {
	i, there := e.search(x.from)
	switch {
	case there:
		e.list[i] = x
	case i < len(e.list):
		if e.late == nil {
			e.late = map[int]edit{}
		}
		e.late[x.from] = x
	default:
		if i > 0 && e.list[i-1].s == x.s {
			x.s = e.list[i-1].s
		} else {
			x.s = strings.Clone(x.s) // without the rest of the name that it is cut from
		}
		e.list = append(e.list, x)
	}
}

// sorted is the edits of s in its order, those left out that change nothing: what stays
// need not be spelled anew.
func (e *textEdits) sorted(s string) []edit {
	if e == nil {
		return nil
	}
	for _, x := range e.late {
		e.list = append(e.list, x)
	}
	if e.late != nil {
		e.late = nil
		slices.SortFunc(e.list, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	}
	return slices.DeleteFunc(e.list, func(x edit) bool { return x.s == s[x.from:x.changed()] })
}

// splice applies sorted edits to s, and gives false if two of them overlap.
func splice(s string, list []edit) ([]byte, bool) {
	size := len(s)
	for _, x := range list {
		size += len(x.s) - (x.changed() - x.from)
	}
	b := make([]byte, 0, max(size, 0))
	at := 0
	for _, x := range list {
		if x.from < at {
			return nil, false
		}
		b = append(append(b, s[at:x.from]...), x.s...)
		b = append(b, s[x.changed():x.to()]...)
		at = x.to()
	}
	return append(b, s[at:]...), true
}
