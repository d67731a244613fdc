package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// platforms are what the shell offers for a platform.
var platforms = []string{"linux/amd64", "linux/arm64"} //nolint:gochecknoglobals // a constant list

// sourceFlags say what is carried, and where it is fetched.
type sourceFlags struct {
	input      inputFlags
	kubernetes kubernetesFlags
	confidence confidenceFlag
	images     []string
	variables  []string
	platforms  []string
	referrers  bool
	sourceMap  []string
}

func (f *sourceFlags) addTo(cmd *cobra.Command) {
	f.input.addTo(cmd)
	f.kubernetes.addTo(cmd)
	f.confidence.addTo(cmd, "take")
	flags := cmd.Flags()
	flags.StringArrayVar(&f.images, "image", nil, "take this image, too, as `REF`; may be repeated")
	flags.StringArrayVar(&f.variables, "variable", nil,
		"what ${NAME} in a reference stands for, as `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.platforms, "platform", nil,
		"take only this `OS/ARCH[/VARIANT]` of images that offer several; may be repeated. The digest of such an image changes. By default all are taken and no digest changes")
	flags.BoolVar(&f.referrers, "referrers", false, "take signatures, attestations and SBOMs along")
	flags.StringArrayVar(&f.sourceMap, "source-map", nil,
		"fetch images whose name starts with FROM, or all for *, from TO under their own name, as `FROM=TO`; TO may begin with http:// and hold {host}; may be repeated")
	for _, name := range []string{"image", "variable", "source-map"} {
		complete(cmd, name)
	}
	complete(cmd, "platform", platforms...)
}

// given says that flags name what is carried; a site file that names other things
// does not count then.
func (f *sourceFlags) given() bool {
	return f.input.given() || f.kubernetes.given() || len(f.images) > 0
}

// fill takes from the site file what no flag says; named says that flags name what is
// carried.
func (f *sourceFlags) fill(s *site.Site, named bool) {
	if !named {
		f.kubernetes.versions, f.kubernetes.sandboxes = s.KubernetesVersions, s.NodeImagePause
		for _, ref := range s.Images {
			f.images = append(f.images, ref.String())
		}
	}
	if len(f.platforms) == 0 {
		f.platforms = s.Platforms
	}
	if len(f.sourceMap) == 0 {
		for _, rule := range s.SourceMap {
			f.sourceMap = append(f.sourceMap, rule.String())
		}
	}
}

// sources are what the flags name.
func (f *sourceFlags) sources(ctx context.Context, streams Streams) (cargo.Sources, error) {
	var s cargo.Sources
	var errs []error
	if f.input.given() {
		set, err := f.input.find(streams, "")
		s.Inputs, errs = set, append(errs, err)
	}
	if f.kubernetes.given() {
		list, err := f.kubernetes.list(ctx, streams, f.confidence.level())
		s.Kubernetes, errs = list, append(errs, err)
	}
	for _, text := range f.images {
		ref, err := image.Parse(text)
		if err != nil {
			errs = append(errs, usagef("--image: %w", err))
		}
		s.Images = append(s.Images, ref)
	}
	return s, joinUsage(errs)
}

// options say what counts as an image.
func (f *sourceFlags) options() (cargo.Options, error) {
	o := cargo.Options{Least: f.confidence.level(), Variables: map[string]string{}}
	for _, v := range f.variables {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return o, usagef("--variable %s: a variable is NAME=VALUE", v)
		}
		o.Variables[name] = value
	}
	return o, nil
}

// origins are where the flags have images fetched.
func (f *sourceFlags) origins() (image.SourceMap, error) {
	var rules []image.SourceRule
	for _, s := range f.sourceMap {
		rule, err := image.ParseSourceRule(s)
		if err != nil {
			return image.SourceMap{}, usagef("--source-map: %w", err)
		}
		rules = append(rules, rule)
	}
	m, err := image.NewSourceMap(rules)
	if err != nil {
		return m, usagef("--source-map: %w", err)
	}
	return m, nil
}
