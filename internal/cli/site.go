package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// configFlag names the site file, for all commands.
const configFlag = "config"

// readSite reads the site file that the user named, or airgap.yaml if it is here. An
// empty one stands for none.
func readSite(cmd *cobra.Command) (*site.Site, error) {
	name, err := cmd.Flags().GetString(configFlag)
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(cmp.Or(name, site.FileName))
	if name == "" && errors.Is(err, fs.ErrNotExist) {
		return &site.Site{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the site file: %w", err)
	}
	return site.Parse(cmp.Or(name, site.FileName), src)
}

// end says which name of the registry a command needs.
type end int

const (
	pushing end = iota // the one it is written to by
	pulling            // the one that nodes read from
)

// fill takes from the site file what no flag says.
func (f *targetFlags) fill(cmd *cobra.Command, s *site.Site, which end) {
	r := s.Registry
	if f.to == "" {
		f.to = r.Address
		if which == pulling {
			f.to = cmp.Or(r.PullAddress, r.Address)
		}
	}
	if !cmd.Flags().Changed("layout") && r.Layout != "" {
		f.layout.value = string(r.Layout)
	}
	if len(f.maps) == 0 {
		for _, rule := range r.Maps {
			f.maps = append(f.maps, rule.String())
		}
	}
}

// fill takes from the site file what no flag says of the private registry.
func (f *accessFlags) fill(cmd *cobra.Command, s *site.Site) {
	f.caFile = cmp.Or(f.caFile, s.Registry.CAFile)
	if !cmd.Flags().Changed("plain-http") {
		f.plainHTTP = s.Registry.PlainHTTP
	}
}

// fill takes from the site file what no flag says of where nodes pull from.
func (f *mirrorFlags) fill(cmd *cobra.Command, s *site.Site) {
	f.target.fill(cmd, s, pulling)
	f.caFile = cmp.Or(f.caFile, s.Registry.CAFile)
	if !cmd.Flags().Changed("plain-http") {
		f.plainHTTP = s.Registry.PlainHTTP
	}
}
