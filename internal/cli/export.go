package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/cargo"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// An exporter writes images in the format of another tool.
type exporter struct {
	*exportFlags
	format  export.Format
	opts    export.Options
	mapping image.Mapping // the zero one if the format names no targets
	sources image.SourceMap
}

// exporter reads what the flags say of the format: a slip is told before anything else
// is read.
func (f *exportFlags) exporter(format export.Format) (e exporter, err error) {
	e = exporter{exportFlags: f, format: format}
	if e.sources, err = f.origin.sources(); err != nil || !format.HasTargets() {
		return e, err
	}
	e.opts = export.Options{PlainHTTP: f.access.plainHTTP, CAFile: f.access.caFile}
	target := f.target
	if end := strings.LastIndex(target.to, "}}"); end >= 0 && strings.Contains(target.to[:end], "{{") {
		if format != export.Regsync {
			return e, usagef("--to %s: only -o regsync takes a template", target.to)
		}
		end += len("}}")
		e.opts.Template, target.to = target.to[:end], export.StandIn+target.to[end:]
	}
	e.mapping, err = target.mapping()
	if err != nil && e.opts.Template != "" {
		err = usagef("--to %s", strings.ReplaceAll(err.Error(), export.StandIn, e.opts.Template))
	}
	return e, err
}

// write writes the images. The digests are what was found of those whose references name
// none.
func (e exporter) write(streams Streams, images []cargo.Image, digests map[image.Ref]string) error {
	entries, err := e.entries(images, digests)
	if err != nil {
		return err
	}
	if e.format.HasTargets() {
		entries = slices.DeleteFunc(entries, func(entry export.Entry) bool {
			stays := entry.Source == entry.Target
			if stays {
				fmt.Fprintf(streams.ErrOut, "%s: left out, as it stays where it is\n", entry.Source)
			}
			return stays
		})
	}
	err = export.Write(streams.Out, e.format, entries, e.opts)
	if _, missing := errors.AsType[*export.MissingDigestError](err); missing {
		err = errors.Join(err, errors.New("name what was pulled with --lock, or ask the registries with --resolve"))
	}
	return err
}

// entries are the images with the places where they go.
func (e exporter) entries(images []cargo.Image, digests map[image.Ref]string) ([]export.Entry, error) {
	var entries []export.Entry
	var pairs []image.Pair
	var errs []error
	for _, im := range images {
		groups := []string{""}
		if e.format.HasTargets() {
			var err error
			groups, err = e.target.groups(im)
			errs = append(errs, err)
		}
		for _, group := range groups {
			target, _ := e.mapping.InGroup(group).Target(im.Ref)
			entry := export.Entry{Pair: image.Pair{Source: im.Ref, Target: target}, Digest: digests[im.Ref], Group: group, Bundle: im.Bundle}
			if group == "" && len(im.Groups) > 0 {
				entry.Group = im.Groups[0]
			}
			pairs, entries = append(pairs, entry.Pair), append(entries, entry)
		}
	}
	return entries, errors.Join(append(errs, image.CheckPairs(pairs))...)
}

// digests are those that the lock tells, and those that the registries tell, if they are
// to be asked.
func (e exporter) digests(ctx context.Context, stdin io.Reader, images []cargo.Image) (map[image.Ref]string, error) {
	known := map[image.Ref]string{}
	if e.lock != "" {
		lock, err := bundle.ReadLock(e.lock)
		if err != nil {
			return nil, err
		}
		known = lock.SourceDigests()
	}
	if !e.resolve {
		return known, nil
	}
	return known, e.ask(ctx, stdin, images, known)
}

// ask asks the registries for the digests that neither references nor known tell, and
// adds them to known.
func (e exporter) ask(ctx context.Context, stdin io.Reader, images []cargo.Image, known map[image.Ref]string) error {
	images = slices.DeleteFunc(slices.Clone(images), func(im cargo.Image) bool {
		return im.Ref.Digest != "" || known[im.Ref] != ""
	})
	refs := make([]image.Ref, len(images))
	for i, im := range images {
		refs[i] = im.Ref
	}
	host, err := e.access.loginHost(images, e.sources)
	if err != nil {
		return err
	}
	remote, err := e.access.remote(stdin, host, plainHosts(images, e.sources), nil)
	if err != nil {
		return err
	}
	digests, err := registry.Resolve(ctx, refs, registry.Renamed(remote, e.sources.Name),
		registry.ResolveOptions{Parallel: questions * e.access.parallel})
	for i, digest := range digests {
		known[refs[i]] = digest.String()
	}
	return err
}
