package manifest

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A found is a Use as its file keeps it: small, as a list has one in every line. What the
// bytes of a reference say is not kept but read again when somebody asks.
type found struct {
	*context
	at           int // the use is said to stand at text.S[at:at+length]
	length, item int32
}

// A context is what uses in a row have in common.
type context struct {
	text   *yamltree.Text
	origin *Origin
	more   *Use // of a use that is more than one plain reference: all of it
}

// record keeps u, which was found as o says.
func (p *parser) record(u Use, o Origin) {
	o.File = p.name
	p.found = append(p.found, found{p.context(&u, o), u.at.Base, int32(len(u.at.S)), int32(u.Item)})
}

// context is that of the use found last, if u has the same.
func (p *parser) context(u *Use, o Origin) *context {
	plain := u.parts == nil && !u.Prefix
	if last := len(p.found) - 1; last >= 0 {
		c := p.found[last].context
		if plain && c.more == nil && c.text == u.at.Text && *c.origin == o {
			return c
		}
	}
	origin := o // which leaves the stack, as o need not
	c := &context{text: u.at.Text, origin: &origin}
	if !plain {
		more := *u
		more.Origin = &origin
		c.more = &more
	}
	return c
}

// use is x as others see it; p has not yet passed it.
func (x *found) use(p *place) Use {
	var u Use
	if x.more != nil {
		u = *x.more
	} else {
		u.Origin, u.Item = x.origin, int(x.item)
		u.at = yamltree.View{Text: x.text, Base: x.at, S: x.text.S[x.at : x.at+int(x.length)]}
		u.Written = u.at.S
		u.Ref, _ = image.Parse(u.Written) // as it was when it was found
	}
	p.advance(x.place())
	u.Line, u.Column = p.line, p.column
	return u
}

// place is the byte of the file where x is said to stand.
func (x *found) place() int { return x.text.Root(x.at) }

// isJoint says that x and y change together or not at all.
func (x *found) isJoint(y *found) bool {
	return x.more != nil && y.more != nil && x.more.joint && y.more.joint && x.more.at == y.more.at
}

// sortByPlace sorts the uses of a document by where they stand in the file.
func sortByPlace(uses []found) {
	byPlace := func(a, b found) int { return cmp.Compare(a.place(), b.place()) }
	if !slices.IsSortedFunc(uses, byPlace) {
		slices.SortStableFunc(uses, byPlace)
	}
}

// A place goes through the bytes of a file and counts lines and columns.
type place struct {
	s            string
	at           int
	line, column int // 1-based, of s[at]; the column in characters
}

// advance goes on to s[i].
func (p *place) advance(i int) {
	passed := p.s[p.at:i]
	if n := strings.LastIndexByte(passed, '\n'); n >= 0 {
		p.line += strings.Count(passed, "\n")
		p.column = 1
		passed = passed[n+1:]
	}
	p.column += utf8.RuneCountInString(passed)
	p.at = i
}
