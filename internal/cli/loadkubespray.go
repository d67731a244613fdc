package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
)

// loadKubespray is the format of load that Kubespray's script registers.
const loadKubespray = "kubespray"

// writeKubespray writes container-images.tar.gz to where the flags say.
func (o *loadOptions) writeKubespray(ctx context.Context, streams Streams, a *bundle.Archive) error {
	show := newLocalProgress(streams, o.quiet)
	defer show.Close()
	opts := bundle.LoadOptions{Platform: o.platform, Report: show.Report}
	var exported *kubespray.Exported
	write := func(w io.Writer) (err error) {
		exported, err = kubespray.Export(ctx, a, w, opts)
		return err
	}
	var err error
	if o.output == "-" {
		err = write(streams.Out)
	} else {
		err = bundle.WriteWhole(o.output, 0o644, write)
	}
	if err != nil {
		return err
	}
	show.Close()
	for _, left := range exported.LeftOut {
		fmt.Fprintf(streams.ErrOut, "%s: left out: %s\n", left.Image, left.Reason)
	}
	if exported.NoRegistry {
		fmt.Fprintln(streams.ErrOut, "docker.io/library/registry:latest is not in the archive: register cannot start a registry of its own, and needs DESTINATION_REGISTRY")
	}
	if !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s: %s\n", o.output, count(len(exported.Images), "image"))
	}
	return nil
}

// kubespray is what an archive of Kubespray's script holds, unpacked beside the output.
func (o *importOptions) kubespray(ctx context.Context) (tree *bundle.Tree, err error) {
	var opts kubespray.ImportOptions
	for _, name := range o.imageLists {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading the list of images: %w", err)
		}
		refs, err := kubespray.ParseImageList(name, text)
		if err != nil {
			return nil, err
		}
		opts.Images = append(opts.Images, refs...)
	}
	if o.unpacked, err = os.MkdirTemp(filepath.Dir(o.output), ".airgap-import-"); err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", o.dir, err)
	}
	return kubespray.Import(ctx, o.dir, o.unpacked, opts)
}

// clean removes what was unpacked.
func (o *importOptions) clean() error {
	if o.unpacked == "" {
		return nil
	}
	return os.RemoveAll(o.unpacked)
}
