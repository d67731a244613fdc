package nodes

import (
	"bytes"
	"encoding/base64"
	"fmt"
)

// A rancher is a distribution that reads registries.yaml: K3s or RKE2.
// Its value is where its configuration is.
type rancher string

const (
	k3s  rancher = "/etc/rancher/k3s"
	rke2 rancher = "/etc/rancher/rke2"
)

// registries is registries.yaml (github.com/k3s-io/k3s pkg/agent/containerd/config.go,
// the types of github.com/rancher/wharfie pkg/registries).
type registries struct {
	Mirrors map[string]registryMirror `yaml:"mirrors"`
	Configs map[string]registryConfig `yaml:"configs,omitempty"`
}

type registryMirror struct {
	Endpoint []string          `yaml:"endpoint"`
	Rewrite  map[string]string `yaml:"rewrite,omitempty"`
}

// A registryConfig ends with auth, so that a script can add it.
type registryConfig struct {
	TLS  *registryTLS  `yaml:"tls,omitempty"`
	Auth *registryAuth `yaml:"auth,omitempty"`
}

type registryAuth struct {
	Username string `yaml:"username,omitempty"`
	Password string `yaml:"password,omitempty"`
	Auth     string `yaml:"auth,omitempty"` // both in base64, as HTTP sends them
}

// registryAuth are the credentials of m, nil if it has none. Where clusterctl or
// cloud-init would take a part of them for theirs they are encoded.
func (m Mirror) registryAuth() *registryAuth {
	switch {
	case m.Username == "":
		return nil
	case plain(m.Username) != nil || plain(m.Password) != nil:
		return &registryAuth{Auth: base64.StdEncoding.EncodeToString([]byte(m.Username + ":" + m.Password))}
	}
	return &registryAuth{Username: m.Username, Password: m.Password}
}

type registryTLS struct {
	CAFile string `yaml:"ca_file"`
}

func (d rancher) registriesPath() string { return string(d) + "/registries.yaml" }
func (d rancher) authDir() string        { return string(d) + "/airgap-auth/" }

// unfinishedPath is registries.yaml without the credentials that a Secret holds.
func (d rancher) unfinishedPath() string { return string(d) + "/airgap-registries.yaml" }
func (d rancher) scriptPath() string     { return string(d) + "/airgap-registries.sh" }
func (d rancher) caPath() string         { return string(d) + "/airgap-ca.crt" }

// files are the files of a node. A path below the registry is a rewrite, which
// every release understands, not a path of the endpoint, which older ones ignore.
// The private registry is a mirror of itself: else "*" would rewrite its own names,
// plain HTTP would be tried as HTTPS, and K3s v1.29.3 would not use its CA
// (k3s-io/k3s#9839). The keys of configs are hosts without a scheme, as endpoints are
// looked up by host.
func (d rancher) files(m Mirror) ([]File, error) {
	content := registries{Mirrors: map[string]registryMirror{m.Registry: {Endpoint: []string{m.Address()}}}}
	for _, u := range m.Upstreams {
		mirror := registryMirror{Endpoint: []string{m.scheme() + u.Registry}}
		if u.Path != "" {
			mirror.Rewrite = map[string]string{"^(.*)$": u.Path + "/$1"}
		}
		content.Mirrors[star(u.Host)] = mirror
	}
	config := registryConfig{Auth: m.registryAuth()}
	if len(m.CA) > 0 {
		config.TLS = &registryTLS{d.caPath()}
	}
	name := d.registriesPath()
	if m.AuthSecret != "" {
		name = d.unfinishedPath()
	}
	if config != (registryConfig{}) || m.AuthSecret != "" {
		content.Configs = map[string]registryConfig{m.Registry: config}
	}
	text, err := writeYAML(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if m.AuthSecret != "" && len(m.CA) == 0 { // what follows makes it a mapping
		text = bytes.TrimSuffix(text, []byte(" {}\n"))
		text = append(text, '\n')
	}
	files := []File{secretFile(name, text, config.Auth != nil), d.noFallback()}
	files[0].Main = true
	if len(m.CA) > 0 {
		files = append(files, File{Path: d.caPath(), Mode: 0o644, Content: m.CA})
	}
	return files, nil
}

// noFallback keeps containerd from asking the upstream where the mirror has no answer.
// It stands in a file of its own that is merged into config.yaml; releases that do not
// know the setting warn and go on (K3s knows it since v1.26.13, v1.27.10, v1.28.6, v1.29.1;
// github.com/k3s-io/k3s pkg/configfilearg drops what is no flag).
func (d rancher) noFallback() File {
	return File{
		Path: string(d) + "/config.yaml.d/90-airgap.yaml", Mode: 0o644,
		Content: []byte("# " + mark + "\ndisable-default-registry-endpoint: true\n"),
	}
}
