package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-airgap/kubectl-airgap/internal/atomicfile"
	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/internal/output"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

type nodesOptions struct {
	input           inputFlags
	mirror          mirrorFlags
	format          choice
	style           choice
	imageRepository bool
	kubernetes      string
	filesURL        string
	canonical       canonicalFlags
	output          string
	inPlace         bool
	quiet           bool
}

// inObjects is the format of nodes that is none: the objects in the inputs.
const inObjects = "objects"

func newNodesCmd(streams Streams) *cobra.Command {
	var o nodesOptions
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Make nodes pull from the private registry",
		Long: `Add to the objects that configure nodes in a cluster's manifests what makes them
pull everything from the private registry: the registry's place for every upstream
registry, its CA, its credentials. Images keep their names. Lines are only added; a
second run changes nothing, one with another registry only what an earlier one added.

A patch of a ClusterClass that puts another list in its place gets the same behind it.
An object that cannot be changed like that, and a patch that takes away what was added
for good, is reported with its place; the exit status is then 3.

With --format, the configuration of another system is written instead.`,
		Example: `  # a cluster whose nodes pull from a registry with a private CA
  kubectl airgap nodes -f cluster.yaml --to registry.airgap.example.com/airgap --ca-file ca.crt > cluster-airgap.yaml

  # with a password that a Secret holds; the images of the add-ons say which registries to mirror
  kubectl airgap nodes -f site --to registry.airgap.example.com/airgap --auth-secret registry-login -o out

  # certs.d for any node with containerd, and for the bootstrap cluster of kind
  kubectl airgap nodes --format hosts --to registry.airgap.example.com/airgap -o certs
  kubectl airgap nodes --format kind --to registry.airgap.example.com/airgap -o bootstrap

  # offline.yml for Kubespray, which goes to inventory/CLUSTER/group_vars/all
  kubectl airgap nodes --format kubespray --to registry.airgap.example.com/airgap --files-url https://files.airgap.example.com -o offline

  # hosts.d below the root of a node of Canonical Kubernetes
  kubectl airgap nodes --format canonical --to registry.airgap.example.com --layout path -o root`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := readSite(cmd)
			if err != nil {
				return err
			}
			o.quiet = isQuiet(cmd)
			o.mirror.fill(cmd, site)
			o.fillFiles(site)
			if err := o.canonical.misused(cmd, o.format.value); err != nil {
				return err
			}
			return o.run(cmd.Context(), streams)
		},
	}
	o.input.addTo(cmd)
	o.mirror.addTo(cmd)
	chooseFlag(cmd, &o.format, "format", "", "what to write: the objects of the inputs, or the configuration of a system that has none",
		nodesFormats()...)
	chooseFlag(cmd, &o.style, "style", "",
		"how containerd is configured by kubeadm's objects and by --format kind: files for each registry, or what goes into config.toml, for containerd before 1.6 and kind before 0.11",
		nodes.StyleHosts, nodes.StyleContainerdConfig)
	flags := cmd.Flags()
	flags.BoolVar(&o.imageRepository, "image-repository", false, "make kubeadm name its images in the private registry, too")
	flags.StringVar(&o.kubernetes, "kubernetes-version", "",
		"the `VERSION` of nodes whose objects do not say it: what k0s before 1.36 needs, later ones refuse")
	flags.StringVar(&o.filesURL, "files-url", "",
		"with --format kubespray: the `URL` below which files are, by the hosts that they come from (files_repo): that of kubectl airgap serve, or of push --files-to")
	o.canonical.addTo(cmd)
	flags.StringVarP(&o.output, "output", "o", "",
		"write into `DIR`, every input at its path below the directory it was found in, and copy the other files; - is standard output, the default for one input")
	flags.BoolVar(&o.inPlace, "in-place", false, "write the files where they are")
	completeDirs(cmd, "output")
	complete(cmd, "files-url")
	return cmd
}

func (o *nodesOptions) run(ctx context.Context, streams Streams) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.canonical.alone(o.format.value, &o.mirror) {
		return o.writeFiles(streams, nodes.Mirror{})
	}
	opts, err := o.mirror.options(streams.In)
	if err != nil {
		return err
	}
	warnOfCA(streams.ErrOut, opts)
	if o.format.value == inKubespray {
		opts.Upstreams = append(opts.Upstreams, kubespray.Registries()...)
	}
	if o.format.value != inObjects && !o.input.given() {
		return o.write(streams, opts)
	}
	set, err := o.input.find(streams, o.dir())
	if err != nil {
		return err
	}
	sources, err := input.Each(ctx, set.Inputs, o.source)
	if err != nil {
		return err
	}
	for _, s := range sources {
		opts.Upstreams = append(opts.Upstreams, s.hosts...)
	}
	if o.format.value != inObjects {
		return o.write(streams, opts)
	}
	return o.patch(streams, set, sources, opts)
}

// check refuses flags that make no sense, alone or together.
func (o *nodesOptions) check() error {
	if _, err := kubernetes.ParseVersion(o.kubernetes); o.kubernetes != "" && err != nil {
		return usagef("--kubernetes-version: %w", err)
	}
	switch {
	case o.mirror.login.passwordStdin && slices.Contains(o.input.filenames, "-"):
		return usagef("--filename - and --password-stdin both want standard input")
	case o.inPlace && o.output != "":
		return usagef("--in-place and --output exclude each other")
	case o.filesURL != "" && o.format.value != inKubespray:
		return usagef("--files-url is for --format kubespray: nodes fetch no files by themselves")
	case o.format.value == inObjects:
		return nil
	case o.inPlace || o.imageRepository:
		return usagef("--in-place and --image-repository are for objects, not for --format %s", o.format.value)
	}
	return nil
}

// A nodeSource is what nodes keeps of an input.
type nodeSource struct {
	in    *input.Input
	text  string // if there may be an object to patch in it, or all has to be written
	hosts []string
}

// source finds out which registries the images of an input are in. What --image-repository
// takes the place of names none: it will not be there when the command is run again.
func (o *nodesOptions) source(in *input.Input, f *manifest.File) (nodeSource, error) {
	s := nodeSource{in: in, text: f.Source()}
	seen := map[string]bool{}
	for u := range f.Uses() {
		if o.imageRepository && strings.HasPrefix(u.Rule, "kubeadm") && !strings.HasSuffix(u.At, "etcd.local.imageRepository") {
			continue
		}
		if host := u.Ref.Registry; u.Confidence >= manifest.Likely && !seen[host] && nodes.IsUpstream(host) {
			seen[host] = true
			s.hosts = append(s.hosts, strings.Clone(host))
		}
	}
	return s, nil
}

// dir is the directory to write to, empty for none.
func (o *nodesOptions) dir() string {
	if o.output == "-" {
		return ""
	}
	return o.output
}

// tree is where the outputs go; an empty one stands for standard output.
func (o *nodesOptions) tree(set input.Set) (*output.Tree, error) {
	switch {
	case o.inPlace:
		return output.InPlace(set)
	case o.dir() != "":
		return output.InDir(o.dir(), set)
	case len(set.Inputs) > 1:
		return nil, fmt.Errorf("%d inputs cannot all go to standard output: give --output DIR or --in-place", len(set.Inputs))
	}
	return &output.Tree{}, nil
}

// patch gives the objects in the inputs their mirror.
func (o *nodesOptions) patch(streams Streams, set input.Set, sources []nodeSource, opts nodes.Options) (err error) {
	mirror, err := nodes.NewMirror(opts)
	if err != nil {
		return usageError{err}
	}
	tree, err := o.tree(set)
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, tree.Discard()) }()
	var all []*nodes.Patched
	var errs []error
	for i, s := range sources {
		p, err := nodes.Patch(s.in.Name, []byte(s.text), mirror, nodes.PatchOptions{
			Style: nodes.Style(o.style.value), ImageRepository: o.imageRepository, Kubernetes: o.kubernetes,
		})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		in := *s.in
		if p.Secret {
			in.Mode = 0o600
		}
		errs = append(errs, tree.Put(&in, p.Output, string(p.Output) != s.text))
		sources[i].text = "" // no file stays in memory
		if o.inPlace || o.dir() != "" {
			p.Output = nil
		}
		all = append(all, p)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := tree.Commit(); err != nil {
		return err
	}
	return o.print(streams, all)
}

// print prints what became of the inputs.
func (o *nodesOptions) print(streams Streams, all []*nodes.Patched) error {
	var findings []nodes.Finding
	objects, changed := 0, 0
	for _, p := range all {
		if _, err := streams.Out.Write(p.Output); err != nil {
			return fmt.Errorf("writing standard output: %w", err)
		}
		findings = append(findings, p.Findings...)
		objects, changed = objects+p.Objects, changed+p.Changed
	}
	findings = append(findings, nodes.Overwritten(all)...)
	for _, f := range findings {
		fmt.Fprintln(streams.ErrOut, f.Error())
	}
	o.warn(streams)
	if !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s, %s of nodes, %d changed\n", count(len(all), "file"), count(objects, "object"), changed)
	}
	if objects == 0 {
		fmt.Fprintln(streams.ErrOut, "nothing in the inputs configures nodes")
	}
	if objects == 0 || len(findings) > 0 {
		return errFindings
	}
	return nil
}

// warn says what is to be known of the style, and of the layout.
func (o *nodesOptions) warn(streams Streams) {
	if layout := image.Layout(o.mirror.target.layout.value); layout == image.LayoutName || layout == image.LayoutGroup {
		fmt.Fprintf(streams.ErrOut, "warning: no node can follow layout %s: it finds in the private registry what is named there (rewrite), and the registries that have a --map of their own\n", layout)
	}
	if o.style.value == string(nodes.StyleContainerdConfig) && o.format.value == inObjects {
		fmt.Fprintln(streams.ErrOut, "warning: --style containerd-config replaces the node's whole config.toml, is for containerd before 1.6, "+
			"and what the private registry does not have is still looked for upstream")
	}
}

// write writes the configuration of a system that has no objects.
func (o *nodesOptions) write(streams Streams, opts nodes.Options) error {
	mirror, err := nodes.NewMirror(opts)
	if err != nil {
		return usageError{err}
	}
	return o.writeFiles(streams, mirror)
}

// writeFiles writes the files of the format that point at the mirror.
func (o *nodesOptions) writeFiles(streams Streams, mirror nodes.Mirror) error {
	files, err := o.files(mirror)
	if err != nil {
		return usageError{err}
	}
	if o.dir() == "" {
		return printFile(streams, o.format.value, files)
	}
	var stage atomicfile.Stage
	defer stage.Discard() //nolint:errcheck // what matters is why the files were not written
	for _, f := range files {
		if err := stage.Add(filepath.Join(o.dir(), filepath.FromSlash(f.Path)), f.Content, f.Mode); err != nil {
			return err
		}
	}
	if err := stage.Commit(); err != nil {
		return err
	}
	o.warn(streams)
	if !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s in %s\n", count(len(files), "file"), o.dir())
	}
	return nil
}

// printFile prints the file of a format that has but one, or the main one, and names
// the others.
func printFile(streams Streams, format string, files []nodes.File) error {
	i := slices.IndexFunc(files, func(f nodes.File) bool { return f.Main || len(files) == 1 })
	var others bytes.Buffer
	for k, f := range files {
		if k != i {
			fmt.Fprintf(&others, "\n  %s", f.Path)
		}
	}
	if i < 0 {
		return usagef("format %s is %d files: give --output DIR%s", format, len(files), others.String())
	}
	if _, err := streams.Out.Write(files[i].Content); err != nil {
		return fmt.Errorf("writing standard output: %w", err)
	}
	if others.Len() > 0 {
		fmt.Fprintf(streams.ErrOut, "this is %s; --output DIR writes it, and what belongs to it:%s\n", files[i].Path, others.String())
	}
	return nil
}
