package manifest

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Pod is a place in a file that pods are made from, at any depth: a mapping with
// containers. Of it only what says how its images are pulled is known.
type Pod struct {
	Object    string // as in Origin
	Path      string // of the mapping: spec.template.spec
	Namespace string // of the innermost object, empty if that does not say
	Account   string // serviceAccountName, empty if it has none
	Secrets   bool   // imagePullSecrets names one
}

// A Container is one container of a Pod, whose pointer it shares with the others.
type Container struct {
	*Pod
	Image  string // as it is written
	Policy string // imagePullPolicy, empty if it is left to the kubelet
	Line   int    // 1-based, of imagePullPolicy, or else of the image
	Column int    // 1-based, in characters
}

// An Account is a ServiceAccount that has imagePullSecrets, which its pods get.
type Account struct{ Namespace, Name string }

// A Tag is an imageTag of kubeadm, by which it asks for coredns or etcd instead of the
// one that it is compiled with (kubeadm's ImageMeta).
type Tag struct {
	Document int    // as in Origin
	Path     string // …dns.imageTag, …etcd.local.imageTag
	Tag      string
}

// A Cluster is one that kubeadm is told how to install.
type Cluster struct {
	Document int    // as in Origin
	Path     string // of its configuration, …clusterConfiguration, written or not; empty if that is the document
	// Template says that a ClusterClass may change it before a cluster is made of it.
	Template bool
}

// A Version is a version of Kubernetes that a control plane of kubeadm is to have, as it is
// written: spec.version of a KubeadmControlPlane, or spec.topology.version of a Cluster.
type Version struct {
	Version      string
	Class        bool // a ClusterClass says which kind of control plane it is
	Line, Column int  // 1-based, in characters
}

// UnreadContainer is the Rule of an Unread that is the image of a container.
const UnreadContainer = "container"

// An Unread is a field that has to name an image, or where images are, and does not: it is
// no name of one, or variables hide it. It is no Use.
type Unread struct {
	Written  string
	Document int    // as in Origin
	Path     string // as of Use
	// Rule is that of the prefix that it would be, or container.
	Rule         string
	Line, Column int // 1-based, in characters
}

// pods is what a file says beside its uses of how images are pulled.
type pods struct {
	containers []placedContainer
	accounts   []Account
	tags       []Tag
	clusters   []Cluster
	versions   []placedVersion
	unread     []placedUnread
	fetches    []placedFetch
}

type placedUnread struct {
	Unread
	at int // the byte of the file where it stands
}

type placedVersion struct {
	Version
	at int // the byte of the file where it stands
}

type placedContainer struct {
	Container
	at int // the byte of the file that Line and Column are of
}

// Containers reports the containers of all pods in the order of the file. A container
// without image is none.
func (f *File) Containers() iter.Seq[Container] {
	return func(yield func(Container) bool) {
		at := place{s: f.text.S, line: 1, column: 1}
		for _, c := range f.pods.containers {
			at.advance(c.at)
			c.Line, c.Column = at.line, at.column
			if !yield(c.Container) {
				return
			}
		}
	}
}

// Accounts gives the service accounts that have imagePullSecrets, in the order of the
// file.
func (f *File) Accounts() []Account { return f.pods.accounts }

// Tags gives the imageTags of kubeadm, in the order in which they are found.
func (f *File) Tags() []Tag { return f.pods.tags }

// Clusters gives the clusters of kubeadm, in the order in which they are found.
func (f *File) Clusters() []Cluster { return f.pods.clusters }

// Versions gives the versions of control planes, in the order in which they are found.
func (f *File) Versions() []Version {
	var all []Version
	for _, v := range f.pods.versions {
		v.Line, v.Column = yamltree.LineColumn(f.text.S, v.at)
		all = append(all, v.Version)
	}
	return all
}

// Unread gives the fields that name nothing though they have to, in the order in which they
// are found.
func (f *File) Unread() []Unread {
	var all []Unread
	for _, u := range f.pods.unread {
		u.Line, u.Column = yamltree.LineColumn(f.text.S, u.at)
		all = append(all, u.Unread)
	}
	return all
}

// unread notes that the scalar n, at which the walker stands, names nothing.
func (w *walker) unread(n *yamltree.Node, rule string) {
	u := Unread{Written: n.Value, Document: w.document, Path: w.before + render(w.path), Rule: rule}
	w.p.pods.unread = append(w.p.pods.unread, placedUnread{u, w.at(n)})
}

// at is the byte of the file where a scalar stands: behind a quote, where uses are said to
// stand.
func (w *walker) at(n *yamltree.Node) int {
	if v, ok := yamltree.Open(w.t, n); ok {
		return v.Text.Root(v.Base)
	}
	return w.t.Root(n.Pos)
}

// isUnreadable says that nobody can take what a container names for an image, whatever
// variables stand for.
func isUnreadable(text string) bool {
	if _, err := image.Parse(text); err == nil || isPlaceholder(text) {
		return false
	}
	return strings.TrimSpace(text) != "" && len(variables(text)) == 0
}

// pulls notes what n says of how images are pulled: as a pod (k8s.io/api core/v1
// PodSpec) or as a ServiceAccount.
func (w *walker) pulls(n *yamltree.Node) {
	if w.kind == "ServiceAccount" && n.Get("kind") != nil && hasSecrets(n) {
		w.p.pods.accounts = append(w.p.pods.accounts, Account{w.namespace, n.Get("metadata").Follow().Str("name")})
	}
	w.imageTag(n)
	w.download(n)
	w.cluster(n)
	w.controlPlane(n)
	var pod *Pod
	for _, key := range []string{"initContainers", "containers", "ephemeralContainers"} {
		list := n.Get(key).Follow()
		if list == nil || list.Kind != yamltree.Sequence {
			continue
		}
		for _, kid := range list.Kids {
			at := filled(kid.Follow().Get("image"))
			if at == nil {
				continue
			}
			if pod == nil {
				pod = w.pod(n)
			}
			w.container(pod, at.Value, at, filled(kid.Follow().Get("imagePullPolicy")))
			if isUnreadable(at.Value) {
				w.unread(at, UnreadContainer)
			}
		}
	}
}

// imageTag notes the tag of kubeadm's dns or etcd.local.
func (w *walker) imageTag(n *yamltree.Node) {
	last := len(w.path) - 1
	if last < 0 || w.path[last].key != "dns" && (w.path[last].key != "local" || last == 0 || w.path[last-1].key != "etcd") {
		return
	}
	if tag := filled(n.Get("imageTag")); tag != nil {
		w.p.pods.tags = append(w.p.pods.tags, Tag{w.document, w.before + render(w.path) + ".imageTag", tag.Value})
	}
}

// mayInstall says whether a document can be that of a cluster of kubeadm, or of one with a class.
func mayInstall(doc string) bool {
	return strings.Contains(doc, "KubeadmControlPlane") || strings.Contains(doc, "ClusterConfiguration") || strings.Contains(doc, "topology:")
}

// cluster notes a cluster of kubeadm: of Cluster API's control plane, or of kubeadm's own
// configuration.
func (w *walker) cluster(n *yamltree.Node) {
	switch path := strings.TrimSuffix(w.before+render(w.path), "|"); {
	case w.kind == "ClusterConfiguration" && n.Get("kind") != nil:
		w.p.pods.clusters = append(w.p.pods.clusters, Cluster{Document: w.document, Path: path})
	case strings.HasPrefix(w.kind, "KubeadmControlPlane") && strings.HasSuffix(path, ".kubeadmConfigSpec") && n.Get("imageRepository") == nil:
		w.p.pods.clusters = append(w.p.pods.clusters, Cluster{w.document, path + ".clusterConfiguration", strings.HasSuffix(w.kind, "Template")})
	}
}

// controlPlane notes the version of a control plane, whose specification n is, or the
// topology of a cluster.
func (w *walker) controlPlane(n *yamltree.Node) {
	topology := w.kind == "Cluster" && len(w.path) > 0 && w.path[len(w.path)-1].key == "topology"
	if !topology && (w.kind != "KubeadmControlPlane" || n.Get("kubeadmConfigSpec") == nil) {
		return
	}
	if at := filled(n.Get("version")); at != nil {
		w.p.pods.versions = append(w.p.pods.versions, placedVersion{Version{Version: at.Value, Class: topology}, w.t.Root(at.Pos)})
	}
}

func (w *walker) pod(n *yamltree.Node) *Pod {
	return &Pod{
		Object: w.object, Path: strings.TrimSuffix(w.before+render(w.path), "|"), Namespace: w.namespace,
		Account: cmp.Or(n.Str("serviceAccountName"), n.Str("serviceAccount")), Secrets: hasSecrets(n),
	}
}

func (w *walker) container(pod *Pod, image string, at, policy *yamltree.Node) {
	c := Container{Pod: pod, Image: image}
	if policy != nil {
		c.Policy, at = policy.Value, policy
	}
	w.p.pods.containers = append(w.p.pods.containers, placedContainer{c, w.at(at)})
}

// hasSecrets says that imagePullSecrets names a secret.
func hasSecrets(n *yamltree.Node) bool {
	list := n.Get("imagePullSecrets").Follow()
	return list != nil && list.Kind == yamltree.Sequence &&
		slices.ContainsFunc(list.Kids, func(kid *yamltree.Node) bool { return kid.Follow().Str("name") != "" })
}

// sort puts the containers that were added since there were so many in the order of the
// file.
func (p *pods) sort(before int) {
	slices.SortStableFunc(p.containers[before:], func(a, b placedContainer) int { return cmp.Compare(a.at, b.at) })
}
