package tkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// The bounds of an image that holds a file. Bills of materials have some 30 kB.
const (
	maxLayer = 4 << 20  // bytes, compressed
	maxFile  = 16 << 20 // bytes
)

// file gives the one file that an image holds.
func (f *finder) file(ctx context.Context, ref image.Ref) (name string, content []byte, err error) {
	plan, err := registry.NewPlan(ctx, []image.Pair{{Source: ref, Target: ref}}, f.from, registry.PlanOptions{})
	if err != nil {
		return "", nil, err
	}
	img := plan.Images[0]
	if len(img.Manifests) != 1 || len(img.Blobs) != 2 {
		return "", nil, fmt.Errorf("%s: it is no image of one layer, in which a file would be", ref)
	}
	layer, err := f.layer(ctx, ref, img.Blobs[1])
	if err == nil {
		name, content, err = onlyFile(layer)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", ref, err)
	}
	return name, content, nil
}

// layer fetches a layer and compares its digest.
func (f *finder) layer(ctx context.Context, ref image.Ref, desc registry.Descriptor) ([]byte, error) {
	if desc.Size > maxLayer {
		return nil, fmt.Errorf("its layer has %d bytes, more than %d", desc.Size, maxLayer)
	}
	if desc.Data != nil {
		return desc.Data, nil
	}
	r, err := f.from.Fetch(ctx, ref, desc)
	if err != nil {
		return nil, fmt.Errorf("its layer: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, desc.Size+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("its layer: %w", err)
	}
	if got := desc.Digest.Algorithm().FromBytes(raw); got != desc.Digest {
		return nil, fmt.Errorf("its layer is damaged: it is %s, not %s", got, desc.Digest)
	}
	return raw, nil
}

// onlyFile gives the one file in a gzipped tar.
func onlyFile(layer []byte) (name string, content []byte, err error) {
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		return "", nil, fmt.Errorf("unpacking its layer: %w", err)
	}
	files := tar.NewReader(io.LimitReader(z, 2*maxFile))
	for {
		h, err := files.Next()
		switch {
		case errors.Is(err, io.EOF) && name == "":
			return "", nil, errors.New("there is no file in it")
		case errors.Is(err, io.EOF):
			return name, content, nil
		case err != nil:
			return "", nil, fmt.Errorf("unpacking its layer: %w", err)
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg || name != "":
			return "", nil, errors.New("there is more in it than one file")
		case h.Size > maxFile:
			return "", nil, fmt.Errorf("%.80q in it has %d bytes, more than %d", h.Name, h.Size, maxFile)
		}
		if name = path.Base(path.Clean("/" + h.Name)); name == "/" {
			return "", nil, errors.New("the file in it has no name")
		}
		if content, err = io.ReadAll(files); err != nil {
			return "", nil, fmt.Errorf("unpacking its layer: %w", err)
		}
	}
}
