// Package cargo is what a site needs: the images and the files that everything the
// user named asks for, gathered from many sources into one list without doubles.
package cargo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// Options say what counts as an image, and what its variables stand for.
type Options struct {
	Least     manifest.Confidence // less sure uses are left out
	Variables map[string]string   // values for ${NAME} in references, as clusterctl will fill them in
	NoFiles   bool                // only images count, no file is kept
}

// A Cargo is filled by its Add methods. It is for one goroutine.
type Cargo struct {
	Notes []string // sentences that the user should see

	opts   Options
	groups map[string]*imagelist.List // by the folder of the manifests, empty for none
	files  map[string]bundle.File     // by their path in the archive
	from   map[string]string          // how the user knows them, by the same
	charts []Chart                    // in the order in which they were named
}

// New returns an empty cargo.
func New(opts Options) *Cargo {
	return &Cargo{opts: opts, groups: map[string]*imagelist.List{}, files: map[string]bundle.File{}, from: map[string]string{}}
}

// NewList returns a list that takes what this cargo counts as an image.
func (c *Cargo) NewList() *imagelist.List { return imagelist.New(c.opts.Least) }

// AddImages adds the images of a list, found in manifests of the group.
func (c *Cargo) AddImages(group string, list *imagelist.List) {
	if c.groups[group] == nil {
		c.groups[group] = c.NewList()
	}
	c.groups[group].Merge(list)
}

// AddFile adds a file, which the user knows as from. The same file twice is one; two
// files for one path are an error.
func (c *Cargo) AddFile(f bundle.File, from string) error {
	if c.opts.NoFiles {
		return nil
	}
	have, there := c.files[f.Path]
	if there && (have.SHA256 == "" || have.SHA256 != f.SHA256) && (have.URL == "" || have.URL != f.URL) {
		return fmt.Errorf("%s: both %s and %s would be carried under this path", f.Path, c.from[f.Path], from)
	}
	if !there {
		c.files[f.Path], c.from[f.Path] = f, from
	}
	return nil
}

// Files are the files, sorted by their paths.
func (c *Cargo) Files() []bundle.File {
	return slices.SortedFunc(maps.Values(c.files), func(a, b bundle.File) int { return cmp.Compare(a.Path, b.Path) })
}

// List is every use of an image, in the order of the groups and in each in the order
// in which they were added.
func (c *Cargo) List() *imagelist.List {
	list := c.NewList()
	for _, group := range slices.Sorted(maps.Keys(c.groups)) {
		list.Merge(c.groups[group])
	}
	return list
}

// An Image is one image of a cargo.
type Image struct {
	Ref    image.Ref
	Groups []string // of the manifests that use it, sorted, without the empty one
	Uses   []string // file:line:column, in the order of groups and of the inputs
	Bundle bool     // whoever names it says that it is a bundle of imgpkg; only its registry knows
	// StandsFor are the references with variables that it was found to be, as they are written.
	StandsFor []string
}

// An Unknown is a reference that names no image yet: its variables have no value, or its
// tag is chosen at run time.
type Unknown struct {
	Written  string
	Uses     []string // as of Image
	Untagged bool     // it has no variables, but no tag either, and none is meant by that
	Reason   string   // why a template of regsync names none, empty for other references
}

// Images gives every image once, sorted, and the references whose variables keep
// them from being one. A reference without a value for its tag is known if an image
// of the same name is in a list, or named by itself: then somebody has said which one it
// is. That another manifest happens to use one says nothing of the sort.
func (c *Cargo) Images() ([]Image, []Unknown) {
	images, unknown, listed := map[image.Ref]*Image{}, map[string]*Unknown{}, map[string][]*Image{}
	for _, group := range slices.Sorted(maps.Keys(c.groups)) {
		for item := range c.groups[group].Items() {
			ref, ok := c.read(item)
			if !ok {
				u := at(unknown, item.Image)
				u.Written, u.Uses = item.Image, append(u.Uses, places(item)...)
				u.Reason = reason(item.Image, c.opts.Variables)
				u.Untagged = !item.Templated
				continue
			}
			im := at(images, ref)
			im.Ref, im.Uses = ref, append(im.Uses, places(item)...)
			im.Bundle = im.Bundle || slices.ContainsFunc(item.Uses, isBundle)
			if slices.ContainsFunc(item.Uses, isListed) {
				listed[ref.Name()] = append(listed[ref.Name()], im)
			}
			if item.Templated {
				im.StandsFor = append(im.StandsFor, item.Image)
			}
			if group != "" {
				im.Groups = append(im.Groups, group)
			}
		}
	}
	still := open(unknown, listed)
	return sorted(images), still
}

// at is the value of a key, made if there is none.
func at[K comparable, V any](m map[K]*V, key K) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

// read is the image that the item names, with the variables filled in.
func (c *Cargo) read(item imagelist.Item) (image.Ref, bool) {
	text := item.Image
	if item.Templated {
		text = expand(manifest.Fill(text, c.opts.Variables), c.opts.Variables)
	}
	ref, err := image.Parse(text)
	return ref, err == nil && !strings.ContainsAny(text, "${}") && !untagged(item)
}

// untagged says that nobody names a tag of the item, which is so because it is chosen at
// run time.
func untagged(item imagelist.Item) bool {
	return !slices.ContainsFunc(item.Uses, func(u imagelist.Use) bool { return !isUntagged(u.Rule, u.Written) })
}

func places(item imagelist.Item) []string {
	var all []string
	for i := range item.Uses {
		all = append(all, item.Uses[i].Place())
	}
	return all
}

func sorted(images map[image.Ref]*Image) []Image {
	var all []Image
	for _, im := range images {
		all = append(all, *im)
	}
	slices.SortFunc(all, func(a, b Image) int { return image.Compare(a.Ref, b.Ref) })
	return all
}

func isListed(u imagelist.Use) bool { return u.Form == manifest.FormList }

// open are the references that no image answers whose name was listed. Those that do are
// told what they stand for.
func open(unknown map[string]*Unknown, listed map[string][]*Image) []Unknown {
	var all []Unknown
	for _, written := range slices.Sorted(maps.Keys(unknown)) {
		ref, err := image.Parse(beforeTag(written))
		if err != nil || len(listed[ref.Name()]) == 0 {
			all = append(all, *unknown[written])
			continue
		}
		for _, im := range listed[ref.Name()] {
			im.StandsFor = append(im.StandsFor, written)
		}
	}
	return all
}

// Name is the reference without its tag.
func (u *Unknown) Name() string { return beforeTag(u.Written) }

// beforeTag is a reference without its tag, if that is all that holds variables.
func beforeTag(written string) string {
	name, _, _ := strings.Cut(written, "@")
	if i := strings.IndexByte(name[strings.LastIndexByte(name, '/')+1:], ':'); i >= 0 {
		name = name[:strings.LastIndexByte(name, '/')+1+i]
	}
	return name
}
