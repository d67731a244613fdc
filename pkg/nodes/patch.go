package nodes

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// PatchOptions say what Patch writes beside the mirror.
type PatchOptions struct {
	// Style is how containerd is configured in kubeadm's objects; empty is StyleHosts.
	Style Style
	// ImageRepository makes kubeadm name its images in the private registry. With a
	// mirror that is not needed.
	ImageRepository bool
	// Kubernetes is the version of nodes whose objects do not say it, v1.36.3 or the like.
	// Only k0s wants to know.
	Kubernetes string
}

// A Patched is what became of one file.
type Patched struct {
	Name     string
	Output   []byte
	Objects  int       // that configure nodes
	Changed  int       // of these
	Findings []Finding // what keeps nodes from the mirror, in the order of the file
	Secret   bool      // Output holds credentials
	wrote    []written
	patches  []classPatch
}

// A Finding is an object that could not be given what its nodes need, or that takes it
// from another one.
type Finding struct {
	File         string
	Line, Column int
	Object       string // KIND NAME
	Reason       string
}

// Error is FILE:LINE:COLUMN: KIND NAME: reason.
func (f *Finding) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Object, f.Reason)
}

// Concerns says whether src may hold an object that Patch changes or reports.
func Concerns(src string) bool {
	if strings.Contains(src, "ClusterClass") || mayBeStranger(src) {
		return true
	}
	return slices.ContainsFunc(objectKinds, func(k objectKind) bool { return strings.Contains(src, k.kind) })
}

// Patch adds to the bootstrap objects in src what makes their nodes pull from m, by
// inserted lines only. What an earlier run inserted is replaced. An object that cannot be
// changed like that is a finding, and stays as it is.
func Patch(name string, src []byte, m Mirror, opts PatchOptions) (*Patched, error) {
	var err error
	if opts.Style, err = style(opts.Style); err != nil {
		return nil, err
	}
	p := &patcher{Patched: Patched{Name: name}, mirror: m, opts: opts, src: string(src)}
	if err := p.text(); err != nil {
		return nil, p.syntax(err, 0)
	}
	for _, c := range yamltree.Chunks(p.src) {
		if !Concerns(p.src[c.From:c.To]) {
			p.documents = append(p.documents, document{from: c.From, to: c.To, out: p.src[c.From:c.To]})
			continue
		}
		if err := p.document(c); err != nil {
			return nil, err
		}
	}
	for i := range p.documents { // they are about what the templates were given
		if err := p.classes(&p.documents[i]); err != nil {
			return nil, err
		}
	}
	p.putSecrets()
	p.Output = p.join()
	if p.Secret = m.Username != "" && p.Objects > 0; !bytes.Equal(p.Output, src) {
		return &p.Patched, p.check()
	}
	return &p.Patched, nil
}

// A patcher fills a Patched.
type patcher struct {
	Patched
	mirror    Mirror
	opts      PatchOptions
	src       string
	documents []document
	secrets   []placedSecret
}

// A document is one of the file: src[from:to], and what becomes of it.
type document struct {
	from, to int
	out      string
}

func (p *patcher) text() error { return yamltree.CheckText(p.src) }

// syntax gives an error of the parser its place in the file.
func (p *patcher) syntax(err error, offset int) error {
	if place, ok := errors.AsType[*yamltree.PlaceError](err); ok {
		line, column := yamltree.LineColumn(p.src, offset+place.Pos)
		return fmt.Errorf("%s:%d:%d: %s", p.Name, line, column, place.Reason)
	}
	return fmt.Errorf("reading %s: %w", p.Name, err)
}

// find records a finding at byte i of the file.
func (p *patcher) find(i int, object, reason string) {
	line, column := yamltree.LineColumn(p.src, i)
	p.Findings = append(p.Findings, Finding{p.Name, line, column, object, reason})
}

// document patches the objects of one document.
func (p *patcher) document(c yamltree.Chunk) error {
	if strings.HasPrefix(p.src[c.From:c.To], yamltree.ByteOrderMark) {
		p.documents = append(p.documents, document{c.From, c.From + len(yamltree.ByteOrderMark), yamltree.ByteOrderMark})
		c.From += len(yamltree.ByteOrderMark)
	}
	d := document{c.From, c.To, p.src[c.From:c.To]}
	n, err := objectsIn(d.out)
	if err != nil {
		return p.syntax(err, c.From)
	}
	for i := range n { // each is found anew, as the ones before it have grown
		if err := p.object(&d, i); err != nil {
			return err
		}
	}
	p.documents = append(p.documents, d)
	return nil
}

// objectsIn is the number of objects in a document: those of a List, or one.
func objectsIn(doc string) (int, error) {
	objects, _, err := parseObjects(doc)
	return len(objects), err
}

// parseObjects parses a document.
func parseObjects(doc string) ([]*yamlNode, *yamltree.Text, error) {
	t := &yamltree.Text{S: doc}
	roots, err := yamltree.Parse(t, yamltree.Chunk{From: 0, To: len(doc)})
	if err != nil {
		return nil, nil, err
	}
	var objects []*yamlNode
	for _, root := range roots {
		if items := root.Get("items").Follow(); items != nil && strings.HasSuffix(root.Str("kind"), "List") {
			objects = append(objects, items.Kids...)
			continue
		}
		objects = append(objects, root)
	}
	return objects, t, nil
}

// object patches object i of d.
func (p *patcher) object(d *document, i int) error {
	objects, t, err := parseObjects(d.out)
	if err != nil {
		return p.syntax(err, d.from)
	}
	root := objects[i]
	kind, version, ok := kindOf(root)
	if !ok && !isStranger(root) {
		return nil
	}
	p.Objects++
	if !ok {
		p.find(d.place(root.Get("kind")), strings.TrimSpace(root.Str("kind")+" "+root.Get("metadata").Follow().Str("name")), unknownKind)
		return nil
	}
	o := object{root: root, version: version, kind: kind.kind, name: root.Get("metadata").Str("name"), namespace: root.Get("metadata").Str("namespace")}
	label := strings.TrimSpace(o.kind + " " + o.name)
	at := d.place(root.Get("kind"))
	if o.spec, at = descend(root, kind.spec, d, at); o.spec == nil {
		p.find(at, label, "it has no "+strings.Join(kind.spec, ".")+" that lines can be inserted into: write the key, with nothing behind it or something in it")
		return nil
	}
	r, err := kind.render(p.mirror, o, p.opts)
	if err != nil {
		p.find(at, label, err.Error())
		return nil
	}
	for _, l := range r.lists {
		for _, item := range l.items {
			if err := plain(string(item)); err != nil {
				return fmt.Errorf("%s: %s: %w", p.Name, label, err)
			}
		}
	}
	out, problem := apply(t, objects, i, kind.spec, r)
	if problem != nil {
		p.find(d.from+min(problem.pos, d.to-d.from), label, problem.reason)
		return nil
	}
	p.wrote = append(p.wrote, written{kind, r})
	for _, s := range r.secrets {
		p.secrets = append(p.secrets, placedSecret{s, o.namespace})
	}
	if out != d.out {
		p.Changed++
		d.out = out
	}
	return nil
}

// kindOf is the row of objectKinds for an object, and its version.
func kindOf(root *yamlNode) (objectKind, string, bool) {
	group, version, _ := strings.Cut(root.Str("apiVersion"), "/")
	for _, k := range objectKinds {
		if k.group == group && k.kind == root.Str("kind") {
			return k, version, true
		}
	}
	return objectKind{}, "", false
}

// place is where n begins in the file. Documents with several objects have grown by what
// was inserted before it; then it is where the document begins.
func (d *document) place(n *yamlNode) int {
	if n == nil || n.Pos < 0 || len(d.out) != d.to-d.from {
		return d.from
	}
	return d.from + n.Pos
}

// descend follows keys, and gives where the last one stands that is there.
func descend(root *yamlNode, keys []string, d *document, at int) (*yamlNode, int) {
	n := root
	for _, key := range keys {
		k := keyOf(n, key)
		if k == nil {
			return nil, at
		}
		at, n = d.place(k), n.Get(key)
	}
	if isEmpty(n) || n.Kind == yamltree.Mapping && len(n.Kids) > 0 {
		return n, at
	}
	return nil, at
}

// keyOf is the node of a key, nil if it is not there.
func keyOf(n *yamlNode, key string) *yamlNode {
	if n == nil || n.Kind != yamltree.Mapping {
		return nil
	}
	for i := 0; i < len(n.Kids); i += 2 {
		if n.Kids[i].Kind == yamltree.Scalar && n.Kids[i].Value == key {
			return n.Kids[i]
		}
	}
	return nil
}

// join puts the documents together, with all that stood between them.
func (p *patcher) join() []byte {
	var b bytes.Buffer
	at := 0
	for _, d := range p.documents {
		b.WriteString(p.src[at:d.from] + d.out)
		at = d.to
	}
	b.WriteString(p.src[at:])
	return b.Bytes()
}

// yamlNode is short for what this package reads everywhere.
type yamlNode = yamltree.Node
