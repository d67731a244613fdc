package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// split finds references that stand in several fields of n.
func (w *walker) split(n *yamltree.Node) {
	var stems []string
	var registry *yamltree.Node // a prefix by itself, and shared by the names beside it
	groups := map[string]*fields{}
	for i := 0; i+1 < len(n.Kids); i += 2 {
		f := w.p.facts(n.Kids[i].Value)
		if f.role == registryRole && f.stem == "" {
			registry = filled(n.Kids[i+1])
		}
		if f.role == noRole || w.taken[n.Kids[i+1]] {
			continue
		}
		value := n.Kids[i+1].Follow()
		if value == nil || value.Kind != yamltree.Scalar {
			continue
		}
		g := groups[f.stem]
		if g == nil {
			g = &fields{stem: f.stem}
			groups[f.stem] = g
			stems = append(stems, f.stem)
		}
		g.set(f, value)
	}
	shared := groups[""]
	if shared != nil && shared.name != nil {
		shared = nil // they are those of an image
	}
	for _, stem := range stems {
		groups[stem].share(shared, registry)
		w.splitGroup(n, groups[stem])
	}
}

// splitGroup decides whether the fields of one stem make a reference.
func (w *walker) splitGroup(n *yamltree.Node, g *fields) {
	under := w.underImage() || strings.HasSuffix(g.stem, "image")
	if g.tag == nil && g.version != nil && g.versionIsTag(under) {
		g.tag = g.version
	}
	switch {
	case g.newName != nil && w.inImages():
		w.kustomize(g)
	case g.path != nil && (g.tag != nil || w.scope.prefix != nil):
		w.imagePath(g)
	case g.hub != nil || w.byHub(g):
		w.hub(g)
	case g.repository != nil:
		w.repository(n, g, under)
	case g.name != nil && (g.image || under || w.inImages()) && !isURL(g.name.Value):
		if !g.image && g.registry == nil && (namesElsewhere(n) || g.elsewhere && w.scope.prefix == nil) {
			return
		}
		w.nameOnly(g, under)
	}
}

// namesElsewhere says that the name in n is no image: what it names stands at a URI, or is
// an image stream of OpenShift, which is in a namespace.
func namesElsewhere(n *yamltree.Node) bool {
	return n.Str("uri") != "" || n.Str("url") != "" || n.Str("namespace") != ""
}

// kustomize joins the new name and tag of an image transformer. The old name only says
// which image is meant: it is no image of its own, but it has to follow the manifests,
// where that image is rewritten as well.
func (w *walker) kustomize(g *fields) {
	w.joined("kustomize", Certain, g, g.newName)
	if g.name == nil {
		return
	}
	if p, ok := w.read(g.name); ok && p.named() {
		w.taken[g.name] = true
		w.record(
			Use{Ref: p.ref, Written: p.view.S, Prefix: true, Implied: true, parts: p.parts, at: p.view},
			Origin{Form: FormSplit, Confidence: Certain, Rule: "kustomize-match"},
		)
	}
}

// imagePath joins a path with the repository of its scope.
func (w *walker) imagePath(g *fields) {
	switch {
	case g.registry != nil || g.repository != nil:
		w.joined("split", Likely, g, g.registry, g.repository, g.path)
	case w.scope.prefix != nil:
		w.joined("bom", Certain, g, w.scope.prefix, g.path)
	default:
		w.joined("split", Likely, g, g.path)
	}
}

// byHub says that the fields name an image of Istio by one word.
func (w *walker) byHub(g *fields) bool {
	return w.scope.hub != nil && g.image && isWordNode(g.name) && g.repository == nil && g.registry == nil && g.tag == nil
}

// hub joins an image's word with the hub and tag of its scope.
func (w *walker) hub(g *fields) {
	if g.name == nil || !g.image {
		return
	}
	if g.hub == nil {
		g.hub = w.scope.hub
	}
	if g.tag == nil {
		g.tag = w.scope.tag
	}
	w.joined("hub", Likely, g, g.hub, g.name)
}

// nameOnly joins image or name with a registry and a tag beside it.
func (w *walker) nameOnly(g *fields, under bool) {
	p, ok := w.read(g.name)
	if !ok || p.tagged && g.registry == nil {
		return
	}
	switch {
	case g.registry != nil && !isURL(g.registry.Value) && !p.host:
		w.joined("split", Likely, g, g.registry, g.name)
	case g.registry == nil && g.pinned() && (p.path || under || g.image || g.kustomize || g.digest != nil):
		w.joined("split", Likely, g, w.scopeFor(p, g), g.name)
	}
}

// scopeFor is the prefix that a name without a registry has from its scope.
func (w *walker) scopeFor(p spelling, g *fields) *yamltree.Node {
	if p.host || g.registry != nil || g.kustomize {
		return nil
	}
	return w.scope.prefix
}

// repository joins a repository with what stands beside it.
func (w *walker) repository(n *yamltree.Node, g *fields, under bool) {
	repo := g.repository.Value
	if isURL(repo) || isChart(n, g.stem, repo) {
		return
	}
	if !g.pinned() && (g.bare || isKubeadm(n)) {
		w.barePrefix(g.repository)
		return
	}
	if !g.pinned() && !w.namesImage(g, under) {
		return
	}
	if !g.pinned() {
		g.tag = g.version
	}
	p, ok := w.read(g.repository)
	if !ok && (g.name == nil || !g.image) && w.barePrefix(g.repository) {
		return
	}
	joinsName := g.name != nil && (g.image || under) && !endsIn(repo, g.name.Value)
	if !joinsName && ok && p.named() && g.registry == nil && isBareRegistry(repo) {
		w.barePrefix(g.repository)
		return
	}
	names := []*yamltree.Node{g.registry, w.scopeFor(p, g), g.repository}
	if p.host {
		names = names[2:]
	}
	if joinsName {
		names = append(names, g.name)
	}
	w.joined("split", Likely, g, names...)
}

// barePrefix records a repository that no name follows in these fields.
func (w *walker) barePrefix(repository *yamltree.Node) bool {
	if !isBareRegistry(repository.Value) && !strings.Contains(repository.Value, ".") {
		return false
	}
	ok := w.prefix(repository, prefixRule{name: "repository"})
	w.taken[repository] = w.taken[repository] || ok
	return ok
}

// namesImage says that a repository without a tag is an image all the same.
func (w *walker) namesImage(g *fields, under bool) bool {
	if g.image && g.name != nil || under && (g.hasTag || strings.Contains(g.repository.Value, "/")) {
		return true
	}
	if g.registry != nil && startsWithHost(g.registry.Value) && (g.name == nil || g.image) && !w.underChart() {
		// the consumer knows the tag
		return true
	}
	p, ok := w.read(g.repository)
	return ok && p.host && p.path && !isCodeHost(p.ref.Registry) || isBareRegistry(g.repository.Value)
}

// underImage says that the walker stands at a key that says image, or at an entry of images.
func (w *walker) underImage() bool {
	n := len(w.path)
	if n == 0 || w.path[n-1].facts == nil {
		return false
	}
	f := w.path[n-1].facts
	if f.machine {
		return false
	}
	return strings.HasSuffix(f.normal, "image") || strings.HasPrefix(f.normal, "image") ||
		n > 1 && w.path[n-2].facts != nil && w.path[n-2].facts.normal == "images"
}

// underChart says that the walker stands at a key that says chart: what it holds is a
// Helm chart.
func (w *walker) underChart() bool {
	n := len(w.path)
	return n > 0 && w.path[n-1].facts != nil && strings.Contains(w.path[n-1].facts.normal, "chart")
}

// inImages says that the walker stands at an item of a list of images.
func (w *walker) inImages() bool {
	n := len(w.path)
	return n > 1 && w.path[n-1].facts == nil && w.path[n-2].facts != nil && w.path[n-2].facts.normal == "images"
}

// joined records the reference that the nodes, in order, and the tag and digest of g make.
func (w *walker) joined(rule string, c Confidence, g *fields, names ...*yamltree.Node) {
	var parts []part
	var at yamltree.View
	var written strings.Builder
	for _, n := range names {
		if n == nil {
			continue
		}
		v, ok := yamltree.Open(w.t, n)
		if !ok || strings.ContainsAny(v.S, " \n") && !strings.Contains(v.S, "{{") {
			return
		}
		if len(parts) > 0 && !strings.HasSuffix(written.String(), "/") && !strings.HasPrefix(v.S, "/") {
			written.WriteByte('/')
		}
		written.WriteString(v.S)
		if len(parts) == 0 {
			parts = nameParts(v)
		} else {
			parts = append(parts, part{View: v, role: namePart})
		}
		at = v // of several fields the last, since the first may be shared by a whole document
	}
	parts = w.version(&written, g, parts)
	p, ok := readReference(yamltree.View{S: written.String()})
	if !ok || !p.named() && allVariables(names) {
		return
	}
	for _, n := range append(names, g.tag, g.digest) {
		if n != nil {
			w.taken[n] = true
		}
	}
	w.record(
		Use{Ref: p.ref, Written: written.String(), Templated: p.templated, parts: parts, at: at},
		Origin{Form: FormSplit, Confidence: c, Rule: rule},
	)
}

// version appends tag and digest as their consumer does.
func (w *walker) version(b *strings.Builder, g *fields, parts []part) []part {
	for _, x := range []struct {
		n    *yamltree.Node
		sep  string
		role partRole
	}{{g.tag, ":", tagPart}, {g.digest, "@", digestPart}} {
		if x.n == nil {
			continue
		}
		v, ok := yamltree.Open(w.t, x.n)
		if !ok {
			continue
		}
		written := v.S
		switch {
		case strings.HasPrefix(v.S, "sha256:"):
			x.sep, x.role = "@", digestPart
		case strings.Contains(v.S, "@"): // tag@digest in one field
			x.role = namePart
		case x.role == digestPart && len(v.S) == 64:
			x.sep = "@sha256:"
		case strings.Contains(v.S, "+k0s."): // no tag has a plus
			written = strings.ReplaceAll(v.S, "+", "-")
		}
		b.WriteString(x.sep)
		b.WriteString(written)
		if x.role != namePart {
			parts = append(parts, part{View: v, role: x.role})
		}
	}
	return parts
}

// allVariables says that nothing in the names is literal.
func allVariables(names []*yamltree.Node) bool {
	for _, n := range names {
		if n != nil && strings.Trim(collapse(n.Value, variables(n.Value)), "x/:") != "" {
			return false
		}
	}
	return true
}
