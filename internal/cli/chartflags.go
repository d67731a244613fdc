package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// chartFlags name charts of Helm.
type chartFlags struct {
	charts []string
}

func (f *chartFlags) addTo(cmd *cobra.Command, verb string) {
	cmd.Flags().StringArrayVar(&f.charts, "chart", nil,
		verb+" the images that this chart's values name, and the chart where files are carried, as `URL|PATH|oci://REF[,name=NAME,version=VERSION][,sha256=HEX]`; with a name, the URL is that of the chart's repository; may be repeated")
	complete(cmd, "chart")
}

// add adds the charts to what is gathered.
func (f *chartFlags) add(s *cargo.Sources) error {
	var errs []error
	for _, text := range f.charts {
		c, err := parseChart(text)
		if err != nil {
			errs = append(errs, usagef("--chart %s: %w", strings.Split(image.Shown(text), ",")[0], err))
			continue
		}
		s.Charts = append(s.Charts, c)
	}
	return joinUsage(errs)
}

// parseChart reads what --chart takes.
func parseChart(text string) (site.Chart, error) {
	parts := strings.Split(text, ",")
	c := site.Chart{Place: "--chart", From: parts[0]}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(part, "=")
		switch {
		case ok && key == "name":
			c.Name = value
		case ok && key == "version":
			c.Version = value
		case ok && key == "sha256":
			sum, place := checksum(value)
			if place != "" {
				return c, errors.New("sha256 has 64 hexadecimal digits")
			}
			c.SHA256 = sum
		default:
			return c, fmt.Errorf("%q: there are name=, version= and sha256=", image.Shown(part))
		}
	}
	if c.From == "" {
		return c, errors.New("it names neither a URL nor a path")
	}
	return c, c.Check()
}

// fileListFlags name lists of files.
type fileListFlags struct {
	lists     []string
	checksums []string
}

func (f *fileListFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.lists, "file-list", nil,
		"carry what this `FILE` or URL lists, one URL a line as Kubespray's files.list, each under its host: files/dl.k8s.io/…; may be repeated")
	flags.StringArrayVar(&f.checksums, "checksums", nil,
		"`FILE` or URL that says what the files of --file-list hash to: Kubespray's checksums.yml, or what sha256sum writes; may be repeated")
	completeFiles(cmd, "file-list", "list", "txt")
	completeFiles(cmd, "checksums", "yml", "yaml", "txt")
}

// add adds the lists to what is gathered.
func (f *fileListFlags) add(s *cargo.Sources) error {
	if len(f.checksums) > 0 && len(f.lists) == 0 {
		return usagef("--checksums %s: of which files? Name a list of them with --file-list FILE", f.checksums[0])
	}
	s.FileLists, s.Checksums = f.lists, f.checksums
	return nil
}
