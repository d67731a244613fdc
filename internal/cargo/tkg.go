package cargo

import (
	"context"
	"errors"
	"iter"
	"path"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/tkg"
)

// tkgGroup is the group of TKG's images, and the folder of its bills of materials.
const tkgGroup = "tkg"

// tkgRule is how images of a release become known that no bill of materials names.
const tkgRule = "tkg"

// addTKG adds releases of TKG: their bills of materials, as manifests, and the images
// that these do not name. open gives the registry that an image is in.
func (c *Cargo) addTKG(ctx context.Context, releases []tkg.Release, open func(image.Ref) (registry.Lister, error)) error {
	var errs []error
	for _, release := range releases {
		errs = append(errs, c.addTKGRelease(ctx, release, open))
	}
	return errors.Join(errs...)
}

func (c *Cargo) addTKGRelease(ctx context.Context, release tkg.Release, open func(image.Ref) (registry.Lister, error)) error {
	to, err := image.ParsePrefix(release.Repository)
	if err != nil {
		return err
	}
	from, err := open(to)
	if err != nil {
		return err
	}
	contents, err := tkg.Find(ctx, release, from)
	if err != nil {
		return err
	}
	c.Notes = append(c.Notes, contents.Notes...)
	list := c.NewList()
	list.AddLines("--tkg "+release.String(), tkgRule, contents.Images)
	c.AddImages(tkgGroup, list)
	var errs []error
	for _, file := range contents.Files {
		errs = append(errs, c.addBOM(file, to))
	}
	return errors.Join(errs...)
}

// addBOM adds a bill of materials, whose images are in the repository to.
func (c *Cargo) addBOM(file tkg.File, to image.Ref) error {
	f, err := manifest.Parse(file.Name, file.Content)
	if err != nil {
		return err
	}
	list := c.NewList()
	list.Add(fromRelease(f.Uses(), file.Repository, to))
	c.AddImages(tkgGroup, list)
	return c.AddFile(inMemory(path.Join(resources, tkgGroup, file.Name), "", file.Content), file.Image.String())
}

// fromRelease is uses with the repository of the release in place of the one that the
// bill of materials gives, as VMware's own scripts have it. What it names without a tag
// is no image: the release has been asked for it.
func fromRelease(uses iter.Seq[manifest.Use], from, to image.Ref) iter.Seq[manifest.Use] {
	return func(yield func(manifest.Use) bool) {
		for u := range uses {
			if isUntagged(u.Rule, u.Written) {
				continue
			}
			if below, ok := strings.CutPrefix(u.Ref.Name(), from.Name()+"/"); ok && !u.Prefix && !u.Templated {
				u.Ref.Registry, u.Ref.Repository = to.Registry, strings.TrimPrefix(to.Repository+"/"+below, "/")
				u.Written = u.Ref.String()
			}
			if !yield(u) {
				return
			}
		}
	}
}

// isBundle says that what names an image means a bundle: components of TKG that its
// scripts copy as such (tanzu-framework, hack/gen-publish-images.sh), and its packages.
func isBundle(u imagelist.Use) bool {
	switch component, ok := strings.CutPrefix(u.Path, "components."); {
	case u.Rule == tkgRule:
		return tkg.IsPackage(u.Written)
	case u.Rule != "bom" || !ok:
		return false
	default:
		component, _, _ = strings.Cut(component, "[")
		return tkg.IsBundleComponent(component)
	}
}

// isUntagged says that a bill of materials names a repository whose tag is chosen at run
// time: tkr-bom, tkr-compatibility.
func isUntagged(rule, written string) bool {
	return rule == "bom" && !strings.Contains(written[strings.LastIndexByte(written, '/')+1:], ":") && !strings.Contains(written, "@")
}
