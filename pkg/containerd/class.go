package containerd

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// The lists of a template that are followed through the patches of a ClusterClass.
const (
	filesKey    = "files"
	commandsKey = "preKubeadmCommands"
)

// A class is a ClusterClass: what becomes of templates before nodes are made from them
// (Cluster API, exp/topology and "Writing a ClusterClass", ClusterClass with patches).
type class struct {
	source          *source
	name, namespace string
	spec            *yamltree.Node
}

// A role is what a class uses a template for: the control plane, or the workers of a
// class of machine deployments or pools.
type role struct{ key, name string }

// configs are those of the nodes that are made from an object: from itself, or by way of
// the classes that use it.
func (r *manifestReader) configs(o object) []*Config {
	written := r.config(o)
	var all []*Config
	for _, c := range r.classesOf(&o) {
		for _, use := range c.roles(&o) {
			patched, culprits := c.patch(o, use)
			if len(culprits) == 0 {
				all = append(all, written)
				continue
			}
			config := r.config(patched)
			r.checkTaken(&o, written, &patched, config, culprits)
			all = append(all, config)
		}
	}
	if len(all) == 0 {
		return []*Config{written}
	}
	return slices.Compact(all)
}

// classesOf are the classes that use an object: those beside it in its file, or else of
// other files. Copies of a release have the same names.
func (r *manifestReader) classesOf(o *object) []*class {
	var beside, others []*class
	for i := range r.classes {
		switch c := &r.classes[i]; {
		case len(c.roles(o)) == 0:
		case c.source == o.source:
			beside = append(beside, c)
		default:
			others = append(others, c)
		}
	}
	if len(beside) > 0 {
		return beside
	}
	return others
}

// roles are what the class uses an object for.
func (c *class) roles(o *object) []role {
	if c.namespace != "" && o.namespace != "" && c.namespace != o.namespace {
		return nil
	}
	is := func(ref *yamltree.Node) bool {
		ref = ref.Follow()
		return ref != nil && ref.Str("kind")+" "+ref.Str("name") == o.name
	}
	var all []role
	plane := c.spec.Get("controlPlane").Follow()
	if is(plane.Get("templateRef")) || is(plane.Get("ref")) {
		all = append(all, role{"controlPlane", ""})
	}
	workers := c.spec.Get("workers").Follow()
	for list, key := range map[string]string{"machineDeployments": "machineDeploymentClass", "machinePools": "machinePoolClass"} {
		for _, e := range c.source.entries(workers.Get(list)) {
			old := e.node.Get("template").Follow().Get("bootstrap").Follow() // v1beta1
			if is(e.node.Get("bootstrap").Follow().Get("templateRef")) || is(old.Get("ref")) {
				all = append(all, role{key, e.node.Str("class")})
			}
		}
	}
	slices.SortFunc(all, func(a, b role) int { return strings.Compare(a.key+"\n"+a.name, b.key+"\n"+b.name) })
	return all
}

// A culprit is a patch that had something to do with a list of a template.
type culprit struct {
	key   string // of the list
	whole bool   // it put another list in its place, or none
	place string
	name  string // of the patch
	class string
}

// patch is the object as the patches of the class make it, and the patches that touched
// its lists. Patches that are enabled by a condition count as enabled.
func (c *class) patch(o object, use role) (object, []culprit) {
	var all []culprit
	for _, p := range c.source.entries(c.spec.Get("patches")) {
		for _, d := range c.source.entries(p.node.Get("definitions")) {
			if !selects(d.node.Get("selector").Follow(), &o, use) {
				continue
			}
			for _, json := range c.source.entries(d.node.Get("jsonPatches")) {
				for _, list := range []struct {
					key string
					of  *[]entry
				}{{filesKey, &o.files}, {commandsKey, &o.commands}} {
					whole, touched := json.change(list.of, append(slices.Clone(o.kind.spec), list.key))
					if touched {
						place := c.source.place(json.pos("path"))
						all = append(all, culprit{list.key, whole, place, p.node.Str("name"), c.name})
					}
				}
			}
		}
	}
	return o, all
}

// selects says whether a definition is for the object in this role.
func selects(selector *yamltree.Node, o *object, use role) bool {
	group, _, _ := strings.Cut(selector.Str("apiVersion"), "/")
	if group != o.kind.group || selector.Str("kind") != o.kind.kind {
		return false
	}
	resources := selector.Get("matchResources").Follow()
	if resources == nil {
		return true
	}
	if use.key == "controlPlane" {
		return resources.Str("controlPlane") == "true"
	}
	names := resources.Get(use.key).Follow().Get("names").Follow()
	return names != nil && slices.ContainsFunc(names.Kids, func(n *yamltree.Node) bool {
		return n.Follow() != nil && matchesClass(n.Follow().Value, use.name)
	})
}

// matchesClass says whether a name of a selector stands for a class: it may begin or end
// with a *.
func matchesClass(pattern, name string) bool {
	start, isStart := strings.CutSuffix(pattern, "*")
	end, isEnd := strings.CutPrefix(pattern, "*")
	return pattern == name || isStart && strings.HasPrefix(name, start) || isEnd && strings.HasSuffix(name, end)
}

// change does to a list at pointer what a JSON patch says. It says whether it put another
// list in its place, or none, and whether it did anything.
func (json entry) change(list *[]entry, pointer []string) (whole, touched bool) {
	op, at := json.node.Str("op"), strings.Split(strings.TrimPrefix(json.node.Str("path"), "/"), "/")
	for i, part := range at {
		at[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	switch n := len(pointer); {
	case len(at) <= n && slices.Equal(at, pointer[:len(at)]):
		*list = nil
		if op != "remove" {
			value := json.value()
			for _, key := range pointer[len(at):] {
				value.node = value.node.Get(key).Follow()
			}
			*list = value.source.entries(value.node)
		}
		return true, true
	case len(at) == n+1 && slices.Equal(at[:n], pointer):
		return false, json.changeItem(list, op, at[n])
	}
	return false, false
}

// changeItem does to one item of a list what a JSON patch says.
func (json entry) changeItem(list *[]entry, op, index string) bool {
	i, err := strconv.Atoi(index)
	if index == "-" {
		i, err = len(*list), nil
	}
	all := slices.Clone(*list)
	switch value := json.value(); {
	case err != nil || i < 0:
		return false
	case op == "add" && i <= len(all):
		all = slices.Insert(all, i, value)
	case op == "replace" && i < len(all):
		all[i] = value
	case op == "remove" && i < len(all):
		all = slices.Delete(all, i, i+1)
	default:
		return false
	}
	*list = all
	return true
}

// pos is where the value of a key stands, or else where the text begins.
func (json entry) pos(key string) int {
	if n := json.node.Get(key).Follow(); n != nil {
		return max(n.Pos, 0)
	}
	return 0
}

// value is what a patch puts in: as it is written, or as its template would give it. What
// only a variable holds is an empty node.
func (json entry) value() entry {
	if n := json.node.Get("value").Follow(); n != nil {
		return entry{json.source, n}
	}
	unknown := entry{json.source, &yamltree.Node{Pos: json.pos("path")}}
	template := json.node.Get("valueFrom").Follow().Get("template").Follow()
	if template == nil || template.Kind != yamltree.Scalar {
		return unknown
	}
	view, ok := yamltree.Open(json.source.text, template)
	if !ok {
		return unknown
	}
	roots, err := yamltree.Parse(view.Text, yamltree.Chunk{From: view.Base, To: view.Base + len(view.S)})
	if err != nil || len(roots) == 0 {
		return unknown
	}
	return entry{&source{json.source.name, view.Text}, roots[0].Follow()}
}

// checkTaken looks whether patches took away what an object gives its nodes: then that is
// the one problem of the nodes.
func (r *manifestReader) checkTaken(o *object, written *Config, patched *object, config *Config, culprits []culprit) {
	key := ""
	for at := range written.tree.files {
		if _, still := config.tree.files[at]; !still && o.concerns(at) {
			key = filesKey
		}
	}
	if key == "" && o.runs(configPathScript) && !patched.runs(configPathScript) {
		key = commandsKey
	}
	last := -1
	for i, c := range culprits {
		if c.key == key && (c.whole || last < 0 || !culprits[last].whole) {
			last = i
		}
	}
	if last >= 0 {
		by := culprits[last]
		config.Silent = false // it was not meant to be
		config.problems = []Problem{{by.place, "", Taken, fmt.Sprintf(
			"patch %s of ClusterClass %s takes away %s by which nodes pull from the mirror", by.name, by.class, takes[key])}}
	}
}

// takes is what is taken away with a list.
var takes = map[string]string{filesKey: "the files", commandsKey: "the command"}

// concerns says whether a file of a node has to do with where its containerd pulls from.
func (o *object) concerns(at string) bool {
	if o.rancher != "" {
		return path.Dir(at) == o.rancher && strings.HasSuffix(at, "registries.yaml")
	}
	dirs := append([]string{path.Dir(configFile)}, o.dirs...)
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(at, dir+"/") })
}
