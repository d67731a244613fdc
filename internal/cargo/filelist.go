package cargo

import (
	"context"
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
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// addFileLists adds the files that lists of URLs name, each below files/ and its host, with
// the checksums that are published for them.
func (c *Cargo) addFileLists(ctx context.Context, s Sources, d *download.Client) error {
	if c.opts.NoFiles || len(s.FileLists) == 0 {
		return nil
	}
	sums, errs := readChecksums(ctx, s.Checksums, d)
	for _, list := range s.FileLists {
		text, err := d.Read(ctx, list, "")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		entries, err := kubespray.ParseFileList(download.Shown(list), text)
		errs = append(errs, err)
		var without []string
		for _, e := range entries {
			sum := sums.of(e.URL)
			if sum == "" {
				without = append(without, download.Shown(e.URL))
			}
			errs = append(errs, c.addFile(ctx, site.File{
				Place: fmt.Sprintf("%s:%d:1", download.Shown(list), e.Line), Parts: []string{e.URL}, Path: path.Join(files, e.Path), SHA256: sum,
			}, d))
		}
		if len(without) > 0 && len(s.Checksums) > 0 {
			c.Notes = append(c.Notes, fmt.Sprintf("%s: of %d of its %d files nothing says the sha256: %s", download.Shown(list), len(without), len(entries), strings.Join(without, ", ")))
		}
	}
	return errors.Join(errs...)
}

// checksums are those of files at URLs: Kubespray's, and what sha256sum wrote.
type checksums struct {
	kubespray []*kubespray.Checksums
	texts     [][]byte
}

func readChecksums(ctx context.Context, places []string, d *download.Client) (sums checksums, errs []error) {
	for _, place := range places {
		text, err := d.Read(ctx, place, "")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		switch strings.ToLower(path.Ext(webPath(place))) {
		case ".yml", ".yaml":
			known, err := kubespray.ParseChecksums(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", download.Shown(place), err))
				continue
			}
			sums.kubespray = append(sums.kubespray, known)
		default:
			sums.texts = append(sums.texts, text)
		}
	}
	return sums, errs
}

// of is the checksum of the file at a URL, empty if none is known.
func (s checksums) of(url string) string {
	for _, known := range s.kubespray {
		if sum, ok := known.SHA256(url); ok {
			return sum
		}
	}
	for _, text := range s.texts {
		if sum, err := download.ParseChecksum(text, url); err == nil {
			return sum
		}
	}
	return ""
}

// checkList refuses a list whose variables were not filled in. Manifests are none.
func checkList(in *input.Input, f *manifest.File) error {
	const large = 1 << 20 // no list is
	switch strings.ToLower(filepath.Ext(in.Name)) {
	case ".yaml", ".yml", ".json":
		return nil
	}
	if len(f.Source()) > large || !strings.Contains(f.Source(), "{") {
		return nil
	}
	return kubespray.CheckList(in.Name, []byte(f.Source()))
}

// addFolder adds all files below a folder of this machine, such as a mirror of packages of
// an operating system. A link counts as what it leads to, if that is a file of the folder.
func (c *Cargo) addFolder(ctx context.Context, f site.File) error {
	if f.SHA256 != "" || f.SHA256URL != "" || f.Mode != "" {
		return fmt.Errorf("%s: it is a folder, which has no sha256 and no mode of its own", f.Parts[0])
	}
	dir, to := f.Parts[0], f.Path
	if to == "" || to == usualPath(dir) {
		to = path.Join(files, filepath.Base(filepath.Clean(dir)))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // it was only read
	before := len(c.files)
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := root.Stat(filepath.FromSlash(name))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: it is neither a file nor a link to one", filepath.Join(dir, name))
		}
		return c.AddFile(fileOf(dir, name, path.Join(to, name), info), filepath.Join(dir, name))
	})
	if err == nil && len(c.files) == before && !c.opts.NoFiles {
		err = fmt.Errorf("%s: there is no file in it", dir)
	}
	return err
}

// fileOf is a file of a folder, which is opened in the folder again when it is carried.
func fileOf(dir, name, to string, info fs.FileInfo) bundle.File {
	return bundle.File{
		Path: to, Size: info.Size(), Mode: info.Mode().Perm(),
		Open: func(context.Context) (io.ReadCloser, error) { return os.OpenInRoot(dir, filepath.FromSlash(name)) },
	}
}

// isFolder says whether a file that is to be carried is a folder of this machine.
func isFolder(f site.File) bool {
	if len(f.Parts) != 1 || strings.Contains(f.Parts[0], "://") {
		return false
	}
	info, err := os.Stat(f.Parts[0])
	return err == nil && info.IsDir()
}
