package kubespray

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// An Exported says what an archive for the script holds.
type Exported struct {
	Images  []image.Ref      // in the order of the index
	LeftOut []bundle.LeftOut // what no node could run
	// NoRegistry says that docker.io/library/registry:latest is not among the images: then
	// register needs DESTINATION_REGISTRY, as it cannot start a registry of its own.
	NoRegistry bool
}

// Export writes images of an archive as container-images.tar.gz for
// manage-offline-container-images.sh register: one tar as docker save writes it for each
// image, registry-latest.tar, and the index, with the script's own names. The same images
// give the same bytes. Two images that the script would give one name are an error, for it
// drops digests.
func Export(ctx context.Context, a *bundle.Archive, w io.Writer, opts bundle.LoadOptions) (*Exported, error) {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed) // layers are compressed already
	if err != nil {
		return nil, err
	}
	e := exporter{archive: a, opts: opts, tar: tar.NewWriter(z), taken: map[string]image.Ref{}}
	if err := e.write(ctx); err != nil {
		return nil, fmt.Errorf("writing %s: %w", archiveDir, err)
	}
	if err := errors.Join(e.tar.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", archiveDir, err)
	}
	return &e.Exported, nil
}

// An exporter writes one archive.
type exporter struct {
	Exported
	archive *bundle.Archive
	opts    bundle.LoadOptions
	tar     *tar.Writer
	taken   map[string]image.Ref // by file name
	index   strings.Builder
}

func (e *exporter) write(ctx context.Context) error {
	tars, err := e.prepare(ctx)
	if err != nil {
		return err
	}
	if err := e.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./" + archiveDir + "/", Mode: 0o755}); err != nil {
		return err
	}
	for i, t := range tars {
		name := TarName(e.Images[i])
		if err := e.entry(name, t.Loaded().Size, func(w io.Writer) error { return t.Write(ctx, w) }); err != nil {
			return err
		}
		if e.Images[i] != registryImage() {
			continue
		}
		if err := e.entry(registryName, t.Loaded().Size, func(w io.Writer) error { return t.Write(ctx, w) }); err != nil {
			return err
		}
	}
	return e.entry(indexName, int64(e.index.Len()), func(w io.Writer) error {
		_, err := io.WriteString(w, e.index.String())
		return err
	})
}

// prepare finds out what every tar will hold, before anything is written.
func (e *exporter) prepare(ctx context.Context) ([]*bundle.Prepared, error) {
	var tars []*bundle.Prepared
	var errs []error
	for _, ref := range e.archive.Images() {
		named := ref
		if named.Tag == "" { // the script's name has none either, and docker load wants one
			named.Tag = "latest"
		}
		t, err := bundle.Prepare(ctx, e.archive, []image.Pair{{Source: ref, Target: image.Ref{Registry: named.Registry, Repository: named.Repository, Tag: named.Tag}}}, e.opts)
		if left := (*bundle.NothingError)(nil); errors.As(err, &left) {
			e.LeftOut = append(e.LeftOut, left.LeftOut...)
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		name := TarName(ref)
		if before, ok := e.taken[name]; ok {
			errs = append(errs, fmt.Errorf("%s and %s: the script would call both %s", before, ref, name))
			continue
		}
		e.taken[name] = ref
		tars, e.Images = append(tars, t), append(e.Images, ref)
		fmt.Fprintf(&e.index, "%s  %s\n", name, IndexName(ref))
	}
	e.NoRegistry = e.taken[TarName(registryImage())] != registryImage()
	if len(tars) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("there is no image that a node could run"))
	}
	return tars, errors.Join(errs...)
}

// entry writes a file below container-images/.
func (e *exporter) entry(name string, size int64, content func(io.Writer) error) error {
	err := e.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + archiveDir + "/" + name, Mode: 0o644, Size: size})
	if err == nil {
		err = content(e.tar)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
