package nodes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"
)

// The documents of Talos 1.12 and later (github.com/siderolabs/talos
// pkg/machinery/config/types/cri/registry_{mirror,tls,auth}.go). A document uses
// the fields of its kind.
type talosDocument struct {
	APIVersion   string          `yaml:"apiVersion"`
	Kind         string          `yaml:"kind"`
	Name         string          `yaml:"name"`
	Endpoints    []talosEndpoint `yaml:"endpoints,omitempty"`
	SkipFallback bool            `yaml:"skipFallback,omitempty"`
	CA           string          `yaml:"ca,omitempty"` // PEM
	Auth         registryAuth    `yaml:",inline"`
}

type talosEndpoint struct {
	URL          string `yaml:"url"`
	OverridePath bool   `yaml:"overridePath,omitempty"`
}

// talosMachine is the part of a machine configuration that older releases want, and
// that Talos still reads in 1.14, deprecated (pkg/machinery/config/types/v1alpha1).
type talosMachine struct {
	Machine struct {
		Registries talosRegistries `yaml:"registries"`
	} `yaml:"machine"`
}

type talosRegistries struct {
	Mirrors map[string]talosMirror `yaml:"mirrors"`
	Config  map[string]talosConfig `yaml:"config,omitempty"`
}

type talosMirror struct {
	Endpoints    []string `yaml:"endpoints"`
	OverridePath bool     `yaml:"overridePath,omitempty"`
	SkipFallback bool     `yaml:"skipFallback"`
}

type talosConfig struct {
	TLS  *talosTLS     `yaml:"tls,omitempty"`
	Auth *registryAuth `yaml:"auth,omitempty"`
}

type talosTLS struct {
	CA string `yaml:"ca"` // base64 of PEM
}

// talosDocuments is the patch for Talos 1.12 and later.
func talosDocuments(m Mirror) ([]byte, error) {
	documents := []talosDocument{talosMirrorDocument(m.Registry, talosEndpoint{URL: m.Address()})}
	for _, u := range m.Upstreams {
		documents = append(documents, talosMirrorDocument(star(u.Host), talosEndpoint{m.URL(u), true}))
	}
	if len(m.CA) > 0 {
		documents = append(documents, talosDocument{APIVersion: "v1alpha1", Kind: "RegistryTLSConfig", Name: m.Registry, CA: string(m.CA)})
	}
	if auth := m.registryAuth(); auth != nil {
		documents = append(documents, talosDocument{APIVersion: "v1alpha1", Kind: "RegistryAuthConfig", Name: m.Registry, Auth: *auth})
	}
	return writeYAML(documents...)
}

func talosMirrorDocument(host string, at talosEndpoint) talosDocument {
	return talosDocument{
		APIVersion: "v1alpha1", Kind: "RegistryMirrorConfig", Name: host,
		Endpoints: []talosEndpoint{at}, SkipFallback: true,
	}
}

// talosPatch is the patch for Talos before 1.12, whose CA is encoded once more.
func talosPatch(m Mirror) ([]byte, error) {
	var patch talosMachine
	registries := &patch.Machine.Registries
	registries.Mirrors = map[string]talosMirror{m.Registry: {Endpoints: []string{m.Address()}, SkipFallback: true}}
	for _, u := range m.Upstreams {
		registries.Mirrors[star(u.Host)] = talosMirror{[]string{m.URL(u)}, true, true}
	}
	config := talosConfig{Auth: m.registryAuth()}
	if len(m.CA) > 0 {
		config.TLS = &talosTLS{base64.StdEncoding.EncodeToString(m.CA)}
	}
	if config != (talosConfig{}) {
		registries.Config = map[string]talosConfig{m.Registry: config}
	}
	return writeYAML(patch)
}

// talosFiles are patches for talosctl gen config --config-patch @FILE, or apply-config.
func talosFiles(m Mirror) ([]File, error) {
	documents, err := talosDocuments(m)
	if err != nil {
		return nil, fmt.Errorf("the patch for Talos: %w", err)
	}
	patch, err := talosPatch(m)
	if err != nil {
		return nil, fmt.Errorf("the patch for Talos before 1.12: %w", err)
	}
	secret := m.Username != ""
	files := []File{
		secretFile("registries.yaml", documents, secret),
		secretFile("registries-before-1.12.yaml", patch, secret),
	}
	files[0].Main = true
	return files, nil
}

// talosObject renders m for the machine configuration of Talos that an object describes
// (github.com/siderolabs/cluster-api-bootstrap-provider-talos). Providers before v0.6.11
// do not know the documents, so they are only for who asks for Talos 1.12 or later.
func talosObject(m Mirror, o object, _ PatchOptions) (rendering, error) {
	if m.AuthSecret != "" {
		return rendering{}, errors.New("a configuration of Talos cannot refer to a Secret: give user name and password")
	}
	if o.spec.Str("generateType") == "" {
		return rendering{}, errors.New("it has no generateType, so that it describes no machine")
	}
	write := talosPatch
	if match := talosVersion.FindStringSubmatch(o.spec.Str("talosVersion")); match != nil {
		if minor, err := strconv.Atoi(match[1]); err == nil && minor >= 12 {
			write = talosDocuments
		}
	}
	text, err := write(m)
	if err != nil {
		return rendering{}, err
	}
	return rendering{lists: []list{{
		key: "strategicPatches", items: []item{literal(string(text))},
		owner: func(n *yamlNode) owner {
			if n.Kind == yamltree.Scalar && strings.Contains(n.Value[:min(len(n.Value), 200)], mark) {
				return ours
			}
			return theirs
		},
	}}}, nil
}

var talosVersion = regexp.MustCompile(`^v?1\.([0-9]{1,3})(\.|$)`)

// literal is an entry that is a text of several lines.
func literal(text string) item {
	var b strings.Builder
	b.WriteString("|\n")
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return item(b.String())
}
