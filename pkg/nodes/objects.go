package nodes

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// An objectKind is a kind of object that says what is on its nodes.
type objectKind struct {
	group, kind string
	spec        []string // the keys that lead to its specification: spec, template, spec
	render      func(Mirror, object, PatchOptions) (rendering, error)
}

// objectKinds are the kinds that Patch knows, of all versions of their group.
var objectKinds = []objectKind{
	{"bootstrap.cluster.x-k8s.io", "KubeadmConfig", []string{"spec"}, kubeadmInit},
	{"bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate", []string{"spec", "template", "spec"}, kubeadmJoin},
	{"controlplane.cluster.x-k8s.io", "KubeadmControlPlane", []string{"spec", "kubeadmConfigSpec"}, kubeadmControlPlane},
	{"controlplane.cluster.x-k8s.io", "KubeadmControlPlaneTemplate", []string{"spec", "template", "spec", "kubeadmConfigSpec"}, kubeadmControlPlane},

	{"bootstrap.cluster.x-k8s.io", "RKE2Config", []string{"spec"}, rke2Object},
	{"bootstrap.cluster.x-k8s.io", "RKE2ConfigTemplate", []string{"spec", "template", "spec"}, rke2Object},
	{"controlplane.cluster.x-k8s.io", "RKE2ControlPlane", []string{"spec"}, rke2Object},
	{"controlplane.cluster.x-k8s.io", "RKE2ControlPlaneTemplate", []string{"spec", "template", "spec"}, rke2Object},

	{"bootstrap.cluster.x-k8s.io", "KThreesConfig", []string{"spec"}, k3sObject},
	{"bootstrap.cluster.x-k8s.io", "KThreesConfigTemplate", []string{"spec", "template", "spec"}, k3sObject},
	{"controlplane.cluster.x-k8s.io", "KThreesControlPlane", []string{"spec", "kthreesConfigSpec"}, k3sObject},
	{"controlplane.cluster.x-k8s.io", "KThreesControlPlaneTemplate", []string{"spec", "template", "spec", "kthreesConfigSpec"}, k3sObject},

	{"bootstrap.cluster.x-k8s.io", "CK8sConfig", []string{"spec"}, canonicalObject},
	{"bootstrap.cluster.x-k8s.io", "CK8sConfigTemplate", []string{"spec", "template", "spec"}, canonicalObject},
	{"controlplane.cluster.x-k8s.io", "CK8sControlPlane", []string{"spec", "spec"}, canonicalObject},
	{"controlplane.cluster.x-k8s.io", "CK8sControlPlaneTemplate", []string{"spec", "template", "spec", "spec"}, canonicalObject},

	{"bootstrap.cluster.x-k8s.io", "MicroK8sConfig", []string{"spec", "initConfiguration"}, microk8sObject},
	{"bootstrap.cluster.x-k8s.io", "MicroK8sConfigTemplate", []string{"spec", "template", "spec", "initConfiguration"}, microk8sObject},
	{"controlplane.cluster.x-k8s.io", "MicroK8sControlPlane", []string{"spec", "controlPlaneConfig", "initConfiguration"}, microk8sObject},

	{"bootstrap.cluster.x-k8s.io", "TalosConfig", []string{"spec"}, talosObject},
	{"bootstrap.cluster.x-k8s.io", "TalosConfigTemplate", []string{"spec", "template", "spec"}, talosObject},
	{"controlplane.cluster.x-k8s.io", "TalosControlPlane", []string{"spec", "controlPlaneConfig", "controlplane"}, talosObject},

	{"bootstrap.cluster.x-k8s.io", "K0sControllerConfig", []string{"spec"}, k0sObject},
	{"bootstrap.cluster.x-k8s.io", "K0sWorkerConfig", []string{"spec"}, k0sObject},
	{"bootstrap.cluster.x-k8s.io", "K0sWorkerConfigTemplate", []string{"spec", "template", "spec"}, k0sObject},
	{"controlplane.cluster.x-k8s.io", "K0sControlPlane", []string{"spec", "k0sConfigSpec"}, k0sObject},
	{"controlplane.cluster.x-k8s.io", "K0sControlPlaneTemplate", []string{"spec", "template", "spec", "k0sConfigSpec"}, k0sObject},
}

// An object is one that is to be given a mirror. Its strings are as they are written,
// variables included.
type object struct {
	version, kind, name, namespace string
	root, spec                     *yamltree.Node
}

// A rendering is what the specification of an object is to hold. Whatever it holds that
// is not named here stays as it is.
type rendering struct {
	lists    []list
	settings []setting
	secrets  []secret // printed along with the object, in its namespace
}

// A list is a sequence below the specification that is to hold entries of ours. Those of
// earlier runs are replaced where they stand.
type list struct {
	key   string // of the specification: files
	items []item // in this order, behind those that are there
	// owner says whose an entry is that is already there.
	owner func(*yamltree.Node) owner
}

// An item is an entry of a list: YAML as it would stand at the margin. Line breaks are \n,
// the last line has one.
type item string

// An owner is whose an entry of a list is.
type owner uint8

const (
	theirs owner = iota // leave it alone
	ours                // from an earlier run: replace it
	rival               // theirs, but where ours has to go: report it, and change nothing
)

// A setting is a string at some depth of the specification.
type setting struct {
	keys  []string // clusterConfiguration, imageRepository
	value string   // letters, digits and -._/:@ only
}

// A secret is a Secret that an object refers to, with text as its data.
type secret struct{ name, key, text string }

// A fileForm is how a bootstrap provider spells a file of a node.
type fileForm struct {
	key   string // of the list
	owner bool   // it has a field owner
	// secretRef is the name of the field of contentFrom that refers to a Secret.
	secretRef string
}

// files is the list that puts files on a node; from says for a path which Secret holds the
// content instead of the object.
func (form fileForm) files(files []File, from map[string]secret) list {
	items, paths := make([]item, len(files)), map[string]bool{}
	for i, f := range files {
		paths[f.Path] = true
		s, elsewhere := from[f.Path]
		items[i] = form.entry(f)
		if elsewhere {
			items[i] = form.reference(f, s)
		}
	}
	return list{key: form.key, items: items, owner: func(n *yamltree.Node) owner { return ownerOfFile(n, paths) }}
}

func (form fileForm) head(f File) string {
	owner := ""
	if form.owner {
		owner = "owner: root:root\n"
	}
	return fmt.Sprintf("path: %s\n%spermissions: \"%04o\"\n", f.Path, owner, f.Mode&fs.ModePerm)
}

// entry is a file whose content stands in the object.
func (form fileForm) entry(f File) item {
	var b strings.Builder
	b.WriteString(form.head(f) + "content: |\n")
	for line := range strings.Lines(string(f.Content)) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return item(b.String())
}

// reference is a file whose content stands in a Secret.
func (form fileForm) reference(f File, s secret) item {
	return item(fmt.Sprintf("%scontentFrom:\n  %s:\n    name: %s\n    key: %s\n", form.head(f), form.secretRef, s.name, s.key))
}

// mark is in the first lines of every file of ours that can hold a comment.
const mark = "written by kubectl-airgap"

// ownerOfFile says whose the entry n is, of a list whose entries have a path and content.
// Ours are marked, or are the CA or credentials, which hold no mark but have a name that
// nobody else gives.
func ownerOfFile(n *yamltree.Node, paths map[string]bool) owner {
	at, content := n.Str("path"), n.Str("content")
	head := content[:min(len(content), 200)]
	switch {
	case strings.Contains(head, mark), path.Base(at) == path.Base(caFile), strings.Contains(at, "/airgap-auth/"):
		return ours
	case paths[at]:
		return rival
	}
	return theirs
}

// commands is the list that runs one command on a node. An earlier one is known by a part
// of it, one of the marks.
func commands(key, command string, marks ...string) list {
	return list{
		key:   key,
		items: []item{item("\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(command) + "\"\n")},
		owner: func(n *yamltree.Node) owner {
			if n.Kind == yamltree.Scalar && slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(n.Value, m) }) {
				return ours
			}
			return theirs
		},
	}
}
