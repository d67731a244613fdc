// Package site reads airgap.yaml, the site file: what a site needs and what its
// registry is called, written down once instead of as flags of every command.
package site

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/tkg"
)

// What stands at the top of every site file.
const (
	APIVersion = "kubectl-airgap.io/v1alpha1"
	Kind       = "Site"
)

// FileName is what a site file is called where nothing else is said.
const FileName = "airgap.yaml"

// NoCertManager is the value of Site.CertManager that says that the site has, or
// wants, none.
const NoCertManager = "none"

// A Site is what a site file says. What it does not say is empty. Paths on this
// machine are relative to the folder that the site file was named with, joined to
// it; URLs may hold credentials and are not for people's eyes.
type Site struct {
	Name               string // of the file, as its reader called it
	Registry           Registry
	KubernetesVersions []string   // vMAJOR.MINOR.PATCH
	NodeImagePause     []string   // image references, or the word known
	Providers          []Provider // in the order of the file, as all lists are
	CertManager        string     // a version, or NoCertManager; empty says nothing
	Manifests          []Group
	Images             []image.Ref
	ImagePlaces        []Position // where each of Images stands
	Files              []File
	FileLists          []string // lists of URLs, such as Kubespray's: URLs or paths
	Checksums          []string // of what the lists name: URLs or paths
	Charts             []Chart
	FilesURL           string        // below which nodes find files
	Snaps              []string      // paths of snaps of Canonical Kubernetes
	TKG                []tkg.Release // of Tanzu Kubernetes Grid
	Platforms          []string      // os/architecture[/variant]
	SourceMap          []image.SourceRule
	FileSourceMap      []download.SourceRule
}

// A Position is a place in the file, 1-based.
type Position struct{ Line, Column int }

// A Registry is the private registry of a site.
type Registry struct {
	Address     string // REGISTRY[/PREFIX], as --to
	PullAddress string // the same where nodes have another name for it
	CAFile      string // path of a PEM file
	PlainHTTP   bool
	Layout      image.Layout
	Maps        []image.Rule
}

// A Provider is a release of a provider of Cluster API.
type Provider struct {
	Place          string   // file:line:column, as of all entries
	Name           string   // as overrides takes it: vsphere, infrastructure-vsphere
	Version        string   // vMAJOR.MINOR.PATCH
	URL            string   // of its components, if clusterctl does not know it
	Flavors        []string // of cluster-template-FLAVOR.yaml
	ClusterClasses []string // of clusterclass-CLASS.yaml
}

// A Group is manifests that belong together: cni, csi. In layout group its name is
// the folder of their images.
type Group struct {
	Name      string
	Manifests []Manifest
}

// A Manifest is one of a group: at a URL, or at a path on this machine, which may be
// a folder.
type Manifest struct {
	Place  string
	URL    string
	Path   string
	Name   string // of the file in the archive
	SHA256 string // 64 hexadecimal digits, may be empty
}

// A File is a file that belongs to no image and is no manifest: a program, an OVA.
type File struct {
	Place     string
	Parts     []string // URLs or paths; several are joined
	Path      string   // in the archive
	SHA256    string   // of the whole: 64 hexadecimal digits, may be empty
	SHA256URL string   // where it is published instead, may be empty
	Mode      string   // octal; empty means 0644
}

// Parse reads the site file src. name is its path: errors begin with it, and
// relative paths in the file are below its folder. All errors are reported at once,
// each as name:line:column, in the order of the file.
func Parse(name string, src []byte) (*Site, error) {
	d := &decoder{name: name, seen: map[string]string{}}
	s := &Site{Name: name}
	if root := d.root(src); root != nil {
		d.site(root, s)
	}
	return s, d.err()
}

// site reads the whole.
func (d *decoder) site(n *yaml.Node, s *Site) {
	d.mapping(n, []key{
		{name: "apiVersion", required: true, read: func(n *yaml.Node) { d.constant(n, APIVersion) }},
		{name: "kind", required: true, read: func(n *yaml.Node) { d.constant(n, Kind) }},
		{name: "registry", read: func(n *yaml.Node) { d.registry(n, &s.Registry) }},
		{name: "kubernetesVersions", read: func(n *yaml.Node) { s.KubernetesVersions = each(d, n, d.kubernetesVersion) }},
		{name: "nodeImagePause", read: func(n *yaml.Node) { s.NodeImagePause = each(d, n, d.sandbox) }},
		{name: "providers", read: func(n *yaml.Node) { s.Providers = each(d, n, d.provider) }},
		{name: "certManager", read: func(n *yaml.Node) { s.CertManager, _ = d.certManager(n) }},
		{name: "manifests", read: func(n *yaml.Node) { s.Manifests = d.groups(n) }},
		{name: "images", read: func(n *yaml.Node) { d.images(n, s) }},
		{name: "files", read: func(n *yaml.Node) { s.Files = each(d, n, d.file) }},
		{name: "fileLists", read: func(n *yaml.Node) { s.FileLists = d.sources(n) }},
		{name: "checksums", read: func(n *yaml.Node) { s.Checksums = d.sources(n) }},
		{name: "charts", read: func(n *yaml.Node) { s.Charts = each(d, n, d.chart) }},
		{name: "filesURL", read: func(n *yaml.Node) { s.FilesURL = d.url(n) }},
		{name: "snaps", read: func(n *yaml.Node) {
			s.Snaps = each(d, n, func(n *yaml.Node) (string, bool) { path := d.path(n); return path, path != "" })
		}},
		{name: "tkg", read: func(n *yaml.Node) { s.TKG = each(d, n, d.tkg) }},
		{name: "platforms", read: func(n *yaml.Node) { s.Platforms = each(d, n, d.platform) }},
		{name: "sourceMap", read: func(n *yaml.Node) { s.SourceMap = d.sourceMap(n) }},
		{name: "fileSourceMap", read: func(n *yaml.Node) { s.FileSourceMap = d.fileSourceMap(n) }},
	})
}

func (d *decoder) images(n *yaml.Node, s *Site) {
	parse := parsed(d, image.Parse)
	s.Images = each(d, n, func(n *yaml.Node) (image.Ref, bool) {
		ref, ok := parse(n)
		if ok {
			s.ImagePlaces = append(s.ImagePlaces, Position{n.Line, n.Column})
		}
		return ref, ok
	})
}

func (d *decoder) registry(n *yaml.Node, r *Registry) {
	place := func(to *string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if text, ok := d.text(n); ok {
				_, err := image.NewMapping(text, "", nil)
				*to = text
				d.check(n, err)
			}
		}
	}
	d.mapping(n, []key{
		{name: "address", read: place(&r.Address)},
		{name: "pullAddress", read: place(&r.PullAddress)},
		{name: "caFile", read: func(n *yaml.Node) { r.CAFile = d.path(n) }},
		{name: "plainHTTP", read: func(n *yaml.Node) { r.PlainHTTP = d.boolean(n) }},
		{name: "layout", read: func(n *yaml.Node) {
			text, _ := d.oneOf(n, string(image.LayoutHost), string(image.LayoutPath), string(image.LayoutName), string(image.LayoutGroup))
			r.Layout = image.Layout(text)
		}},
		{name: "maps", read: func(n *yaml.Node) {
			before := len(d.errs)
			r.Maps = each(d, n, parsed(d, image.ParseRule))
			if len(d.errs) == before {
				_, err := image.NewMapping("", "", r.Maps)
				d.check(n, err)
			}
		}},
	})
}

func (d *decoder) kubernetesVersion(n *yaml.Node) (string, bool) {
	v, ok := parsed(d, kubernetes.ParseVersion)(n)
	return v.String(), ok
}

// sandbox reads what --node-image-pause takes.
func (d *decoder) sandbox(n *yaml.Node) (string, bool) {
	if text, ok := d.text(n); !ok || text == "known" {
		return text, ok
	}
	ref, ok := parsed(d, image.Parse)(n)
	return ref.String(), ok
}

var (
	semantic = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	label    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	platform = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)
)

func (d *decoder) version(n *yaml.Node, text string) bool {
	if !semantic.MatchString(text) {
		d.failf(n, "%q is no version, as v1.14.2 is", text)
		return false
	}
	return true
}

func (d *decoder) certManager(n *yaml.Node) (string, bool) {
	text, ok := d.text(n)
	return text, ok && (text == NoCertManager || d.version(n, text))
}

func (d *decoder) platform(n *yaml.Node) (string, bool) {
	text, ok := d.text(n)
	if ok && !platform.MatchString(text) {
		d.failf(n, "%q is no platform, as linux/amd64 is", text)
		return "", false
	}
	return text, ok
}

// provider reads NAME:VERSION, or a mapping that says more.
func (d *decoder) provider(n *yaml.Node) (Provider, bool) {
	p := Provider{Place: d.place(n)}
	if n = resolve(n); n.Kind == yaml.ScalarNode {
		return p, d.release(n, &p) && d.once(n, p.Name+":"+p.Version)
	}
	var ok bool
	d.mapping(n, []key{
		{name: "provider", required: true, read: func(n *yaml.Node) { ok = d.release(n, &p) }},
		{name: "url", read: func(n *yaml.Node) { p.URL = d.url(n) }},
		{name: "flavors", read: func(n *yaml.Node) { p.Flavors = each(d, n, d.word) }},
		{name: "clusterClasses", read: func(n *yaml.Node) { p.ClusterClasses = each(d, n, d.word) }},
	})
	return p, ok && d.once(n, p.Name+":"+p.Version)
}

func (d *decoder) release(n *yaml.Node, p *Provider) bool {
	text, ok := d.text(n)
	if !ok {
		return false
	}
	p.Name, p.Version, ok = strings.Cut(text, ":")
	if !ok || !label.MatchString(p.Name) {
		d.failf(n, "%q is not NAME:VERSION, as infrastructure-vsphere:v1.16.1 is", text)
		return false
	}
	return d.version(n, p.Version)
}

// word reads a part of a file's name.
func (d *decoder) word(n *yaml.Node) (string, bool) {
	text, ok := d.text(n)
	if ok && !fileWord.MatchString(text) {
		d.failf(n, "%q is no part of a file's name", text)
		return "", false
	}
	return text, ok
}

var fileWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (d *decoder) sourceMap(n *yaml.Node) []image.SourceRule {
	rules := each(d, n, parsed(d, image.ParseSourceRule))
	_, err := image.NewSourceMap(rules)
	d.check(n, err)
	return rules
}

func (d *decoder) fileSourceMap(n *yaml.Node) []download.SourceRule {
	rules := each(d, n, parsed(d, download.ParseSourceRule))
	_, err := download.NewSourceMap(rules)
	d.check(n, err)
	return rules
}

// Needs says whether the file names anything that has images.
func (s *Site) Needs() bool {
	return len(s.KubernetesVersions)+len(s.NodeImagePause)+len(s.Providers)+len(s.Manifests)+len(s.Images)+len(s.Snaps)+len(s.TKG)+len(s.Charts) > 0
}
