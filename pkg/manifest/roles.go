package manifest

import (
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// A splitRole is what a field contributes to a reference that stands in several fields.
type splitRole uint8

const (
	noRole splitRole = iota
	registryRole
	hubRole // a registry with a path, which the name follows
	repositoryRole
	nameRole
	pathRole
	tagRole
	versionRole
	digestRole
	newNameRole
)

// splitRoles are the ends of keys that have a role; what stands before is the stem
// that the fields of one reference share (kubeVipImageRepository, kubeVipImageTag).
// Longer ends come first.
var splitRoles = []struct {
	end  string
	role splitRole
}{
	{"imageregistry", registryRole},
	{"imagerepository", repositoryRole},
	{"imagerepo", repositoryRole},
	{"imagename", nameRole},
	{"imagepath", pathRole},
	{"imagetag", tagRole},
	{"imagetagversion", tagRole},
	{"imageversion", versionRole},
	{"imagedigest", digestRole},
	{"newtag", tagRole}, // kustomize
	{"registry", registryRole},
	{"repository", repositoryRole},
	{"repo", repositoryRole},
	{"image", nameRole},
	{"tag", tagRole},
	{"digest", digestRole},
	{"sha", digestRole},
	{"sha256", digestRole},
}

// roleOf finds the role of a normal key.
func roleOf(key string) (splitRole, string) {
	switch key {
	case "hub":
		return hubRole, ""
	case "name", "baseimage": // the latter of Prometheus, with tag or version beside it
		return nameRole, ""
	case "version":
		return versionRole, ""
	case "containerregistry":
		return registryRole, ""
	case "newname": // kustomize: `name` beside it only says which image is meant
		return newNameRole, ""
	}
	for _, r := range splitRoles {
		if stem, ok := strings.CutSuffix(key, r.end); ok {
			return r.role, stem
		}
	}
	return noRole, ""
}

// fields are the parts of one reference among the entries of a mapping.
type fields struct {
	stem string // what their keys begin with

	registry, hub, repository, name, newName, path, tag, version, digest *yamltree.Node

	image     bool // name stands at a key that says image
	named     bool // name stands at a key that says image name
	hasTag    bool // there is a key for a tag, even an empty one
	elsewhere bool // there is a key for a repository, which is empty
	kustomize bool // newName or newTag is there
	bare      bool // repository stands at a key that means a prefix unless a tag follows
}

// set puts the value at a key where its role says.
func (g *fields) set(f *keyFacts, value *yamltree.Node) {
	g.hasTag = g.hasTag || f.role == tagRole
	g.kustomize = g.kustomize || f.normal == "newtag" || f.role == newNameRole
	if filled(value) == nil {
		g.elsewhere = g.elsewhere || f.role == repositoryRole
		return
	}
	switch f.role {
	case registryRole:
		g.registry = value
	case hubRole:
		g.hub = value
	case repositoryRole:
		g.repository = value
		g.bare = strings.HasSuffix(f.normal, "imagerepo") || f.stem == "kubernetes"
	case nameRole:
		if f.stem == "" && f.normal == "image" || g.name == nil || !g.image {
			g.name = value
			g.image = f.normal != "name"
			g.named = strings.HasSuffix(f.normal, "imagename")
		}
	case pathRole:
		g.path = value
	case newNameRole:
		g.newName = value
	case tagRole:
		g.tag = value
	case versionRole:
		g.version = value
	case digestRole:
		g.digest = value
	}
}

// share gives a name at STEM_image_name the registry and tag that stand beside it for all.
func (g *fields) share(all *fields, registry *yamltree.Node) {
	if all == nil || g.stem == "" || !g.named || g.repository != nil || g.registry != nil || g.pinned() {
		return
	}
	g.registry, g.tag, g.digest = registry, all.tag, all.digest
}

// versionIsTag says that a version beside a name is its tag.
func (g *fields) versionIsTag(under bool) bool {
	return g.image && (g.repository != nil || g.registry != nil || g.name != nil && strings.Contains(g.name.Value, "/")) ||
		under && !g.hasTag
}

// pinned says that a tag or digest is there.
func (g *fields) pinned() bool { return g.tag != nil || g.digest != nil }

func isWordNode(n *yamltree.Node) bool {
	return n != nil && !strings.ContainsAny(n.Value, "/:@.${")
}

func isURL(s string) bool { return strings.Contains(s, "://") || strings.HasPrefix(s, "git@") }

// isChart says that the fields of n name a Helm chart or another package.
func isChart(n *yamltree.Node, stem, repository string) bool {
	if stem == "" && (n.Str("chart") != "" || n.Str("chartName") != "" || n.Str("ref") != "") {
		return true
	}
	for _, element := range strings.Split(repository, "/") {
		if element == "charts" || element == "helm-charts" || element == "helm" {
			return true
		}
	}
	return false
}

// isKubeadm says that n is a ClusterConfiguration, though it need not say so.
func isKubeadm(n *yamltree.Node) bool {
	return n.Get("etcd") != nil || n.Get("dns") != nil || n.Get("kubernetesVersion") != nil
}

// endsIn says that the last path element of repository is name.
func endsIn(repository, name string) bool {
	return repository == name || strings.HasSuffix(repository, "/"+name)
}

// isCodeHost says that what stands below the host is source code, not images.
func isCodeHost(host string) bool {
	return host == "github.com" || host == "gitlab.com" || host == "bitbucket.org" || host == "go.dev"
}

// isBareRegistry says that s is a registry, or a namespace of a registry whose images
// all stand in namespaces, so that an image name has yet to follow.
func isBareRegistry(s string) bool {
	s = strings.TrimSuffix(s, "/")
	host, path, ok := strings.Cut(s, "/")
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		return false
	}
	if !ok {
		return true
	}
	if i := upstreamIn(path); i >= 0 { // below a private registry
		return isBareRegistry(path[i:])
	}
	switch {
	case host == "quay.io", host == "ghcr.io", host == "gcr.io", strings.HasSuffix(host, ".gcr.io") && host != "k8s.gcr.io",
		host == "nvcr.io", host == "public.ecr.aws", strings.HasSuffix(host, "-docker.pkg.dev"):
		return !strings.Contains(path, "/")
	}
	return false
}

// startsWithHost says that the first path element of s is a host, as in HOST/PATH, and not
// a folder.
func startsWithHost(s string) bool {
	host, _, _ := strings.Cut(s, "/")
	return host == "localhost" || strings.ContainsAny(strings.TrimLeft(host, "."), ".:")
}

// upstreamIn is where in the path of a repository an element begins that is the host of a
// public registry, as names have that were laid out by host; -1 if there is none.
func upstreamIn(path string) int {
	at := 0
	for element := range strings.SplitSeq(path, "/") {
		switch {
		case element == "docker.io", element == "quay.io", element == "ghcr.io", element == "gcr.io", strings.HasSuffix(element, ".gcr.io"),
			element == "registry.k8s.io", element == "nvcr.io", element == "public.ecr.aws", element == "mcr.microsoft.com",
			element == "docker.elastic.co", element == "registry.gitlab.com", strings.HasSuffix(element, "-docker.pkg.dev"):
			return at
		}
		at += len(element) + 1
	}
	return -1
}
