package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

type verifyOptions struct {
	input      inputFlags
	cluster    clusterFlags
	kubernetes kubernetesFlags
	confidence confidenceFlag
	variables  variableFlags
	target     targetFlags
	access     accessFlags
	archive    string
	unread     bool
	certsDirs  []string
	containerd string
	home       string
	platforms  []string
	sideLoaded bool
	filesURLs  []string
	inventory  string
	title      string
	output     choice
	quiet      bool
}

func newVerifyCmd(version string, streams Streams) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify --to REGISTRY[/PREFIX]",
		Short: "Prove that a site will come up without internet",
		Long: `Ask of every name that something on the site will pull whether the private
registry has it, with every platform and every blob, and of every place that could
lead outside whether it does: manifests and cluster templates to any depth, what
kubeadm, containerd and operators pull although no manifest says so, the nodes'
configuration of containerd, clusterctl's home, and the archive.

What is not as it should be is printed with its place, with what happens on the site
if it is ignored, and with the command that mends it; the exit status is then 3.`,
		Example: `  # manifests, what kubeadm pulls, and the registry
  kubectl airgap verify -f out --kubernetes-version v1.36.3 --node-image-pause registry.k8s.io/pause:3.10 --to registry.airgap.example.com/airgap

  # with the nodes' files, clusterctl's home and the archive, as a page for the approval board
  kubectl airgap verify -f out --certs-d certs.d --clusterctl-home ~/.config/cluster-api --bundle site.tar --to registry.airgap.example.com/airgap -o html > site.html

  # a cluster that runs: does anything in it name the internet?
  kubectl airgap verify --from-cluster --to registry.airgap.example.com/airgap

  # what the site has, for the next pull --have
  kubectl airgap verify --bundle site.tar --to registry.airgap.example.com/airgap --inventory inventory.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.cluster.misused(cmd); err != nil {
				return err
			}
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.target.fill(cmd, site, pulling)
			o.access.fill(cmd, site)
			o.fill(site)
			return o.run(cmd.Context(), version, streams)
		},
	}
	o.addTo(cmd)
	return cmd
}

// fill takes from the site file what no flag says.
func (o *verifyOptions) fill(s *site.Site) {
	if len(o.kubernetes.versions) == 0 {
		o.kubernetes.versions = s.KubernetesVersions
	}
	if len(o.kubernetes.sandboxes) == 0 {
		o.kubernetes.sandboxes = s.NodeImagePause
	}
	if len(o.platforms) == 0 {
		o.platforms = s.Platforms
	}
	if len(o.filesURLs) == 0 && s.FilesURL != "" {
		o.filesURLs = []string{s.FilesURL}
	}
}

// given says whether there is anything to verify: of nothing, all is proved.
func (o *verifyOptions) given() bool {
	return o.input.given() || o.kubernetes.given() || o.cluster.given() || len(o.certsDirs) > 0 || o.home != "" || o.archive != ""
}

func (o *verifyOptions) addTo(cmd *cobra.Command) {
	o.input.addTo(cmd)
	o.kubernetes.addTo(cmd)
	o.confidence.addTo(cmd, "verify")
	o.variables.addTo(cmd)
	o.target.addTo(cmd)
	o.access.addTo(cmd, pushParallel)
	o.cluster.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.archive, "bundle", "", "the `ARCHIVE` that was carried: what it holds has to be in the registry with its digests")
	flags.BoolVar(&o.unread, "no-read", false, "do not read all of the archive; bundle check does that as well")
	flags.StringArrayVar(&o.certsDirs, "certs-d", nil,
		"a `DIR` that nodes have as /etc/containerd/certs.d; may be repeated; files in the nodes' objects among the inputs are looked at in any case")
	flags.StringVar(&o.containerd, "containerd-version", "", "the `VERSION` of the nodes' containerd, such as 1.7 or 2.1.4; by default the newest that is known")
	flags.StringVar(&o.home, "clusterctl-home", "", "a `DIR` with clusterctl.yaml, as overrides writes it")
	flags.StringArrayVar(&o.platforms, "platform", nil, "an `OS/ARCH[/VARIANT]` that nodes have; may be repeated; by default any will do")
	flags.BoolVar(&o.sideLoaded, "side-loaded", false, "images are loaded into the nodes: imagePullPolicy Always defeats that")
	flags.StringArrayVar(&o.filesURLs, "files-url", nil,
		"a `URL` below which the site has files and charts: what nodes fetch from its host is no finding; may be repeated; the registry's own domain counts in any case")
	flags.StringVar(&o.inventory, "inventory", "", "write what the registry has complete into this `FILE`, for pull --have")
	flags.StringVar(&o.title, "title", "", "the heading of -o html, such as the `NAME` of the site")
	chooseFlag(cmd, &o.output, "output", "o", "output format", "table", "wide", "json", "junit", "html")
	completeFiles(cmd, "bundle", "tar")
	completeFiles(cmd, "inventory", "json")
	completeDirs(cmd, "certs-d")
	completeDirs(cmd, "clusterctl-home")
	complete(cmd, "containerd-version", "1.6", "1.7", "2.0", "2.1", "2.2", "2.3", "2.4")
	complete(cmd, "platform", usualPlatforms()...)
	complete(cmd, "title")
	complete(cmd, "files-url")
}

// check refuses what is wrong with the flags, before anything is read.
func (o *verifyOptions) check() error {
	if o.target.to != "" && !o.given() {
		return usagef("nothing to verify: name manifests (-f, -k), --bundle, --certs-d, --clusterctl-home, --kubernetes-version or --from-cluster")
	}
	if err := o.access.login.besides(&o.input, &o.cluster); err != nil {
		return err
	}
	if slices.Contains(o.input.filenames, "-") && slices.Contains(o.cluster.dumps, "-") {
		return usagef("--filename - and --from-dump - both want standard input")
	}
	_, versionErr := o.versions()
	_, sandboxErr := o.sandboxes()
	_, variableErr := o.variables.values()
	errs := []error{versionErr, sandboxErr, variableErr}
	for _, p := range o.platforms {
		if _, err := registry.NormalizePlatform(p); err != nil {
			errs = append(errs, usagef("--platform: %w", err))
		}
	}
	for _, text := range o.filesURLs {
		if u, err := url.Parse(text); err != nil || u.Hostname() == "" {
			errs = append(errs, usagef("--files-url: it is no URL with a host, such as https://files.airgap.example.com"))
		}
	}
	if _, err := containerd.FromManifests(nil, containerd.Options{Version: o.containerd}); err != nil {
		errs = append(errs, usagef("--containerd-version: %w", err))
	}
	return joinUsage(errs)
}

func (o *verifyOptions) run(ctx context.Context, version string, streams Streams) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	p, err := o.proof(ctx, streams)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.collect(ctx); err != nil {
		return err
	}
	report, err := p.report(ctx)
	if err != nil {
		return err
	}
	if err := o.write(report, version, streams); err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		return errFindings
	}
	return o.cluster.incomplete()
}

// write prints the report.
func (o *verifyOptions) write(r *verify.Report, version string, streams Streams) error {
	switch o.output.value {
	case "json":
		return r.WriteJSON(streams.Out)
	case "junit":
		return r.WriteJUnit(streams.Out)
	case "html":
		return verify.WriteHTML(streams.Out, r, verify.HTMLOptions{Title: o.title, Version: version})
	}
	return r.WriteTable(streams.Out, o.output.value == "wide")
}

// sandboxes are the sandbox images that the flags name.
func (o *verifyOptions) sandboxes() ([]kubernetes.Sandbox, error) {
	if slices.Contains(o.kubernetes.sandboxes, known) {
		return kubernetes.Sandboxes(), nil
	}
	var all []kubernetes.Sandbox
	for _, s := range o.kubernetes.sandboxes {
		ref, err := image.Parse(s)
		if err != nil {
			return nil, usagef("--node-image-pause: %w", err)
		}
		all = append(all, kubernetes.Sandbox{Image: ref, By: "--node-image-pause"})
	}
	return all, nil
}

// versions are the Kubernetes versions that the flags name.
func (o *verifyOptions) versions() ([]kubernetes.Version, error) {
	var all []kubernetes.Version
	for _, s := range o.kubernetes.versions {
		v, err := kubernetes.ParseVersion(s)
		if err != nil {
			return nil, usagef("--kubernetes-version: %w", err)
		}
		_, err = kubernetes.Find(v)
		if unknown, ok := errors.AsType[*kubernetes.UnknownVersionError](err); ok && !unknown.Beyond() {
			return nil, usagef("--kubernetes-version: %w", err)
		}
		all = append(all, v)
	}
	return all, nil
}

// folders are the configurations of nodes that the flags name.
func (o *verifyOptions) folders() ([]*containerd.Config, error) {
	var all []*containerd.Config
	for _, dir := range o.certsDirs {
		if err := mustBeDir("--certs-d", dir); err != nil {
			return nil, err
		}
		c, err := containerd.Load(os.DirFS(dir), containerd.Options{Version: o.containerd, Name: dir})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// mustBeDir says that what a flag names is no directory.
func mustBeDir(flag, dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: it is not there", flag, dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s %s: it is a file, and a directory is wanted", flag, dir)
	}
	return err
}

// homeOptions say which home of clusterctl is meant.
func (o *verifyOptions) homeOptions(m image.Mapping) (overrides.HomeOptions, error) {
	if info, err := os.Stat(o.home); err == nil && !info.IsDir() { // one that is not there is a finding
		return overrides.HomeOptions{}, mustBeDir("--clusterctl-home", o.home)
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return overrides.HomeOptions{}, fmt.Errorf("finding clusterctl's configuration folder: %w", err)
	}
	return overrides.HomeOptions{
		Dir: o.home, Environment: environment(user), Environ: os.Environ(), Mapping: m, Least: o.confidence.level(),
	}, nil
}

// troubles are what clusterctl would stumble over.
func (o *verifyOptions) troubles(ctx context.Context, m image.Mapping) ([]verify.Finding, error) {
	if o.home == "" {
		return nil, nil
	}
	opts, err := o.homeOptions(m)
	if err != nil {
		return nil, err
	}
	troubles, err := overrides.Verify(ctx, opts)
	var all []verify.Finding
	for _, t := range troubles {
		severity := verify.Error
		if t.Warning {
			severity = verify.Warning
		}
		all = append(all, verify.Finding{
			Severity: severity, Check: t.Check, Place: t.Place, Image: t.Image, Problem: t.Problem, Effect: t.Effect, Remedy: t.Remedy,
		})
	}
	return all, err
}

// writeInventory writes what the registry has.
func (o *verifyOptions) writeInventory(h *verify.Holding) error {
	if o.inventory == "" {
		return nil
	}
	text, err := jsonText(h.Inventory())
	if err != nil {
		return err
	}
	return atomicfile.Write(o.inventory, text, 0o644)
}

// remote is the registry, with the credentials and the authorities that the nodes have.
func (o *verifyOptions) remote(streams Streams, report func(registry.Event)) (*registry.Remote, error) {
	return o.access.remote(streams.In, o.target.host(), nil, report)
}

// carried reads what the archive brings.
func (o *verifyOptions) carried(m image.Mapping) (*bundle.Archive, *verify.Carried, error) {
	if o.archive == "" {
		return nil, nil, nil
	}
	a, err := bundle.Open(o.archive)
	if err != nil {
		return nil, nil, err
	}
	c, err := verify.NewCarried(a.Lock(), m, bundle.PairsOptions{Grouped: o.target.grouped()})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.archive, errors.Join(err, a.Close()))
	}
	return a, c, nil
}
