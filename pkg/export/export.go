// Package export writes lists of images in the formats that other tools read, so that
// whoever has such a tool in a pipeline can keep it: regsync, skopeo sync, imgpkg,
// Hauler and crane.
//
// A format says no more than its tool understands. What of an entry gets lost is said
// at the format's constant, and in docs/exports.md.
package export

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Format is a file format of another tool. To add one, write its function and give it
// a row in formats.
type Format string

// The formats that Write knows (CONTRACT.md, images).
const (
	// Regsync is the configuration of regclient's regsync, one entry per image.
	Regsync Format = "regsync"
	// SkopeoSync is what skopeo sync reads with --src yaml: tags and digests by
	// repository by registry. It names no targets. An image with tag and digest is there
	// under its digest, since skopeo knows no entry for both.
	SkopeoSync Format = "skopeo-sync"
	// ImgpkgLock is an ImagesLock of imgpkg, the .imgpkg/images.yml of a bundle. It names no
	// targets. Each image is there under its digest, its own name in an annotation.
	ImgpkgLock Format = "imgpkg-lock"
	// ImgpkgScript is what VMware's gen-publish-images.sh prints: one imgpkg copy a line.
	// An image with a digest gets from imgpkg a tag made of it, not its own one.
	ImgpkgScript Format = "imgpkg-script"
	// Hauler is an Images object for hauler store sync. It names no targets.
	Hauler Format = "hauler"
	// Crane is a shell script, one crane copy a line.
	Crane Format = "crane"
	// ImagesTxt is one reference per line, as k8s list-images of Canonical Kubernetes
	// prints them. It names no targets.
	ImagesTxt Format = "images-txt"
)

// An Entry is one image of an export.
type Entry struct {
	// Pair is the image as manifests name it, and where it goes. The target counts
	// only in formats that HaveTargets; the others take the zero Ref as well.
	image.Pair
	// Digest is what Source names at the moment, as algorithm:hex; empty if nobody has
	// looked, or if Source says it. Only formats that NeedDigests write it.
	Digest string
	// Group is what the image belongs to: the folder of its manifests, a component of a
	// bill of materials. Scripts say it in a comment; it may be empty.
	Group string
	// Bundle says that the image is a bundle of imgpkg: it is copied with all that its
	// ImagesLock names.
	Bundle bool
}

// Options say how the registry of the targets is reached. The zero value is one with TLS
// and a certificate that everybody knows.
type Options struct {
	// Template takes the place of the registry StandIn in targets: a Go template as
	// regsync fills it in, such as {{ env "MIRROR" }}. Only Regsync takes one.
	Template string
	// PlainHTTP says that the registry of the targets speaks no TLS.
	PlainHTTP bool
	// CAFile is the file with the authority of that registry's certificate, where the
	// tool will run. Crane has no flag for it.
	CAFile string
}

// StandIn begins the registry of targets in which Options.Template says which one it is.
// Nothing has this name (RFC 6761).
const StandIn = "template.invalid"

// A format writes entries: checked, sorted by source and target, each once. Errors of
// the writer stick to it.
type format struct {
	name    Format
	targets bool // it says where images go
	digests bool // it names images by digest
	write   func(*bufio.Writer, []Entry, Options) error
}

// formats are all formats in the order in which help shows them.
func formats() []format {
	return []format{
		{Regsync, true, false, writeRegsync},
		{SkopeoSync, false, false, writeSkopeoSync},
		{ImgpkgLock, false, true, writeImgpkgLock},
		{ImgpkgScript, true, false, writeImgpkgScript},
		{Hauler, false, false, writeHauler},
		{Crane, true, false, writeCrane},
		{ImagesTxt, false, false, writeImagesTxt},
	}
}

// Formats names every format that Write knows.
func Formats() []Format {
	var names []Format
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// HasTargets says that the format says where images go: entries need a Target.
func (f Format) HasTargets() bool { row, ok := f.row(); return ok && row.targets }

// NeedsDigests says that the format names images by digest: entries need one, in Source
// or in Digest.
func (f Format) NeedsDigests() bool { row, ok := f.row(); return ok && row.digests }

func (f Format) row() (format, bool) {
	all := formats()
	i := slices.IndexFunc(all, func(row format) bool { return row.name == f })
	if i < 0 {
		return format{}, false
	}
	return all[i], true
}

// Write writes the entries in the format f, sorted, each pair of source and target once.
// Nothing is written if an entry has no place in the format: all such are reported at
// once, sorted. References that image.Parse does not read back are among them, such as
// those with variables.
func Write(w io.Writer, f Format, entries []Entry, opts Options) error {
	row, ok := f.row()
	if !ok {
		return fmt.Errorf("no output format %q; there are %q", f, Formats())
	}
	entries = inOrder(entries)
	if err := check(row, entries, opts); err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	err := row.write(buffered, entries, opts)
	if err := cmp.Or(buffered.Flush(), err); err != nil {
		return fmt.Errorf("writing the %s file: %w", f, err)
	}
	return nil
}

// inOrder is a copy of the entries, sorted by source and target, each pair once: in the
// first of its groups, with all that any of them knows.
func inOrder(entries []Entry) []Entry {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		return cmp.Or(image.Compare(a.Source, b.Source), image.Compare(a.Target, b.Target), strings.Compare(a.Group, b.Group))
	})
	var once []Entry
	for _, e := range sorted {
		last := len(once) - 1
		if last < 0 || once[last].Pair != e.Pair {
			once = append(once, e)
			continue
		}
		once[last].Bundle = once[last].Bundle || e.Bundle
		once[last].Digest = cmp.Or(once[last].Digest, e.Digest)
	}
	return once
}

// sources is the entries without what differs in nothing but its target.
func sources(entries []Entry) []Entry {
	return slices.CompactFunc(slices.Clone(entries), func(a, b Entry) bool { return a.Source == b.Source })
}
