package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A partRole is what a part of a reference says.
type partRole int

const (
	namePart partRole = iota // registry, repository or an end of it; the parts join with '/'
	tagPart
	digestPart
)

// A part is one string of a reference, where it stands.
type part struct {
	view
	role  partRole
	fixed bool // the consumer adds it: it stands nowhere
}

// respell records the edits that make u name target. It gives the reason if the
// parts cannot be made to say so.
func (u *Use) respell(e *edits, target image.Ref) string {
	var names []part
	for _, p := range u.parts {
		if p.role == namePart {
			names = append(names, p)
		}
	}
	if len(names) == 0 {
		return "its name stands nowhere in this file"
	}
	rest := target.Name()
	for i := len(names) - 1; i > 0; i-- {
		kept := commonTail(rest, names[i].s)
		if kept == "" || names[i].fixed && kept != names[i].s {
			return "it is put together from several fields, and " + target.Name() + " does not end in " + names[i].s
		}
		if !e.set(names[i], kept) {
			return "another image shares its field " + names[i].s
		}
		rest = strings.TrimSuffix(strings.TrimSuffix(rest, kept), "/")
	}
	if rest == "" {
		return "it is put together from several fields, and nothing of " + target.Name() + " is left for the first"
	}
	if strings.HasSuffix(names[0].s, "/") {
		rest += "/"
	}
	if !e.set(names[0], rest) {
		return "another image shares its field " + names[0].s
	}
	return u.respellVersion(e, target)
}

// respellVersion records the edits of tag and digest, where the target has others.
func (u *Use) respellVersion(e *edits, target image.Ref) string {
	for _, p := range u.parts {
		want := ""
		switch {
		case p.role == tagPart && target.Tag != u.Ref.Tag:
			want = target.Tag
		case p.role == digestPart && target.Digest != u.Ref.Digest:
			want = target.Digest
		}
		if want != "" && !e.set(p, want) {
			return "another image shares its field " + p.s
		}
	}
	return ""
}

// set records that p becomes s, unless it says so already.
func (e *edits) set(p part, s string) bool {
	if p.fixed {
		return p.s == s
	}
	return e.add(p.t, p.base, p.base+len(p.s), s)
}

// commonTail is the longest common end of a and b in whole path elements.
func commonTail(a, b string) string {
	a, b = strings.Trim(a, "/"), strings.Trim(b, "/")
	at := len(b)
	for {
		i := strings.LastIndexByte(b[:at], '/')
		tail := b[i+1:]
		if a != tail && !strings.HasSuffix(a, "/"+tail) {
			break
		}
		at = i
		if i < 0 {
			return b
		}
	}
	if at == len(b) {
		return ""
	}
	return b[at+1:]
}
