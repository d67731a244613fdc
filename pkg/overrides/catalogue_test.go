package overrides_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
)

func newCatalogue(t *testing.T) *overrides.Catalogue {
	t.Helper()
	c, err := overrides.NewCatalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The facts were written down from clusterctl v1.14.2.
func TestCatalogueHasTheProviders(t *testing.T) {
	text, err := os.ReadFile("../../../shared/facts/providers.tsv")
	if err != nil {
		t.Skip("../shared is absent: the list of providers was NOT checked")
	}
	var want, got []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); fields[0] != "label" {
			want = append(want, strings.Join(append(fields[:3], fields[3][strings.LastIndex(fields[3], "/")+1:]), " "))
		}
	}
	for _, p := range newCatalogue(t).Providers() {
		got = append(got, strings.Join([]string{p.Label, p.Name, p.Type, p.File}, " "))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if v := newCatalogue(t).CertManagerVersion(); v != "v1.21.1" {
		t.Errorf("cert-manager %s", v)
	}
}

func TestContractIsClusterAPIs(t *testing.T) {
	if got := overrides.Contract; got != clusterv1.GroupVersion.Version {
		t.Errorf("contract %s, Cluster API has %s", got, clusterv1.GroupVersion.Version)
	}
}

func TestParseClaim(t *testing.T) {
	c := newCatalogue(t)
	for in, want := range map[string]string{
		"vsphere:v1.16.1=dir":                         "infrastructure-vsphere:v1.16.1=dir",
		"cluster-api:v1.14.2=a=b":                     "cluster-api:v1.14.2=a=b",
		"kubeadm-control-plane:v1.14.2=d":             "control-plane-kubeadm:v1.14.2=d",
		"bootstrap-kubeadm:v1.14.2-rc.0=/x/y":         "bootstrap-kubeadm:v1.14.2-rc.0=/x/y",
		"cert-manager:v1.21.1=cm.yaml":                "cert-manager:v1.21.1=cm.yaml",
		"runtime-extension-mine:v0.1.0=https://x.y/z": "runtime-extension-mine:v0.1.0=https://x.y/z",
		"helm:v0.3.0=d":                               "addon-helm:v0.3.0=d",
		"metal3:v1.0.0=d":                             "error: metal3:v1.0.0=d: metal3 is several providers: say infrastructure-metal3 or ipam-metal3",
		"nosuch:v1.0.0=d":                             "error: nosuch:v1.0.0=d: clusterctl knows no provider nosuch; one of your own is named with its type, as infrastructure-nosuch",
		"vsphere:1.16.1=dir":                          "error: vsphere:1.16.1=dir: clusterctl looks for version 1.16.1 as v1.16.1: name it so",
		"vsphere:latest=dir":                          `error: vsphere:latest=dir: "latest" is no semantic version, as v1.14.2 is`,
		"vsphere:v1.16=dir":                           `error: vsphere:v1.16=dir: "v1.16" is no semantic version, as v1.14.2 is`,
		"vsphere=dir":                                 `error: "vsphere=dir" is not NAME:VERSION=DIR`,
		"vsphere:v1.16.1":                             `error: "vsphere:v1.16.1" is not NAME:VERSION=DIR`,
		":v1.16.1=dir":                                `error: ":v1.16.1=dir" is not NAME:VERSION=DIR`,
		"infrastructure-:v1.16.1=dir":                 "error: infrastructure-:v1.16.1=dir: clusterctl knows no provider infrastructure-; one of your own is named with its type, as infrastructure-infrastructure-",
		"vsphere:v1.16.1=":                            `error: "vsphere:v1.16.1=" is not NAME:VERSION=DIR`,
	} {
		claim, err := c.ParseClaim(in)
		got := claim.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
