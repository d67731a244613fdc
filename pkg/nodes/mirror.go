package nodes

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// DefaultHost is the Host of the Upstream that stands for every registry that has no
// Upstream of its own: containerd's _default folder, the "*" of K3s, RKE2 and Talos.
const DefaultHost = "_default"

// A Mirror says from where a node pulls instead of from the registries that images name.
// It is the same for all node systems; each renders it by its own means. NewMirror makes
// it and checks it. Treat it as a value: nothing below may change what its slices hold.
type Mirror struct {
	// Registry is the private registry, host[:port], as image names spell it.
	Registry string
	// Path is what its names of images begin with, without slashes around it; may be empty.
	Path string
	// Upstreams are the registries that are mirrored, sorted by host, each host once,
	// DefaultHost first. The private registry is none of them: images that name it need
	// CA, PlainHTTP and credentials, but no other place.
	Upstreams []Upstream
	// Kubernetes is where the images of Kubernetes are (REGISTRY/PATH, each by the last
	// element of its name) in a layout that no node can follow; empty in the others.
	Kubernetes string
	// CA is the authority that signed the private registry's certificate: PEM, nothing
	// but certificates, each with a line break at its end. Empty: one of the system's.
	CA []byte
	// PlainHTTP says that the private registry speaks no TLS. Then CA is empty.
	PlainHTTP bool
	// Username and Password are for the private registry, as text: what is rendered
	// with them holds a secret. Both or none are there, and none beside AuthSecret.
	Username, Password string
	// AuthSecret is the name of a Secret (type kubernetes.io/basic-auth: keys username
	// and password) in the management cluster, in the namespace of the objects that
	// refer to it, that holds the credentials instead.
	AuthSecret string
}

// An Upstream is a registry that images name, and where its content is instead.
type Upstream struct {
	Host     string // docker.io, registry.k8s.io, example.com:5000, or DefaultHost
	Registry string // host[:port] of the private registry, nearly always Mirror.Registry
	Path     string // below it, without slashes around it: airgap/registry.k8s.io; may be empty
}

// kubernetesGroup is the group that the images of Kubernetes have in image.LayoutGroup
// (CONTRACT.md, "Layouts of the target").
const kubernetesGroup = "kubernetes"

// Options are what a Mirror is made from.
type Options struct {
	// Registry is the private registry, REGISTRY[/PREFIX].
	Registry string
	// Layout is how names are laid out below it; empty is image.LayoutHost. The layouts
	// name and group drop parts of names, which no node can do on its own: then only what
	// has a rule is mirrored, and names have to be rewritten.
	Layout image.Layout
	// Rules are exceptions; one for a part of a registry is an error, as a mirror is
	// for a registry as a whole.
	Rules []image.Rule
	// Upstreams are the hosts to mirror, in any order, with repetitions.
	Upstreams []string
	// CA is PEM text; what is no certificate in it is an error, comments are not.
	CA []byte
	// PlainHTTP, Username, Password and AuthSecret are as in Mirror.
	PlainHTTP          bool
	Username, Password string
	AuthSecret         string
}

// NewMirror returns the mirror that opts describe, or everything that is wrong with them.
func NewMirror(opts Options) (Mirror, error) {
	to, err := image.ParsePrefix(opts.Registry)
	if err != nil {
		return Mirror{}, err
	}
	layout := cmp.Or(opts.Layout, image.LayoutHost)
	mapping, err := image.NewMapping(opts.Registry, layout, opts.Rules)
	if err != nil {
		return Mirror{}, err
	}
	m := Mirror{
		Registry: to.Registry, Path: to.Repository, PlainHTTP: opts.PlainHTTP,
		Username: opts.Username, Password: opts.Password, AuthSecret: opts.AuthSecret,
	}
	switch layout {
	case image.LayoutName:
		m.Kubernetes = to.Name()
	case image.LayoutGroup:
		m.Kubernetes = to.Name() + "/" + kubernetesGroup
	}
	var errs []error
	m.CA, err = certificates(opts.CA)
	errs = append(errs, err, m.check())
	m.Upstreams, err = upstreams(mapping, layout, to, opts)
	if err := errors.Join(append(errs, err)...); err != nil {
		return Mirror{}, err
	}
	return m, nil
}

// check says which parts of m exclude each other.
func (m Mirror) check() error {
	var errs []error
	if m.PlainHTTP && len(m.CA) > 0 {
		errs = append(errs, errors.New("plain HTTP knows no certificates: give a CA or plain HTTP, not both"))
	}
	if (m.Username == "") != (m.Password == "") {
		errs = append(errs, errors.New("a user name needs a password, and a password a user name"))
	}
	if strings.Contains(m.Username, ":") {
		errs = append(errs, errors.New("the user name holds a colon, which HTTP's basic authentication cannot send"))
	}
	if m.Username != "" && m.AuthSecret != "" {
		errs = append(errs, errors.New("credentials stand in a Secret or are given here, not both"))
	}
	return errors.Join(errs...)
}

// IsUpstream says whether images of the registry host can be mirrored: what is on the
// node itself cannot.
func IsUpstream(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return name != "" && name != "localhost" && name != "127.0.0.1"
}

// upstreams says where each of the hosts is mirrored.
func upstreams(mapping image.Mapping, layout image.Layout, to image.Ref, opts Options) ([]Upstream, error) {
	var list []Upstream
	if layout == image.LayoutPath {
		list = append(list, Upstream{DefaultHost, to.Registry, to.Repository})
	}
	var errs []error
	hosts := slices.Clone(opts.Upstreams)
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if host == to.Registry || !layoutMirrors(layout) && !hasRule(opts.Rules, host) {
			continue
		}
		if parsed, err := image.ParsePrefix(host); err != nil || parsed.Registry != host || parsed.Repository != "" {
			errs = append(errs, fmt.Errorf("upstream %q: it is no registry, as registry.k8s.io or example.com:5000 is", image.Shown(host)))
			continue
		}
		ref := image.Ref{Registry: host}
		if rule, conflict := mapping.PrefixConflict(ref); conflict {
			errs = append(errs, fmt.Errorf("rule %s is for a part of %s, but a mirror is for a registry as a whole", rule, host))
			continue
		}
		place, moves := mapping.TargetPrefix(ref)
		if moves && opts.AuthSecret != "" && place.Registry != to.Registry {
			errs = append(errs, fmt.Errorf("upstream %s goes to %s, but the credentials are for %s", host, place.Registry, to.Registry))
		}
		if moves && (layout != image.LayoutPath || place != to) { // else DefaultHost serves it
			list = append(list, Upstream{host, place.Registry, place.Repository})
		}
	}
	return list, errors.Join(errs...)
}

// layoutMirrors says whether names in a layout are those of their registries with
// something before them, which is what nodes can do with all names of a registry.
func layoutMirrors(layout image.Layout) bool {
	return layout == image.LayoutHost || layout == image.LayoutPath
}

// hasRule says whether a rule is for the registry as a whole.
func hasRule(rules []image.Rule, host string) bool {
	return slices.ContainsFunc(rules, func(r image.Rule) bool {
		from, err := image.ParsePrefix(r.From)
		return err == nil && from == image.Ref{Registry: host}
	})
}

// Place is where the content of the upstream is: registry.example:5000/airgap/quay.io.
func (u Upstream) Place() string {
	if u.Path == "" {
		return u.Registry
	}
	return u.Registry + "/" + u.Path
}

// URL is the root of the upstream's mirror as containerd wants it with override_path:
// https://registry.example:5000/v2/airgap/quay.io.
func (m Mirror) URL(u Upstream) string {
	url := m.scheme() + u.Registry + "/v2"
	if u.Path != "" {
		url += "/" + u.Path
	}
	return url
}

// Address is the private registry with its scheme: https://registry.example:5000.
func (m Mirror) Address() string { return m.scheme() + m.Registry }

func (m Mirror) scheme() string {
	if m.PlainHTTP {
		return "http://"
	}
	return "https://"
}
