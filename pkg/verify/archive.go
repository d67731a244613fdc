package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// ArchiveOptions say what is asked of an archive.
type ArchiveOptions struct {
	// Path is what the archive is called.
	Path string
	// Carried is what its lock brings, by the names that it gets on the site.
	Carried *Carried
	// Holding is what the registry holds, if that was looked at: what is found to be
	// missing there is not told again.
	Holding *Holding
	// Difference says that the archive was made for a site that has something (pull
	// --have): what Holding has complete need not be in it. An archive that says itself
	// that it leaves out blobs is one in any case.
	Difference bool
	// Registry is where Mapping puts what the archive leaves out as the site has it; nil
	// means that nobody looks.
	Registry registry.Source
	Mapping  image.Mapping
	// Unread leaves out reading all of the archive.
	Unread   bool
	Parallel int                  // readers; 0 means 2
	Report   func(registry.Event) // told how far reading is, from several goroutines; may be nil
}

// Archive looks whether an archive brings what is wanted and is as it was written. The
// error is about reading it, the registry or the context.
func Archive(ctx context.Context, site Site, a *bundle.Archive, wanted []Wanted, o ArchiveOptions) ([]Finding, error) {
	o.Difference = o.Difference || len(a.Lock().Elsewhere) > 0
	all := archiveImages(&site, wanted, &o)
	if !o.Unread {
		damages, err := a.Check(ctx, o.Parallel, o.Report)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", o.Path, err)
		}
		for _, d := range damages {
			all = append(all, damage(&site, o.Path, d.Entry, d.Problem, d.Images))
		}
	}
	elsewhere, err := archiveElsewhere(ctx, &site, a.Lock(), &o)
	return append(all, elsewhere...), err
}

// ArchiveDamage is the finding that an error of bundle.Open stands for, and whether it
// is one: that an archive is none, or is damaged where it describes itself. A file that
// is not there or cannot be read is none.
func ArchiveDamage(site Site, path string, err error) (Finding, bool) {
	invalid, ok := errors.AsType[*bundle.InvalidError](err)
	if _, unread := errors.AsType[*fs.PathError](err); !ok || unread {
		return Finding{}, false
	}
	return damage(&site, path, invalid.Entry, invalid.Problem, invalid.Images), true
}

func damage(site *Site, path, entry, problem string, images []string) Finding {
	about := About{Place: path, Target: site.Target, Problem: problem}
	if entry != "" {
		about.Problem = entry + ": " + problem
	}
	switch len(images) {
	case 0:
	case 1:
		about.Image = images[0]
	default:
		about.Image = images[0]
		about.Problem += "; needed by " + strings.Join(images, ", ")
	}
	f := NewFinding(CheckArchiveDamaged, about)
	if entry != "" {
		f.Place = path + ":" + entry
	}
	return f
}

// archiveImages are the images that the archive does not bring.
func archiveImages(site *Site, wanted []Wanted, o *ArchiveOptions) []Finding {
	var all []Finding
	for _, l := range byTarget(Merge(wanted)) {
		_, carried := o.Carried.Image(l.target)
		if carried || o.Holding.lacks(l.target) || o.Difference && o.Holding.Holds(l.target) {
			continue
		}
		what := "a manifest"
		if by := l.by(); by != "" {
			what = by
		}
		all = append(all, site.finding(CheckArchiveImage, o.Path, l.name(), fmt.Sprintf("%s asks for %s, and it is not in the archive", what, l.name())))
	}
	return all
}

// archiveElsewhere are the blobs that neither the archive nor the registry has.
func archiveElsewhere(ctx context.Context, site *Site, lock *bundle.Lock, o *ArchiveOptions) ([]Finding, error) {
	if o.Registry == nil {
		return nil, nil
	}
	places := lock.ElsewhereAt(o.Mapping)
	blobs := lock.Elsewhere
	found, errs := make([]*Finding, len(blobs)), make([]error, len(blobs))
	each(len(blobs), max(o.Parallel, 4), func(i int) {
		desc := registry.Descriptor{Digest: blobs[i].Digest, Size: blobs[i].Size}
		for _, at := range places(blobs[i].Digest) {
			has, err := registry.HasBlob(ctx, o.Registry, at, desc)
			if has || err != nil {
				errs[i] = err
				return
			}
		}
		ref, _ := image.Parse(blobs[i].Image) // Open has seen to that
		f := site.finding(CheckArchiveElsewhere, o.Path, ref,
			fmt.Sprintf("it leaves out %s (%d bytes) of %s, which is not there", desc.Digest, desc.Size, blobs[i].Image))
		f.Place = o.Path + ":" + desc.Digest.String()
		found[i] = &f
	})
	var all []Finding
	for _, f := range found {
		if f != nil {
			all = append(all, *f)
		}
	}
	return all, errors.Join(errs...)
}
