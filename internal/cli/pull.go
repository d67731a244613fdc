package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

type pullOptions struct {
	sources sourceFlags
	origin  originFlags
	access  accessFlags
	target  targetFlags
	output  string
	have    string
	verify  bool
	dryRun  bool
	quiet   bool
}

func newPullCmd(streams Streams) *cobra.Command {
	var o pullOptions
	cmd := &cobra.Command{
		Use:   "pull -o ARCHIVE",
		Short: "Put everything that a site needs into one archive",
		Long: `Put everything that a site needs into one archive: the images that manifests,
Kubernetes versions, provider releases and the site file name, those manifests and
releases themselves, and other files, such as programs and OVAs.

The archive is one uncompressed tar: an OCI image layout, in which what several
images share stands once, beside the files under their own paths. It says in
airgap.lock.yaml what it holds, and in SHA256SUMS what that hashes to. Interrupted
and run again, the command goes on where it was; with an archive that is there
already, only what is new is fetched.

A reference whose variables have no value is printed; the exit status is then 3.`,
		Example: `  # what a folder of manifests names, and what kubeadm pulls
  kubectl airgap pull -f resources --kubernetes-version v1.36.3 -o site.tar

  # how much would that be?
  kubectl airgap pull -f resources --dry-run -o site.tar

  # what Kubespray's generate_list.sh found
  kubectl airgap pull -f temp/images.list --file-list temp/files.list -o site.tar

  # all that airgap.yaml says (kubectl airgap init writes one)
  kubectl airgap pull -o site.tar`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.sources.fill(site)
			o.origin.fill(site)
			o.target.fill(cmd, site, pushing)
			if err := o.target.needed(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), streams)
		},
	}
	o.sources.addTo(cmd, "carry")
	o.origin.addTo(cmd)
	o.access.addTo(cmd, pullParallel)
	o.target.addTo(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "the archive to write, as `FILE`")
	flags.StringVar(&o.have, "have", "", "leave out what the site has already: the inventory `FILE` that bundle ls -o json or verify --inventory writes, or an archive")
	flags.BoolVar(&o.verify, "verify", false, "read all of an archive that is there already, and fetch anew what bundle check finds damaged")
	flags.BoolVar(&o.dryRun, "dry-run", false, "fetch no content, print what the archive would hold")
	flags.StringArrayVar(&o.sources.files, "file", nil,
		"carry this file, or this folder of files, too, as `URL|PATH[,sha256=HEX|URL][,path=PATH][,mode=0755]`; may be repeated; path is where it stands in the archive")
	o.sources.fileLists.addTo(cmd)
	complete(cmd, "file")
	completeFiles(cmd, "output", "tar")
	completeFiles(cmd, "have", "json", "tar")
	return cmd
}

func (o *pullOptions) run(ctx context.Context, streams Streams) (err error) {
	if o.output == "" && !o.dryRun {
		return usagef("where to? Give --output FILE, such as --output site.tar")
	}
	if o.output == "-" {
		return errNoStream
	}
	if err := o.access.login.besides(&o.sources.input, &o.sources.cluster); err != nil {
		return err
	}
	ask, err := o.asked()
	if err != nil {
		return err
	}
	c := newCarrier(streams, o.quiet, o.access.parallel)
	defer c.close()
	load, err := o.sources.gather(ctx, streams, c.show, gatherOptions{
		caFile: o.access.caFile, report: c.report, registry: registries(streams.In, &o.access, &o.origin, "", c.report),
	})
	if err != nil {
		return err
	}
	images, unknown := load.Images()
	if len(images)+len(unknown)+len(load.Files()) == 0 {
		return usagef("nothing to pull: name manifests with --filename, or what else there is to carry, or write an airgap.yaml (kubectl airgap init)")
	}
	host, err := o.access.loginHost(images, ask.sources)
	if err != nil {
		return err
	}
	remote, err := o.access.remote(streams.In, host, plainHosts(images, ask.sources), c.report)
	if err != nil {
		return err
	}
	from := registry.Renamed(o.from(remote), ask.sources.Name)
	contents, err := o.contents(ctx, c, load, ask, from)
	if err != nil {
		return err
	}
	if o.dryRun {
		c.close()
		return errors.Join(printPlan(streams.Out, contents.Plan), printFiles(streams.Out, contents.Files), printUnknown(streams.ErrOut, unknown))
	}
	if err := o.create(ctx, c, contents, from); err != nil {
		return err
	}
	return printUnknown(streams.ErrOut, unknown)
}

// from is where images come from: with their manifests at once unless an archive that is
// there already has most of them.
func (o *pullOptions) from(remote *registry.Remote) registry.Source {
	if _, err := os.Stat(o.output); err == nil {
		return remote
	}
	return remote.Whole()
}

// pullAsked is what the flags say once they are read.
type pullAsked struct {
	sources image.SourceMap
	plan    registry.PlanOptions
	target  *image.Mapping    // nil if it is not known yet
	have    *bundle.Inventory // nil if everything is carried
}

// asked reads what needs no network: a slip is told before anything is fetched.
func (o *pullOptions) asked() (ask pullAsked, err error) {
	if ask.sources, err = o.origin.sources(); err != nil {
		return ask, err
	}
	if ask.plan, err = o.origin.planOptions(); err != nil {
		return ask, err
	}
	if o.target.to != "" {
		m, err := o.target.mapping()
		if err != nil {
			return ask, err
		}
		ask.target = &m
	}
	if o.have != "" {
		ask.have, err = readInventory(o.have)
	}
	return ask, err
}

// plainHosts are the registries that the sources say have no TLS.
func plainHosts(images []cargo.Image, sources image.SourceMap) []string {
	var hosts []string
	for _, im := range images {
		if source, plain := sources.Source(im.Ref); plain && !slices.Contains(hosts, source.Registry) {
			hosts = append(hosts, source.Registry)
		}
	}
	return hosts
}

// contents is what the archive is to hold.
func (o *pullOptions) contents(ctx context.Context, c *carrier, load *cargo.Cargo, ask pullAsked, from registry.Source) (contents bundle.Contents, err error) {
	images, _ := load.Images()
	var pairs []image.Pair
	for _, im := range images {
		pairs = append(pairs, image.Pair{Source: im.Ref, Target: im.Ref})
	}
	if earlier, err := bundle.Open(o.output); err == nil {
		defer earlier.Close() //nolint:errcheck // it was only read
		ask.plan.Manifests = earlier.Manifest
	}
	plan, err := c.plan(ctx, pairs, from, ask.plan)
	if err != nil {
		return contents, err
	}
	contents = bundle.Contents{
		Plan: plan, Files: load.Files(),
		Uses: map[image.Ref][]string{}, Groups: map[image.Ref][]string{}, Targets: map[image.Ref]image.Ref{},
		StandsFor: map[image.Ref][]string{},
	}
	for _, im := range images {
		contents.Uses[im.Ref], contents.Groups[im.Ref], contents.StandsFor[im.Ref] = im.Uses, im.Groups, im.StandsFor
		if ask.target != nil && !o.target.grouped() { // a group each makes several
			contents.Targets[im.Ref], _ = ask.target.Target(im.Ref)
		}
	}
	if ask.have != nil {
		contents.Plan, contents.Elsewhere = ask.have.Leave(plan)
		contents.Files = slices.DeleteFunc(contents.Files, func(f bundle.File) bool { return ask.have.HasFile(f.Path, f.SHA256) })
	}
	return contents, nil
}

// create writes the archive and says what that took.
func (o *pullOptions) create(ctx context.Context, c *carrier, contents bundle.Contents, from registry.Source) error {
	c.announce(contents)
	report, err := bundle.Create(ctx, o.output, contents, from, bundle.CreateOptions{Parallel: o.access.parallel, Verify: o.verify, Report: c.report})
	c.close()
	if err == nil {
		err = checkSnaps(o.output, contents.Files)
	}
	if err != nil || o.quiet {
		return err
	}
	fmt.Fprintln(c.streams.ErrOut, o.output+": "+created(contents, report))
	return nil
}
