package manifest

import "strings"

// keyFacts is what a key says about its value, worked out once per key.
type keyFacts struct {
	normal    string
	ignored   bool
	rules     []matcher // for the value
	itemRules []matcher // for the items of the value
	role      splitRole
	stem      string // before the role: "kubeVip" of kubeVipImageTag
}

// facts works out what the key says, or remembers it.
func (p *parser) facts(key string) *keyFacts {
	if f, ok := p.keys[key]; ok {
		return f
	}
	f := &keyFacts{normal: normal(key)}
	f.ignored = ignoredKeys[f.normal]
	f.role, f.stem = roleOf(f.normal)
	for _, m := range p.matchers {
		if m.steps[0] != "[]" {
			if glob(m.steps[0], f.normal) {
				f.rules = append(f.rules, m)
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
// cluster topology, extraArgs of kubeadm. The name says what the value is.
func (w *walker) nameValue(n *node) bool {
	name, value := n.get("name").follow(), n.get("value").follow()
	if name == nil || value == nil || name.kind != scalarNode || value.kind != scalarNode || len(n.kids) > 6 {
		return false
	}
	form := FormCRField
	if len(w.path) >= 2 && strings.Contains(strings.ToLower(w.path[len(w.path)-2].key), "env") {
		form = FormEnv
	}
	w.push(step{key: "value", facts: w.p.facts("value")})
	defer w.pop()
	facts := w.p.facts(name.value)
	m := matcher{rule: &rule{"named-value", "", "", form, Likely, shapeFor(facts.normal)}}
	if form == FormEnv {
		m.name = "env"
	}
	if !w.reference(value, m) && !w.valuePrefix(facts, value) && !w.embedded(value) {
		w.byShape(value)
	}
	return true
}

// jsonPatch handles {op, path, value} and ClusterClass's {op, path, valueFrom.template}
// (sigs.k8s.io/cluster-api JSONPatch): the path's last element is the key.
func (w *walker) jsonPatch(n *node) bool {
	path := n.str("path")
	if n.str("op") == "" || !strings.HasPrefix(path, "/") {
		return false
	}
	key := path[strings.LastIndexByte(path, '/')+1:]
	value, field := n.get("value").follow(), "value"
	if value == nil {
		value, field = n.get("valueFrom").follow().get("template").follow(), "valueFrom.template"
	}
	if value == nil || value.kind != scalarNode {
		return false
	}
	facts := w.p.facts(key)
	w.push(step{key: field, facts: facts})
	defer w.pop()
	if m, ok := w.firstOf(facts.rules); ok && m.name != "vm-image" && w.reference(value, m) {
		return true
	}
	if !w.embedded(value) {
		w.byShape(value)
	}
	return true
}

// variable handles {name: X, schema: {openAPIV3Schema: …}}, a variable of a ClusterClass:
// the name says what its default is.
func (w *walker) variable(n *node) bool {
	name, schema := n.get("name").follow(), n.get("schema").follow()
	if name == nil || name.kind != scalarNode || schema.get("openAPIV3Schema") == nil {
		return false
	}
	w.push(step{key: "schema", facts: w.p.facts("schema")})
	w.schema(schema, w.p.facts(name.value))
	w.pop()
	return true
}

// isCommandLine says that the walker stands at a list of words or commands.
func (w *walker) isCommandLine() bool {
	if len(w.path) == 0 {
		return false
	}
	f := w.path[len(w.path)-1].facts
	return f != nil && (strings.HasSuffix(f.normal, "args") || strings.HasSuffix(f.normal, "command") ||
		strings.HasSuffix(f.normal, "commands") || f.normal == "runcmd" || f.normal == "bootcmd")
}

// arguments walks the words of a command line: --flag=ref, and --flag followed by ref.
func (w *walker) arguments(n *node) {
	flag := ""
	for i, kid := range n.kids {
		w.push(step{index: i})
		word := kid.follow()
		switch {
		case word == nil || word.kind != scalarNode:
			w.walk(kid)
			flag = ""
		case strings.HasPrefix(word.value, "-") && !strings.ContainsAny(word.value, "=\n "):
			flag = word.value
		default:
			w.argument(word, flag)
			flag = ""
		}
		w.pop()
	}
}

// argument judges one word, which may be the value of the flag before it.
func (w *walker) argument(n *node, flag string) {
	v, ok := open(w.t, n)
	if !ok {
		return
	}
	value := v
	if strings.HasPrefix(v.s, "-") {
		name, _, ok := strings.Cut(v.s, "=")
		if !ok || strings.ContainsAny(name, " \n") {
			w.embedded(n)
			return
		}
		flag, value = name, v.sub(len(name)+1, len(v.s))
	}
	if w.argumentValues(value, flag) || w.embedded(n) {
		return
	}
	if strings.ContainsAny(v.s, " \n") {
		w.shell(v)
	}
}

// argumentValues judges the value of a flag: a reference, or several with commas
// between, or name=reference pairs.
func (w *walker) argumentValues(v view, flag string) bool {
	need := shapeFor(normal(strings.TrimLeft(flag, "-")))
	before := w.found
	for at := 0; at <= len(v.s); {
		end := len(v.s)
		if !strings.ContainsAny(v.s, "${") {
			if n := strings.IndexByte(v.s[at:], ','); n >= 0 {
				end = at + n
			}
		}
		item := v.sub(at, end)
		if i := strings.LastIndexByte(item.s, '='); i >= 0 && !strings.ContainsAny(item.s, "${") {
			item = item.sub(i+1, len(item.s))
		}
		if p, ok := readReference(item); ok && p.is(need) && (need != strongReference || !isCodeHost(p.ref.Registry)) {
			w.add(p, "argument", FormArg, Likely)
		}
		at = end + 1
	}
	return w.found > before
}

// customResource walks a CustomResourceDefinition: its schemas are prose but for
// the defaults, which are values of the field that they stand in.
func (w *walker) customResource(n *node) {
	for i := 0; i+1 < len(n.kids); i += 2 {
		key, value := n.kids[i], n.kids[i+1]
		w.push(step{key: key.value, facts: w.p.facts(key.value)})
		switch key.value {
		case "spec":
			w.schema(value, nil)
		case "metadata":
			w.walk(value)
		}
		w.pop()
	}
}

// schema looks for defaults. property is the field that the schema describes.
func (w *walker) schema(n *node, property *keyFacts) {
	if n == nil || n.kind == scalarNode || n.kind == aliasNode {
		return
	}
	for i, kid := range n.kids {
		if n.kind == sequenceNode {
			w.push(step{index: i})
			w.schema(kid, property)
			w.pop()
			continue
		}
		if i%2 == 1 {
			w.schemaEntry(n.kids[i-1], kid, property)
		}
	}
}

func (w *walker) schemaEntry(key, value *node, property *keyFacts) {
	isProperty := len(w.path) > 0 && w.path[len(w.path)-1].key == "properties"
	facts := w.p.facts(key.value)
	switch {
	case key.value == "default" && !isProperty:
		if property == nil {
			property = facts
		}
		w.push(step{key: key.value, facts: property})
		if value.kind != scalarNode || !w.valuePrefix(property, value) {
			w.walk(value)
		}
	case isProperty:
		w.push(step{key: key.value, facts: facts})
		w.schema(value, facts)
	default:
		w.push(step{key: key.value, facts: facts})
		w.schema(value, property)
	}
	w.pop()
}
