package cargo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/internal/input"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/tkg"
)

// The folders of an archive in which files are found again.
const (
	resources = "resources" // manifests, by their group
	files     = "files"     // files without a path of their own
	ovas      = "ovas"      // images of virtual machines
)

// Sources are everything that a cargo is gathered from.
type Sources struct {
	Inputs      input.Set       // manifests that are read here
	Groups      []site.Group    // manifests by group, here or at URLs
	Providers   []site.Provider // releases of providers of Cluster API
	CertManager string          // a version of cert-manager, as site.Site has it
	Kubernetes  *imagelist.List // what Kubernetes versions pull; may be nil
	Cluster     *imagelist.List // what the objects of a cluster name; may be nil
	Images      []image.Ref     // more images
	ImageFile   string          // the site file that names them; empty if flags do
	ImagePlaces []site.Position // where each of them stands in it
	Files       []site.File     // more files
	FileLists   []string        // lists of URLs of more files: URLs or paths
	Checksums   []string        // files that say what they hash to: URLs or paths
	Charts      []site.Chart    // charts of Helm
	Snaps       []string        // paths of snaps of Canonical Kubernetes
	Unsquashfs  string          // the program that reads them
	TKG         []tkg.Release   // releases of Tanzu Kubernetes Grid
	// Registry gives the registry that an image is in, for what only a registry tells.
	Registry func(image.Ref) (registry.Lister, error)
}

// Gather reads all sources. What cannot be read is an error, all of them are
// reported at once. Nothing large is fetched: files are only asked for their size
// and their checksum.
func (c *Cargo) Gather(ctx context.Context, s Sources, d *download.Client) error {
	errs := []error{c.addInputs(ctx, s.Inputs)}
	for _, group := range s.Groups {
		for _, m := range group.Manifests {
			errs = append(errs, c.addManifest(ctx, group.Name, m, d))
		}
	}
	errs = append(errs, c.addReleases(ctx, s, d))
	if s.Kubernetes != nil {
		c.AddImages("kubernetes", s.Kubernetes)
	}
	if s.Cluster != nil {
		c.AddImages("", s.Cluster)
	}
	errs = append(errs, c.addTKG(ctx, s.TKG, s.Registry))
	errs = append(errs, c.addCharts(ctx, s, d), c.addFileLists(ctx, s, d))
	c.addNamed(s)
	for _, f := range s.Files {
		errs = append(errs, c.addFile(ctx, f, d))
	}
	errs = append(errs, c.addSnaps(ctx, s, d), c.checkSnaps(ctx))
	return errors.Join(errs...)
}

// addNamed adds the images that the user named one by one.
func (c *Cargo) addNamed(s Sources) {
	const rule = "image-named"
	list := c.NewList()
	if s.ImageFile == "" {
		list.AddLines("--image", rule, s.Images)
	} else {
		for i, ref := range s.Images {
			list.AddAt(s.ImageFile, s.ImagePlaces[i].Line, s.ImagePlaces[i].Column, rule, ref)
		}
	}
	c.AddImages("", list)
}

// A found is what one input has.
type found struct {
	list  *imagelist.List
	file  bundle.File
	notes []string
}

func (c *Cargo) addInputs(ctx context.Context, set input.Set) error {
	return c.addSet(ctx, set, (*input.Input).Group, resources)
}

// addSet adds inputs: their images, by group, and themselves as files below a folder.
func (c *Cargo) addSet(ctx context.Context, set input.Set, group func(*input.Input) string, below string) error {
	all, err := input.Each(ctx, set.Inputs, func(in *input.Input, f *manifest.File) (found, error) {
		list := c.NewList()
		list.Add(f.Uses())
		notes, err := fileNotes(f)
		err = errors.Join(err, checkList(in, f))
		if c.opts.NoFiles || err != nil {
			return found{list: list, notes: notes}, err
		}
		return found{list, inputFile(in, f, below), notes}, nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for i := range all {
		c.AddImages(group(&set.Inputs[i]), all[i].list)
		c.Notes = append(c.Notes, all[i].notes...)
		errs = append(errs, c.AddFile(all[i].file, set.Inputs[i].Name))
	}
	return errors.Join(errs...)
}

// inputFile is an input as a file of the archive. A file is read again when it is
// carried, what is no file stays in memory.
func inputFile(in *input.Input, f *manifest.File, below string) bundle.File {
	to := path.Join(below, filepath.ToSlash(in.Rel))
	if in.File == "" {
		return inMemory(to, in.Name, []byte(f.Source()))
	}
	sum := sha256.New()
	io.WriteString(sum, f.Source()) //nolint:errcheck // a hash takes everything
	return bundle.File{
		Path: to, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: int64(len(f.Source())), Mode: in.Mode.Perm(),
		Open: func(context.Context) (io.ReadCloser, error) { return os.Open(in.File) },
	}
}

// inMemory is a file whose content is at hand.
func inMemory(to, url string, content []byte) bundle.File {
	sum := sha256.Sum256(content)
	return bundle.File{
		Path: to, URL: webAddress(url), SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// webAddress is a URL as people may see it; what is none, such as a path of the
// machine that gathers, is nobody's business in an archive.
func webAddress(s string) string {
	if !strings.Contains(s, "://") {
		return ""
	}
	return download.Shown(s)
}

// addManifest adds a manifest, or a folder of them, that a site file names.
func (c *Cargo) addManifest(ctx context.Context, group string, m site.Manifest, d *download.Client) error {
	if m.Path != "" && m.SHA256 == "" {
		return c.addPath(ctx, group, m)
	}
	from := m.URL + m.Path
	content, err := d.Read(ctx, from, m.SHA256)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Place, err)
	}
	return c.AddDocument(group, path.Join(resources, group, m.Name), from, content)
}

// AddDocument adds a manifest whose content is at hand: its images, and itself as the
// file at to. from is where it came from.
func (c *Cargo) AddDocument(group, to, from string, content []byte) error {
	f, err := manifest.Parse(download.Shown(from), content)
	if err != nil {
		return err
	}
	notes, err := fileNotes(f)
	if err != nil {
		return err
	}
	c.Notes = append(c.Notes, notes...)
	list := c.NewList()
	list.Add(f.Uses())
	c.AddImages(group, list)
	return c.AddFile(inMemory(to, from, content), download.Shown(from))
}

// addPath adds a file or a folder of this machine. Its group is the one it is named in,
// whatever folders are in it.
func (c *Cargo) addPath(ctx context.Context, group string, m site.Manifest) error {
	set := input.Find(input.Options{Filenames: []string{m.Path}})
	err := c.addSet(ctx, set, func(*input.Input) string { return group }, path.Join(resources, group))
	if err != nil {
		return fmt.Errorf("%s: %w", m.Place, err)
	}
	return nil
}

// addFile adds a file that is neither manifest nor image.
func (c *Cargo) addFile(ctx context.Context, f site.File, d *download.Client) error {
	if isFolder(f) {
		if err := c.addFolder(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.Place, err)
		}
		return nil
	}
	file, err := c.describe(ctx, f, d)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Place, err)
	}
	return c.AddFile(file, download.Shown(f.Parts[0]))
}

// describe asks for the size and the checksum of a file.
func (c *Cargo) describe(ctx context.Context, f site.File, d *download.Client) (bundle.File, error) {
	file := bundle.File{Path: f.Path, URL: webAddress(f.Parts[0]), SHA256: f.SHA256}
	if file.Path == "" {
		file.Path = usualPath(f.Parts[0])
	}
	mode, err := parseMode(f.Mode)
	if err != nil {
		return file, err
	}
	file.Mode = mode
	if f.SHA256URL != "" {
		if file.SHA256, err = d.Checksum(ctx, f.SHA256URL, publishedName(f, file.Path)); err != nil {
			return file, err
		}
	}
	file.Open, file.Size, err = d.Join(ctx, f.Parts)
	if err == nil && file.Size < 0 {
		return file, fmt.Errorf("%s: its server does not say how large it is; fetch it to this machine and name the path", file.URL)
	}
	return file, err
}

// publishedName is what the file is called where its checksum is published: of one that
// is published in parts, the whole is meant.
func publishedName(f site.File, to string) string {
	if len(f.Parts) > 1 {
		return path.Base(to)
	}
	return webPath(f.Parts[0])
}

func parseMode(octal string) (fs.FileMode, error) {
	if octal == "" {
		return 0, nil
	}
	var mode uint32
	if _, err := fmt.Sscanf(octal, "%o", &mode); err != nil || mode > 0o777 {
		return 0, fmt.Errorf("mode %q: it is octal, as 0755", octal)
	}
	return fs.FileMode(mode), nil
}

// usualPath is where a file belongs in the archive if nobody says otherwise: OVAs as
// in the walk-through of 2020, all else below files.
func usualPath(from string) string {
	base := path.Base(webPath(from))
	if strings.EqualFold(path.Ext(base), ".ova") {
		return path.Join(ovas, base)
	}
	return path.Join(files, base)
}

// webPath is a URL or path without query.
func webPath(from string) string {
	if strings.Contains(from, "://") {
		from, _, _ = strings.Cut(from, "?")
	}
	return filepath.ToSlash(from)
}
