package bundle

import (
	"cmp"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
)

// A Difference is what changes from one inventory to another one. All lists are
// sorted by name.
type Difference struct {
	Added    []InventoryImage `json:"added,omitempty"`   // images that are new
	Changed  []ChangedImage   `json:"changed,omitempty"` // images that are others under the same name
	Removed  []InventoryImage `json:"removed,omitempty"` // images that are gone
	Files    FileDifference   `json:"files"`             // the same of files
	NewBlobs int              `json:"newBlobs"`          // manifests, configurations and layers that are new
	NewBytes int64            `json:"newBytes"`          // bytes of these, and of new contents of files
}

// A ChangedImage is a name that stands for another image than before.
type ChangedImage struct {
	Image string        `json:"image"`
	From  digest.Digest `json:"from"`
	To    digest.Digest `json:"to"`
	Size  int64         `json:"size"` // bytes of the new one, everything it consists of
	// ReferrersOnly is set where the image is the same, but not what is about it:
	// From and To are equal.
	ReferrersOnly bool `json:"referrersOnly,omitempty"`
}

// A FileDifference is what changes among files.
type FileDifference struct {
	Added   []LockFile `json:"added,omitempty"`
	Changed []LockFile `json:"changed,omitempty"` // as they are now: other content, or another mode
	Removed []LockFile `json:"removed,omitempty"`
}

// Empty says whether nothing changes.
func (d *Difference) Empty() bool {
	return len(d.Added)+len(d.Changed)+len(d.Removed)+len(d.Files.Added)+len(d.Files.Changed)+len(d.Files.Removed) == 0
}

// Diff says what changes from old to now: what is in two archives, or what a site
// lacks of an archive.
func Diff(old, now *Inventory) *Difference {
	d := &Difference{}
	before := map[string]InventoryImage{}
	for _, i := range old.Images {
		before[i.Image] = i
	}
	for _, i := range now.Images {
		was, ok := before[i.Image]
		delete(before, i.Image)
		same := was.Digest == i.Digest
		switch {
		case !ok:
			d.Added = append(d.Added, i)
		case !same || !slices.Equal(was.Referrers, i.Referrers):
			d.Changed = append(d.Changed, ChangedImage{i.Image, was.Digest, i.Digest, i.Size, same})
		}
	}
	d.Removed = slices.SortedFunc(maps.Values(before), func(a, b InventoryImage) int { return cmp.Compare(a.Image, b.Image) })
	slices.SortFunc(d.Added, func(a, b InventoryImage) int { return cmp.Compare(a.Image, b.Image) })
	slices.SortFunc(d.Changed, func(a, b ChangedImage) int { return cmp.Compare(a.Image, b.Image) })
	d.blobs(old, now)
	d.files(old, now)
	return d
}

// blobs counts what is new of images.
func (d *Difference) blobs(old, now *Inventory) {
	known := map[digest.Digest]bool{}
	for _, b := range old.Blobs {
		known[b.Digest] = true
	}
	for _, b := range now.Blobs {
		if !known[b.Digest] {
			known[b.Digest] = true
			d.NewBlobs++
			d.NewBytes += b.Size
		}
	}
}

func (d *Difference) files(old, now *Inventory) {
	before, known := map[string]LockFile{}, map[string]bool{}
	for _, f := range old.Files {
		before[f.Path], known[f.SHA256] = f, true
	}
	for _, f := range now.Files {
		was, ok := before[f.Path]
		delete(before, f.Path)
		switch {
		case !ok:
			d.Files.Added = append(d.Files.Added, f)
		case was.SHA256 != f.SHA256 || was.Mode != f.Mode:
			d.Files.Changed = append(d.Files.Changed, f)
		}
		if !known[f.SHA256] {
			known[f.SHA256] = true
			d.NewBytes += f.Size
		}
	}
	byPath := func(a, b LockFile) int { return cmp.Compare(a.Path, b.Path) }
	d.Files.Removed = slices.SortedFunc(maps.Values(before), byPath)
	slices.SortFunc(d.Files.Added, byPath)
	slices.SortFunc(d.Files.Changed, byPath)
}
