package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/rewrite"
)

type overridesOptions struct {
	input      inputFlags
	target     targetFlags
	confidence confidenceFlag
	providers  []string
	output     string
	configFile string
	relocate   bool
	quiet      bool
}

func newOverridesCmd(streams Streams) *cobra.Command {
	var o overridesOptions
	cmd := &cobra.Command{
		Use:   "overrides",
		Short: "Make clusterctl work without internet",
		Long: `Make clusterctl's home for a site without internet: the releases of providers and
cert-manager, rewritten to name the private registry, in DIR/overrides, and
DIR/clusterctl.yaml, which leads clusterctl there and nowhere else.

Providers are found among the inputs by the labels of their objects and by folders
<label>/<version>, as infrastructure-vsphere/v1.16.1; metadata.yaml, cluster
templates and cluster classes go with them. What clusterctl would stumble over is
reported, all of it, before anything is written. In an existing clusterctl.yaml
only the keys that lead there change.`,
		Example: `  # everything that clusterctl needs, where clusterctl looks for it
  kubectl airgap overrides -f resources --to registry.airgap.example.com/airgap

  # into a folder of its own: clusterctl --config site/clusterctl.yaml …
  kubectl airgap overrides -f resources --to registry.airgap.example.com/airgap -o site

  # files that do not say which release they are
  kubectl airgap overrides -f resources --provider infrastructure-lab:v0.1.0=lab --to registry.airgap.example.com/airgap -o site

  # after the folder was moved
  kubectl airgap overrides --relocate -o site`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.target.fill(cmd, site, pulling)
			return o.run(cmd, streams)
		},
	}
	o.input.addTo(cmd)
	o.target.addTo(cmd)
	o.target.addLock(cmd)
	o.confidence.addTo(cmd, "rewrite")
	flags := cmd.Flags()
	flags.StringArrayVar(&o.providers, "provider", nil,
		"the files in DIR, or the file, are this release, as `NAME:VERSION=DIR`; may be repeated; NAME is as vsphere, or with its type as bootstrap-kubeadm; DIR is read as by --filename")
	flags.StringVarP(&o.output, "output", "o", "", "write below `DIR` (by default clusterctl's own configuration folder)")
	flags.StringVar(&o.configFile, "config-file", "", "write this clusterctl.yaml (by default DIR/clusterctl.yaml)")
	flags.BoolVar(&o.relocate, "relocate", false, "only correct the paths in clusterctl.yaml, after DIR was moved")
	completeDirs(cmd, "output")
	completeFiles(cmd, "config-file", "yaml", "yml")
	completeWith(cmd, "provider", completeProviders)
	return cmd
}

// completeProviders completes the names of clusterctl's providers.
func completeProviders(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	catalogue, err := overrides.NewCatalogue(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, label := range append(catalogue.Labels(), overrides.CertManager) {
		names = append(names, label+":")
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func (o *overridesOptions) run(cmd *cobra.Command, streams Streams) error {
	h, err := o.home()
	if err != nil {
		return err
	}
	obstacles := append(overrides.Overriding(os.Environ()), overrides.Hidden(h.config)...)
	for _, sentence := range obstacles {
		fmt.Fprintln(streams.ErrOut, sentence)
	}
	if o.relocate {
		err = o.move(cmd, streams, h)
	} else {
		err = o.build(cmd.Context(), streams, h)
	}
	if err == nil && len(obstacles) > 0 {
		return errFindings
	}
	return err
}

// A home is where clusterctl's files go: absolute paths.
type home struct {
	overrides string // the tree
	config    string // clusterctl.yaml
	name      string // that, as the user has it
	text      []byte // what is in it, nil if it is not there
	own       bool   // clusterctl looks there by itself
	note      string // what the user should know of the place, may be empty
}

func (o *overridesOptions) home() (home, error) {
	var h home
	dir := o.output
	if dir == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return h, fmt.Errorf("finding clusterctl's configuration folder: %w: say --output DIR", err)
		}
		dir, h.note = environment(user).Folder()
		h.own = o.configFile == ""
	}
	h.name = o.configFile
	if h.name == "" {
		h.name = filepath.Join(dir, overrides.ConfigName)
	}
	var err error
	if h.overrides, err = filepath.Abs(filepath.Join(dir, "overrides")); err != nil {
		return h, err
	}
	if h.config, err = filepath.Abs(h.name); err != nil {
		return h, err
	}
	h.text, err = os.ReadFile(h.config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("reading %s: %w", h.name, err)
	}
	return h, nil
}

// environment is what clusterctl derives its own folder from, for a user whose home
// directory this is.
func environment(home string) overrides.Environment {
	return overrides.Environment{
		GOOS: runtime.GOOS, Home: home, XDGConfigHome: os.Getenv("XDG_CONFIG_HOME"), LocalAppData: os.Getenv("LOCALAPPDATA"),
	}
}

// build makes the home from the inputs.
func (o *overridesOptions) build(ctx context.Context, streams Streams, h home) error {
	m, err := o.target.mapping()
	if err != nil {
		return err
	}
	catalogue, err := overrides.NewCatalogue(ctx)
	if err != nil {
		return err
	}
	claims, err := o.claims(catalogue)
	if err != nil {
		return err
	}
	set, err := o.input.find(streams, h.overrides)
	if err != nil {
		return err
	}
	pieces, err := input.Each(ctx, set.Inputs, func(in *input.Input, f *manifest.File) (*overrides.Piece, error) {
		group, err := o.target.group(in, f)
		if err != nil {
			return nil, err
		}
		return catalogue.Read(f, absolutePath(in), m, rewrite.Options{Least: o.confidence.level(), Group: group})
	})
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(slices.Clone(pieces), func(p *overrides.Piece) bool { return p == nil })
	layout, err := catalogue.Arrange(found, overrides.Options{Claims: claims, Overrides: h.overrides, Declared: overrides.Declared(h.text)})
	text, configErr := overrides.Configure(h.name, h.text, layout)
	if err = errors.Join(err, configErr); err != nil {
		return err
	}
	if err := rewrite.Collisions(m, layout.Results()); err != nil {
		return err
	}
	written, all, err := overrides.Write(layout, h.config, text)
	if err != nil {
		return err
	}
	return o.print(streams, h, layout, sums{len(pieces) - len(found), written, all})
}

// claims are what --provider says; their places are read, too.
func (o *overridesOptions) claims(catalogue *overrides.Catalogue) ([]overrides.Claim, error) {
	var claims []overrides.Claim
	for _, s := range o.providers {
		claim, err := catalogue.ParseClaim(s)
		if err != nil {
			return nil, usagef("--provider %w", err)
		}
		o.input.filenames = append(o.input.filenames, claim.Place)
		if !strings.Contains(claim.Place, "://") {
			abs, err := filepath.Abs(claim.Place)
			if err != nil {
				return nil, err
			}
			claim.Place = filepath.ToSlash(abs)
		}
		claims = append(claims, claim)
	}
	return claims, nil
}

// absolutePath is where in is, for the names of its folders.
func absolutePath(in *input.Input) string {
	if in.File == "" {
		return in.Name
	}
	abs, err := filepath.Abs(in.File)
	if err != nil {
		return filepath.ToSlash(in.File)
	}
	return filepath.ToSlash(abs)
}

// sums are how many inputs are no part of clusterctl's home, and how many files of
// all were written.
type sums struct{ others, written, all int }

// print says what became of the inputs.
func (o *overridesOptions) print(streams Streams, h home, layout *overrides.Layout, n sums) error {
	report := rewrite.NewReport(layout.Results())
	printRefused(streams.ErrOut, report.Refused)
	if h.note != "" {
		fmt.Fprintln(streams.ErrOut, h.note)
	}
	for _, note := range layout.Notes {
		fmt.Fprintln(streams.ErrOut, note)
	}
	if !o.quiet {
		for _, r := range layout.Releases {
			fmt.Fprintf(streams.ErrOut, "%s %s\n", r.Provider.Label, r.Version)
		}
		printReport(streams.ErrOut, report, true)
		printWritten(streams.ErrOut, h, n)
	}
	if len(report.Refused) > 0 {
		return errFindings
	}
	return nil
}

// move corrects the paths of a home that was moved.
func (o *overridesOptions) move(cmd *cobra.Command, streams Streams, h home) error {
	for _, name := range []string{"filename", "kustomize", "provider", "to"} {
		if cmd.Flags().Changed(name) {
			return usagef("--relocate and --%s exclude each other", name)
		}
	}
	if h.text == nil {
		return fmt.Errorf("%s is not there", h.name)
	}
	text, err := overrides.Relocate(h.name, h.text, h.overrides)
	if err != nil {
		return err
	}
	written, all, err := overrides.Write(&overrides.Layout{}, h.config, text)
	if err == nil && !o.quiet {
		printWritten(streams.ErrOut, h, sums{0, written, all})
	}
	return err
}
