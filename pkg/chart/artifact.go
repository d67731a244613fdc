package chart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// The media types of a chart in a registry (helm.sh/helm/v3/pkg/registry/constants.go).
const (
	ConfigType = "application/vnd.cncf.helm.config.v1+json"
	LayerType  = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	oldType    = "application/tar+gzip" // of layers that Helm before 3.7 pushed
)

// maxManifest is what registries take of a manifest, in bytes.
const maxManifest = 4 << 20

// Tag is the tag of a chart in a registry: its version, with _ for the + that no tag may have.
func (c *Chart) Tag() string { return strings.ReplaceAll(c.Version, "+", "_") }

// Put writes a chart into a registry as helm push does, but for the time of creation: the
// same package gives the same digest.
func (p Packed) Put(ctx context.Context, to registry.Sink, ref image.Ref) error {
	config, err := json.Marshal(p.Metadata)
	if err != nil {
		return fmt.Errorf("%s: %w", p.FileName(), err)
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: describe(ConfigType, config), Layers: []ocispec.Descriptor{describe(LayerType, p.Raw)},
		Annotations: map[string]string{ocispec.AnnotationTitle: p.Name, ocispec.AnnotationVersion: p.Version},
	}
	if p.Description != "" {
		m.Annotations[ocispec.AnnotationDescription] = p.Description
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%s: %w", p.FileName(), err)
	}
	for _, blob := range []struct {
		registry.Descriptor
		content []byte
	}{{m.Config, config}, {m.Layers[0], p.Raw}} {
		open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob.content)), nil }
		if _, err := to.PutBlob(ctx, ref, blob.Descriptor, nil, open); err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
	}
	if err := to.PutManifest(ctx, ref, describe(m.MediaType, raw), raw); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

func describe(mediaType string, raw []byte) registry.Descriptor {
	return registry.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
}

// Fetch reads the package of a chart out of a registry, held against its digest.
func Fetch(ctx context.Context, from registry.Source, ref image.Ref) ([]byte, error) {
	desc, err := from.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	raw, err := read(ctx, from, ref, desc, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: reading its manifest: %w", ref, err)
	}
	for _, layer := range m.Layers {
		if layer.MediaType == LayerType || layer.MediaType == oldType && m.Config.MediaType == ConfigType {
			if raw, err = read(ctx, from, ref, layer, MaxSize); err != nil {
				return nil, fmt.Errorf("%s: %w", ref, err)
			}
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%s: it is no chart: it has no layer of type %s", ref, LayerType)
}

// read fetches a content whole.
func read(ctx context.Context, from registry.Source, ref image.Ref, desc registry.Descriptor, limit int64) ([]byte, error) {
	if desc.Size > limit || desc.Size < 0 {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", desc.Digest, desc.Size, limit)
	}
	if err := desc.Digest.Validate(); err != nil {
		return nil, err
	}
	r, err := from.Fetch(ctx, ref, desc)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(r, desc.Size+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if got := desc.Digest.Algorithm().FromBytes(raw); got != desc.Digest {
		return nil, fmt.Errorf("what came is %s, not %s", got, desc.Digest)
	}
	return raw, nil
}

// Target is the name that a chart gets below to, a registry with or without a path:
// charts/NAME:VERSION, as helm push has it for oci://REGISTRY/PATH/charts.
func (c *Chart) Target(to image.Ref) (image.Ref, error) {
	target := image.Ref{Registry: to.Registry, Repository: strings.TrimPrefix(to.Repository+"/charts/"+c.Name, "/"), Tag: c.Tag()}
	if parsed, err := image.Parse(target.String()); err != nil || parsed != target {
		return image.Ref{}, fmt.Errorf("%s: no registry can hold it as %s", c.FileName(), target)
	}
	return target, nil
}

// Shelf gives a registry in memory that holds charts under the names that they get below
// to, as Target has them. The pairs move each to where it is on the shelf.
func Shelf(ctx context.Context, charts []Packed, to image.Ref) (*registry.Memory, []image.Pair, error) {
	var shelf registry.Memory
	var pairs []image.Pair
	var errs []error
	for _, p := range charts {
		target, err := p.Target(to)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, p.Put(ctx, &shelf, target))
		pairs = append(pairs, image.Pair{Source: target, Target: target})
	}
	return &shelf, pairs, errors.Join(errs...)
}
