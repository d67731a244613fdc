package cli

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

// inCanonical is the format of nodes that is files of Canonical Kubernetes.
const inCanonical = "canonical"

// canonicalFlags say what the nodes of Canonical Kubernetes are like.
type canonicalFlags struct {
	confinement choice
	proxy       string
	noProxy     []string
}

func (f *canonicalFlags) addTo(cmd *cobra.Command) {
	chooseFlag(cmd, &f.confinement, "confinement", "", "with --format canonical: how the snap is confined, which decides where it looks for hosts.toml",
		nodes.ConfinementClassic, nodes.ConfinementStrict)
	flags := cmd.Flags()
	flags.StringVar(&f.proxy, "http-proxy", "",
		"with --format canonical: make containerd pull through the proxy at this `URL`, beside the private registry or, without --to, instead of it")
	flags.StringSliceVar(&f.noProxy, "no-proxy", nodes.CanonicalNoProxy(),
		"with --http-proxy: the `NETWORKS` and hosts that are reached without it, separated by commas; they take the place of the default, the private registry is always among them")
	complete(cmd, "http-proxy")
	complete(cmd, "no-proxy")
}

// misused says which flag is for another format.
func (f *canonicalFlags) misused(cmd *cobra.Command, format string) error {
	for _, name := range []string{"confinement", "http-proxy", "no-proxy"} {
		if cmd.Flags().Changed(name) && format != inCanonical {
			return usagef("--%s is for --format %s", name, inCanonical)
		}
	}
	if cmd.Flags().Changed("no-proxy") && f.proxy == "" {
		return usagef("--no-proxy says what is reached without the proxy that --http-proxy names")
	}
	return nil
}

// alone says that nodes need a proxy and no private registry.
func (f *canonicalFlags) alone(format string, m *mirrorFlags) bool {
	return format == inCanonical && f.proxy != "" && m.target.to == ""
}

// files are the files of a node that pulls from m, which may be the zero Mirror.
func (f *canonicalFlags) files(m nodes.Mirror) ([]nodes.File, error) {
	return nodes.Canonical(m, nodes.CanonicalOptions{Confinement: f.confinement.value, Proxy: f.proxy, NoProxy: f.noProxy})
}
