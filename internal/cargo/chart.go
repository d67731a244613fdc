package cargo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

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

// A Chart is one chart of a cargo.
type Chart struct {
	chart.Packed
	Artifact image.Ref // what it is in the registry that it came from; zero if it came from elsewhere
	from     string    // as people may see it
}

// Charts are the charts, in the order in which they were named, each once.
func (c *Cargo) Charts() []Chart { return c.charts }

// addCharts adds charts: their packages, an index of these, and the images that their
// values name.
func (c *Cargo) addCharts(ctx context.Context, s Sources, d *download.Client) error {
	var errs []error
	for _, one := range s.Charts {
		found, err := fetchChart(ctx, one, d, s.Registry)
		if err == nil {
			err = c.addChart(found)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.Place, err))
		}
	}
	if err := errors.Join(errs...); err != nil || len(c.charts) == 0 {
		return err
	}
	var packed []chart.Packed
	for i := range c.charts {
		packed = append(packed, c.charts[i].Packed)
	}
	index, err := chart.Index(packed)
	if err != nil {
		return err
	}
	return c.AddFile(inMemory(path.Join(charts, chart.IndexName), "", index), "the index of charts")
}

// fetchChart reads a chart from where it is.
func fetchChart(ctx context.Context, one site.Chart, d *download.Client, open func(image.Ref) (registry.Lister, error)) (found Chart, err error) {
	if err := one.Check(); err != nil {
		return found, err
	}
	from, sum := one.From, one.SHA256
	if one.Name != "" {
		text, err := d.Read(ctx, indexAt(from), "")
		if err != nil {
			return found, err
		}
		at, published, err := chart.Find(text, from, one.Name, one.Version)
		if err != nil {
			return found, fmt.Errorf("%s: %w", download.Shown(indexAt(from)), err)
		}
		if from = at; sum == "" {
			sum = published
		}
	}
	found.from = download.Shown(from)
	if name, tagged := strings.CutPrefix(from, site.OCI); tagged {
		err = found.fetch(ctx, one, name, open)
	} else {
		found.Raw, err = d.Read(ctx, from, sum)
	}
	if err != nil {
		return found, err
	}
	if found.Chart, err = chart.Read(found.Raw); err != nil {
		return found, fmt.Errorf("%s: %w", found.from, err)
	}
	return found, nil
}

// fetch reads the chart out of the registry where it is called name.
func (c *Chart) fetch(ctx context.Context, one site.Chart, name string, open func(image.Ref) (registry.Lister, error)) error {
	ref, err := image.Parse(name)
	if err != nil {
		return err
	}
	if one.Name == "" && one.Version != "" {
		ref.Tag = strings.ReplaceAll(one.Version, "+", "_")
	}
	remote, err := open(ref)
	if err != nil {
		return err
	}
	c.Artifact = ref
	if c.Raw, err = chart.Fetch(ctx, remote, ref); err != nil || one.SHA256 == "" {
		return err
	}
	if sum := sha256.Sum256(c.Raw); hex.EncodeToString(sum[:]) != one.SHA256 {
		return fmt.Errorf("%s: the sha256 of its package is %x, not %s", ref, sum, one.SHA256)
	}
	return nil
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

// addChart adds a chart, unless it is there.
func (c *Cargo) addChart(one Chart) error {
	at := slices.IndexFunc(c.charts, func(other Chart) bool { return other.FileName() == one.FileName() })
	if at >= 0 && !bytes.Equal(c.charts[at].Raw, one.Raw) {
		return fmt.Errorf("%s: both %s and %s would be carried under this name", one.FileName(), c.charts[at].from, one.from)
	}
	if at >= 0 {
		return nil
	}
	if err := c.AddFile(inMemory(path.Join(charts, one.FileName()), one.from, one.Raw), one.from); err != nil {
		return err
	}
	tags := sync.OnceValue(one.Tags) // of most charts nobody asks
	for _, values := range one.Values {
		if err := c.addValues(one.Chart, values, tags); err != nil {
			return err
		}
	}
	c.Notes = append(c.Notes, one.FileName()+": of its images, those that its values name are known; what its templates make up stands in helm template: name its output with --filename")
	c.charts = append(c.charts, one)
	return nil
}

// addValues adds the images that a values.yaml names in full, and those that the templates
// beside it give a tag. Which tag others get is known only to whoever installs the chart.
func (c *Cargo) addValues(one *chart.Chart, values chart.Document, tags func() chart.Tags) error {
	f, err := manifest.Parse(one.FileName()+":"+values.Path, values.Content)
	if err != nil {
		return err
	}
	list := c.NewList()
	for u := range f.Uses() {
		if u.Prefix || isFull(u.Written) {
			list.Add(slices.Values([]manifest.Use{u}))
			continue
		}
		place := fmt.Sprintf("%s:%s:%d:%d", one.FileName(), values.Path, u.Line, u.Column)
		given := tags().Of(values, u.Written)
		for _, tag := range given {
			u.Ref.Tag = tag
			list.Add(slices.Values([]manifest.Use{u}))
		}
		switch {
		case u.Confidence < manifest.Likely:
		case len(given) > 0:
			c.Notes = append(c.Notes, fmt.Sprintf("%s: %s has no tag there: the chart's templates give it %s", place, u.Written, strings.Join(given, " and ")))
		default:
			c.Notes = append(c.Notes, fmt.Sprintf("%s: %s has no tag there: a template gives it one", place, u.Written))
		}
	}
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
