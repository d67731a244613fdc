package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

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
	yamltree.View
	role  partRole
	fixed bool // the consumer adds it: it stands nowhere
}

// A change is what one part of a reference becomes.
type change struct {
	part
	to string
}

// respell gives the changes that make u name target, or the reason why its parts
// cannot be made to say so.
func (u *Use) respell(target image.Ref) ([]change, string) {
	var names []part
	parts := u.spelling()
	for _, p := range parts {
		if p.role == namePart {
			names = append(names, p)
		}
	}
	if u.Ref.IsZero() || len(names) == 0 {
		return nil, "a variable or placeholder hides which image this is; give it a value of the private registry"
	}
	changes := u.versionChanges(parts, target)
	rest := target.Name()
	for i := len(names) - 1; i > 0; i-- {
		kept := commonTail(rest, names[i].S)
		if kept == "" || names[i].fixed && kept != names[i].S {
			return nil, "it is put together from several fields, and " + target.Name() + " does not end in " + names[i].S
		}
		changes = append(changes, change{names[i], slashedAs(names[i].S, kept)})
		rest = strings.TrimSuffix(strings.TrimSuffix(rest, kept), "/")
	}
	if rest == "" {
		return nil, "it is put together from several fields, and nothing of " + target.Name() + " is left for the first"
	}
	if !keepsVariables(names[0].S, rest) {
		return nil, "its name holds a variable that " + target.Name() + " has no place for"
	}
	return append(changes, change{names[0], slashedAs(names[0].S, rest)}), ""
}

// spelling is the parts that spell u.
func (u *Use) spelling() []part {
	if u.parts != nil {
		return u.parts
	}
	name, tag, digest := cutReference(u.at.S)
	return partsOf(u.at, name, tag, digest)
}

// keepsVariables says that what is filled in later in old stands in s as well.
func keepsVariables(old, s string) bool {
	for _, x := range variables(old) {
		if !strings.Contains(s, old[x.from:x.to]) {
			return false
		}
	}
	return true
}

// asItIs gives the changes that change nothing: what a use that stays holds against
// others that share its fields.
func (u *Use) asItIs() []change {
	parts := u.spelling()
	changes := make([]change, len(parts))
	for i, p := range parts {
		changes[i] = change{p, p.S}
	}
	return changes
}

// versionChanges are the changes of tag and digest, where the target has others.
func (u *Use) versionChanges(parts []part, target image.Ref) []change {
	var changes []change
	for _, p := range parts {
		switch {
		case p.role == tagPart && target.Tag != u.Ref.Tag && target.Tag != "":
			changes = append(changes, change{p, target.Tag})
		case p.role == digestPart && target.Digest != u.Ref.Digest && target.Digest != "":
			changes = append(changes, change{p, target.Digest})
		}
	}
	return changes
}

// slashedAs gives s the slashes at its ends that old has.
func slashedAs(old, s string) string {
	s = strings.Trim(s, "/")
	if strings.HasPrefix(old, "/") {
		s = "/" + s
	}
	if strings.HasSuffix(old, "/") {
		s += "/"
	}
	return s
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
