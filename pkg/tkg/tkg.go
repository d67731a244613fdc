// Package tkg finds out what a release of Tanzu Kubernetes Grid consists of. A release is
// described by files that lie in images of one layer: a bill of materials of TKG itself
// (tkg-bom), one for each release of Kubernetes (TKr, tkr-bom), and lists of what goes
// with what (tkg-compatibility, tkr-compatibility). This package fetches those; which
// images a bill of materials names is for whoever finds images in files.
package tkg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A Release is a release of TKG, as its user names it.
type Release struct {
	// Repository is the prefix below which its images are: registry and project,
	// projects.registry.vmware.com/tkg. Names of images begin with it, whatever the
	// bill of materials says, as VMware's own scripts have it.
	Repository string
	Version    string   // vMAJOR.MINOR.PATCH, as the tag of tkg-bom has it: + or _ before what follows
	TKRs       []string // releases of Kubernetes to take, such as v1.23.8+vmware.2-tkg.1; empty for all that go with it
}

// ParseRelease reads REPOSITORY:VERSION.
func ParseRelease(text string) (Release, error) {
	ref, err := image.Parse(tagOf(text))
	if err == nil && (ref.Digest != "" || !strings.HasPrefix(ref.Tag, "v") || !strings.HasSuffix(tagOf(text), ":"+ref.Tag)) {
		err = fmt.Errorf("%q names no release: it is REPOSITORY:VERSION, as projects.packages.broadcom.com/tkg:v1.6.0", text)
	}
	if err != nil {
		return Release{}, err
	}
	return Release{Repository: ref.Name(), Version: ref.Tag}, nil
}

// String is REPOSITORY:VERSION.
func (r Release) String() string { return r.Repository + ":" + r.Version }

// Contents is what a release consists of.
type Contents struct {
	// Files are the bills of materials, that of TKG first.
	Files []File
	// Images are those that no bill of materials names: the ones that hold them, the
	// lists of what goes with what, and the repositories of packages.
	Images []image.Ref
	// Notes are sentences that the user should see.
	Notes []string
}

// A File is a file out of an image.
type File struct {
	Name    string // as it is called in the image: tkg-bom-v1.6.0.yaml
	Image   image.Ref
	Content []byte
	// Repository is the prefix that the file gives to its images.
	Repository image.Ref
}

// Find fetches what describes a release. All that is missing of the TKrs is told at once.
func Find(ctx context.Context, release Release, from registry.Lister) (*Contents, error) {
	f := finder{from: from, release: release, found: &Contents{}}
	if err := f.find(ctx); err != nil {
		return nil, fmt.Errorf("TKG %s: %w", release, err)
	}
	return f.found, nil
}

// A finder collects one release.
type finder struct {
	from    registry.Lister
	release Release
	found   *Contents
}

// A bom is what we need of a bill of materials ourselves.
type bom struct {
	ImageConfig struct {
		ImageRepository string `yaml:"imageRepository"`
	} `yaml:"imageConfig"`
	TKRBom           place             `yaml:"tkr-bom"`
	TKRCompatibility place             `yaml:"tkr-compatibility"`
	TKRPackageRepo   map[string]string `yaml:"tkr-package-repo"`
	TKRPackage       map[string]string `yaml:"tkr-package"`
}

// A place is where below the repository an image is.
type place struct {
	ImagePath string `yaml:"imagePath"`
}

// or is the place, or where it is if the bill of materials is too old to say so.
func (p place) or(path string) string { return cmp.Or(p.ImagePath, path) }

func (f *finder) find(ctx context.Context) error {
	tkg, err := f.bom(ctx, "tkg-bom", f.release.Version)
	if err != nil {
		return err
	}
	if err := f.compatibility(ctx); err != nil {
		return err
	}
	tkrs, err := f.tkrs(ctx, tkg)
	if err != nil {
		return err
	}
	path := tkg.TKRBom.or("tkr-bom")
	var errs []error
	for _, tkr := range tkrs {
		_, err := f.bom(ctx, path, tkr)
		errs = append(errs, err)
		for _, packages := range []map[string]string{tkg.TKRPackageRepo, tkg.TKRPackage} {
			for _, name := range sorted(packages) {
				errs = append(errs, f.add(name, tagOf(tkr)))
			}
		}
	}
	return errors.Join(errs...)
}

// sorted are the values of m, each once.
func sorted(m map[string]string) []string {
	var all []string
	for _, name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tagOf is a version as tags spell it.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

// ref is an image of the release.
func (f *finder) ref(path, tag string) (image.Ref, error) {
	return image.Parse(f.release.Repository + "/" + path + ":" + tag)
}

// add adds an image that no bill of materials names.
func (f *finder) add(path, tag string) error {
	ref, err := f.ref(path, tag)
	if err == nil {
		f.found.Images = append(f.found.Images, ref)
	}
	return err
}

// bom fetches a bill of materials.
func (f *finder) bom(ctx context.Context, path, version string) (bom, error) {
	var b bom
	ref, err := f.ref(path, tagOf(version))
	if err != nil {
		return b, err
	}
	name, content, err := f.file(ctx, ref)
	if err != nil {
		return b, err
	}
	if err := yaml.Unmarshal(content, &b); err != nil {
		return b, fmt.Errorf("%s: reading %s: %w", ref, name, err)
	}
	prefix, err := image.ParsePrefix(b.ImageConfig.ImageRepository)
	if err != nil {
		return b, fmt.Errorf("%s: %s: imageConfig.imageRepository: %w", ref, name, err)
	}
	f.found.Images = append(f.found.Images, ref)
	f.found.Files = append(f.found.Files, File{Name: name, Image: ref, Content: content, Repository: prefix})
	return b, nil
}

// compatibility adds the list of what goes with which command line, which no bill of
// materials names. A mirror of some images may be without it.
func (f *finder) compatibility(ctx context.Context) error {
	const path = "tkg-compatibility"
	tag, err := f.newestTag(ctx, path)
	if _, missing := errors.AsType[*registry.NotFoundError](err); missing {
		f.found.Notes = append(f.found.Notes, fmt.Sprintf("TKG %s: there is no %s, which the tanzu command line asks for", f.release, path))
		return nil
	}
	if err != nil {
		return err
	}
	return f.add(path, tag)
}

// newestTag is the highest of the tags v1, v2, …, v10 of path.
func (f *finder) newestTag(ctx context.Context, path string) (string, error) {
	repository, err := f.ref(path, "v1")
	if err != nil {
		return "", err
	}
	tags, err := f.from.Tags(ctx, repository)
	if err != nil {
		return "", err
	}
	best, newest := -1, ""
	for _, tag := range tags {
		digits, ok := strings.CutPrefix(tag, "v")
		if n, err := strconv.Atoi(digits); ok && err == nil && n > best {
			best, newest = n, tag
		}
	}
	if newest == "" {
		return "", &registry.NotFoundError{Name: repository.Name() + ":v…"}
	}
	return newest, nil
}

// tkrs are the releases of Kubernetes to take.
func (f *finder) tkrs(ctx context.Context, tkg bom) ([]string, error) {
	path := tkg.TKRCompatibility.or("tkr-compatibility")
	tag, err := f.newestTag(ctx, path)
	if err != nil {
		return nil, err
	}
	ref, err := f.ref(path, tag)
	if err != nil {
		return nil, err
	}
	f.found.Images = append(f.found.Images, ref)
	supported, err := f.compatible(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(f.release.TKRs) == 0 {
		return supported, nil
	}
	var unknown []string
	for _, tkr := range f.release.TKRs {
		same := func(s string) bool { return tagOf(s) == tagOf(tkr) }
		if !slices.ContainsFunc(supported, same) {
			unknown = append(unknown, tkr)
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("it does not go with TKr %s, but with %s", strings.Join(unknown, ", "), strings.Join(supported, ", "))
	}
	return f.release.TKRs, nil
}

// compatible reads which TKrs go with the release.
func (f *finder) compatible(ctx context.Context, ref image.Ref) ([]string, error) {
	name, content, err := f.file(ctx, ref)
	if err != nil {
		return nil, err
	}
	var list struct {
		Versions []struct {
			Version   string   `yaml:"version"`
			Supported []string `yaml:"supportedKubernetesVersions"`
		} `yaml:"managementClusterVersions"`
	}
	if err := yaml.Unmarshal(content, &list); err != nil {
		return nil, fmt.Errorf("%s: reading %s: %w", ref, name, err)
	}
	for _, v := range list.Versions {
		if tagOf(v.Version) == tagOf(f.release.Version) {
			return v.Supported, nil
		}
	}
	return nil, fmt.Errorf("%s: %s does not say which TKrs go with %s", ref, name, f.release.Version)
}
