package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// sourceFlags say what a site needs.
type sourceFlags struct {
	input      inputFlags
	kubernetes kubernetesFlags
	confidence confidenceFlag
	releases   releaseFlags
	images     []string
	files      []string // only pull takes them
	variables  variableFlags
	snaps      snapFlags
	tkg        tkgFlags
	charts     chartFlags
	fileLists  fileListFlags // only pull takes them
	cluster    clusterFlags  // only images and verify take them
	site       *site.Site    // what it names counts; nil if flags say what does
}

func (f *sourceFlags) addTo(cmd *cobra.Command, verb string) {
	f.input.addTo(cmd)
	f.kubernetes.addTo(cmd)
	f.confidence.addTo(cmd, verb)
	f.releases.addTo(cmd)
	f.snaps.addTo(cmd, verb)
	f.tkg.addTo(cmd, verb)
	f.charts.addTo(cmd, verb)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.images, "image", nil, verb+" this image, too, as `REF`; may be repeated")
	f.variables.addTo(cmd)
	complete(cmd, "image")
}

// given says that flags name what counts; what a site file names does not count then.
func (f *sourceFlags) given() bool {
	return f.input.given() || f.kubernetes.given() || f.releases.given() || f.snaps.given() || f.tkg.given() || f.cluster.given() ||
		len(f.images)+len(f.files)+len(f.charts.charts)+len(f.fileLists.lists)+len(f.fileLists.checksums) > 0
}

// fill takes from the site file what no flag says.
func (f *sourceFlags) fill(s *site.Site) {
	if !f.given() {
		f.site = s
		f.kubernetes.versions, f.kubernetes.sandboxes = s.KubernetesVersions, s.NodeImagePause
	}
	if len(f.releases.sourceMap) == 0 {
		for _, rule := range s.FileSourceMap {
			f.releases.sourceMap = append(f.releases.sourceMap, rule.From+"="+rule.To)
		}
	}
}

// gather reads what the flags or the site file name.
func (f *sourceFlags) gather(ctx context.Context, streams Streams, notes io.Writer, opts gatherOptions) (*cargo.Cargo, error) {
	variables, err := f.variables.values()
	if err != nil {
		return nil, err
	}
	o := cargo.Options{Least: f.confidence.level(), Variables: variables, NoFiles: opts.noFiles}
	sources, err := f.sources(ctx, streams)
	if err != nil {
		return nil, err
	}
	if opts.limited && !f.cluster.given() && len(sources.TKG) == 0 {
		limitMemory(sources.Inputs)
	}
	client, err := f.releases.client(opts.caFile, opts.report)
	if err != nil {
		return nil, err
	}
	sources.Registry = opts.registry
	all := cargo.New(o)
	err = all.Gather(ctx, sources, client)
	for _, note := range all.Notes {
		fmt.Fprintln(notes, note)
	}
	return all, err
}

// gatherOptions say how sources are read.
type gatherOptions struct {
	noFiles bool   // only images count
	limited bool   // nothing but reading is done: memory is limited by the inputs
	caFile  string // of an authority that is trusted, too
	report  func(registry.Event)
	// registry gives the registry that an image is in.
	registry func(image.Ref) (registry.Lister, error)
}

// sources are what the flags or the site file name.
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
	if f.cluster.given() {
		list, err := f.cluster.gather(ctx, streams, f.confidence.level())
		s.Cluster, errs = list, append(errs, err)
	}
	if f.site != nil {
		s.Groups, s.Files, s.Images = f.site.Manifests, f.site.Files, f.site.Images
		s.ImageFile, s.ImagePlaces = f.site.Name, f.site.ImagePlaces
		s.Providers, s.CertManager = f.site.Providers, f.site.CertManager
		f.snaps.add(&s, f.site.Snaps)
		s.TKG, s.Charts, s.FileLists, s.Checksums = f.site.TKG, f.site.Charts, f.site.FileLists, f.site.Checksums
		return s, joinUsage(errs)
	}
	errs = append(errs, f.releases.add(&s), f.tkg.add(&s), f.charts.add(&s), f.fileLists.add(&s))
	f.snaps.add(&s, f.snaps.snaps)
	for _, text := range f.images {
		ref, err := image.Parse(text)
		if err != nil {
			errs = append(errs, usagef("--image: %w", err))
		}
		s.Images = append(s.Images, ref)
	}
	for _, text := range f.files {
		file, err := parseFile(text)
		if err != nil {
			errs = append(errs, usagef("--file: %w", err))
		}
		s.Files = append(s.Files, file)
	}
	return s, joinUsage(errs)
}

// originFlags say what of images is fetched, and where.
type originFlags struct {
	platforms []string
	referrers bool
	sourceMap []string
}

func (f *originFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.platforms, "platform", nil,
		"take only this `OS/ARCH[/VARIANT]` of images that offer several; may be repeated. The digest of such an image changes. By default all are taken and no digest changes")
	flags.BoolVar(&f.referrers, "referrers", false, "take signatures, attestations and SBOMs along")
	f.addSourceMap(cmd)
	complete(cmd, "platform", usualPlatforms()...)
}

// addSourceMap adds the flag for where images are fetched.
func (f *originFlags) addSourceMap(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.sourceMap, "source-map", nil,
		"fetch images whose name starts with FROM, or all for *, from TO under their own name, as `FROM=TO`; TO may begin with http:// and hold {host}; may be repeated")
	complete(cmd, "source-map")
}

// usualPlatforms are what the shell offers for a platform.
func usualPlatforms() []string { return []string{"linux/amd64", "linux/arm64"} }

// fill takes from the site file what no flag says.
func (f *originFlags) fill(s *site.Site) {
	if len(f.platforms) == 0 {
		f.platforms = s.Platforms
	}
	if len(f.sourceMap) == 0 {
		for _, rule := range s.SourceMap {
			f.sourceMap = append(f.sourceMap, rule.String())
		}
	}
}

// planOptions are what the flags say of a plan.
func (f *originFlags) planOptions() (registry.PlanOptions, error) {
	var errs []error
	for _, p := range f.platforms {
		if _, err := registry.NormalizePlatform(p); err != nil {
			errs = append(errs, usagef("--platform: %w", err))
		}
	}
	return registry.PlanOptions{Platforms: f.platforms, Referrers: f.referrers}, joinUsage(errs)
}

// sources are where the flags have images fetched.
func (f *originFlags) sources() (image.SourceMap, error) {
	var rules []image.SourceRule
	var errs []error
	for _, s := range f.sourceMap {
		rule, err := image.ParseSourceRule(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rules = append(rules, rule)
	}
	m, err := image.NewSourceMap(rules)
	if err := errors.Join(append(errs, err)...); err != nil {
		return m, usagef("--source-map: %w", err)
	}
	return m, nil
}
