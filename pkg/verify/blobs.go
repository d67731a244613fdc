package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A blobLook is one blob of one repository, with the images that consist of it.
type blobLook struct {
	ref   image.Ref
	desc  registry.Descriptor
	users []*look
	has   bool
	err   error
}

// blobs looks for every blob, once in each repository.
func (v *visit) blobs(ctx context.Context, looks []*look) {
	type key struct {
		repository string
		digest     digest.Digest
	}
	at := map[key]*blobLook{}
	var all []*blobLook
	for _, l := range looks {
		if l.image == nil {
			continue
		}
		for _, b := range l.image.Blobs {
			k := key{l.target.Name(), b.Digest}
			if at[k] == nil {
				at[k] = &blobLook{ref: l.target, desc: b}
				all = append(all, at[k])
			}
			at[k].users = append(at[k].users, l)
		}
	}
	each(len(all), v.parallel(), func(i int) {
		b := all[i]
		if b.has, b.err = len(b.desc.Data) > 0, nil; !b.has && ctx.Err() == nil {
			b.has, b.err = v.from.hasBlob(ctx, b.ref, b.desc)
		}
	})
	v.lacking(all)
}

// lacking turns blobs that are not there into findings: one for those that an image
// lacks, also where other images of its repository lack them as well.
func (v *visit) lacking(all []*blobLook) {
	missing := map[*look][]*blobLook{} // by the first image that needs them
	var first []*look
	for _, b := range all {
		if b.has {
			continue
		}
		_, refused := errors.AsType[*accessError](b.err)
		for _, l := range b.users {
			l.lacks = true
			if refused {
				l.refused = b.err
			}
		}
		if refused {
			continue
		}
		if missing[b.users[0]] == nil {
			first = append(first, b.users[0])
		}
		missing[b.users[0]] = append(missing[b.users[0]], b)
	}
	for _, l := range first {
		v.found(l, CheckRegistryBlob, "%s", lack(missing[l]))
	}
}

// lack says which blobs an image lacks.
func lack(blobs []*blobLook) string {
	b := blobs[0]
	text := fmt.Sprintf("%s (%s, %d bytes) is not there", b.desc.Digest, b.desc.MediaType, b.desc.Size)
	if b.err != nil {
		text = b.err.Error()
	}
	if n := len(blobs) - 1; n > 0 {
		text += "; nor " + verb(n, "is", "are") + " " + count(n, "other blob")
	}
	if n := len(b.users) - 1; n > 0 {
		text += "; " + count(n, "other image") + " of the repository " + verb(n, "needs", "need") + " it as well"
	}
	return text
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Holds says whether a target is there with all that it consists of.
func (h *Holding) Holds(target image.Ref) bool {
	l := h.look(target)
	return l != nil && l.complete()
}

// lacks says that a target is not there at all.
func (h *Holding) lacks(target image.Ref) bool {
	l := h.look(target)
	return l != nil && l.absent
}

// Settle leaves out of findings of manifests what they say of the tag of images that are
// not there at all, which is told of itself.
func (h *Holding) Settle(site Site, findings []Finding) []Finding {
	return slices.DeleteFunc(findings, func(f Finding) bool {
		ref, err := image.Parse(f.Image)
		if f.Check != CheckManifestLatest || err != nil {
			return false
		}
		at, _ := site.resolve(ref)
		return h.lacks(at)
	})
}

func (h *Holding) look(target image.Ref) *look {
	if h == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(h.looks, target, func(l *look, t image.Ref) int { return image.Compare(l.target, t) })
	if !ok {
		return nil
	}
	return h.looks[i]
}

// Inventory says what is there complete, for whoever pulls the next archive
// (pull --have). Its names are those of the archive if it is known, else those that are
// asked for. It names no referrers: images with some are carried again if these are asked
// for.
func (h *Holding) Inventory() *bundle.Inventory {
	inv := &bundle.Inventory{APIVersion: bundle.APIVersion, Kind: bundle.InventoryKind, Images: []bundle.InventoryImage{}}
	blobs := map[digest.Digest]bool{}
	for _, l := range h.looks {
		if !l.complete() {
			continue
		}
		names := h.names(l)
		for _, name := range names {
			inv.Images = append(inv.Images, inventoried(name, l.image))
		}
		add := func(d registry.Descriptor) {
			if !blobs[d.Digest] {
				blobs[d.Digest] = true
				inv.Blobs = append(inv.Blobs, bundle.LockedBlob{Digest: d.Digest, Size: d.Size, Image: names[0]})
			}
		}
		for _, m := range l.image.Manifests {
			add(m.Descriptor)
		}
		for _, b := range l.image.Blobs {
			add(b)
		}
	}
	slices.SortFunc(inv.Images, func(a, b bundle.InventoryImage) int { return cmp.Compare(a.Image, b.Image) })
	inv.Images = slices.CompactFunc(inv.Images, func(a, b bundle.InventoryImage) bool { return a.Image == b.Image })
	slices.SortFunc(inv.Blobs, func(a, b bundle.LockedBlob) int { return cmp.Compare(a.Digest, b.Digest) })
	return inv
}

// names are those by which an image is pulled where there is internet.
func (h *Holding) names(l *look) []string {
	if locked, ok := h.opts.Carried.Image(l.target); ok && locked.Digest == l.image.Root.Digest {
		return []string{locked.Image}
	}
	var all []string
	for _, w := range l.wanted {
		all = append(all, w.Source.String())
	}
	return all
}

func inventoried(name string, img *registry.Image) bundle.InventoryImage {
	i := bundle.InventoryImage{Image: name, Digest: img.Root.Digest, MediaType: img.Root.MediaType, Size: img.Size()}
	for _, p := range img.Platforms {
		i.Platforms = append(i.Platforms, bundle.LockPlatform{Platform: p.Platform, Digest: p.Digest, Size: p.Size})
	}
	return i
}
