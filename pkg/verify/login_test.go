package verify

import (
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// The registry is asked whether it wants a login, and what is supposed otherwise counts only where it does not say.
func TestNeedsLogin(t *testing.T) {
	for name, test := range map[string]struct {
		opts      registrytest.Options
		gone      bool // when it is asked
		otherwise bool
		want      bool
	}{
		"gives to anybody":             {registrytest.Options{}, false, true, false},
		"wants a password":             {registrytest.Options{Username: "u", Password: "p"}, false, false, true},
		"wants a token":                {registrytest.Options{Username: "u", Password: "p", Realm: "/token"}, false, false, true},
		"gives tokens to anybody":      {registrytest.Options{Username: "u", Password: "p", Realm: "/token", Anonymous: true}, false, true, false},
		"is gone, and somebody logged": {registrytest.Options{}, true, true, true},
		"is gone, and nobody did":      {registrytest.Options{}, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := registrytest.Start(t, test.opts)
			if _, err := server.Seed(registrytest.Image{Name: "a/b:v1", Platforms: []string{"linux/amd64"}}); err != nil {
				t.Fatal(err)
			}
			ref := parse(t, server.Host+"/a/b:v1")
			wanted := []Wanted{{Pair: image.Pair{Source: ref, Target: ref}}}
			remote, err := registry.NewRemote(registry.RemoteOptions{LoginHost: server.Host, Username: test.opts.Username, Password: test.opts.Password})
			if err != nil {
				t.Fatal(err)
			}
			holding, err := Registry(t.Context(), Site{Target: server.Host}, wanted, remote, RegistryOptions{})
			if err != nil || len(holding.Findings) > 0 {
				t.Fatal(err, holding.Findings)
			}
			if test.gone {
				holding = &Holding{}
			}
			if got := NeedsLogin(t.Context(), wanted, holding, remote.GivesAnybody, test.otherwise); got != test.want {
				t.Errorf("%t", got)
			}
		})
	}
}
