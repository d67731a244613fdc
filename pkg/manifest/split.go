package manifest

import "strings"

// A splitRole is what a field contributes to a reference that stands in several fields.
type splitRole uint8

const (
	noRole splitRole = iota
	registryRole
	hubRole // a registry with a path, which the name follows
	repositoryRole
	nameRole
	pathRole
	tagRole
	versionRole
	digestRole
	newNameRole
)

// splitRoles are the ends of keys that have a role; what stands before is the stem
// that the fields of one reference share (kubeVipImageRepository, kubeVipImageTag).
// Longer ends come first.
var splitRoles = []struct {
	end  string
	role splitRole
}{
	{"imageregistry", registryRole},
	{"imagerepository", repositoryRole},
	{"imagerepo", repositoryRole},
	{"imagename", nameRole},
	{"imagepath", pathRole},
	{"imagetag", tagRole},
	{"imageversion", versionRole},
	{"imagedigest", digestRole},
	{"newtag", tagRole}, // kustomize
	{"registry", registryRole},
	{"repository", repositoryRole},
	{"repo", repositoryRole},
	{"image", nameRole},
	{"tag", tagRole},
	{"digest", digestRole},
	{"sha", digestRole},
	{"sha256", digestRole},
}

// roleOf finds the role of a normal key.
func roleOf(key string) (splitRole, string) {
	switch key {
	case "hub":
		return hubRole, ""
	case "name":
		return nameRole, ""
	case "version":
		return versionRole, ""
	case "newname": // kustomize: `name` beside it only says which image is meant
		return newNameRole, ""
	}
	for _, r := range splitRoles {
		if stem, ok := strings.CutSuffix(key, r.end); ok {
			return r.role, stem
		}
	}
	return noRole, ""
}

// fields are the parts of one reference among the entries of a mapping.
type fields struct {
	registry, hub, repository, name, newName, path, tag, version, digest *node
	image                                                                bool // name stands at a key that says image
	hasTag                                                               bool // there is a key for a tag, even an empty one
}

// split finds references that stand in several fields of n.
func (w *walker) split(n *node) {
	var stems []string
	groups := map[string]*fields{}
	for i := 0; i+1 < len(n.kids); i += 2 {
		f := w.p.facts(n.kids[i].value)
		if f.role == noRole || w.taken[n.kids[i+1]] {
			continue
		}
		value := n.kids[i+1].follow()
		if value == nil || value.kind != scalarNode {
			continue
		}
		g := groups[f.stem]
		if g == nil {
			g = &fields{}
			groups[f.stem] = g
			stems = append(stems, f.stem)
		}
		g.set(f, value)
	}
	for _, stem := range stems {
		w.splitGroup(n, groups[stem], stem)
	}
}

func (g *fields) set(f *keyFacts, value *node) {
	g.hasTag = g.hasTag || f.role == tagRole
	if value.value == "" {
		return
	}
	switch f.role {
	case registryRole:
		g.registry = value
	case hubRole:
		g.hub = value
	case repositoryRole:
		g.repository = value
	case nameRole:
		if f.normal != "name" || g.name == nil {
			g.name = value
			g.image = f.normal != "name"
		}
	case pathRole:
		g.path = value
	case newNameRole:
		g.newName = value
	case tagRole:
		g.tag = value
	case versionRole:
		g.version = value
	case digestRole:
		g.digest = value
	}
}

// splitGroup decides whether the fields of one stem make a reference.
func (w *walker) splitGroup(n *node, g *fields, stem string) {
	under := w.underImage() || strings.HasSuffix(stem, "image")
	if g.tag == nil && g.version != nil && g.versionIsTag(under) {
		g.tag = g.version
	}
	switch {
	case g.newName != nil:
		w.joined("kustomize", Certain, g, g.newName)
	case g.path != nil && w.scope.repository != nil:
		w.joined("bom", Certain, g, w.scope.repository, g.path)
	case g.path != nil && g.tag != nil:
		w.joined("split", Likely, g, g.registry, g.repository, g.path)
	case g.image && isWordNode(g.name) && g.repository == nil && g.registry == nil && w.scope.hub != nil && g.tag == nil:
		if g.hub == nil {
			g.hub = w.scope.hub
		}
		g.tag = w.scope.tag
		w.joined("hub", Likely, g, g.hub, g.name)
	case g.repository != nil:
		w.repository(n, g, stem, under)
	case g.name != nil && (g.image || under || w.inImages()) && !isURL(g.name.value):
		w.nameOnly(g, under)
	}
}

// versionIsTag says that a version beside a name is its tag.
func (g *fields) versionIsTag(under bool) bool {
	return g.image && (g.repository != nil || g.registry != nil || g.name != nil && strings.Contains(g.name.value, "/")) ||
		under && !g.hasTag
}

// nameOnly joins image or name with a registry and a tag beside it.
func (w *walker) nameOnly(g *fields, under bool) {
	p, ok := w.read(g.name)
	if !ok || p.tagged && g.registry == nil {
		return
	}
	switch {
	case g.registry != nil && !isURL(g.registry.value) && !p.host:
		w.joined("split", Likely, g, g.registry, g.name)
	case g.registry == nil && (g.tag != nil || g.digest != nil) && (p.path || under || g.image):
		w.joined("split", Likely, g, g.name)
	}
}

// repository joins a repository with what stands beside it.
func (w *walker) repository(n *node, g *fields, stem string, under bool) {
	repo := g.repository.value
	if isURL(repo) || isChart(n, stem, repo) || g.tag == nil && g.digest == nil && !w.namesImage(g, under) {
		return
	}
	if g.tag == nil && g.digest == nil && g.version != nil {
		g.tag = g.version
	}
	p, ok := w.read(g.repository)
	if !ok {
		if g.name == nil || !g.image {
			w.prefix(g.repository, prefixRule{name: "repository"})
			return
		}
		p = spelling{}
	}
	isPrefix := !ok || p.named() && g.registry == nil && isBareRegistry(repo)
	names := []*node{g.registry, g.repository}
	if p.host || !ok {
		names = []*node{g.repository}
	}
	if g.name != nil && (g.image || under || isPrefix && w.inImages()) && !endsIn(repo, g.name.value) {
		names = append(names, g.name)
		isPrefix = false
	}
	if isPrefix {
		if w.prefix(g.repository, prefixRule{name: "repository"}) {
			w.taken[g.repository] = true
		}
		return
	}
	w.joined("split", Likely, g, names...)
}

// namesImage says that a repository without a tag is an image all the same.
func (w *walker) namesImage(g *fields, under bool) bool {
	if g.image && g.name != nil || under && (g.hasTag || strings.Contains(g.repository.value, "/")) {
		return true
	}
	p, ok := w.read(g.repository)
	return ok && p.host && p.path && !isCodeHost(p.ref.Registry) || isBareRegistry(g.repository.value)
}

// underImage says that the walker stands at a key that says image.
func (w *walker) underImage() bool {
	if len(w.path) == 0 {
		return false
	}
	f := w.path[len(w.path)-1].facts
	return f != nil && (strings.HasSuffix(f.normal, "image") || strings.HasPrefix(f.normal, "image"))
}

// inImages says that the walker stands at an item of a list of images.
func (w *walker) inImages() bool {
	n := len(w.path)
	return n > 1 && w.path[n-1].facts == nil && w.path[n-2].facts != nil && w.path[n-2].facts.normal == "images"
}

// joined records the reference that the nodes, in order, and the tag and digest of g make.
func (w *walker) joined(rule string, c Confidence, g *fields, names ...*node) {
	var parts []part
	var at view
	var written strings.Builder
	for _, n := range names {
		if n == nil {
			continue
		}
		v, ok := open(w.t, n)
		if !ok || strings.ContainsAny(v.s, " \n") && !strings.Contains(v.s, "{{") {
			return
		}
		if len(parts) > 0 && !strings.HasSuffix(written.String(), "/") {
			written.WriteByte('/')
		}
		written.WriteString(v.s)
		parts = append(parts, part{view: v, role: namePart})
		at = v // of several fields the last, since the first may be shared by a whole document
	}
	parts = w.version(&written, g, parts)
	p, ok := readReference(view{s: written.String()})
	if !ok || !p.named() && allVariables(names) {
		return
	}
	for _, n := range append(names, g.tag, g.digest) {
		if n != nil {
			w.taken[n] = true
		}
	}
	if len(names) == 1 && len(parts) > 1 && parts[0].role == namePart {
		parts = append(whole(parts[0]), parts[1:]...)
	}
	w.record(Use{
		Ref: p.ref, Written: written.String(), Templated: p.templated,
		Form: FormSplit, Confidence: c, Rule: rule, parts: parts, at: at,
	})
}

// whole is a name field that may hold variables with defaults, taken apart.
func whole(p part) []part {
	s, ok := readReference(p.view)
	if !ok {
		return []part{p}
	}
	return s.parts
}

// version appends tag and digest as their consumer does.
func (w *walker) version(b *strings.Builder, g *fields, parts []part) []part {
	for _, x := range []struct {
		n    *node
		sep  string
		role partRole
	}{{g.tag, ":", tagPart}, {g.digest, "@", digestPart}} {
		if x.n == nil {
			continue
		}
		v, ok := open(w.t, x.n)
		if !ok {
			continue
		}
		switch {
		case strings.HasPrefix(v.s, "sha256:"):
			x.sep, x.role = "@", digestPart
		case strings.Contains(v.s, "@"): // tag@digest in one field
			x.role = namePart
		case x.role == digestPart && len(v.s) == 64:
			x.sep = "@sha256:"
		}
		b.WriteString(x.sep)
		b.WriteString(v.s)
		if x.role != namePart {
			parts = append(parts, part{view: v, role: x.role})
		}
	}
	return parts
}

// allVariables says that nothing in the names is literal.
func allVariables(names []*node) bool {
	for _, n := range names {
		if n != nil && strings.Trim(collapse(n.value, variables(n.value)), "x/:") != "" {
			return false
		}
	}
	return true
}

func isWordNode(n *node) bool {
	return n != nil && !strings.ContainsAny(n.value, "/:@.${")
}

func isURL(s string) bool { return strings.Contains(s, "://") || strings.HasPrefix(s, "git@") }

// isChart says that the fields of n name a Helm chart.
func isChart(n *node, stem, repository string) bool {
	if stem == "" && (n.str("chart") != "" || n.str("chartName") != "") {
		return true
	}
	return strings.Contains(repository, "/charts") || strings.Contains(repository, "helm")
}

// endsIn says that the last path element of repository is name.
func endsIn(repository, name string) bool {
	return repository == name || strings.HasSuffix(repository, "/"+name)
}

// isCodeHost says that what stands below the host is source code, not images.
func isCodeHost(host string) bool {
	return host == "github.com" || host == "gitlab.com" || host == "bitbucket.org" || host == "go.dev"
}

// isBareRegistry says that s is a registry, or a namespace of a registry whose images
// all stand in namespaces, so that an image name has yet to follow.
func isBareRegistry(s string) bool {
	s = strings.TrimSuffix(s, "/")
	host, path, ok := strings.Cut(s, "/")
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		return false
	}
	if !ok {
		return true
	}
	switch {
	case host == "quay.io", host == "ghcr.io", host == "gcr.io", strings.HasSuffix(host, ".gcr.io") && host != "k8s.gcr.io",
		host == "nvcr.io", host == "public.ecr.aws", strings.HasSuffix(host, "-docker.pkg.dev"):
		return !strings.Contains(path, "/")
	}
	return false
}

// A scope is what a document says once for all its images.
type scope struct {
	repository *node // imageConfig.imageRepository of a bill of materials
	hub, tag   *node // Istio
}

func documentScope(root *node) scope {
	var s scope
	if root == nil || root.kind != mappingNode {
		return s
	}
	s.repository = filled(root.get("imageConfig").follow().get("imageRepository"))
	for _, at := range []*node{root.get("global").follow(), root.get("spec").follow(), root} {
		if hub := filled(at.get("hub")); hub != nil {
			s.hub, s.tag = hub, filled(at.get("tag"))
			break
		}
	}
	return s
}

// filled is the scalar that n is, nil if it is empty or none.
func filled(n *node) *node {
	if n = n.follow(); n == nil || n.kind != scalarNode || n.value == "" {
		return nil
	}
	return n
}
