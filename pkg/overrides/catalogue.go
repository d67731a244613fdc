package overrides

import (
	"context"
	"fmt"
	"path"
	"strings"

	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/config"
)

// CertManager is the label of cert-manager, which is no provider but has its
// place in the tree like one (cmd/clusterctl/client/cluster/cert_manager.go).
const CertManager = "cert-manager"

// certManagerFile is how clusterctl calls the manifest of cert-manager.
const certManagerFile = "cert-manager.yaml"

// A Provider is what clusterctl calls one.
type Provider struct {
	Label string // infrastructure-vsphere: its folder, and the label of its objects
	Name  string // vsphere
	Type  string // InfrastructureProvider
	File  string // infrastructure-components.yaml: its components

	builtIn bool   // clusterctl knows it
	url     string // of its components, as clusterctl knows it
}

// Kind is the type as the names of files and labels begin: infrastructure.
func (p Provider) Kind() string { return kinds[clusterctlv1.ProviderType(p.Type)] }

// order is where clusterctl has providers of this type; cert-manager is last.
func (p Provider) order() int { return clusterctlv1.ProviderType(p.Type).Order() }

// kinds are clusterctl's types of providers and how their labels begin.
var kinds = map[clusterctlv1.ProviderType]string{
	clusterctlv1.CoreProviderType:             "core",
	clusterctlv1.BootstrapProviderType:        "bootstrap",
	clusterctlv1.ControlPlaneProviderType:     "control-plane",
	clusterctlv1.InfrastructureProviderType:   "infrastructure",
	clusterctlv1.IPAMProviderType:             "ipam",
	clusterctlv1.RuntimeExtensionProviderType: "runtime-extension",
	clusterctlv1.AddonProviderType:            "addon",
}

// A Catalogue is what clusterctl knows without being told.
type Catalogue struct {
	providers          []Provider
	certManagerVersion string
}

// NewCatalogue asks clusterctl's own code, which here reads neither files nor the
// network.
func NewCatalogue(ctx context.Context) (*Catalogue, error) {
	reader := config.NewMemoryReader()
	if err := reader.Init(ctx, ""); err != nil {
		return nil, fmt.Errorf("asking clusterctl for its providers: %w", err)
	}
	client, err := config.New(ctx, "", config.InjectReader(reader))
	if err != nil {
		return nil, fmt.Errorf("asking clusterctl for its providers: %w", err)
	}
	list, err := client.Providers().List()
	if err != nil {
		return nil, fmt.Errorf("asking clusterctl for its providers: %w", err)
	}
	c := &Catalogue{certManagerVersion: config.CertManagerDefaultVersion}
	for _, p := range list {
		c.providers = append(c.providers, Provider{
			Label: p.ManifestLabel(), Name: p.Name(), Type: string(p.Type()), File: path.Base(p.URL()), builtIn: true, url: p.URL(),
		})
	}
	return c, nil
}

// Providers are clusterctl's own, in its order.
func (c *Catalogue) Providers() []Provider { return c.providers }

// CertManagerVersion is the version that clusterctl installs if it is not told another.
func (c *Catalogue) CertManagerVersion() string { return c.certManagerVersion }

// Labels are the labels of clusterctl's own providers.
func (c *Catalogue) Labels() []string {
	var labels []string
	for _, p := range c.providers {
		labels = append(labels, p.Label)
	}
	return labels
}

// Known is clusterctl's own provider of this label, or cert-manager.
func (c *Catalogue) Known(label string) (Provider, bool) {
	if label == CertManager {
		return Provider{Label: label, Name: label, File: certManagerFile, builtIn: true, url: config.CertManagerDefaultURL}, true
	}
	for _, p := range c.providers {
		if p.Label == label {
			return p, true
		}
	}
	return Provider{}, false
}

// Provider is the provider of this label. One that clusterctl does not know has
// its type in the label, if it is one.
func (c *Catalogue) Provider(label string) (Provider, bool) {
	if p, ok := c.Known(label); ok {
		return p, true
	}
	for kind, prefix := range kinds {
		name, ok := strings.CutPrefix(label, prefix+"-")
		if ok && name != "" && clusterctlv1.ManifestLabel(name, kind) == label {
			return Provider{Label: label, Name: name, Type: string(kind), File: prefix + "-components.yaml"}, true
		}
	}
	return Provider{}, false
}

// resolve finds the provider that a user calls name: by its label (bootstrap-kubeadm),
// by that the other way round, as Cluster API's own images and folders are called
// (kubeadm-bootstrap), or by its name if that is not ambiguous.
func (c *Catalogue) resolve(name string) (Provider, error) {
	if p, ok := c.Provider(name); ok {
		return p, nil
	}
	var found []Provider
	var labels []string
	for _, p := range c.providers {
		if name == p.Name+"-"+p.Kind() {
			return p, nil
		}
		if p.Name == name {
			found, labels = append(found, p), append(labels, p.Label)
		}
	}
	switch len(found) {
	case 0:
		return Provider{}, fmt.Errorf("clusterctl knows no provider %s; one of your own is named with its type, as infrastructure-%s", name, name)
	case 1:
		return found[0], nil
	}
	return Provider{}, fmt.Errorf("%s is several providers: say %s", name, strings.Join(labels, " or "))
}

// isComponentsFile says that clusterctl calls the components of some provider so.
func (c *Catalogue) isComponentsFile(name string) bool {
	for _, p := range c.providers {
		if p.File == name {
			return true
		}
	}
	return false
}

// manifestLabel is the label of a provider of this name and type.
func manifestLabel(name, kind string) string {
	return clusterctlv1.ManifestLabel(name, clusterctlv1.ProviderType(kind))
}
