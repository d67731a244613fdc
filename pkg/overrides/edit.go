package overrides

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// An editor holds a clusterctl.yaml while it is edited, one place at a time: every
// edit changes a value or adds lines, and leaves all other bytes alone. After the
// first error nothing happens.
type editor struct {
	name   string
	text   string
	before string // text as it was found
	err    error
}

func newEditor(name string, text []byte) *editor {
	return &editor{name: name, text: string(text), before: string(text)}
}

// fail refuses the file, because of what is at n.
func (e *editor) fail(n *yaml.Node, format string, args ...any) {
	if e.err != nil {
		return
	}
	at := e.name
	if n != nil {
		at = fmt.Sprintf("%s:%d:%d", e.name, n.Line, n.Column)
	}
	e.err = fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...))
}

// result is the edited file. It is read once more: all that is not owned has to say
// what it said.
func (e *editor) result() ([]byte, error) {
	e.root()
	if e.err != nil {
		return nil, e.err
	}
	before, after := map[string]any{}, map[string]any{}
	if err := errors.Join(yaml.Unmarshal([]byte(e.before), &before), yaml.Unmarshal([]byte(e.text), &after)); err != nil {
		return nil, fmt.Errorf("%s: %w", e.name, err)
	}
	owned := func(key string, _ any) bool {
		return slices.ContainsFunc(ownedKeys, func(own string) bool { return strings.EqualFold(own, key) })
	}
	maps.DeleteFunc(before, owned)
	maps.DeleteFunc(after, owned)
	if !reflect.DeepEqual(before, after) {
		return nil, fmt.Errorf("%s: its layout is too unusual to be edited: write it as lines KEY: VALUE", e.name)
	}
	return []byte(e.text), nil
}

// ownedKeys are the keys that lead clusterctl to the tree.
var ownedKeys = []string{versionCheck, "overridesFolder", "providers", "cert-manager", "images"}

// root is the mapping that the file is, nil if it is empty.
func (e *editor) root() *yaml.Node {
	if e.err != nil {
		return nil
	}
	decoder := yaml.NewDecoder(strings.NewReader(e.text))
	var doc, more yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&more); err == nil {
			e.fail(&more, "a second document, of which clusterctl would read nothing")
			return nil
		}
	}
	switch {
	case errors.Is(err, io.EOF):
	case e.text == e.before:
		e.err = fmt.Errorf("%s: %w", e.name, err)
		return nil
	default:
		e.fail(nil, "its layout is too unusual to be edited: write it as lines KEY: VALUE")
		return nil
	}
	root := doc.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.Tag == "!!null":
		return nil
	case root.Kind != yaml.MappingNode:
		e.fail(root, "this is no configuration of clusterctl")
		return nil
	case root.Style&yaml.FlowStyle != 0:
		e.fail(root, "write the configuration in lines, not between braces, so that keys can be added")
		return nil
	}
	return root
}

// child is the value of a key of a mapping. viper, which reads the file for
// clusterctl, does not tell case.
func child(mapping *yaml.Node, key string) *yaml.Node {
	_, value := pair(mapping, key)
	return value
}

func pair(mapping *yaml.Node, key string) (k, v *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if strings.EqualFold(mapping.Content[i].Value, key) {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

func (e *editor) key(name string) *yaml.Node {
	key, _ := pair(e.root(), name)
	return key
}

func (e *editor) value(name string) *yaml.Node { return child(e.root(), name) }

// providers are the entries of the list of providers.
func (e *editor) providers() []*yaml.Node {
	list := e.value("providers")
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	return list.Content
}

// set gives a top-level key a value, which is spelled already.
func (e *editor) set(key, value string) {
	if e.key(key) == nil {
		e.append(key + ": " + value + "\n")
		return
	}
	e.setNode(e.root(), key, value)
}

// setIn gives a key of a top-level mapping a value.
func (e *editor) setIn(section, key, value string) {
	_, mapping := pair(e.root(), section)
	switch {
	case mapping == nil:
		e.append(section + ":\n  " + key + ": " + value + "\n")
	case isNull(mapping):
		e.after(e.key(section), "\n  "+key+": "+value)
	case mapping.Kind != yaml.MappingNode:
		e.fail(mapping, "%s has to be a mapping", section)
	default:
		e.setNode(mapping, key, value)
	}
}

// setNode gives a key of mapping a value.
func (e *editor) setNode(mapping *yaml.Node, key, value string) {
	if e.err != nil {
		return
	}
	k, old := pair(mapping, key)
	switch {
	case old == nil && mapping.Style&yaml.FlowStyle != 0:
		e.insert(e.offset(mapping)+1, separate(key+": "+value, mapping))
	case old == nil:
		first := mapping.Content[0]
		e.insert(e.offset(first), key+": "+value+"\n"+strings.Repeat(" ", first.Column-1))
	case isNull(old):
		e.after(k, " "+value)
	default:
		e.replace(old, value)
	}
}

// separate is entry before what the flow mapping holds.
func separate(entry string, mapping *yaml.Node) string {
	if len(mapping.Content) == 0 {
		return entry
	}
	return entry + ", "
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}

// replace spells the scalar n as value, unless it says that already.
func (e *editor) replace(n *yaml.Node, value string) {
	var want yaml.Node
	if err := yaml.Unmarshal([]byte(value), &want); err != nil {
		e.fail(n, "%v", err)
		return
	}
	if n.Kind == yaml.ScalarNode && n.Value == want.Content[0].Value && n.Tag == want.Content[0].Tag {
		return
	}
	from := e.offset(n)
	length, err := scalarLength(e.text[from:], n)
	if err != nil {
		e.fail(n, "%v", err)
		return
	}
	e.text = e.text[:from] + value + e.text[from+length:]
}

var errSpelling = errors.New("write this as a value on one line, so that it can be replaced")

// scalarLength is how many bytes of s, where it begins, spell the scalar n.
func scalarLength(s string, n *yaml.Node) (int, error) {
	if n.Kind != yaml.ScalarNode || n.Anchor != "" {
		return 0, errSpelling
	}
	switch n.Style &^ yaml.TaggedStyle {
	case 0:
		if strings.HasPrefix(s, n.Value) {
			return len(n.Value), nil
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		for end := 1; end < len(s) && s[end] != '\n'; end++ {
			var again string
			if s[end] == s[0] && yaml.Unmarshal([]byte(s[:end+1]), &again) == nil && again == n.Value {
				return end + 1, nil
			}
		}
	}
	return 0, errSpelling
}

// addItem adds an entry of these lines to a top-level list, after the others.
func (e *editor) addItem(name string, lines ...string) {
	list := e.value(name)
	key := e.key(name)
	indent := ""
	switch {
	case e.err != nil:
		return
	case list == nil:
		e.append(name + ":\n- " + strings.Join(lines, "\n  ") + "\n")
		return
	case isNull(list):
		e.after(key, "\n- "+strings.Join(lines, "\n  "))
		return
	case list.Kind != yaml.SequenceNode:
		e.fail(list, "%s has to be a list", name)
		return
	case strings.HasPrefix(e.text[e.offset(list):], "[]"):
		at := e.offset(list)
		e.text = strings.TrimRight(e.text[:at], " ") + e.text[at+len("[]"):]
		e.after(key, "\n- "+strings.Join(lines, "\n  "))
		return
	case list.Style&yaml.FlowStyle != 0:
		e.fail(list, "write the list %s in lines, not between brackets, so that entries can be added", name)
		return
	default:
		indent = strings.Repeat(" ", list.Column-1)
	}
	e.insertLines(e.lineAfter(list), indent+"- "+strings.Join(lines, "\n"+indent+"  ")+"\n")
}

// lineAfter is the offset of the line after the block list: after the last line that
// is indented deeper than its dashes.
func (e *editor) lineAfter(list *yaml.Node) int {
	last := list.Content[len(list.Content)-1]
	at := lineStart(e.text, last.Line)
	end := at + lineLength(e.text[at:])
	for at = end; at < len(e.text); {
		line := e.text[at : at+lineLength(e.text[at:])]
		at += len(line)
		content := strings.TrimLeft(line, " ")
		if strings.TrimSpace(content) == "" || content[0] == '#' {
			continue
		}
		if len(line)-len(content) < list.Column {
			break
		}
		end = at
	}
	return end
}

// append adds text, in lines, at the end of the file.
func (e *editor) append(text string) {
	if root := e.root(); root != nil {
		indent := strings.Repeat(" ", root.Column-1)
		text = indent + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+indent) + "\n"
	}
	e.insertLines(len(e.text), text)
}

// insertLines adds lines at offset, where a line begins or the file ends.
func (e *editor) insertLines(at int, text string) {
	if e.err != nil {
		return
	}
	if at > 0 && e.text[at-1] != '\n' {
		text = "\n" + text
	}
	e.insert(at, text)
}

// after adds text after a key and its colon.
func (e *editor) after(key *yaml.Node, text string) {
	if e.err != nil {
		return
	}
	from := e.offset(key)
	colon := strings.IndexByte(e.text[from:], ':')
	e.insert(from+colon+1, text)
}

func (e *editor) insert(at int, text string) {
	if e.err == nil {
		e.text = e.text[:at] + strings.ReplaceAll(text, "\n", e.newline()) + e.text[at:]
	}
}

// newline is how lines of the file end.
func (e *editor) newline() string {
	if strings.Contains(e.text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// offset is the byte where n begins.
func (e *editor) offset(n *yaml.Node) int {
	at := lineStart(e.text, n.Line)
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(e.text[at:])
		at += size
	}
	return at
}

// lineStart is the byte where a line begins, counted from 1.
func lineStart(s string, line int) int {
	at := 0
	for range line - 1 {
		at += lineLength(s[at:])
	}
	return at
}

// lineLength is the length of the first line of s, its end included.
func lineLength(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i + 1
	}
	return len(s)
}
