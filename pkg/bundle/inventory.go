package bundle

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// InventoryKind stands at the top of every inventory, beside APIVersion.
const InventoryKind = "Inventory"

// maxInventory is how much of an inventory is read, in bytes: a hundred thousand
// blobs need less.
const maxInventory = 64 << 20

// An Inventory says what a place has: an archive, or a site. It goes from the
// site to who pulls, and names what need not be carried again (pull --have).
type Inventory struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Images     []InventoryImage `json:"images"`          // sorted by image
	Files      []LockFile       `json:"files,omitempty"` // sorted by path
	// Blobs are all manifests, configurations and layers once, sorted by digest.
	Blobs []LockedBlob `json:"blobs,omitempty"`
}

// An InventoryImage is one image that is there with all that it consists of.
type InventoryImage struct {
	Image     string         `json:"image"` // its name, the one that manifests use
	Digest    digest.Digest  `json:"digest"`
	MediaType string         `json:"mediaType,omitempty"`
	Size      int64          `json:"size"` // bytes, everything it consists of
	Platforms []LockPlatform `json:"platforms,omitempty"`
	Referrers []string       `json:"referrers,omitempty"` // as in the lock
}

// Members says whether the image is a bundle of imgpkg, and counts the images in it, those
// of its members included.
func (i *InventoryImage) Members() (n int, is bool) {
	for _, r := range i.Referrers {
		if tag, d, ok := strings.Cut(r, "@"); ok && tag == imgpkg.MemberTag(digest.Digest(d)) {
			n++
		}
	}
	return n, isBundle(i.Digest, i.Referrers)
}

// Inventory says what the archive holds, and what it does not hold because its
// site does.
func (a *Archive) Inventory() *Inventory {
	inv := &Inventory{APIVersion: APIVersion, Kind: InventoryKind, Images: []InventoryImage{}, Files: slices.Clone(a.lock.Files)}
	groups := map[string][]string{}
	for _, img := range a.lock.Images {
		groups[img.Image] = img.Groups
		inv.Images = append(inv.Images, InventoryImage{
			Image: img.Image, Digest: img.Digest, MediaType: img.MediaType, Size: img.Size,
			Platforms: img.Platforms, Referrers: img.Referrers,
		})
	}
	inv.Blobs = slices.Clone(a.lock.Elsewhere)
	for d, e := range a.blobs {
		if users := a.users[d]; len(users) > 0 {
			inv.Blobs = append(inv.Blobs, LockedBlob{Digest: d, Size: e.Size, Image: users[0], Groups: groups[users[0]]})
		}
	}
	inv.sort()
	inv.Blobs = slices.CompactFunc(inv.Blobs, func(a, b LockedBlob) bool { return a.Digest == b.Digest })
	return inv
}

func (inv *Inventory) sort() {
	slices.SortFunc(inv.Images, func(a, b InventoryImage) int { return cmp.Compare(a.Image, b.Image) })
	slices.SortFunc(inv.Files, func(a, b LockFile) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(inv.Blobs, func(a, b LockedBlob) int { return cmp.Compare(a.Digest, b.Digest) })
}

// ReadInventory reads an inventory as JSON, which may be from anyone: what is not
// known, is there twice or cannot be is an error. All of them are reported.
func ReadInventory(r io.Reader) (*Inventory, error) {
	limited := &io.LimitedReader{R: r, N: maxInventory + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	var inv Inventory
	err := d.Decode(&inv)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows it")
		}
	}
	if limited.N <= 0 {
		err = fmt.Errorf("it is larger than %d bytes", maxInventory)
	}
	if err == nil && (inv.APIVersion != APIVersion || inv.Kind != InventoryKind) {
		err = fmt.Errorf("it is a %q of %q, not an %s of %s", inv.Kind, inv.APIVersion, InventoryKind, APIVersion)
	}
	if err == nil {
		err = inv.check()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	inv.sort()
	return &inv, nil
}

// check says what cannot be true.
func (inv *Inventory) check() error {
	var errs []error
	seen := map[string]bool{}
	once := func(what, name string, err error) {
		if err == nil && seen[what+name] {
			err = errors.New("it is there twice")
		}
		seen[what+name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", what, name, err))
		}
	}
	for _, i := range inv.Images {
		once("image", i.Image, cmp.Or(checkName(i.Image), checkContent(i.Digest, i.Size)))
	}
	for _, f := range inv.Files {
		once("file", f.Path, cmp.Or(checkFilePath(f.Path), checkContent(digest.NewDigestFromEncoded(digest.SHA256, f.SHA256), f.Size)))
	}
	for _, b := range inv.Blobs {
		once("blob", b.Digest.String(), cmp.Or(checkName(b.Image), checkContent(b.Digest, b.Size)))
	}
	return errors.Join(errs...)
}

func checkName(name string) error {
	ref, err := image.Parse(name)
	if err == nil && ref.String() != name {
		err = fmt.Errorf("image %q is not its full name, which is %s", name, ref)
	}
	return err
}

func checkContent(d digest.Digest, size int64) error {
	if size < 0 {
		return fmt.Errorf("its size is %d bytes", size)
	}
	return d.Validate()
}

// HasFile says whether there is a file with the path and content. sha256 is 64
// hexadecimal digits.
func (inv *Inventory) HasFile(path, sha256 string) bool {
	i, found := slices.BinarySearchFunc(inv.Files, path, func(f LockFile, path string) int { return cmp.Compare(f.Path, path) })
	return found && inv.Files[i].SHA256 == sha256
}

// Leave gives what of plan the place does not have. Images whose name (their
// Target), digest and referrers it has are not in rest. Layers of the others that
// it has are in elsewhere, sorted by digest, each with an image there that
// consists of it: what Contents.Elsewhere takes. Manifests and configurations
// are carried in any case: they are small, and say what an image is.
func (inv *Inventory) Leave(plan *registry.Plan) (rest *registry.Plan, elsewhere []LockedBlob) {
	images := map[string]InventoryImage{}
	for _, i := range inv.Images {
		images[i.Image] = i
	}
	blobs := map[digest.Digest]LockedBlob{}
	for _, b := range inv.Blobs {
		blobs[b.Digest] = b
	}
	rest = &registry.Plan{}
	for i := range plan.Images {
		img := &plan.Images[i]
		b := build{nodes: manifestNodes(img)}
		there, ok := images[img.Target.String()]
		if ok && there.Digest == img.Root.Digest && containsAll(there.Referrers, b.referrers(img)) {
			continue
		}
		rest.Images = append(rest.Images, *img)
		for _, layer := range layersOf(img, b.nodes) {
			if have, ok := blobs[layer.Digest]; ok && have.Size == layer.Size && !slices.Contains(img.Lists, layer.Digest) {
				elsewhere = append(elsewhere, have)
			}
		}
	}
	slices.SortFunc(elsewhere, func(a, b LockedBlob) int { return cmp.Compare(a.Digest, b.Digest) })
	return rest, slices.CompactFunc(elsewhere, func(a, b LockedBlob) bool { return a.Digest == b.Digest })
}

// manifestNodes reads the manifests of an image of a plan.
func manifestNodes(img *registry.Image) map[digest.Digest]*node {
	nodes := map[digest.Digest]*node{}
	for _, m := range img.Manifests {
		if n, err := parseNode(m.Raw); err == nil { // making the plan has read it
			nodes[m.Digest] = n
		}
	}
	return nodes
}

// layersOf are the blobs of an image that are no configurations.
func layersOf(img *registry.Image, nodes map[digest.Digest]*node) []registry.Descriptor {
	configs := map[digest.Digest]bool{}
	for _, n := range nodes {
		if n.Config != nil {
			configs[n.Config.Digest] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(img.Blobs), func(b registry.Descriptor) bool { return configs[b.Digest] })
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
