package site

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/internal/spelling"
)

// A decoder reads the nodes of a site file and collects what is wrong with them. A
// value that is wrong is not there for who asked for it.
type decoder struct {
	name string
	errs []fault
	seen map[string]string // what is to be there once, and its place
}

// A fault is something wrong at a place of the file.
type fault struct {
	line, column int
	text         string
}

func (d *decoder) failf(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fault{max(n.Line, 1), max(n.Column, 1), fmt.Sprintf(format, args...)})
}

// check reports err, if it is one, at n.
func (d *decoder) check(n *yaml.Node, err error) bool {
	if err != nil {
		d.failf(n, "%v", err)
	}
	return err == nil
}

// err is all that was wrong, in the order of the file.
func (d *decoder) err() error {
	slices.SortStableFunc(d.errs, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for _, f := range d.errs {
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", d.name, f.line, f.column, f.text))
	}
	return errors.Join(errs...)
}

func (d *decoder) place(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", d.name, n.Line, n.Column)
}

// once says that nothing else in the file is what. Archives are unpacked where case
// does not count.
func (d *decoder) once(n *yaml.Node, what string) bool {
	before, twice := d.seen[strings.ToLower(what)]
	if twice {
		d.failf(n, "%s is there already, at %s", what, before)
		return false
	}
	d.seen[strings.ToLower(what)] = d.place(n)
	return true
}

// root is the one document of src, nil if it has none.
func (d *decoder) root(src []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("it is empty: a site file begins with apiVersion: %s and kind: %s", APIVersion, Kind)
		}
		d.unreadable(err)
		return nil
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		d.failf(&more, "a second document: a site file has one")
	case !errors.Is(err, io.EOF):
		d.unreadable(err)
	}
	return doc.Content[0]
}

// unreadable reports what the parser says, which knows the line.
func (d *decoder) unreadable(err error) {
	n := &yaml.Node{}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	d.failf(n, "%s", text)
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// A key is one that a mapping may have, and what reads its value.
type key struct {
	name     string
	required bool
	read     func(*yaml.Node)
}

// mapping reads the mapping n. A key without a value is as if it were not there: its
// values may all be commented out.
func (d *decoder) mapping(n *yaml.Node, keys []key) {
	place := n
	if n = resolve(n); n.Kind != yaml.MappingNode {
		d.failf(place, "this has to be a mapping, KEY: VALUE, and is %s", kindOf(n))
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(keys, func(k key) bool { return name.Kind == yaml.ScalarNode && k.name == name.Value })
		switch {
		case at < 0:
			d.failf(name, "there is no key %q here%s", name.Value, suggestion(name.Value, keys))
		case lines[name.Value] > 0:
			d.failf(name, "%s is there already, in line %d", name.Value, lines[name.Value])
		case !isNull(value):
			keys[at].read(value)
		}
		lines[name.Value] = max(name.Line, 1)
	}
	for _, k := range keys {
		if k.required && lines[k.name] == 0 {
			d.failf(place, "%s is missing", k.name)
		}
	}
}

// suggestion is the key that name is probably meant for, or all that there are.
func suggestion(name string, keys []key) string {
	var names []string
	for _, k := range keys {
		const far = 40 // no key is as long
		if len(name) <= far && spelling.Distance(strings.ToLower(name), strings.ToLower(k.name)) <= len(k.name)/3 {
			return ": is " + k.name + " meant?"
		}
		names = append(names, k.name)
	}
	return ": there are " + strings.Join(names, ", ")
}

// each reads the list n with read, which says whether an entry counts.
func each[Entry any](d *decoder, n *yaml.Node, read func(*yaml.Node) (Entry, bool)) []Entry {
	place := n
	if n = resolve(n); n.Kind != yaml.SequenceNode {
		d.failf(place, "this has to be a list, and is %s", kindOf(n))
		return nil
	}
	var entries []Entry
	for _, item := range n.Content {
		if entry, ok := read(item); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

// parsed reads a text as parse does.
func parsed[Value any](d *decoder, parse func(string) (Value, error)) func(*yaml.Node) (Value, bool) {
	return func(n *yaml.Node) (Value, bool) {
		var value Value
		text, ok := d.text(n)
		if !ok {
			return value, false
		}
		value, err := parse(text)
		return value, d.check(n, err)
	}
}

// text reads a scalar as it is written: a version or a mode is no number.
func (d *decoder) text(n *yaml.Node) (string, bool) {
	place := n
	if n = resolve(n); n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		d.failf(place, "this has to be a text, and is %s", kindOf(n))
		return "", false
	}
	if strings.ContainsFunc(n.Value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.failf(place, "this has to be one line, without control characters")
		return "", false
	}
	return n.Value, true
}

func (d *decoder) boolean(n *yaml.Node) bool {
	place := n
	if n = resolve(n); n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" || n.Tag != "!!bool" {
		d.failf(place, "this has to be true or false, and is %s", kindOf(n))
	}
	return n.Value == "true"
}

// constant wants this one text.
func (d *decoder) constant(n *yaml.Node, want string) {
	if text, ok := d.text(n); ok && text != want {
		d.failf(n, "%q is not read by this kubectl-airgap: it reads %s", text, want)
	}
}

func (d *decoder) oneOf(n *yaml.Node, words ...string) (string, bool) {
	text, ok := d.text(n)
	if ok && !slices.Contains(words, text) {
		d.failf(n, "%q is not one of %s", text, strings.Join(words, ", "))
		return "", false
	}
	return text, ok
}

// resolve is the node that an alias stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	n = resolve(n)
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// kindOf says what a person sees in n.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null" || n.Value == "":
		return "empty"
	case n.Tag == "!!bool":
		return "true or false"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	}
	return "a text"
}
