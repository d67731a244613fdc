package containerd

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A Manifest is a file of Kubernetes objects.
type Manifest struct {
	Name   string // in places
	Source string // YAML, with variables or without
}

// A nodeKind is a kind of object whose files lists what is on its nodes.
type nodeKind struct {
	group, kind string
	spec        []string // the keys that lead to the specification
	dirs        []string // where its nodes look for hosts.toml, the first that has any; nil: as config.toml says
}

// Where others than kubeadm's nodes have the tree: Canonical Kubernetes by its kind of
// confinement, k0s where its configuration says so (pkg/nodes).
var (
	canonicalDirs = []string{"/etc/containerd/hosts.d", "/var/snap/k8s/common/etc/containerd/hosts.d"}
	k0sDirs       = []string{"/etc/k0s/containerd.d/certs.d"}
)

// nodeKinds are the kinds that FromManifests knows, of all versions of their group.
var nodeKinds = []nodeKind{
	{"bootstrap.cluster.x-k8s.io", "KubeadmConfig", []string{"spec"}, nil},
	{"bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate", []string{"spec", "template", "spec"}, nil},
	{"controlplane.cluster.x-k8s.io", "KubeadmControlPlane", []string{"spec", "kubeadmConfigSpec"}, nil},
	{"controlplane.cluster.x-k8s.io", "KubeadmControlPlaneTemplate", []string{"spec", "template", "spec", "kubeadmConfigSpec"}, nil},

	{"bootstrap.cluster.x-k8s.io", "RKE2Config", []string{"spec"}, nil},
	{"bootstrap.cluster.x-k8s.io", "RKE2ConfigTemplate", []string{"spec", "template", "spec"}, nil},
	{"controlplane.cluster.x-k8s.io", "RKE2ControlPlane", []string{"spec"}, nil},
	{"controlplane.cluster.x-k8s.io", "RKE2ControlPlaneTemplate", []string{"spec", "template", "spec"}, nil},

	{"bootstrap.cluster.x-k8s.io", "KThreesConfig", []string{"spec"}, nil},
	{"bootstrap.cluster.x-k8s.io", "KThreesConfigTemplate", []string{"spec", "template", "spec"}, nil},
	{"controlplane.cluster.x-k8s.io", "KThreesControlPlane", []string{"spec", "kthreesConfigSpec"}, nil},
	{"controlplane.cluster.x-k8s.io", "KThreesControlPlaneTemplate", []string{"spec", "template", "spec", "kthreesConfigSpec"}, nil},

	{"bootstrap.cluster.x-k8s.io", "CK8sConfig", []string{"spec"}, canonicalDirs},
	{"bootstrap.cluster.x-k8s.io", "CK8sConfigTemplate", []string{"spec", "template", "spec"}, canonicalDirs},
	{"controlplane.cluster.x-k8s.io", "CK8sControlPlane", []string{"spec", "spec"}, canonicalDirs},
	{"controlplane.cluster.x-k8s.io", "CK8sControlPlaneTemplate", []string{"spec", "template", "spec", "spec"}, canonicalDirs},

	{"bootstrap.cluster.x-k8s.io", "K0sControllerConfig", []string{"spec"}, k0sDirs},
	{"bootstrap.cluster.x-k8s.io", "K0sWorkerConfig", []string{"spec"}, k0sDirs},
	{"bootstrap.cluster.x-k8s.io", "K0sWorkerConfigTemplate", []string{"spec", "template", "spec"}, k0sDirs},
	{"controlplane.cluster.x-k8s.io", "K0sControlPlane", []string{"spec", "k0sConfigSpec"}, k0sDirs},
	{"controlplane.cluster.x-k8s.io", "K0sControlPlaneTemplate", []string{"spec", "template", "spec", "k0sConfigSpec"}, k0sDirs},
}

// FromManifests gives a Config for each object that puts files on nodes, in the order of
// the manifests; for a template that ClusterClasses use, one for each of these uses, with
// their patches. Files whose content stands in a Secret are read from the manifests, too.
// Of opts only Version counts. A manifest that is no YAML is an error with its place; the
// others are read nevertheless.
func FromManifests(manifests []Manifest, opts Options) ([]*Config, error) {
	release, err := parseRelease(opts.Version)
	if err != nil {
		return nil, err
	}
	r := &manifestReader{release: release, secrets: map[secretKey]file{}}
	var errs []error
	for _, m := range manifests {
		errs = append(errs, r.read(m))
	}
	var configs []*Config
	for _, o := range r.objects {
		configs = append(configs, r.configs(o)...)
	}
	return configs, errors.Join(errs...)
}

// A manifestReader collects objects before it looks at them: Secrets may come last.
type manifestReader struct {
	release release
	objects []object
	classes []class
	secrets map[secretKey]file
}

// A secretKey is one key of a Secret.
type secretKey struct{ namespace, name, key string }

// An object is one that puts files on nodes.
type object struct {
	source     *source
	name       string // KIND NAME
	namespace  string
	rancher    string   // the folder of its registries.yaml, empty for kubeadm
	dirs       []string // of its kind
	kind       *nodeKind
	root, spec *yamltree.Node
	files      []entry // that it lists, and the commands that run before kubeadm
	commands   []entry
}

// An entry is an item of a list, and where it stands.
type entry struct {
	source *source
	node   *yamltree.Node
}

// entries are the items of a list.
func (s *source) entries(n *yamltree.Node) []entry {
	if n = n.Follow(); n == nil || n.Kind != yamltree.Sequence {
		return nil
	}
	all := make([]entry, len(n.Kids))
	for i, kid := range n.Kids {
		all[i] = entry{s, kid.Follow()}
	}
	return all
}

// A source is one manifest, or a text in one, with the means to tell places.
type source struct {
	name string
	text *yamltree.Text
}

func (s *source) place(offset int) string {
	outer := s.text
	for offset = outer.Root(offset); outer.Outer != nil; {
		outer = outer.Outer
	}
	line, column := yamltree.LineColumn(outer.S, offset)
	return fmt.Sprintf("%s:%d:%d", s.name, line, column)
}

func (r *manifestReader) read(m Manifest) error {
	s := &source{m.Name, &yamltree.Text{S: m.Source}}
	if err := yamltree.CheckText(m.Source); err != nil {
		return s.error(err)
	}
	var errs []error
	for _, c := range yamltree.Chunks(m.Source) {
		if strings.HasPrefix(m.Source[c.From:c.To], yamltree.ByteOrderMark) {
			c.From += len(yamltree.ByteOrderMark)
		}
		if !concerns(m.Source[c.From:c.To]) {
			continue
		}
		roots, err := yamltree.Parse(s.text, c)
		if err != nil {
			errs = append(errs, s.error(err))
		}
		for _, root := range roots {
			r.document(s, root)
		}
	}
	return errors.Join(errs...)
}

func (s *source) error(err error) error {
	if at, ok := errors.AsType[*yamltree.PlaceError](err); ok {
		return fmt.Errorf("%s: %s", s.place(at.Pos), at.Reason)
	}
	return fmt.Errorf("reading %s: %w", s.name, err)
}

// concerns says, without parsing it, whether a document may hold an object that counts.
func concerns(doc string) bool {
	return strings.Contains(doc, "Secret") || strings.Contains(doc, "ClusterClass") || slices.ContainsFunc(nodeKinds, func(k nodeKind) bool { return strings.Contains(doc, k.kind) })
}

// document takes note of an object, or of those in a List.
func (r *manifestReader) document(s *source, n *yamltree.Node) {
	r.object(s, n)
	if items := n.Get("items").Follow(); items != nil && items.Kind == yamltree.Sequence {
		for _, item := range items.Kids {
			r.object(s, item.Follow())
		}
	}
}

// object takes note of an object that counts.
func (r *manifestReader) object(s *source, n *yamltree.Node) {
	kind, meta := n.Str("kind"), n.Get("metadata").Follow()
	group, _, _ := strings.Cut(n.Str("apiVersion"), "/")
	switch kind {
	case "Secret":
		r.secret(s, n, meta)
	case "ClusterClass":
		r.classes = append(r.classes, class{s, meta.Str("name"), meta.Str("namespace"), n.Get("spec").Follow()})
	}
	i := slices.IndexFunc(nodeKinds, func(k nodeKind) bool { return k.kind == kind && k.group == group })
	if i < 0 {
		return
	}
	spec := n
	for _, key := range nodeKinds[i].spec {
		spec = spec.Get(key).Follow()
	}
	o := object{
		source: s, name: kind + " " + meta.Str("name"), namespace: meta.Str("namespace"), kind: &nodeKinds[i], root: n, spec: spec, dirs: nodeKinds[i].dirs,
		files: s.entries(spec.Get(filesKey)), commands: s.entries(spec.Get(commandsKey)),
	}
	switch {
	case strings.HasPrefix(kind, "RKE2"):
		o.rancher = "/etc/rancher/rke2"
	case strings.HasPrefix(kind, "KThrees"):
		o.rancher = "/etc/rancher/k3s"
	}
	r.objects = append(r.objects, o)
}

func (r *manifestReader) secret(s *source, n, meta *yamltree.Node) {
	at := secretKey{meta.Str("namespace"), meta.Str("name"), ""}
	each(n.Get("data"), func(key string, v *yamltree.Node) {
		at.key = key
		r.secrets[at] = s.file(v, decodeBase64)
	})
	each(n.Get("stringData"), func(key string, v *yamltree.Node) {
		at.key = key
		r.secrets[at] = s.file(v, nil)
	})
}

// file is the file whose content is a scalar of s, as it is or encoded.
func (s *source) file(n *yamltree.Node, decode func(string) (string, error)) file {
	whole := s.place(max(n.Pos, 0))
	f := file{content: n.Value, name: whole}
	if decode == nil {
		view, ok := yamltree.Open(s.text, n)
		f.place = func(offset int) string {
			if !ok {
				return whole
			}
			return (&source{s.name, view.Text}).place(view.Base + offset)
		}
		return f
	}
	content, err := decode(strings.TrimSpace(n.Value))
	f.content, f.hidden = content, err != nil
	f.place = func(offset int) string {
		line, column := yamltree.LineColumn(content, offset)
		return fmt.Sprintf("%s (line %d, column %d of what is encoded there)", whole, line, column)
	}
	return f
}

func decodeBase64(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return string(b), err
}

func decodeGzip(s string) (string, error) {
	z, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(z, maxFile+1))
	if len(b) > maxFile {
		err = errors.New("it is too long")
	}
	return string(bytes.Clone(b)), err
}

// decoder is how a file of an encoding is read, nil for text.
func decoder(encoding string) func(string) (string, error) {
	switch encoding {
	case "base64":
		return decodeBase64
	case "gzip":
		return decodeGzip
	case "gzip+base64":
		return func(s string) (string, error) {
			packed, err := decodeBase64(s)
			if err != nil {
				return "", err
			}
			return decodeGzip(packed)
		}
	}
	return nil
}

// tree is the files that an object puts on nodes: a later one wins, or is appended.
func (r *manifestReader) tree(o object) *tree {
	t := newTree(CertsDir)
	for _, e := range o.files {
		at := e.node.Str("path")
		if !strings.HasPrefix(at, "/") || strings.HasSuffix(at, "/") {
			continue
		}
		f := r.content(o, e)
		if before, ok := t.files[at]; ok && e.node.Str("append") == "true" {
			before.content += f.content
			before.hidden = before.hidden || f.hidden
			f = before
		}
		t.add(at, f)
	}
	return t
}

// content is what one entry of files holds.
func (r *manifestReader) content(o object, e entry) file {
	if n := e.node.Get("content").Follow(); n != nil && n.Kind == yamltree.Scalar {
		return e.source.file(n, decoder(e.node.Str("encoding")))
	}
	from := e.node.Get("contentFrom").Follow()
	if from = cmp.Or(from.Get("secret").Follow(), from.Get("secretRef").Follow()); from == nil {
		from = &yamltree.Node{}
	}
	if f, ok := r.secrets[secretKey{o.namespace, from.Str("name"), cmp.Or(from.Str("key"), "value")}]; ok {
		return f
	}
	place := e.source.place(max(e.node.Get("path").Pos, 0))
	return file{hidden: true, name: place, place: func(int) string { return place }}
}
