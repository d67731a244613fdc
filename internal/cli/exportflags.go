package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// exportFlags say what goes into the files of other tools.
type exportFlags struct {
	target  targetFlags
	access  accessFlags // all but the certificate of a client: a cluster's flag has its name
	origin  originFlags // only where images are fetched
	lock    string
	resolve bool
	asks    bool // registries are asked, whatever the format
}

// addTo adds the flags of a command that lists what it finds.
func (f *exportFlags) addTo(cmd *cobra.Command) {
	f.addTarget(cmd)
	f.access.parallel = pullParallel
	f.access.login.addTo(cmd)
	f.origin.addSourceMap(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.lock, "lock", "",
		"take the digests that -o "+words(export.Format.NeedsDigests)+" wants from this `FILE`: an archive, or its airgap.lock.yaml")
	flags.BoolVar(&f.resolve, "resolve", false,
		"ask the registries for the digests that -o "+words(export.Format.NeedsDigests)+" wants and nothing else names")
	completeFiles(cmd, "lock", "tar", "yaml")
}

// addTarget adds the flags that say where images go, and what the registry there is like.
func (f *exportFlags) addTarget(cmd *cobra.Command) {
	f.target.addTo(cmd)
	flags := cmd.Flags()
	flags.Lookup("to").Usage += ", for -o " + words(export.Format.HasTargets) +
		"; for -o regsync it may begin with a template of regsync, such as '{{ env \"MIRROR\" }}'"
	flags.StringVar(&f.access.caFile, "ca-file", "", "`FILE` with a CA that is trusted beside the system's, as PEM; -o regsync and imgpkg-script name it to their tools")
	flags.BoolVar(&f.access.plainHTTP, "plain-http", false, "the registries speak no TLS")
	completeFiles(cmd, "ca-file")
}

// exportNames are the formats as flags spell them.
func exportNames() []string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	return names
}

// words are the formats for which is holds.
func words(is func(export.Format) bool) string {
	var names []string
	for _, f := range export.Formats() {
		if is(f) {
			names = append(names, string(f))
		}
	}
	return strings.Join(names, ", ")
}

// fill takes from the site file what no flag says. It knows the private registry alone, and
// a format without targets has nothing to do with that.
func (f *exportFlags) fill(cmd *cobra.Command, s *site.Site, format export.Format) {
	if format.HasTargets() {
		f.target.fill(cmd, s, pushing)
		f.access.fill(cmd, s)
	}
	f.origin.fill(s)
}

// misused says which flag has nothing to say in the format, which may be none of another
// tool.
func (f *exportFlags) misused(cmd *cobra.Command, format export.Format) error {
	registries := func(f export.Format) bool { return f.HasTargets() || f.NeedsDigests() }
	for _, flag := range []struct {
		means func(export.Format) bool
		names []string
	}{
		{export.Format.HasTargets, []string{"to", "layout", "map"}},
		{export.Format.NeedsDigests, []string{"lock", "resolve", "source-map", "username", "password-file", "password-stdin"}},
		{registries, []string{"plain-http"}},
		{func(f export.Format) bool { return registries(f) && f != export.Crane }, []string{"ca-file"}},
	} {
		for _, name := range flag.names {
			if cmd.Flags().Changed(name) && !flag.means(format) && (!f.asks || !isAccess(name)) {
				return usagef("--%s is for -o %s", name, words(flag.means))
			}
		}
	}
	return nil
}

// isAccess says that a flag is about asking registries.
func isAccess(name string) bool {
	return slices.Contains([]string{"source-map", "username", "password-file", "password-stdin", "plain-http", "ca-file"}, name)
}
