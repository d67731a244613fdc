package manifest

import (
	"strconv"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A walker goes over the nodes of one document and collects the uses it finds.
// There is no other place that looks for images: a new kind of place is a row in
// rules.go, a new kind of string a decoder in decode.go.
type walker struct {
	p         *parser
	t         *yamltree.Text // that the nodes stand in
	form      Form           // FormEmbedded inside a string, "" in the file itself
	document  int
	object    string // of the outermost document
	group     string // of the innermost object, for rules
	kind      string
	namespace string // of the innermost object
	before    string // the path of the texts around t, ended with '|'
	path      []step
	scope     scope
	taken     map[*yamltree.Node]bool // nodes that a split reference has used up
	aliases   map[*yamltree.Node]bool // collections already walked through an alias
	found     int
	commands  bool // the text being read is commands, not prose
	unsure    bool // what is found is possible only
	policy    bool // what is found is possible only, but in a pod that is spelled out
}

// A step is one element of a path: a key of a mapping or an item of a sequence.
type step struct {
	key   string
	facts *keyFacts // nil for an item
	index int
}

// root walks a document.
func (w *walker) root(n *yamltree.Node) {
	w.walk(n)
}

func (w *walker) walk(n *yamltree.Node) {
	if n == nil {
		return
	}
	switch n.Kind {
	case yamltree.Scalar:
		w.scalar(n)
	case yamltree.Sequence:
		w.sequence(n)
	case yamltree.Mapping:
		w.mapping(n)
	case yamltree.Alias:
		w.alias(n)
	}
}

// alias follows an alias. A scalar is judged where the alias stands, its bytes are
// those of the anchor; a collection is walked once more only, so that nested
// aliases cost nothing.
func (w *walker) alias(n *yamltree.Node) {
	switch {
	case n.To == nil:
	case n.To.Kind == yamltree.Scalar:
		w.scalar(n.To)
	case !w.aliases[n.To]:
		w.aliases[n.To] = true
		w.walk(n.To)
	}
}

func (w *walker) push(s step) { w.path = append(w.path, s) }
func (w *walker) pop()        { w.path = w.path[:len(w.path)-1] }

func (w *walker) sequence(n *yamltree.Node) {
	if w.isCommandLine() {
		w.arguments(n)
		return
	}
	if w.linesOfConfig(n) {
		return
	}
	w.parameters(n)
	for i, kid := range n.Kids {
		w.push(step{index: i})
		w.walk(kid)
		w.pop()
	}
}

func (w *walker) mapping(n *yamltree.Node) {
	defer w.enterObject(n)()
	defer w.enterScope(n)()
	if w.kind == "CustomResourceDefinition" && n.Get("spec") != nil {
		w.customResource(n)
		return
	}
	if isSchema(n) {
		w.schema(n, nil)
		return
	}
	if len(w.path) == 0 && (w.release(n) || w.tagList(n)) {
		return
	}
	w.pulls(n)
	w.syncEntry(n)
	w.prefixes(n)
	w.split(n)
	w.nameValue(n)
	w.variable(n)
	w.jsonPatch(n)
	w.registryMap(n)
	for i := 0; i+1 < len(n.Kids); i += 2 {
		w.entry(n, n.Kids[i], n.Kids[i+1])
	}
}

// take says that the node needs no further look.
func (w *walker) take(n *yamltree.Node) {
	w.taken[n] = true
	w.taken[n.Follow()] = true
}

// entry walks the value at one key of a mapping.
func (w *walker) entry(parent, key, value *yamltree.Node) {
	facts := w.p.facts(key.Value)
	if facts.ignored || w.taken[value] {
		return
	}
	w.push(step{key: key.Value, facts: facts})
	defer w.pop()
	if w.beside(parent, facts, value.Follow()) {
		return
	}
	w.walk(value)
}

// enterObject notes which object n is, and gives the way back.
func (w *walker) enterObject(n *yamltree.Node) func() {
	kind := n.Str("kind")
	version := n.Str("apiVersion")
	if kind == "" || version == "" && len(w.path) > 0 {
		return func() {}
	}
	group, kindBefore, objectBefore, namespace, policy := w.group, w.kind, w.object, w.namespace, w.policy
	w.group, w.kind, w.namespace = "", kind, n.Get("metadata").Follow().Str("namespace")
	if g, _, ok := strings.Cut(version, "/"); ok {
		w.group = g
	}
	if w.form == "" && (w.object == "" || len(w.path) == 2 && w.path[0].key == "items") {
		w.object = objectName(version, kind, n.Get("metadata").Follow())
	}
	w.policy = policy || isPolicy(w.group, w.kind)
	return func() {
		w.group, w.kind, w.object, w.namespace, w.policy = group, kindBefore, objectBefore, namespace, policy
	}
}

// objectName is apiVersion/Kind namespace/name.
func objectName(version, kind string, meta *yamltree.Node) string {
	name := meta.Str("name")
	if name == "" {
		name = meta.Str("generateName")
	}
	if ns := meta.Str("namespace"); ns != "" {
		name = ns + "/" + name
	}
	return strings.TrimSpace(version + "/" + kind + " " + name)
}

// scalar judges one string: the rules for its place first, then what it may hold,
// then its mere shape.
func (w *walker) scalar(n *yamltree.Node) {
	if n.Value == "" || w.taken[n] {
		return
	}
	w.fetchScalar(n)
	if m, ok := w.match(); ok {
		if w.reference(n, m) {
			return
		}
		if m.form == "" || m.shape > anyReference && w.severalImages(n, m) {
			return
		}
	}
	if w.embedded(n) || w.command(n) {
		return
	}
	w.byShape(n)
}

// byShape finds a reference that no rule expects: whole strings only.
func (w *walker) byShape(n *yamltree.Node) {
	if !maybeReference(strings.TrimPrefix(n.Value, dockerScheme)) {
		return
	}
	p, ok := w.read(n)
	if strings.HasPrefix(n.Value, dockerScheme) { // KubeVirt's importer, skopeo
		if v, opened := yamltree.Open(w.t, n); opened {
			p, ok = readReference(v.Sub(len(dockerScheme), len(v.S)))
		}
	}
	switch {
	case !ok || !p.named() || p.templated || isLabel(p.ref):
	case p.is(strongReference) && !isCodeHost(p.ref.Registry):
		w.add(p, "reference-shape", FormCRField, Likely)
	case p.is(taggedReference):
		w.add(p, "reference-shape", FormCRField, Possible)
	}
}

// dockerScheme stands before a reference where other transports are possible.
const dockerScheme = "docker://"

// reference adds the string as the rule m says, if it looks enough like one.
func (w *walker) reference(n *yamltree.Node, m matcher) bool {
	p, ok := w.read(n)
	if m.form == FormList && strings.IndexByte(n.Value, '=') > 0 { // Argo CD: old=new
		if v, opened := yamltree.Open(w.t, n); opened {
			p, ok = readReference(v.Sub(strings.LastIndexByte(v.S, '=')+1, len(v.S)))
		}
	}
	if !ok && p.view.Text != nil && m.confidence == Certain && m.shape == anyReference && isPlaceholder(n.Value) {
		p, ok = spelling{view: p.view, templated: true, parts: []part{{View: p.view}}}, true
	}
	if !ok || n.Style == yamltree.Plain && isNull(n.Value) || isWord(p, m) {
		return false
	}
	if !p.hidesRegistry() && (!p.is(m.shape) || !p.named() && m.confidence < Certain) || m.shape == noReference {
		return false
	}
	form := m.form
	if form == "" {
		form = FormCRField
	}
	w.add(p, m.name, form, m.confidence)
	return true
}

// isPlaceholder says that a string which is no reference stands for one (REGISTRY/NAME:TAG):
// where there has to be an image, it is listed so that nobody misses it.
func isPlaceholder(s string) bool {
	return s != "" && !strings.ContainsAny(s, " \t\n{}\"'") && strings.ToLower(s) != s
}

// isNull says that a plain scalar is no string (YAML 1.2, §10.3).
func isNull(s string) bool {
	switch s {
	case "~", "null", "Null", "NULL", "true", "false":
		return true
	}
	return false
}

// isWord says that a string which a weak rule accepts is a plain word or a file name.
func isWord(p spelling, m matcher) bool {
	return m.confidence < Certain && !p.host && p.named() && (strings.HasSuffix(p.ref.Repository, ".img") ||
		!p.tagged && strings.Contains(p.ref.Repository, "/images/")) || // of a cloud's machines
		strings.HasSuffix(p.view.S, ".iso") || strings.HasSuffix(p.view.S, ".qcow2") || strings.HasSuffix(p.view.S, ".ova")
}

// read opens the scalar n and reads it as a reference.
func (w *walker) read(n *yamltree.Node) (spelling, bool) {
	if len(n.Value) > 1024 || strings.Contains(strings.TrimSpace(n.Value), "\n") {
		return spelling{}, false
	}
	v, ok := yamltree.Open(w.t, n)
	if !ok { // listed all the same; Replace refuses it
		v = yamltree.Whole(yamltree.Unopened(w.t, n))
	}
	p, ok := readReference(v)
	if !ok {
		p.view = trimView(v)
	}
	return p, ok
}

// match finds the first rule whose place is where the walker stands.
func (w *walker) match() (matcher, bool) {
	if len(w.path) == 0 {
		return matcher{}, false
	}
	last := w.path[len(w.path)-1]
	if last.facts != nil {
		return w.firstOf(last.facts.rules)
	}
	if len(w.path) > 1 && w.path[len(w.path)-2].facts != nil {
		return w.firstOf(w.path[len(w.path)-2].facts.itemRules)
	}
	return matcher{}, false
}

func (w *walker) firstOf(rules []matcher) (matcher, bool) {
	for _, m := range rules {
		if m.matchesObject(w.group, w.kind) && w.endsWith(m.steps) {
			return m, true
		}
	}
	return matcher{}, false
}

// endsWith compares the end of the path with the steps of a rule.
func (w *walker) endsWith(steps []string) bool {
	if len(steps) > len(w.path) {
		return false
	}
	for i, want := range steps {
		have := w.path[len(w.path)-1-i]
		if want == "[]" {
			if have.facts != nil {
				return false
			}
		} else if have.facts == nil || !glob(want, have.facts.normal) {
			return false
		}
	}
	return true
}

// add records a use.
func (w *walker) add(p spelling, rule string, form Form, c Confidence) {
	w.record(
		Use{Ref: p.ref, Written: p.view.S, Templated: p.templated, parts: p.parts, at: p.view},
		Origin{Form: form, Confidence: c, Rule: rule},
	)
}

func (w *walker) record(u Use, o Origin) {
	if w.form != "" {
		o.Form = w.form
	}
	if w.unsure || w.policy && o.Confidence < Certain {
		o.Confidence = Possible
	}
	o.Document, o.Object = w.document, w.object
	if last := len(w.path) - 1; last >= 0 && w.path[last].facts == nil {
		o.At, u.Item = w.before+render(w.path[:last]), w.path[last].index
	} else {
		o.At, u.Item = strings.TrimSuffix(w.before+render(w.path), "|"), NoItem
	}
	w.found++
	w.p.record(u, o)
}

// render spells a path: spec.containers[0].image, data["a.yaml"].
func render(path []step) string {
	var b strings.Builder
	for _, s := range path {
		switch {
		case s.facts == nil:
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.index))
			b.WriteByte(']')
		case isPlainKey(s.key):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		default:
			b.WriteByte('[')
			b.WriteString(strconv.Quote(s.key))
			b.WriteByte(']')
		}
	}
	return b.String()
}

func isPlainKey(key string) bool {
	for i := 0; i < len(key); i++ {
		if !yamltree.IsWordByte(key[i]) && key[i] != '-' {
			return false
		}
	}
	return key != ""
}
