package containerd

import (
	"net"
	"path"
	"strings"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// An Attempt is a registry that containerd asks for an image, if those before it do not
// answer as they should: any failure, from no route to 404, makes it try the next.
type Attempt struct {
	// URL is what requests begin with: https://registry.example:5000/v2/airgap/quay.io.
	// It is followed by /REPOSITORY/manifests/… or /REPOSITORY/blobs/….
	URL          string
	Scheme, Host string // of URL
	Path         string // of URL, without a slash at its end
	// Repository is what is asked for below Path.
	Repository string
	// Namespace is sent as ?ns=, empty where the registry is the one that the image names.
	Namespace string
	// ThenHTTP says that Scheme is https and HTTP is tried where there is no TLS.
	ThenHTTP bool
	// Resolve says that it is asked what the tag means, or for the digest. Every attempt
	// is asked for the content of what is known then, whatever its capabilities.
	Resolve bool
	// CanResolve and CanPull are its capabilities.
	CanResolve, CanPull bool
	// Upstream says that it is the registry that the image names: the way outside.
	Upstream bool
	// Unknown says that a variable decides who it is.
	Unknown bool

	CA          []Certificate
	Client      []Certificate
	SkipVerify  bool
	Headers     []string      // the names of headers that are sent, sorted
	DialTimeout time.Duration // 0: 30 seconds
	// Place is where it is written, FILE:LINE:COLUMN; empty for containerd's own default.
	Place string
}

// Ref is the name by which the attempt asks its registry for ref, and false if what it
// asks is no request of a registry's API, which lies below /v2/.
func (a *Attempt) Ref(ref image.Ref) (image.Ref, bool) {
	rest, ok := strings.CutPrefix(a.Path+"/", "/v2/")
	if !ok {
		return image.Ref{}, false
	}
	return image.Ref{Registry: a.Host, Repository: path.Join(rest, a.Repository), Tag: ref.Tag, Digest: ref.Digest}, true
}

// Attempts are whom containerd asks for ref, in order. None are made where a problem is
// given: it keeps containerd from asking anybody.
func (c *Config) Attempts(ref image.Ref) ([]Attempt, []Problem) {
	if c.cri.dead != nil {
		return nil, []Problem{*c.cri.dead}
	}
	if c.agent != nil {
		return c.agent.attempts(c, ref), nil
	}
	if len(c.cri.mirrors) > 0 {
		return c.mirrorAttempts(ref)
	}
	hosts := []host{{}}
	if dir, ok := c.folder(c.cri.roots(c.release), ref.Registry); ok {
		d := c.dirs[dir]
		if d.broken != nil {
			return nil, []Problem{{c.placeOf(dir), ref.Registry, Broken, d.broken.Error()}}
		}
		if d.unknown {
			return []Attempt{{Unknown: true, Place: c.placeOf(dir)}}, nil
		}
		hosts = append([]host{}, d.hosts...)
	}
	if last := &hosts[len(hosts)-1]; last.host == "" && !last.unknown {
		last.upstream(ref.Registry, c.release)
	}
	return c.attempts(hosts, ref)
}

// attempts are the requests to hosts, and what keeps all of them from being made.
func (c *Config) attempts(hosts []host, ref image.Ref) ([]Attempt, []Problem) {
	list := make([]Attempt, len(hosts))
	asked := false
	for i := range hosts {
		list[i] = c.attempt(hosts[i], ref)
		asked = asked || list[i].Resolve
	}
	if !asked {
		reason := "no host may resolve tags: every pull fails"
		if ref.Digest != "" {
			reason = "no host may pull: every pull fails"
		}
		return nil, []Problem{{hosts[0].place, ref.Registry, Broken, reason}}
	}
	return list, nil
}

func (c *Config) attempt(h host, ref image.Ref) Attempt {
	a := Attempt{
		Scheme: h.scheme, Host: h.host, Path: strings.TrimSuffix(h.path, "/"), Repository: ref.Repository,
		CanResolve: h.resolve, CanPull: h.pull, Resolve: h.pull && (h.resolve || ref.Digest != ""),
		Upstream: isUpstream(ref.Registry, h.host), Unknown: h.unknown,
		SkipVerify: h.skipVerify != nil && *h.skipVerify,
		Headers:    h.headers, DialTimeout: h.dialTimeout, Place: h.place,
	}
	if !a.Upstream {
		a.Namespace = ref.Registry
	}
	for _, at := range h.ca {
		a.CA = append(a.CA, c.tree.ca(at))
	}
	for _, pair := range h.client {
		a.Client = append(a.Client, c.tree.pair(pair))
	}
	if h.httpsFirst(c.release) {
		a.Scheme, a.ThenHTTP = "https", true
	}
	if a.Host != "" {
		a.URL = a.Scheme + "://" + a.Host + a.Path
	}
	return a
}

// httpsFirst says that HTTPS is tried though HTTP is written.
func (h *host) httpsFirst(release release) bool {
	if h.scheme != "http" || !h.tls() || h.asWritten || !release.httpFallback() {
		return false
	}
	_, port, _ := net.SplitHostPort(h.host)
	return port != "80" && (port != "" || release.fallbackWithoutPort())
}

const (
	dockerHub     = "docker.io"
	dockerHubHost = "registry-1.docker.io"
)

// isUpstream says whether host serves the images that name registry: others are told so.
func isUpstream(registry, host string) bool {
	return host == registry || registry == dockerHub && host == dockerHubHost
}

// upstreamName is who is asked for images of a folder, in a sentence.
func upstreamName(registry string) string {
	if registry == defaultDir {
		return "the registry that the image names"
	}
	return registry
}

// upstream makes h the registry that images name. What else is said of h stays.
func (h *host) upstream(registry string, release release) {
	h.scheme, h.host, h.path, h.resolve, h.pull = "https", registry, "/v2", true, true
	switch {
	case registry == dockerHub:
		h.host = dockerHubHost
	case !isLocal(registry):
	case !release.localPorts():
		yes := true
		h.scheme, h.skipVerify = "http", &yes
	default:
		_, port, _ := net.SplitHostPort(registry)
		if port != "" && port != "443" {
			h.scheme = "http"
		}
		if port != "80" {
			yes := true
			h.skipVerify = &yes
		}
	}
}

// isLocal says that a registry is the node itself.
func isLocal(registry string) bool {
	if name, _, err := net.SplitHostPort(registry); err == nil {
		registry = name
	}
	ip := net.ParseIP(registry)
	return registry == "localhost" || ip != nil && ip.IsLoopback()
}
