package cargo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/chart"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// charts is the folder of an archive that has charts and their index, and the group of
// their images.
const charts = "charts"

// addCharts adds charts: their packages, an index of these, and the images that their
// values name.
func (c *Cargo) addCharts(ctx context.Context, s Sources, d *download.Client) error {
	var errs []error
	var packed []chart.Packed
	for _, one := range s.Charts {
		raw, from, err := fetchChart(ctx, one, d, s.Registry)
		if err == nil {
			packed, err = c.addChart(packed, from, raw)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.Place, err))
		}
	}
	if err := errors.Join(errs...); err != nil || len(packed) == 0 {
		return err
	}
	index, err := chart.Index(packed)
	if err != nil {
		return err
	}
	return c.AddFile(inMemory(path.Join(charts, chart.IndexName), "", index), "the index of charts")
}

// fetchChart reads a chart's package, and says where it came from.
func fetchChart(ctx context.Context, one site.Chart, d *download.Client, open func(image.Ref) (registry.Lister, error)) (raw []byte, from string, err error) {
	if err := one.Check(); err != nil {
		return nil, "", err
	}
	from, sum := one.From, one.SHA256
	if one.Name != "" {
		text, err := d.Read(ctx, indexAt(from), "")
		if err != nil {
			return nil, "", err
		}
		found, published, err := chart.Find(text, from, one.Name, one.Version)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", download.Shown(indexAt(from)), err)
		}
		if from = found; sum == "" {
			sum = published
		}
	}
	name, tagged := strings.CutPrefix(from, site.OCI)
	if !tagged {
		raw, err = d.Read(ctx, from, sum)
		return raw, from, err
	}
	ref, err := image.Parse(name)
	if err != nil {
		return nil, "", err
	}
	if one.Name == "" && one.Version != "" {
		ref.Tag = strings.ReplaceAll(one.Version, "+", "_")
	}
	remote, err := open(ref)
	if err != nil {
		return nil, "", err
	}
	raw, err = chart.Fetch(ctx, remote, ref)
	return raw, from, err
}

// indexAt is where the index of a repository is, whatever parameters its URL has.
func indexAt(repository string) string {
	if !strings.Contains(repository, "://") {
		return path.Join(repository, chart.IndexName)
	}
	before, query, asked := strings.Cut(repository, "?")
	before = strings.TrimRight(before, "/") + "/" + chart.IndexName
	if asked {
		before += "?" + query
	}
	return before
}

// addChart adds a package to those that are there.
func (c *Cargo) addChart(packed []chart.Packed, from string, raw []byte) ([]chart.Packed, error) {
	one, err := chart.Read(raw)
	if err != nil {
		return packed, fmt.Errorf("%s: %w", download.Shown(from), err)
	}
	file := inMemory(path.Join(charts, one.FileName()), from, raw)
	if err := c.AddFile(file, download.Shown(from)); err != nil {
		return packed, err
	}
	for _, values := range one.Values {
		if err := c.addValues(one, values); err != nil {
			return packed, err
		}
	}
	if slices.ContainsFunc(packed, func(p chart.Packed) bool { return p.FileName() == one.FileName() }) {
		return packed, nil // it is the same, or AddFile would have said so
	}
	c.Notes = append(c.Notes, one.FileName()+": of its images, those that its values name are known; what its templates make up stands in helm template: name its output with --filename")
	return append(packed, chart.Packed{Chart: one, Raw: raw}), nil
}

// addValues adds the images that a values.yaml names in full. A name without tag or digest
// gets one from a template: which, nobody knows here.
func (c *Cargo) addValues(one *chart.Chart, values chart.Document) error {
	f, err := manifest.Parse(one.FileName()+":"+values.Path, values.Content)
	if err != nil {
		return err
	}
	list := c.NewList()
	list.Add(func(yield func(manifest.Use) bool) {
		for u := range f.Uses() {
			if !u.Prefix && !isFull(u.Written) {
				if u.Confidence >= manifest.Likely {
					c.Notes = append(c.Notes, fmt.Sprintf("%s:%s:%d:%d: %s has no tag there: a template gives it one", one.FileName(), values.Path, u.Line, u.Column, u.Written))
				}
				continue
			}
			if !yield(u) {
				return
			}
		}
	})
	c.AddImages(charts, list)
	return nil
}

// isFull says whether a reference has a tag or a digest.
func isFull(written string) bool {
	return strings.Contains(written, "@") || strings.Contains(written[strings.LastIndexByte(written, '/')+1:], ":")
}

// Charts reads the charts of an archive, in the order of their paths.
func Charts(a *bundle.Archive) ([]chart.Packed, error) {
	var packed []chart.Packed
	var errs []error
	for _, f := range a.Lock().Files {
		if path.Dir(f.Path) != charts || path.Ext(f.Path) != ".tgz" || f.Size > chart.MaxSize {
			continue
		}
		content, err := a.OpenFile(f.Path)
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(content)
		if err == nil {
			var one *chart.Chart
			one, err = chart.Read(raw)
			packed = append(packed, chart.Packed{Chart: one, Raw: raw})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Path, err))
		}
	}
	return packed, errors.Join(errs...)
}
