package nodes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// How the snap of Canonical Kubernetes is confined, which decides where its containerd
// looks for hosts.toml.
const (
	ConfinementClassic = "classic" // what the store has since 1.30
	ConfinementStrict  = "strict"
)

// CanonicalOptions say what the nodes of Canonical Kubernetes are like.
type CanonicalOptions struct {
	// Confinement is ConfinementClassic, which empty stands for, or ConfinementStrict.
	Confinement string
	// Proxy is the URL of an HTTP proxy that containerd pulls through; empty is none. One
	// that holds a password makes a file that only root reads.
	Proxy string
	// NoProxy are the networks and hosts that are reached without it; empty is
	// CanonicalNoProxy. The private registry of the mirror is always among them.
	NoProxy []string
}

// CanonicalNoProxy are the networks that containerd reaches without a proxy if nobody says
// otherwise: the pods and services of Canonical Kubernetes, this machine, and the private
// networks that its documentation names
// (github.com/canonical/k8s-snap docs/canonicalk8s/snap/howto/networking/proxy.md).
func CanonicalNoProxy() []string {
	return []string{"10.1.0.0/16", "10.152.183.0/24", "192.168.0.0/16", "127.0.0.1", "172.16.0.0/12"}
}

// canonicalProxy is the drop-in of systemd for the containerd of the snap.
const canonicalProxy = "/etc/systemd/system/snap.k8s.containerd.service.d/http-proxy.conf"

// Canonical renders what belongs below the root of a node of Canonical Kubernetes: a tree
// of hosts.toml that makes it pull from m, unless m is the zero Mirror, and the drop-in
// for a proxy, if o names one. Neither is an error.
func Canonical(m Mirror, o CanonicalOptions) ([]File, error) {
	if m.AuthSecret != "" {
		return nil, errors.New("only objects in a cluster can name a Secret: for format canonical give user name and password")
	}
	dir, ok := map[string]hostsDir{"": canonicalDir, ConfinementClassic: canonicalDir, ConfinementStrict: canonicalStrictDir}[o.Confinement]
	if !ok {
		return nil, fmt.Errorf("confinement %q: a snap is %s or %s", o.Confinement, ConfinementClassic, ConfinementStrict)
	}
	var files []File
	if m.Registry != "" {
		var err error
		if files, err = dir.files(m); err != nil {
			return nil, err
		}
	}
	if o.Proxy != "" {
		f, err := proxyFile(m, o)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("nodes need a private registry or a proxy, and neither is named")
	}
	return belowRoot(files, nil)
}

// proxyFile is the drop-in that makes containerd pull through a proxy. Programs read the
// variables in either case.
func proxyFile(m Mirror, o CanonicalOptions) (File, error) {
	secret, err := checkProxy(o.Proxy)
	if err != nil {
		return File{}, err
	}
	direct := slices.Clone(o.NoProxy)
	if len(direct) == 0 {
		direct = CanonicalNoProxy()
	}
	if host := withoutPort(m.Registry); host != "" && !slices.Contains(direct, host) {
		direct = append(direct, host)
	}
	for _, d := range direct {
		if d == "" || strings.ContainsFunc(d, func(r rune) bool {
			return r == ',' || r == '"' || r == '\\' || r == '%' || unicode.IsSpace(r) || !unicode.IsPrint(r)
		}) {
			return File{}, fmt.Errorf("no proxy for %q: it is no network and no host", d)
		}
	}
	var b bytes.Buffer
	b.WriteString("# " + mark + ": then systemctl daemon-reload && systemctl restart snap.k8s.containerd.service\n[Service]\n")
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"} {
		value := strings.ReplaceAll(o.Proxy, "%", "%%") // a percent sign is systemd's own
		if strings.EqualFold(name, "no_proxy") {
			value = strings.Join(direct, ",")
		}
		fmt.Fprintf(&b, "Environment=\"%s=%s\"\n", name, value)
	}
	f := File{Path: canonicalProxy, Mode: 0o644, Content: b.Bytes(), Main: m.Registry == ""}
	if secret {
		f.Mode, f.Secret = 0o600, true
	}
	return f, nil
}

// withoutPort is the host of HOST[:PORT].
func withoutPort(registry string) string {
	if host, _, err := net.SplitHostPort(registry); err == nil {
		return host
	}
	return strings.Trim(registry, "[]")
}

// checkProxy says whether the URL of a proxy holds a password. Errors do not show it.
func checkProxy(text string) (secret bool, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || strings.ContainsFunc(text, func(r rune) bool { return r == '"' || r == '\\' || unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return false, errors.New("the proxy is no URL, as http://proxy.example.com:3128 is")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		return false, fmt.Errorf("a proxy is reached by http, https or socks5, not by %q", u.Scheme)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return false, fmt.Errorf("the proxy %s://%s has no path", u.Scheme, u.Host)
	}
	return u.User != nil, nil
}

// A customRegistry is an entry of the charm's containerd-custom-registries
// (github.com/canonical/k8s-operator charms/worker/k8s/charmcraft.yaml).
type customRegistry struct {
	URL          string `json:"url"`
	Host         string `json:"host"`
	Username     string `json:"username,omitempty"`
	Password     string `json:"password,omitempty"`
	CAFile       string `json:"ca_file,omitempty"` // the file itself, in base64
	OverridePath bool   `json:"override_path,omitempty"`
}

// charmFiles is format canonical-charm: the value of the option
// containerd-custom-registries of the charm k8s. The charm writes the address as server,
// too, so that nobody asks the upstream.
func charmFiles(m Mirror) ([]File, error) {
	registries := []customRegistry{}
	for _, u := range append(slices.Clone(m.Upstreams), Upstream{Host: m.Registry, Registry: m.Registry}) {
		r := customRegistry{URL: m.scheme() + u.Registry, Host: u.Host, CAFile: base64.StdEncoding.EncodeToString(m.CA)}
		if u.Path != "" {
			r.URL, r.OverridePath = m.URL(u), true
		}
		if u.Registry == m.Registry {
			r.Username, r.Password = m.Username, m.Password
		}
		registries = append(registries, r)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(registries)
	f := File{Path: "containerd-custom-registries.json", Mode: 0o644, Content: b.Bytes(), Main: true}
	if m.Username != "" {
		f.Mode, f.Secret = 0o600, true
	}
	return []File{f}, err
}
