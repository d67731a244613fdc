package chart

import (
	"fmt"
	"maps"
	"strings"
	"text/template/parse"
)

// Templates of a chart are read here, not run by Helm: what they make of the values that
// the chart brings along is followed through the few functions that make names of images
// up. All else is a hole, and a text around holes says no more than it says.
const (
	hole     = "\x00"
	maxSteps = 1 << 20  // nodes of a chart's templates that are looked at, and for each 16 bytes of text one more
	maxDepth = 8        // templates that include templates
	maxText  = 64 << 10 // bytes that printf gives
)

// unknown is a value that only an installation tells.
type unknown struct{}

// A top is what a template begins with as its dot: .Values and .Chart are known.
type top struct {
	values map[string]any
	chart  map[string]any
}

// An engine follows the templates of one chart.
type engine struct {
	top   *top
	named map[string]*parse.Tree
	out   strings.Builder
	vars  map[string]any
	loops int      // and branches, of which nobody knows whether they are taken
	aside []func() // what stands in branches that are not taken
	steps *int     // that are left
	depth int
}

// text follows one template, from its top.
func (e *engine) text(tree *parse.Tree) string {
	e.out.Reset()
	e.vars, e.aside = map[string]any{"$": e.top}, nil
	e.list(tree.Root, e.top)
	for len(e.aside) > 0 {
		next := e.aside[0]
		e.aside = e.aside[1:]
		e.put("\n" + hole)
		next()
		e.put(hole)
	}
	return e.out.String()
}

func (e *engine) put(s string) {
	if *e.steps -= len(s) / 16; *e.steps > 0 {
		e.out.WriteString(s)
	}
}

// spent says that the templates are larger than anybody's.
func (e *engine) spent() bool {
	*e.steps--
	return *e.steps <= 0
}

// copied are the variables, for whoever may set them.
func (e *engine) copied() map[string]any {
	*e.steps -= len(e.vars)
	return maps.Clone(e.vars)
}

// list follows nodes. What they declare ends with them.
func (e *engine) list(list *parse.ListNode, dot any) {
	if list == nil {
		return
	}
	outer := e.vars
	e.vars = e.copied()
	declared := map[string]bool{}
	for _, n := range list.Nodes {
		if e.spent() {
			e.out.WriteString(hole)
			break
		}
		e.node(n, dot, declared)
	}
	for name := range outer {
		if !declared[name] {
			outer[name] = e.vars[name]
		}
	}
	e.vars = outer
}

func (e *engine) node(n parse.Node, dot any, declared map[string]bool) {
	switch n := n.(type) {
	case *parse.TextNode:
		e.put(string(n.Text))
	case *parse.ActionNode:
		value := e.pipe(n.Pipe, dot)
		if len(n.Pipe.Decl) == 0 {
			e.put(shown(value))
		}
		for _, v := range n.Pipe.Decl {
			if e.vars[v.Ident[0]] = value; n.Pipe.IsAssign && e.loops > 0 {
				e.vars[v.Ident[0]] = unknown{}
			}
			declared[v.Ident[0]] = declared[v.Ident[0]] || !n.Pipe.IsAssign
		}
	case *parse.IfNode:
		e.branch(&n.BranchNode, dot, dot)
	case *parse.WithNode:
		e.branch(&n.BranchNode, e.pipe(n.Pipe, dot), dot)
	case *parse.RangeNode:
		e.perhaps(&n.BranchNode, unknown{}, dot)
	case *parse.TemplateNode:
		e.put(shown(e.include(n.Name, e.pipe(n.Pipe, dot))))
	}
}

// branch follows the branch that the values choose, and the other one aside: other values
// may choose that.
func (e *engine) branch(n *parse.BranchNode, inner, dot any) {
	choice := e.pipe(n.Pipe, dot)
	if _, open := choice.(unknown); open || len(n.Pipe.Decl) > 0 {
		e.perhaps(n, inner, dot)
		return
	}
	yes, no := func() { e.list(n.List, inner) }, func() { e.list(n.ElseList, dot) }
	if empty(choice) {
		yes, no = no, yes
	}
	vars := e.copied()
	yes()
	e.aside = append(e.aside, func() {
		e.vars = vars
		no()
	})
}

// perhaps follows both branches, of which only an installation says which is taken, or how
// often.
func (e *engine) perhaps(n *parse.BranchNode, inner, dot any) {
	outer := e.vars
	e.vars = e.copied()
	for _, v := range n.Pipe.Decl {
		e.vars[v.Ident[0]] = unknown{}
	}
	e.loops++
	e.put(hole)
	e.list(n.List, inner)
	e.put(hole)
	e.list(n.ElseList, dot)
	e.put(hole)
	e.loops--
	for _, v := range n.Pipe.Decl {
		delete(e.vars, v.Ident[0])
	}
	maps.Copy(outer, e.vars)
	e.vars = outer
}

// include is the text of a template with a name, where it gets the top.
func (e *engine) include(name string, dot any) any {
	tree := e.named[name]
	if dot != any(e.top) || tree == nil || e.depth == maxDepth {
		return unknown{}
	}
	inner := engine{top: e.top, named: e.named, vars: map[string]any{"$": e.top}, steps: e.steps, depth: e.depth + 1}
	inner.list(tree.Root, e.top) // what it has aside is followed where it stands
	return strings.TrimSpace(inner.out.String())
}

// pipe is the value of a pipeline.
func (e *engine) pipe(p *parse.PipeNode, dot any) any {
	if p == nil {
		return unknown{}
	}
	var value any = unknown{}
	for i, cmd := range p.Cmds {
		args := make([]any, 0, len(cmd.Args))
		for _, arg := range cmd.Args[1:] {
			args = append(args, e.value(arg, dot))
		}
		if i > 0 {
			args = append(args, value)
		}
		name, isFunction := cmd.Args[0].(*parse.IdentifierNode)
		switch {
		case isFunction:
			value = e.call(name.Ident, args)
		case len(args) == 0:
			value = e.value(cmd.Args[0], dot)
		default:
			value = unknown{}
		}
	}
	return value
}

// value is what an operand stands for.
func (e *engine) value(n parse.Node, dot any) any {
	if e.spent() {
		return unknown{}
	}
	switch n := n.(type) {
	case *parse.StringNode:
		return n.Text
	case *parse.BoolNode:
		return n.True
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return field(dot, n.Ident)
	case *parse.VariableNode:
		if v, known := e.vars[n.Ident[0]]; known {
			return field(v, n.Ident[1:])
		}
	case *parse.ChainNode:
		return field(e.value(n.Node, dot), n.Field)
	case *parse.PipeNode:
		return e.pipe(n, dot)
	}
	return unknown{}
}

// field is what a value has under the names, one below the other.
func field(of any, names []string) any {
	for _, name := range names {
		switch in := of.(type) {
		case *top:
			switch name {
			case "Values":
				of = in.values
			case "Chart":
				of = in.chart
			default:
				return unknown{}
			}
		case map[string]any:
			of = in[name]
		case nil:
		default:
			return unknown{}
		}
	}
	return of
}

// call is what a function makes of its arguments, of those that make up names.
func (e *engine) call(name string, args []any) any {
	text := func(i int) (string, bool) {
		s, ok := args[i].(string)
		return s, ok
	}
	switch n := len(args); {
	case name == "include" && n == 2:
		if name, ok := text(0); ok {
			return e.include(name, args[1])
		}
	case name == "printf" && n > 0:
		return format(args)
	case name == "default" && n == 2:
		return first(args[1], args[0])
	case (name == "or" || name == "coalesce") && n > 0:
		return first(args...)
	case (name == "toString" || name == "trim") && n == 1, name == "required" && n == 2:
		return args[n-1]
	case name == "tpl" && n == 2:
		if s, ok := text(0); ok && !strings.Contains(s, "{{") {
			return s
		}
	case name == "ternary" && n == 3:
		if yes, ok := args[2].(bool); ok && yes {
			return args[0]
		} else if ok {
			return args[1]
		}
	case (name == "quote" || name == "squote") && n == 1:
		if s, ok := text(0); ok {
			return `"` + s + `"`
		}
	case name == "trimPrefix" && n == 2:
		prefix, known := text(0)
		if s, ok := text(1); ok && known {
			return strings.TrimPrefix(s, prefix)
		}
	}
	return unknown{}
}

// first is the first value that is not empty, or else the last.
func first(values ...any) any {
	for _, v := range values[:len(values)-1] {
		if _, open := v.(unknown); open || !empty(v) {
			return v
		}
	}
	return values[len(values)-1]
}

// format is printf for texts.
func format(args []any) any {
	layout, ok := args[0].(string)
	if !ok || strings.Count(layout, "%") != strings.Count(layout, "%s")+strings.Count(layout, "%v") || strings.Count(layout, "%") != len(args)-1 {
		return unknown{}
	}
	length := len(layout)
	for _, a := range args[1:] {
		s, isText := a.(string)
		if length += len(s); !isText || length > maxText {
			return unknown{}
		}
	}
	return fmt.Sprintf(layout, args[1:]...)
}

// empty says what templates take for false.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case float64:
		return v == 0
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// shown is what is printed for a value: nothing for none, and what is no text is nobody's
// name.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return hole
}
