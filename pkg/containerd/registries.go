package containerd

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// registries is a registries.yaml, from which K3s and RKE2 write the tree of hosts.toml
// files themselves (github.com/k3s-io/k3s pkg/agent/containerd/config.go, the types of
// github.com/rancher/wharfie pkg/registries).
type registries struct {
	mirrors map[string]agentMirror
	tls     map[string]mirrorTLS // by registry
	// noDefault: --disable-default-registry-endpoint. Registries with a mirror are not
	// asked themselves; those without are.
	noDefault bool
}

// An agentMirror is what is asked instead of a registry.
type agentMirror struct {
	endpoints []string
	rewrites  [][2]string // pattern and replacement, of repositories
	place     string
}

// readRegistries reads registries.yaml.
func readRegistries(f file) (*registries, error) {
	text := &yamltree.Text{S: f.content}
	roots, err := yamltree.Parse(text, yamltree.Chunk{From: 0, To: len(f.content)})
	if err != nil || len(roots) == 0 {
		return &registries{}, err
	}
	return registriesOf(roots[0], f.place), nil
}

// nativeRegistries reads privateRegistriesConfig, whose TLS stands in Secrets.
func nativeRegistries(s *source, n *yamltree.Node) *registries { return registriesOf(n, s.place) }

func registriesOf(root *yamltree.Node, place func(int) string) *registries {
	r := &registries{mirrors: map[string]agentMirror{}, tls: map[string]mirrorTLS{}}
	each(root.Get("mirrors"), func(key string, n *yamltree.Node) {
		r.mirrors[key] = mirrorOf(n, place)
	})
	each(root.Get("configs"), func(key string, n *yamltree.Node) {
		if t := n.Get("tls").Follow(); t != nil {
			r.tls[key] = mirrorTLS{t.Str("ca_file"), t.Str("cert_file"), t.Str("key_file"), t.Str("insecure_skip_verify") == "true"}
		}
	})
	return r
}

func mirrorOf(n *yamltree.Node, place func(int) string) agentMirror {
	var m agentMirror
	if list := n.Get("endpoint").Follow(); list != nil && list.Kind == yamltree.Sequence {
		for _, item := range list.Kids {
			if item = item.Follow(); item != nil {
				m.endpoints = append(m.endpoints, item.Value)
				m.place = place(max(item.Pos, 0))
			}
		}
	}
	each(n.Get("rewrite"), func(pattern string, to *yamltree.Node) {
		m.rewrites = append(m.rewrites, [2]string{pattern, to.Value})
	})
	return m
}

// each calls do for the keys of a mapping and their values, none for anything else.
func each(n *yamltree.Node, do func(string, *yamltree.Node)) {
	n = n.Follow()
	if n == nil || n.Kind != yamltree.Mapping {
		return
	}
	for i := 0; i+1 < len(n.Kids); i += 2 {
		if v := n.Kids[i+1].Follow(); v != nil {
			do(n.Kids[i].Value, v)
		}
	}
}

// attempts are whom the containerd asks that the agent configures.
func (r *registries) attempts(c *Config, ref image.Ref) []Attempt {
	m, mirrored := r.mirrors[ref.Registry]
	if !mirrored {
		m, mirrored = r.mirrors["*"]
	}
	var list []Attempt
	for i, written := range m.endpoints {
		if slices.Contains(m.endpoints[:i], written) {
			continue
		}
		if a, ok := r.endpoint(c, written, ref, m); ok {
			list = append(list, a)
		}
	}
	own := slices.ContainsFunc(list, func(a Attempt) bool { return a.Upstream && a.Path == "/v2" })
	if !own && (!mirrored || !r.noDefault) {
		h := host{}
		h.upstream(ref.Registry, c.release)
		r.settings(&h, ref.Registry)
		list = append(list, c.attempt(h, ref))
	}
	return list
}

// endpoint is the attempt at an endpoint of a mirror.
func (r *registries) endpoint(c *Config, written string, ref image.Ref, m agentMirror) (Attempt, bool) {
	masked, restore := maskVariables(written)
	if !strings.Contains(masked, "://") {
		bare, _, _ := strings.Cut(masked, "/")
		_, port, _ := net.SplitHostPort(bare)
		masked = map[bool]string{true: "http", false: "https"}[isLocal(bare) && port != "" && port != "443"] + "://" + masked
	}
	u, err := url.Parse(masked)
	if err != nil {
		return Attempt{}, false // the agent says so in its log, and reads over it
	}
	h := host{scheme: u.Scheme, host: restore(u.Host), path: restore(u.Path), resolve: true, pull: true, place: m.place, unknown: holdsVariables(written)}
	if h.host == dockerHub {
		h.host = dockerHubHost
	}
	if h.path == "" || h.path == "/" {
		h.path = "/v2"
	}
	r.settings(&h, h.host)
	a := c.attempt(h, ref)
	a.Repository = rewrite(ref.Repository, m.rewrites)
	return a, true
}

// settings adds what configs says of a registry.
func (r *registries) settings(h *host, registry string) {
	t, ok := r.tls[registry]
	if !ok && h.host == dockerHubHost {
		t, ok = r.tls[dockerHub]
	}
	if !ok {
		return
	}
	if t.CA != "" {
		h.ca = []string{path.Clean(t.CA)}
	}
	if t.Cert != "" || t.Key != "" {
		h.client = [][2]string{{t.Cert, t.Key}}
	}
	if t.Insecure {
		h.skipVerify = &t.Insecure
	}
}

// rewrite applies the first pattern that fits a repository. Their order is not defined.
func rewrite(repository string, rewrites [][2]string) string {
	for _, r := range rewrites {
		pattern, err := regexp.Compile(r[0])
		if err == nil && pattern.MatchString(repository) {
			return pattern.ReplaceAllString(repository, r[1])
		}
	}
	return repository
}
