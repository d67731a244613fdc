package cli

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/overrides"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// A proof is one run of verify: what is known of the site, piece by piece.
type proof struct {
	*verifyOptions
	streams Streams
	show    *progress.Progress

	mapping  image.Mapping
	site     verify.Site
	mirrors  *verify.Mirrors
	said     *verify.Manifests
	inputs   map[digest]bool // what the inputs hold
	archive  *bundle.Archive // nil without one
	carried  *verify.Carried
	remote   *registry.Remote
	files    int             // of manifests
	asked    []verify.Wanted // by something on the site
	wanted   []verify.Wanted // in the archive as well
	findings []verify.Finding
}

// proof reads what the flags name, but for the manifests.
func (o *verifyOptions) proof(ctx context.Context, streams Streams) (*proof, error) {
	p := &proof{verifyOptions: o, streams: streams, show: newLocalProgress(streams, o.quiet)}
	var err error
	if p.mapping, err = o.target.mapping(); err != nil {
		return nil, err
	}
	p.site = verify.Site{Target: o.target.to, Mapping: p.mapping, FilesURLs: o.filesURLs}
	p.archive, p.carried, err = o.carried(p.mapping)
	p.site.Carried = p.carried
	if damage, ok := verify.ArchiveDamage(p.site, o.archive, err); ok {
		p.findings, err = append(p.findings, damage), nil
	}
	if err != nil {
		return nil, err
	}
	if p.remote, err = o.remote(streams, p.show.Report); err != nil {
		return nil, err
	}
	troubles, err := o.troubles(ctx, p.mapping)
	p.findings = append(p.findings, troubles...)
	return p, err
}

func (p *proof) close() error {
	p.show.Close()
	if p.archive == nil {
		return nil
	}
	return p.archive.Close()
}

// collect finds out what will be pulled.
func (p *proof) collect(ctx context.Context) error {
	versions, err := p.versions()
	sandboxes, sandboxErr := p.sandboxes()
	if err := joinUsage([]error{err, sandboxErr}); err != nil {
		return err
	}
	var set input.Set
	if p.input.given() {
		if set, err = p.input.find(p.streams, ""); err != nil {
			return err
		}
	}
	p.files = len(set.Inputs)
	if err := p.manifests(ctx, set); err != nil {
		return err
	}
	opts := verify.NamesOptions{Kubernetes: versions, Sandboxes: sandboxes, Ask: func(v kubernetes.Version) (kubernetes.Release, error) {
		return releaseOf(ctx, p.streams, v)
	}}
	var carried []verify.Wanted
	if p.carried != nil {
		carried = p.carried.Wanted()
		for _, w := range carried {
			opts.Carried = append(opts.Carried, w.Source)
		}
	}
	names, findings, err := p.said.Names(opts)
	if err != nil {
		return err
	}
	p.findings = append(append(p.findings, p.said.Findings()...), findings...)
	running, err := p.running(ctx)
	if err != nil {
		return err
	}
	p.asked = verify.Merge(p.said.Wanted(), names, running)
	p.findings = append(p.findings, p.mirrors.Findings(p.site, p.asked)...)
	p.findings = append(p.findings, p.mirrors.Trust(ctx, p.site, p.asked, http.ProxyFromEnvironment)...)
	p.wanted = verify.Merge(p.asked, carried)
	return nil
}

// manifests reads what the inputs say, and the files of clusterctl's home.
func (p *proof) manifests(ctx context.Context, set input.Set) error {
	home, err := p.homeFiles(ctx)
	if err != nil {
		return err
	}
	if err := p.nodes(ctx, set, home); err != nil {
		return err
	}
	fill, err := p.fill(ctx)
	if err != nil {
		return err
	}
	p.said = verify.NewManifests(p.site, verify.ManifestsOptions{
		Least: p.confidence.level(), SideLoaded: p.sideLoaded, Fill: fill, Untold: p.verifyOptions.archive != "" && p.archive == nil,
	})
	_, err = input.Each(ctx, set.Inputs, func(in *input.Input, f *manifest.File) (struct{}, error) {
		p.said.Add(f, in.Group())
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	addHome(p.said, home, p.inputs)
	return nil
}

// secrets looks whether pods that name no secret get their images all the same.
func (p *proof) secrets(ctx context.Context, holding *verify.Holding) {
	found := p.said.Secrets()
	if len(found) == 0 || p.mirrors.HaveLogin(p.asked) {
		return
	}
	if verify.NeedsLogin(ctx, p.wanted, holding, p.remote.GivesAnybody, p.access.login.username != "") {
		p.findings = append(p.findings, found...)
	}
}

// running are the images of the cluster.
func (p *proof) running(ctx context.Context) ([]verify.Wanted, error) {
	if !p.cluster.given() {
		return nil, nil
	}
	list, err := p.cluster.gather(ctx, p.streams, p.confidence.level())
	if err != nil {
		return nil, err
	}
	wanted, findings := verify.Listed(p.site, list)
	p.findings = append(p.findings, findings...)
	return wanted, nil
}

// nodes finds out how nodes pull, from folders and from the objects of the inputs and of
// the templates.
func (p *proof) nodes(ctx context.Context, set input.Set, home []overrides.HomeFile) error {
	configs, err := p.folders()
	if err != nil {
		return err
	}
	sources, err := input.Each(ctx, set.Inputs, func(_ *input.Input, f *manifest.File) (containerd.Manifest, error) {
		return containerd.Manifest{Name: f.Name, Source: f.Source()}, nil
	})
	if err != nil {
		return err
	}
	p.inputs = map[digest]bool{}
	for _, s := range sources {
		p.inputs[sha256.Sum256([]byte(s.Source))] = true
	}
	sources = append(sources, nodeManifests(home, p.inputs)...)
	written, err := containerd.FromManifests(sources, containerd.Options{Version: p.containerd})
	p.mirrors = verify.NewMirrors(p.target.to, append(configs, written...))
	p.site.Mirrored = p.mirrors.Mirrored
	return err
}

// report asks the registry and the archive.
func (p *proof) report(ctx context.Context) (*verify.Report, error) {
	p.show.Expect(0, len(p.wanted))
	holding, err := verify.Registry(ctx, p.site, p.wanted, p.remote, verify.RegistryOptions{
		Platforms: p.platforms, Carried: p.carried, Parallel: p.access.parallel, Report: p.show.Report,
	})
	if err != nil {
		return nil, err
	}
	p.findings = append(holding.Settle(p.site, p.findings), holding.Findings...)
	p.secrets(ctx, holding)
	if p.archive != nil {
		findings, err := verify.Archive(ctx, p.site, p.archive, p.wanted, verify.ArchiveOptions{
			Path: p.verifyOptions.archive, Carried: p.carried, Holding: holding, Registry: p.remote, Mapping: p.mapping,
			Unread: p.unread, Report: p.show.Report,
		})
		if err != nil {
			return nil, err
		}
		p.findings = append(p.findings, findings...)
	}
	p.show.Close()
	report := verify.NewReport(p.target.to, p.findings, holding.Images)
	report.Bytes, report.Subjects = holding.Bytes, p.subjects()
	if p.archive != nil {
		for _, f := range p.archive.Lock().Files {
			report.Files = append(report.Files, verify.File{Path: f.Path, Source: f.URL, SHA256: f.SHA256, Size: f.Size})
			report.Bytes += f.Size
		}
	}
	return report, p.writeInventory(holding)
}

// subjects are what the site was verified by, and what was not looked at.
func (p *proof) subjects() []verify.Subject {
	nodes, files := "", ""
	if n := p.mirrors.Count(); n > 0 {
		nodes = count(n, "configuration") + " of containerd"
	}
	if p.files > 0 {
		files = count(p.files, "file")
	}
	return []verify.Subject{
		{Name: "manifests", What: files},
		{Name: "registry", What: p.target.to},
		{Name: "kubernetes", What: strings.Join(p.kubernetes.versions, ", ")},
		{Name: "nodes", What: nodes},
		{Name: "clusterctl", What: p.home},
		{Name: "cluster", What: p.cluster.what()},
		{Name: "archive", What: p.verifyOptions.archive},
	}
}
