package containerd

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// find notes a problem.
func (c *Config) find(place, registry string, effect Effect, reason string) {
	c.problems = append(c.problems, Problem{place, registry, effect, reason})
}

// placeOf is the place of a folder or file of the node: of its hosts.toml, or of anything
// in it, or else its path.
func (c *Config) placeOf(at string) string {
	if f, ok := c.tree.files[at]; ok {
		return f.name
	}
	if f, ok := c.tree.files[path.Join(at, "hosts.toml")]; ok {
		return f.name
	}
	for _, name := range c.tree.names(at) {
		if f, ok := c.tree.files[path.Join(at, name)]; ok {
			return cmp.Or(path.Dir(f.name), at)
		}
	}
	return at
}

// checkRoot finds names in the tree that containerd never looks for.
func (c *Config) checkRoot(root string) {
	for _, at := range slices.Sorted(maps.Keys(c.tree.dangling)) {
		if path.Dir(at) == root {
			c.find(c.tree.dangling[at], registryOf(path.Base(at)), Outside, "the link leads nowhere: containerd does not see it")
		}
	}
	names := c.tree.names(root)
	for _, name := range names {
		dir := path.Join(root, name)
		if f, ok := c.tree.files[dir]; ok && name == "hosts.toml" {
			c.find(f.name, "", Ignored, "containerd looks for hosts.toml in a folder for each registry, "+defaultDir+" for the others, not here")
		}
		if !c.tree.dirs[dir] {
			continue
		}
		if reason := neverRead(name); reason != "" {
			c.find(c.placeOf(dir), name, Ignored, reason)
		}
		if other := hostFolder(name); other != name && c.tree.dirs[path.Join(root, other)] {
			c.find(c.placeOf(dir), name, Ignored, "the folder "+other+" is read instead")
		}
	}
}

// neverRead says why containerd does not look for a folder of that name.
func neverRead(name string) string {
	switch {
	case name == dockerHubHost, name == "index.docker.io":
		return "containerd looks for Docker Hub's images in the folder " + dockerHub
	case regexp.MustCompile(`^[^_]+_\d+$`).MatchString(name):
		return "containerd looks for a registry with a port in HOST:PORT or HOST_PORT_: an underscore is missing at the end"
	case strings.HasPrefix(name, "_") && name != defaultDir:
		return "no registry has this name; the folder for all others is " + defaultDir
	}
	return ""
}

// checkHosts finds what in a readable hosts.toml does not do what it seems to.
func (c *Config) checkHosts(r *hostsReader, registry string, hosts []host) {
	c.registries = append(c.registries, registry)
	c.unknownKeys(r, registry)
	if len(r.doc.Host) > 0 && len(hosts) == 1 {
		c.find(hosts[0].place, registry, Ignored, "containerd 2 reads hosts only where they are tables of their own, [host.\"…\"]: these are not")
	}
	mirrored := false // somebody else than the registry itself is asked before
	for i := range hosts {
		last := i == len(hosts)-1
		c.checkHost(&hosts[i], registry, last, mirrored)
		mirrored = mirrored || !isUpstream(registry, hosts[i].host)
	}
}

// checkHost finds what is wrong with one registry; last says that it is the server.
func (c *Config) checkHost(h *host, registry string, last, mirrored bool) {
	switch {
	case h.unknown:
		c.find(h.place, registry, Unknown, "a variable decides who is asked")
		return
	case h.host == "" && last && h.written != "":
		c.find(h.place, registry, Outside, fmt.Sprintf("the server %q is no URL with http:// or https://: %s is asked instead", h.written, upstreamName(registry)))
		return
	case h.host == "" && last:
		if mirrored {
			c.find(h.place, registry, Outside, "no server is named: what the hosts do not have is asked of "+upstreamName(registry))
		}
		return
	case h.host == "", strings.HasSuffix(h.host, ":"):
		c.find(h.place, registry, Broken, fmt.Sprintf("%q is no URL with http:// or https://: nobody can be asked", h.written))
		return
	case h.scheme != "http" && h.scheme != "https":
		c.find(h.place, registry, Broken, fmt.Sprintf("the scheme %q is neither http nor https", h.scheme))
	case isUpstream(registry, h.host) && mirrored:
		c.find(h.place, registry, Outside, h.host+" itself is named: it is asked for what those before it do not have")
	}
	if !last && (!h.pull || !h.resolve) {
		c.find(h.place, registry, Outside, "its capabilities are not both pull and resolve: what a tag means is asked of those behind it")
	}
	c.checkPath(h, registry)
	if h.httpsFirst(c.release) {
		c.find(h.place, registry, Ignored, "http:// with settings for TLS: HTTPS is tried first")
	}
}

// checkPath finds paths at which no registry answers.
func (c *Config) checkPath(h *host, registry string) {
	below := h.path == "/v2" || strings.HasPrefix(h.path, "/v2/")
	switch {
	case h.overridePath && !below:
		c.find(h.place, registry, Broken, fmt.Sprintf("with override_path the path has to begin with /v2, which %q does not: a registry answers 404", h.path))
	case !h.overridePath && h.path != "/v2":
		c.find(h.place, registry, Broken, fmt.Sprintf("without override_path = true, and /v2 before the path, %s is asked below %s: a registry answers 404", h.host, h.path))
	}
}

// unknownKeys finds keys that containerd reads over.
func (c *Config) unknownKeys(r *hostsReader, registry string) {
	d := toml.NewDecoder(bytes.NewReader([]byte(r.file.content)))
	d.DisallowUnknownFields()
	missing, ok := errors.AsType[*toml.StrictMissingError](d.Decode(new(hostsToml)))
	if ok {
		for i := range missing.Errors {
			e := &missing.Errors[i]
			line, column := e.Position()
			c.find(r.file.place(lineOffset(r.file.content, line)+column-1), registry, Ignored, unknownKey(e.Key()))
		}
	}
	if offset, ok := r.at.find("dial_timeout"); ok && !c.release.dialTimeout() {
		c.find(r.file.place(offset), registry, Ignored, "containerd knows dial_timeout from 2.0.7 on")
	}
}

func unknownKey(key []string) string {
	last := key[len(key)-1]
	switch {
	case last == "server" && len(key) > 1:
		return "server belongs above the first table: here it is one of the host's keys, where containerd reads over it"
	case len(key) > 2 && key[2] == "rewrite":
		return "only the containerd of K3s and RKE2 knows rewrite"
	}
	return fmt.Sprintf("containerd does not know the key %q, and reads over it", strings.Join(key, "."))
}
