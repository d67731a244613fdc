package verify

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A platform that no image is there for is one finding, one that some are there for is one of each that is not.
func TestPlatformOfNone(t *testing.T) {
	s := registrytest.Start(t, registrytest.Options{})
	for offers, want := range map[string]string{
		"linux/amd64 linux/amd64":             "r.example/p: none of 2 images is there for linux/arm64, only for linux/amd64",
		"linux/amd64":                         "HOST/a:v0: it is not there for linux/arm64, only for linux/amd64",
		"linux/amd64,linux/arm64 linux/amd64": "HOST/a:v1: it is not there for linux/arm64, only for linux/amd64",
		"linux/amd64 linux/s390x": "HOST/a:v0: it is not there for linux/arm64, only for linux/amd64\n" +
			"HOST/a:v1: it is not there for linux/arm64, only for linux/s390x",
		"linux/arm64 linux/arm64": "",
	} {
		var wanted []Wanted
		for i, platforms := range strings.Fields(offers) {
			name := fmt.Sprintf("a:v%d", i)
			if _, err := s.Seed(registrytest.Image{Name: name, Platforms: strings.Split(platforms, ","), Index: true}); err != nil {
				t.Fatal(err)
			}
			ref := parse(t, s.Host+"/"+name)
			wanted = append(wanted, Wanted{Pair: image.Pair{Source: ref, Target: ref}})
		}
		h, err := Registry(t.Context(), Site{Target: "r.example/p"}, wanted, remote(t, registry.RemoteOptions{}), RegistryOptions{Platforms: []string{"linux/arm64"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range h.Findings {
			got = append(got, f.Place+": "+f.Problem)
		}
		if text := strings.Join(got, "\n"); text != strings.ReplaceAll(want, "HOST", s.Host) {
			t.Errorf("%s: got\n%s\nwant\n%s", offers, text, want)
		}
	}
}

// A folder of the private registry itself may lead elsewhere as any other.
func TestMirrorsOfItself(t *testing.T) {
	ref := parse(t, "r.example/p/x:v1")
	wanted := []Wanted{{Pair: image.Pair{Source: ref, Target: ref}}}
	for hosts, want := range map[string]string{
		"server = \"https://other.example\"\n": "node-outside certs.d/r.example/hosts.toml:1:1 images of r.example: they are asked of https://other.example/v2",
		"server = \"https://r.example\"\n":     "",
	} {
		c, err := containerd.Load(fstest.MapFS{"r.example/hosts.toml": {Data: []byte(hosts)}}, containerd.Options{Name: "certs.d"})
		if err != nil {
			t.Fatal(err)
		}
		mirrors := NewMirrors("r.example/p", []*containerd.Config{c})
		got := ""
		for _, f := range mirrors.Findings(siteAt(t), wanted) {
			got += f.Check + " " + f.Place + " " + f.Problem
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if told := mirrors.HaveLogin(wanted); told != (want != "") { // who is led elsewhere is not told of a login as well
			t.Errorf("%s: they log in: %t", hosts, told)
		}
	}
}
