package manifest

import (
	"strconv"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// keyFacts is what a key says about its value, worked out once per key.
type keyFacts struct {
	normal    string
	ignored   bool
	rules     []matcher // for the value
	itemRules []matcher // for the items of the value
	prefixes  []prefixMatcher
	role      splitRole
	stem      string // before the role: "kubeVip" of kubeVipImageTag

	opensScope bool
	machine    bool // an image of a machine, not of a container
}

// facts works out what the key says, or remembers it.
func (p *parser) facts(key string) *keyFacts {
	if f, ok := p.keys[key]; ok {
		return f
	}
	f := &keyFacts{normal: normal(key)}
	f.ignored = ignoredKeys[f.normal]
	f.role, f.stem = roleOf(f.normal)
	f.opensScope = opensScope(f.normal)
	for _, r := range p.prefixes {
		if glob(r.steps[0], f.normal) {
			f.prefixes = append(f.prefixes, r)
		}
	}
	for _, m := range p.matchers {
		if m.steps[0] != "[]" {
			if glob(m.steps[0], f.normal) {
				f.rules = append(f.rules, m)
				f.machine = f.machine || m.name == "vm-image" && m.object == ""
			}
		} else if len(m.steps) > 1 && glob(m.steps[1], f.normal) {
			f.itemRules = append(f.itemRules, m)
		}
	}
	p.keys[key] = f
	return f
}

// shapeFor is how much a value must look like a reference for its name to vouch for it.
func shapeFor(name string) shape {
	switch {
	case strings.HasPrefix(name, "relatedimage"):
		return anyReference
	case strings.HasSuffix(name, "image") || strings.HasSuffix(name, "images"):
		return rootedReference
	case strings.Contains(name, "image"):
		return taggedReference
	}
	return strongReference
}

// nameValue handles {name: X, value: Y}: environment variables, variables of a
// cluster topology, extraArgs of kubeadm, and Tekton's {name, default}. The name says
// what the value is.
func (w *walker) nameValue(n *yamltree.Node) {
	name, value, key := n.Get("name").Follow(), n.Get("value"), "value"
	if value == nil {
		value, key = n.Get("default"), "default"
	}
	if name == nil || name.Kind != yamltree.Scalar || filled(value) == nil || w.taken[value] {
		return
	}
	form := FormCRField
	if len(w.path) >= 2 && strings.Contains(strings.ToLower(w.path[len(w.path)-2].key), "env") {
		form = FormEnv
	}
	w.push(step{key: key, facts: w.p.facts(key)})
	w.named(w.p.facts(name.Value), value.Follow(), form)
	w.pop()
	w.take(value)
}

// parameters handles a list of {name, value} that together make a mapping, as Argo CD
// gives values to a chart: {name: image.tag, value: v1}.
func (w *walker) parameters(n *yamltree.Node) {
	if len(w.path) == 0 || w.path[len(w.path)-1].facts == nil || w.path[len(w.path)-1].facts.normal != "parameters" {
		return
	}
	m := &yamltree.Node{Kind: yamltree.Mapping}
	for _, kid := range n.Kids {
		name, value := kid.Follow().Get("name").Follow(), kid.Follow().Get("value").Follow()
		if name != nil && value != nil && name.Kind == yamltree.Scalar {
			m.Kids = append(m.Kids, name, value)
		}
	}
	w.split(m)
}

// named judges a value by a name that is not its key.
func (w *walker) named(name *keyFacts, value *yamltree.Node, form Form) {
	m := matcher{rule: &rule{"named-value", "", "", form, Likely, shapeFor(name.normal)}}
	if form == FormEnv {
		m.name = "env"
	}
	if w.reference(value, m) || w.valuePrefix(name, value) {
		return
	}
	if v, ok := yamltree.Open(w.t, value); ok && m.shape != strongReference && w.values(v, m) {
		return
	}
	if !w.embedded(value) {
		w.byShape(value)
	}
}

// jsonPatch handles {op, path, value} (RFC 6902) and ClusterClass's {op, path,
// valueFrom.template} (sigs.k8s.io/cluster-api JSONPatch): the value is walked as if it
// stood at the path.
func (w *walker) jsonPatch(n *yamltree.Node) {
	path := n.Str("path")
	value, field := n.Get("value"), "value"
	if value == nil {
		value, field = n.Get("valueFrom").Follow().Get("template"), "valueFrom.template"
	}
	if n.Str("op") == "" || !strings.HasPrefix(path, "/") || value == nil {
		return
	}
	before, outer := w.before, w.path
	w.before = before + render(w.path) + "." + field + "|"
	w.path = w.patched(path)
	switch text := filled(value); {
	case text != nil && w.prefixField(nil, text):
	case text != nil && w.isCommandLineItem():
		w.argument(text, "")
	default:
		w.walk(value)
	}
	w.before, w.path = before, outer
	w.take(value)
}

// patched is the path of a JSON pointer.
func (w *walker) patched(pointer string) []step {
	var path []step
	for _, key := range strings.Split(pointer[1:], "/") {
		if index, err := strconv.Atoi(key); err == nil || key == "-" {
			path = append(path, step{index: index})
			continue
		}
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		path = append(path, step{key: key, facts: w.p.facts(key)})
	}
	return path
}

// variable handles {name: X, schema: {openAPIV3Schema: …}}, a variable of a ClusterClass:
// the name says what its default is.
func (w *walker) variable(n *yamltree.Node) {
	name, schema := n.Get("name").Follow(), n.Get("schema")
	if name == nil || name.Kind != yamltree.Scalar || schema.Follow().Get("openAPIV3Schema") == nil {
		return
	}
	w.push(step{key: "schema", facts: w.p.facts("schema")})
	w.schema(schema.Follow(), w.p.facts(name.Value))
	w.pop()
	w.take(schema)
}

// isCommandLine says that the walker stands at a list of words or commands.
func (w *walker) isCommandLine() bool {
	if len(w.path) == 0 {
		return false
	}
	f := w.path[len(w.path)-1].facts
	return f != nil && (strings.HasSuffix(f.normal, "args") || strings.HasSuffix(f.normal, "command") ||
		strings.HasSuffix(f.normal, "commands") || f.normal == "runcmd" || f.normal == "bootcmd" ||
		f.normal == "literals") // of kustomize's generators
}

// isCommandLineItem says that the walker stands at an item of such a list.
func (w *walker) isCommandLineItem() bool {
	n := len(w.path)
	if n < 2 || w.path[n-1].facts != nil {
		return false
	}
	item := w.path[n-1]
	w.pop()
	defer w.push(item)
	return w.isCommandLine()
}

// arguments walks the words of a command line: --flag=ref, and --flag followed by ref.
func (w *walker) arguments(n *yamltree.Node) {
	flag := ""
	for i, kid := range n.Kids {
		w.push(step{index: i})
		word := kid.Follow()
		switch {
		case word == nil || word.Kind != yamltree.Scalar:
			w.walk(kid)
			flag = ""
		case strings.HasPrefix(word.Value, "-") && !strings.ContainsAny(word.Value, "=\n "):
			flag = word.Value
		default:
			w.argument(word, flag)
			flag = ""
		}
		w.pop()
	}
}

// argument judges one word, which may be the value of the flag before it.
func (w *walker) argument(n *yamltree.Node, flag string) {
	v, ok := yamltree.Open(w.t, n)
	if !ok {
		return
	}
	w.fetchLines(v)
	value := v
	if name, _, ok := strings.Cut(v.S, "="); ok && !strings.ContainsAny(name, " \n/:$") {
		flag, value = name, v.Sub(len(name)+1, len(v.S)) // --flag=value, NAME=value
		if name, _, ok := strings.Cut(value.S, "="); ok && strings.HasSuffix(strings.ToLower(name), "image") {
			flag = name // --set=agent.image=value
		}
	}
	m := matcher{rule: &rule{"argument", "", "", FormArg, Likely, shapeFor(normal(strings.TrimLeft(flag, "-")))}}
	if w.values(value, m) || w.embedded(n) {
		return
	}
	if strings.ContainsAny(v.S, " \n") {
		w.shell(v)
	}
}

// values judges a string that may hold one reference, or several with commas or line
// breaks between, or name=reference pairs.
func (w *walker) values(v yamltree.View, m matcher) bool {
	before := w.found
	whole := strings.ContainsAny(v.S, "${")
	for at := 0; at <= len(v.S); {
		end := len(v.S)
		if n := strings.IndexAny(v.S[at:], ",\n"); n >= 0 && !whole {
			end = at + n
		}
		item := v.Sub(at, end)
		if i := strings.LastIndexByte(item.S, '='); i >= 0 && !whole {
			item = item.Sub(i+1, len(item.S))
		}
		if p, ok := readReference(item); ok && p.is(m.shape) && (m.shape != strongReference || !isCodeHost(p.ref.Registry)) {
			w.add(p, m.name, m.form, m.confidence)
		}
		at = end + 1
	}
	return w.found > before
}

// isSchema says that n is a JSON Schema, whose examples are prose, and not a file that
// says which one it follows.
func isSchema(n *yamltree.Node) bool {
	if n.Get("$schema") == nil {
		return false
	}
	for _, key := range []string{"properties", "definitions", "$defs", "$ref", "allOf", "anyOf", "oneOf"} {
		if n.Get(key) != nil {
			return true
		}
	}
	return false
}

// customResource walks a CustomResourceDefinition: its schemas are prose but for
// the defaults, which are values of the field that they stand in.
func (w *walker) customResource(n *yamltree.Node) {
	for i := 0; i+1 < len(n.Kids); i += 2 {
		key, value := n.Kids[i], n.Kids[i+1]
		w.push(step{key: key.Value, facts: w.p.facts(key.Value)})
		switch key.Value {
		case "spec":
			w.schema(value, nil)
		case "metadata":
			w.walk(value)
		}
		w.pop()
	}
}

// schema looks for defaults. property is the field that the schema describes.
func (w *walker) schema(n *yamltree.Node, property *keyFacts) {
	if n == nil || n.Kind == yamltree.Scalar || n.Kind == yamltree.Alias {
		return
	}
	for i, kid := range n.Kids {
		if n.Kind == yamltree.Sequence {
			w.push(step{index: i})
			w.schema(kid, property)
			w.pop()
			continue
		}
		if i%2 == 1 {
			w.schemaEntry(n.Kids[i-1], kid, property)
		}
	}
}

func (w *walker) schemaEntry(key, value *yamltree.Node, property *keyFacts) {
	isProperty := len(w.path) > 0 && w.path[len(w.path)-1].key == "properties"
	facts := w.p.facts(key.Value)
	switch {
	case key.Value == "default" && !isProperty:
		if property == nil {
			property = facts
		}
		w.push(step{key: key.Value, facts: property})
		if value.Kind != yamltree.Scalar || !w.valuePrefix(property, value) {
			w.walk(value)
		}
	case isProperty:
		w.push(step{key: key.Value, facts: facts})
		w.schema(value, facts)
	default:
		w.push(step{key: key.Value, facts: facts})
		w.schema(value, property)
	}
	w.pop()
}
