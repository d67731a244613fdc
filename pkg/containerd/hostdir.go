package containerd

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// A hostDir is a folder of the tree, and what containerd makes of it.
type hostDir struct {
	hosts   []host
	broken  error // containerd gives up: no image can be pulled
	unknown bool  // only filled in can it be read
}

const defaultDir = "_default"

// hostFolder spells a registry with a port as a folder may.
func hostFolder(registry string) string {
	if i := strings.LastIndexByte(registry, ':'); i > 0 {
		return registry[:i] + "_" + registry[i+1:] + "_"
	}
	return registry
}

// registryOf is the registry that a folder is for, as images name it.
func registryOf(folder string) string {
	if m := regexp.MustCompile(`^(.+)_(\d+)_$`).FindStringSubmatch(folder); m != nil {
		return m[1] + ":" + m[2]
	}
	return folder
}

// folder finds the folder for a registry: the first of its names in the first root that
// has any. A root's _default comes before the next root.
func (c *Config) folder(roots []string, registry string) (dir string, ok bool) {
	for _, root := range roots {
		for _, name := range []string{hostFolder(registry), registry, defaultDir} {
			dir := path.Join(root, name)
			if _, isFile := c.tree.files[dir]; isFile || c.tree.dirs[dir] {
				return dir, true
			}
		}
	}
	return "", false
}

// readDirs reads every folder of the tree as containerd would, and finds what is wrong.
func (c *Config) readDirs() {
	c.dirs = map[string]hostDir{}
	for _, root := range c.cri.roots(c.release) {
		c.checkRoot(root)
		for _, name := range c.tree.names(root) {
			dir := path.Join(root, name)
			if c.tree.dirs[dir] {
				c.dirs[dir] = c.readDir(dir, name)
				continue
			}
			c.dirs[dir] = hostDir{broken: fmt.Errorf("%s is a file, not a folder", dir)}
		}
	}
}

// readDir reads a folder: its hosts.toml, or certificates as Docker lays them out.
func (c *Config) readDir(dir, name string) hostDir {
	registry := registryOf(name)
	at := path.Join(dir, "hosts.toml")
	f, ok := c.tree.files[at]
	switch {
	case c.tree.dirs[at]:
		return hostDir{broken: fmt.Errorf("%s is a folder, not a file", at)}
	case f.hidden:
		c.find(f.name, registry, Unknown, "its content is not here")
		return hostDir{unknown: true}
	case !ok || f.content == "":
		return c.certificates(dir, registry)
	}
	r, hosts, err := readHosts(dir, f, c.release)
	if err != nil {
		return c.unreadable(dir, registry, f, err)
	}
	c.checkHosts(r, registry, hosts)
	return hostDir{hosts: hosts, broken: c.checkTLS(hosts, registry)}
}

// unreadable is a folder whose hosts.toml containerd cannot read: it says so in its log,
// and goes on as if there were none.
func (c *Config) unreadable(dir, registry string, f file, err error) hostDir {
	offset := 0
	if at, ok := err.(*offsetError); ok { //nolint:errorlint // it is what readHosts gives
		offset = at.offset
	}
	if holdsVariables(f.content) {
		c.find(f.place(offset), registry, Unknown, "it cannot be read before its variables are filled in: "+err.Error())
		return hostDir{unknown: true}
	}
	c.find(f.place(offset), registry, Outside, "containerd cannot read it, and asks "+upstreamName(registry)+" instead: "+err.Error())
	fallback := host{place: f.name}
	fallback.dockerFiles(c.tree, dir)
	return hostDir{hosts: []host{fallback}, broken: c.checkTLS([]host{fallback}, registry)}
}

// certificates is a folder without hosts.toml: the registry itself is asked, with the
// certificates that are there.
func (c *Config) certificates(dir, registry string) hostDir {
	h := host{}
	h.dockerFiles(c.tree, dir)
	h.place = c.placeOf(dir)
	if !h.tls() {
		c.find(h.place, registry, Outside, "the folder has no hosts.toml, or an empty one: "+upstreamName(registry)+" is asked, and not what "+defaultDir+" says")
	}
	return hostDir{hosts: []host{h}, broken: c.checkTLS([]host{h}, registry)}
}

// dockerFiles finds *.crt, *.cert and *.key.
func (h *host) dockerFiles(t *tree, dir string) {
	for _, name := range t.names(dir) {
		at := path.Join(dir, name)
		if t.dirs[at] {
			continue
		}
		switch path.Ext(name) {
		case ".crt":
			h.ca = append(h.ca, at)
		case ".cert":
			pair := [2]string{at, ""}
			key := strings.TrimSuffix(at, ".cert") + ".key"
			if _, ok := t.files[key]; ok {
				pair[1] = key
			}
			h.client = append(h.client, pair)
		}
	}
}

// A CertificateState is whether containerd can use a file of certificates.
type CertificateState string

// The states of certificates.
const (
	Usable  CertificateState = "usable"
	Missing CertificateState = "missing"
	Garbage CertificateState = "garbage" // no certificate in PEM, or no key for it
	Unseen  CertificateState = "unseen"  // it is not among the files here
)

// A Certificate is a file that containerd reads before it asks a registry.
type Certificate struct {
	Path  string // on the node
	State CertificateState
	PEM   string // of authorities that are Usable, what the file holds; else empty
}

// ca is the state of a file with authorities.
func (t *tree) ca(at string) Certificate {
	content, state := t.read(at)
	if state == Usable && !x509.NewCertPool().AppendCertsFromPEM([]byte(content)) {
		state = Garbage
	}
	if state != Usable {
		content = ""
	}
	return Certificate{Path: at, State: state, PEM: content}
}

// pair is the state of a client's certificate and key.
func (t *tree) pair(pair [2]string) Certificate {
	cert, state := t.read(pair[0])
	key := cert
	if pair[1] != "" && state == Usable {
		key, state = t.read(pair[1])
	}
	if state == Usable {
		if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err != nil {
			state = Garbage
		}
	}
	return Certificate{Path: pair[0], State: state}
}

func (t *tree) read(at string) (string, CertificateState) {
	f, ok := t.files[at]
	switch {
	case ok && (f.hidden || holdsVariables(f.content)):
		return "", Unseen
	case ok:
		return f.content, Usable
	case t.dirs[at]:
		return "", Garbage
	case t.below(at):
		return "", Missing
	}
	return "", Unseen
}

// checkTLS finds certificates that cannot be read. One is enough, be it that of a host
// that would never be asked: containerd gives up on the registry.
func (c *Config) checkTLS(hosts []host, registry string) error {
	var first error
	for i := range hosts {
		h := &hosts[i]
		for _, at := range h.ca {
			first = c.checkCertificate(h, registry, c.tree.ca(at), "authority", first)
		}
		for _, pair := range h.client {
			first = c.checkCertificate(h, registry, c.tree.pair(pair), "client's certificate", first)
		}
	}
	return first
}

func (c *Config) checkCertificate(h *host, registry string, cert Certificate, role string, first error) error {
	var reason string
	switch cert.State {
	case Missing:
		reason = fmt.Sprintf("the %s %s is not there", role, cert.Path)
	case Garbage:
		reason = fmt.Sprintf("the %s %s cannot be used: %s", role, cert.Path, "it is no PEM, or has no key that fits")
	case Unseen:
		c.find(h.place, registry, Unknown, fmt.Sprintf("the %s %s is not among the files here; without it no image can be pulled", role, cert.Path))
		return first
	default:
		return first
	}
	c.find(h.place, registry, Broken, reason+": no image can be pulled")
	if first == nil {
		first = fmt.Errorf("%s", reason)
	}
	return first
}
