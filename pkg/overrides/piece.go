package overrides

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

// A Role is what clusterctl takes a file for.
type Role string

// The roles of files.
const (
	Components   Role = "components"   // what init applies: <type>-components.yaml, cert-manager.yaml
	Metadata     Role = "metadata"     // metadata.yaml: which versions speak which contract
	Template     Role = "template"     // cluster-template[-FLAVOR].yaml
	ClusterClass Role = "clusterclass" // clusterclass-CLASS.yaml
)

// A Piece is an input that has a place in clusterctl's home.
type Piece struct {
	Name    string // of the input
	Path    string // its absolute path or URL, slash-separated; its last elements say what the content does not
	Role    Role
	Labels  []string        // the providers that its objects are labelled with; CertManager for that
	Version string          // the tag of its manager's image, if it is a version
	Result  *rewrite.Result // its content with its images respelled
	Alien   []string        // images in it whose names clusterctl would not take

	source       string   // the content of metadata as it was
	repositories []string // of the images, without the last parts of their names
}

// file is the base name of the piece.
func (p *Piece) file() string { return path.Base(p.Path) }

// folder is the folder that the piece lies in.
func (p *Piece) folder() string { return path.Dir(p.Path) }

// Read says what f is to clusterctl, and rewrites it as rewrite.File does. at is the
// absolute path or URL of f, slash-separated. What clusterctl never reads gives nil.
func (c *Catalogue) Read(f *manifest.File, at string, m image.Mapping, opts rewrite.Options) (*Piece, error) {
	p := &Piece{Name: f.Name, Path: at}
	if !c.identify(p, f) {
		return nil, nil
	}
	r, err := rewrite.File(f, m, opts)
	if err != nil {
		return nil, err
	}
	p.Result = r
	if p.Role == Components {
		err = p.inspect()
	}
	return p, err
}

// identify fills in the role of p and what its content says of it.
func (c *Catalogue) identify(p *Piece, f *manifest.File) bool {
	name := p.file()
	switch {
	case name == "metadata.yaml":
		p.Role, p.source = Metadata, f.Source()
		return true
	case strings.HasPrefix(name, "cluster-template") && path.Ext(name) == ".yaml":
		p.Role = Template
		return true
	case strings.HasPrefix(name, "clusterclass-") && path.Ext(name) == ".yaml":
		p.Role = ClusterClass
		return true
	}
	p.Role = Components
	objects, uses := objects(f.Source()), slices.Collect(f.Uses())
	if isCertManager(objects, uses) {
		p.Labels = []string{CertManager}
	} else {
		p.Labels = labels(objects)
	}
	p.Version = managerVersion(objects, uses)
	return len(p.Labels) > 0 || c.isComponentsFile(name) && hasController(objects)
}

// An object is the head of a document, as much of it as tells whose it is.
type object struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string            `yaml:"name"`
		Namespace string            `yaml:"namespace"`
		Labels    map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Name string `yaml:"name"`
				} `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

// providerLabel is on every object of a provider (Cluster API's provider contract).
const providerLabel = "cluster.x-k8s.io/provider"

// objects are the namespaces, deployments and definitions of custom resources in src.
// A document that is no YAML before its variables have values is left out: a
// namespace or a definition never is.
func objects(src string) []object {
	var found []object
	for _, doc := range documents(src) {
		if !headKind.MatchString(doc) {
			continue
		}
		if strings.Contains(doc, definition) {
			if doc = head(doc); !strings.Contains(doc, providerLabel) {
				continue
			}
		}
		var o object
		if yaml.Unmarshal([]byte(doc), &o) == nil {
			found = append(found, o)
		}
	}
	return found
}

const definition = "kind: CustomResourceDefinition"

var (
	headKind  = regexp.MustCompile(`(?m)^(kind: *["']?(Namespace|Deployment|CustomResourceDefinition)\b|\{)`)
	specAtTop = regexp.MustCompile(`(?m)^(spec|status):`)
	separator = regexp.MustCompile(`(?m)^---( .*)?\r?$`)
)

// documents splits a stream where its separators are.
func documents(src string) []string { return separator.Split(src, -1) }

// head leaves out the spec of a definition, which may have a megabyte.
func head(doc string) string {
	for _, cut := range slices.Backward(specAtTop.FindAllStringIndex(doc, -1)) {
		if strings.Contains(doc[:cut[0]], "kind:") {
			doc = doc[:cut[0]]
		}
	}
	return doc
}

// labels are the providers that objects belong to, in order and once each.
// Definitions count only where nothing else has the label.
func labels(objects []object) []string {
	var own, definitions []string
	for _, o := range objects {
		to := &own
		if o.Kind == "CustomResourceDefinition" {
			to = &definitions
		}
		if label := o.Metadata.Labels[providerLabel]; label != "" && !slices.Contains(*to, label) {
			*to = append(*to, label)
		}
	}
	if len(own) == 0 {
		return definitions
	}
	return own
}

func hasController(objects []object) bool {
	return slices.ContainsFunc(objects, func(o object) bool { return o.Kind == "Deployment" || o.Kind == "Namespace" })
}

// isCertManager says that cert-manager's controller runs in a deployment of objects.
func isCertManager(objects []object, uses []manifest.Use) bool {
	return slices.ContainsFunc(objects, func(o object) bool {
		return o.Kind == "Deployment" && o.Metadata.Name == "cert-manager"
	}) && slices.ContainsFunc(uses, func(u manifest.Use) bool {
		return strings.HasSuffix(u.Ref.Repository, "cert-manager-controller")
	})
}

// managerVersion is the version in the image of the deployments' container that is
// called manager, or that is the only one. Empty if they disagree or have none.
func managerVersion(objects []object, uses []manifest.Use) string {
	var found string
	for _, o := range objects {
		if o.Kind != "Deployment" || strings.HasPrefix(o.Metadata.Name, "cert-manager-") {
			continue
		}
		containers := o.Spec.Template.Spec.Containers
		for i, container := range containers {
			if len(containers) > 1 && container.Name != "manager" {
				continue
			}
			tag := tagOf(uses, o, fmt.Sprintf("spec.template.spec.containers[%d].image", i))
			if checkVersion(tag) != nil {
				continue
			}
			if found != "" && found != tag {
				return ""
			}
			found = tag
		}
	}
	return found
}

// tagOf is the tag of the image at path in the deployment o.
func tagOf(uses []manifest.Use, o object, path string) string {
	name := strings.TrimPrefix(o.Metadata.Namespace+"/"+o.Metadata.Name, "/")
	for _, u := range uses {
		if u.Path() == path && strings.HasSuffix(u.Object, "/Deployment "+name) {
			return u.Ref.Tag
		}
	}
	return ""
}

// same says that two pieces would be the same file.
func (p *Piece) same(other *Piece) bool { return bytes.Equal(p.Result.Output, other.Result.Output) }
