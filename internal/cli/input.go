package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
)

// inputFlags say what a command reads.
type inputFlags struct {
	filenames      []string
	kustomizations []string
	timeout        time.Duration
}

func (f *inputFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.filenames, "filename", "f", nil,
		"`FILE|DIR|URL|-` to read, may be repeated; a DIR is walked for *.yaml, *.yml and *.json, hidden ones left out; - is standard input")
	flags.StringArrayVarP(&f.kustomizations, "kustomize", "k", nil,
		"`DIR` of a kustomization to build and read, may be repeated")
	flags.DurationVar(&f.timeout, "request-timeout", 30*time.Second,
		"how long to wait for one URL; 0 waits for ever")
	completeFiles(cmd, "filename", "yaml", "yml", "json")
	completeDirs(cmd, "kustomize")
}

// given says that the user named inputs.
func (f *inputFlags) given() bool { return len(f.filenames)+len(f.kustomizations) > 0 }

// find finds the inputs. What is below the directory exclude is none of them.
func (f *inputFlags) find(streams Streams, exclude string) (input.Set, error) {
	if !f.given() {
		return input.Set{}, usagef("no input: name one with --filename or --kustomize")
	}
	stdin := 0
	for _, name := range f.filenames {
		if name == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return input.Set{}, usagef("--filename - is given %d times, but standard input can be read only once", stdin)
	}
	return input.Find(input.Options{
		Filenames:      f.filenames,
		Kustomizations: f.kustomizations,
		Stdin:          streams.In,
		Timeout:        f.timeout,
		Exclude:        exclude,
	}), nil
}
