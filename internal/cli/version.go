package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"
)

// A Build is what the linker knows of a program. Either field may be empty: then
// what go install wrote into it counts.
type Build struct {
	Version string // such as v1.2.3
	Commit  string // of the sources, as git names it
}

// libraries are those whose version changes what the program does.
var libraries = []string{
	"k8s.io/cli-runtime",
	"oras.land/oras-go/v2",
	"sigs.k8s.io/cluster-api",
	"sigs.k8s.io/kustomize/kyaml",
}

// A versionReport is what version prints.
type versionReport struct {
	Version   string    `json:"version"`
	Commit    string    `json:"commit"`
	Go        string    `json:"go"`
	Platform  string    `json:"platform"`
	Libraries []library `json:"libraries"`
}

type library struct {
	Module  string `json:"module"`
	Version string `json:"version"`
}

func newVersionCmd(build Build, streams Streams) *cobra.Command {
	var output choice
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program, and of what it is made of",
		Example: `  kubectl airgap version

  # for a program
  kubectl airgap version -o json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{}
			}
			return newVersionReport(build, info).write(streams.Out, output.value)
		},
	}
	chooseFlag(cmd, &output, "output", "o", "output format", "text", "json")
	return cmd
}

func newVersionReport(build Build, info *debug.BuildInfo) versionReport {
	r := versionReport{
		Version:  cmp.Or(build.Version, info.Main.Version, "unknown"),
		Commit:   cmp.Or(build.Commit, setting(info, "vcs.revision"), "unknown"),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	for _, dep := range info.Deps {
		if slices.Contains(libraries, dep.Path) {
			r.Libraries = append(r.Libraries, library{dep.Path, dep.Version})
		}
	}
	return r
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func (r versionReport) write(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := fmt.Fprintf(w, "kubectl-airgap %s (commit %s, %s, %s)\n", r.Version, r.Commit, r.Go, r.Platform)
	for _, l := range r.Libraries {
		if err == nil {
			_, err = fmt.Fprintf(w, "%s %s\n", l.Module, l.Version)
		}
	}
	return err
}
