package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// The formats of load.
const (
	loadNodes  = "nodes"
	loadImgpkg = "imgpkg"
)

// misused says which flag has nothing to say in the format.
func (o *loadOptions) misused() error {
	switch {
	case o.format.value == loadKubespray && (o.perImage || o.target.to != ""):
		return usagef("--per-image and --to are for nodes: --format %s writes one file, and the script gives images their names", loadKubespray)
	case o.format.value != loadImgpkg:
		return nil
	case o.perImage || o.platform != "":
		return usagef("--per-image and --platform are for nodes, not for --format %s", loadImgpkg)
	case o.output == "-":
		return usagef("--format %s writes many files: give --output a DIR, not -", loadImgpkg)
	}
	return nil
}

// writeImgpkg writes tars for imgpkg into the folder that the flags say.
func (o *loadOptions) writeImgpkg(ctx context.Context, streams Streams, a *bundle.Archive, pairs []image.Pair) error {
	show := newLocalProgress(streams, o.quiet)
	defer show.Close()
	tars, err := bundle.LoadImgpkg(ctx, a, pairs, strings.TrimSuffix(o.target.to, "/"), o.output, bundle.LoadOptions{Report: show.Report})
	if err != nil {
		return err
	}
	show.Close()
	for _, left := range tars.LeftOut {
		fmt.Fprintf(streams.ErrOut, "%s: left out: %s\n", left.Image, left.Reason)
	}
	if !o.quiet {
		fmt.Fprintf(streams.ErrOut, "%s: %s of imgpkg, %s\n", o.output, count(len(tars.Images), "tar"), progress.Size(tars.Size))
	}
	return nil
}
