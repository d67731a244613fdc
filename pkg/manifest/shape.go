package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A shape is how much a string looks like a reference. A rule that knows its field
// for sure asks for little, one that goes by a name asks for more.
type shape int

const (
	anyReference    shape = iota // nginx will do, ${IMAGE} as well
	namedReference               // a path, a tag or a digest
	rootedReference              // a registry host, or a tag or digest
	taggedReference              // a path, and a tag or digest
	strongReference              // a registry host, and a tag or digest
	noReference                  // whatever it looks like, it is none
)

// A spelling is a reference as it is written in one string.
type spelling struct {
	view      yamltree.View // the reference itself
	ref       image.Ref
	parts     []part // nil if they are those of one plain reference, which view is
	templated bool

	host   bool // the registry is written
	path   bool // there is a slash
	tagged bool // a tag or digest is written
}

// is says whether the spelling looks enough like a reference.
func (p *spelling) is(s shape) bool {
	switch s {
	case anyReference:
		return true
	case namedReference:
		return p.named() && (p.path || p.tagged)
	case rootedReference:
		return p.named() && (p.host && p.path || p.tagged && !p.isHostPort())
	case taggedReference:
		return p.named() && p.path && p.tagged
	case strongReference:
		return p.named() && p.host && p.path && p.tagged
	default:
		return false
	}
}

// isLabel says that DOMAIN/KEY:VALUE is a label or a taint of Kubernetes, not an image.
func isLabel(r image.Ref) bool {
	switch r.Tag {
	case "NoSchedule", "NoExecute", "PreferNoSchedule":
		return true
	}
	return r.Registry == "kubernetes.io" || strings.HasSuffix(r.Registry, ".kubernetes.io") || r.Registry == "k8s.io" ||
		strings.HasSuffix(r.Registry, ".x-k8s.io")
}

// named says that the name is no variable.
func (p *spelling) named() bool { return !p.ref.IsZero() }

// hidesRegistry says that a variable holds the registry, and that what follows it is a
// literal name with a tag or digest: ${REGISTRY}/manager:v1.
func (p *spelling) hidesRegistry() bool {
	if !p.templated || p.named() || !p.tagged || !p.path {
		return false
	}
	name, _, _ := cutReference(covered(p.view.S, variables(p.view.S)))
	path := p.view.S[strings.IndexByte(p.view.S, '/')+1 : name]
	return path != "" && !strings.ContainsAny(path, "${<#")
}

// isHostPort says that the string may as well be HOST:PORT.
func (p *spelling) isHostPort() bool {
	if p.path || p.ref.Digest != "" || p.ref.Tag == "" {
		return false
	}
	for _, c := range []byte(p.ref.Tag) {
		if c < '0' || c > '9' {
			return false
		}
	}
	name := strings.TrimPrefix(p.ref.Repository, "library/")
	return len(p.ref.Tag) >= 4 || strings.Contains(name, ".") || name == "localhost"
}

// readReference reads v, which may hold variables, as a reference.
func readReference(v yamltree.View) (spelling, bool) {
	v = trimView(v)
	if v.S == "" || len(v.S) > 1024 {
		return spelling{}, false
	}
	if !strings.ContainsAny(v.S, "${<%#") && strings.Count(v.S, "@") < 2 {
		ref, err := image.Parse(v.S)
		if err != nil {
			return spelling{}, false
		}
		name, tag, digest := cutReference(v.S)
		return newSpelling(v, ref, name, tag, digest), true
	}
	return readTemplate(v)
}

// newSpelling fills a spelling, but for its parts, from the ranges of name, tag and
// digest in v.s.
func newSpelling(v yamltree.View, ref image.Ref, name, tag, digest int) spelling {
	p := spelling{view: v, ref: ref, tagged: tag > name || digest > tag}
	slash := strings.IndexByte(v.S[:name], '/')
	p.path = slash >= 0
	if p.path {
		first := v.S[:slash]
		p.host = strings.ContainsAny(first, ".:") || first == "localhost"
	}
	return p
}

// partsOf takes v apart at the ends of name, tag and digest.
func partsOf(v yamltree.View, name, tag, digest int) []part {
	parts := append(make([]part, 0, 3), part{role: namePart, View: v.Sub(0, name)})
	if tag > name {
		parts = append(parts, part{role: tagPart, View: v.Sub(name+1, tag)})
	}
	if digest > tag {
		parts = append(parts, part{role: digestPart, View: v.Sub(tag+1, digest)})
	}
	return parts
}

// cutReference gives the ends of name, tag and digest in s; a part that is not
// there ends where the one before it ends.
func cutReference(s string) (name, tag, digest int) {
	digest, tag = len(s), len(s)
	if i := strings.IndexByte(s, '@'); i >= 0 {
		tag = i
	}
	name = tag
	if i := strings.LastIndexByte(s[:tag], ':'); i > strings.LastIndexByte(s[:tag], '/') {
		name = i
	}
	return name, tag, digest
}

// trimView takes the white space around v away.
func trimView(v yamltree.View) yamltree.View {
	i := yamltree.NextWord(v.S, 0)
	j := len(v.S)
	for j > i && yamltree.IsSpace(v.S[j-1]) {
		j--
	}
	return v.Sub(i, j)
}

// readTemplate reads a reference with variables: ${VAR}, $VAR, {{ action }}, <placeholder>.
func readTemplate(v yamltree.View) (spelling, bool) {
	spans := variables(v.S)
	if len(spans) == 0 {
		return spelling{}, false
	}
	if first := spans[0]; first.from == 0 {
		if from, to, ok := defaultOf(v.S[:first.to]); ok {
			return readDefault(v, first.to, from, to)
		}
		if first.to == len(v.S) && v.S[0] == '{' {
			return spelling{}, false // evaluated by a template engine, names nothing here
		}
	}
	skeleton := covered(v.S, spans)
	if _, err := image.Parse(collapse(v.S, spans)); err != nil {
		return spelling{}, false
	}
	name, tag, digest := cutReference(skeleton)
	p := newSpelling(v, image.Ref{}, name, tag, digest)
	p.parts, p.templated = partsOf(v, name, tag, digest), true
	if registryKnown(v.S[:name], spans) {
		p.ref = templateRef(v.S, name, tag, digest)
	} else if strings.Contains(v.S[:name], "{{") {
		return spelling{}, false
	}
	return p, true
}

// registryKnown says whether the first element of a name, which decides about the
// registry, is free of variables, and the name is more than variables.
func registryKnown(name string, spans []span) bool {
	end := strings.IndexByte(name, '/')
	if end < 0 {
		end = len(name)
	}
	return spans[0].from >= end
}

// templateRef is the reference with its variables kept as they are written.
func templateRef(s string, name, tag, digest int) image.Ref {
	ref, err := image.ParsePrefix(s[:name])
	if err != nil { // variables in the path
		host, path, _ := strings.Cut(s[:name], "/")
		ref = image.Ref{Registry: host, Repository: path}
		if !strings.ContainsAny(host, ".:") && host != "localhost" {
			ref = image.Ref{Registry: "docker.io", Repository: s[:name]}
		}
	} else if ref.Registry == "docker.io" && !strings.Contains(ref.Repository, "/") {
		ref.Repository = "library/" + ref.Repository
	}
	if tag > name {
		ref.Tag = s[name+1 : tag]
	}
	if digest > tag {
		ref.Digest = s[tag+1 : digest]
	}
	return ref
}

// readDefault reads ${VAR:=default}rest, whose default stands at v.s[from:to].
func readDefault(v yamltree.View, end, from, to int) (spelling, bool) {
	if end == len(v.S) {
		return readReference(v.Sub(from, to))
	}
	head := v.S[from:to]
	rest := v.S[end:]
	whole, ok := readReference(yamltree.View{S: head + rest})
	if !ok || !whole.named() {
		return spelling{}, false
	}
	name, tag, digest := cutReference(covered(rest, variables(rest)))
	tail := partsOf(v.Sub(end, len(v.S)), name, tag, digest)
	if name == 0 { // the whole name is the default, the tag follows
		tail = tail[1:]
	}
	whole.parts = append([]part{{role: namePart, View: v.Sub(from, to)}}, tail...)
	whole.view, whole.templated = v, true
	return whole, true
}

// A span is a range of a string.
type span struct{ from, to int }

// variables finds what in s is filled in later.
func variables(s string) []span {
	var list []span
	for i := 0; i < len(s); {
		end := yamltree.VariableEnd(s, i)
		if end <= i {
			end = wordVariableEnd(s, i)
		}
		if end <= i {
			i++
			continue
		}
		list = append(list, span{i, end})
		i = end
	}
	return list
}

// wordVariableEnd is the end of $VAR, $(VAR) and <placeholder>.
func wordVariableEnd(s string, i int) int {
	switch {
	case strings.HasPrefix(s[i:], "###"): // Zarf
		if n := strings.Index(s[i+3:], "###"); n > 0 && !strings.ContainsAny(s[i+3:i+3+n], " \n") {
			return i + n + 6
		}
	case s[i] == '<':
		if n := strings.IndexByte(s[i:], '>'); n > 1 && !strings.ContainsAny(s[i:i+n], " /") {
			return i + n + 1
		}
	case strings.HasPrefix(s[i:], "$("):
		if n := strings.IndexByte(s[i:], ')'); n > 0 {
			return i + n + 1
		}
	case strings.HasPrefix(s[i:], "$$"):
		if end := yamltree.VariableEnd(s, i+1); end > 0 {
			return end
		}
		return wordVariableEnd(s, i+1)
	case s[i] == '$':
		j := i + 1
		for j < len(s) && yamltree.IsWordByte(s[j]) {
			j++
		}
		if j > i+1 {
			return j
		}
	}
	return 0
}

// defaultOf gives the default of ${VAR:=default}, ${VAR:-default} and their like.
func defaultOf(s string) (from, to int, ok bool) {
	if !strings.HasPrefix(s, "${") {
		return 0, 0, false
	}
	i := yamltree.NextWord(s, 2)
	for i < len(s) && yamltree.IsWordByte(s[i]) {
		i++
	}
	switch {
	case strings.HasPrefix(s[i:], ":=") || strings.HasPrefix(s[i:], ":-"):
		i += 2
	case strings.HasPrefix(s[i:], "="):
		i++
	default:
		return 0, 0, false
	}
	from, to = i, len(s)-1
	if to-from >= 2 && (s[from] == '"' || s[from] == '\'') && s[to-1] == s[from] {
		from, to = from+1, to-1
	}
	return from, to, to > from
}

// covered is s with its variables covered by as many letters.
func covered(s string, spans []span) string {
	b := []byte(s)
	for _, x := range spans {
		for i := x.from; i < x.to; i++ {
			b[i] = 'x'
		}
	}
	return string(b)
}

// collapse is s with every variable as one letter, so that its length does not count.
func collapse(s string, spans []span) string {
	var b strings.Builder
	at := 0
	for _, x := range spans {
		b.WriteString(s[at:x.from])
		b.WriteByte('x')
		at = x.to
	}
	b.WriteString(s[at:])
	return b.String()
}
