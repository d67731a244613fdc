// Package chart reads packages of Helm, and makes of them what registries and chart
// repositories hold: OCI artifacts as helm push makes them, and index.yaml.
package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Limits of a package, those of Helm where it has any
// (helm.sh/helm/v3/pkg/chart/loader/archive.go).
const (
	MaxSize    = 100 << 20 // bytes of a package, packed and unpacked
	maxEntries = 10_000
	maxFile    = 5 << 20 // bytes of Chart.yaml, and of a values.yaml

	maxTemplate  = 256 << 10 // bytes of a template that is read: nested, it takes a stack
	maxTemplates = 8 << 20   // bytes of all of them; more stay unread
)

// A Chart is what a package says of itself.
type Chart struct {
	Metadata
	// Values are the values.yaml of the chart and of the charts in it, by their paths in
	// the package, sorted as there.
	Values []Document

	folder    string            // that it is in, in the package
	templates []Document        // of it and of the charts in it, sorted as in the package
	inner     map[string][]byte // Chart.yaml of the charts in it, by their folders
}

// A Document is a file of a package.
type Document struct {
	Path    string // NAME/values.yaml, NAME/charts/OTHER/values.yaml
	Content []byte
}

// Metadata is Chart.yaml (https://helm.sh/docs/topics/charts/#the-chartyaml-file), in the
// order in which Helm writes it into configurations of artifacts and into index.yaml.
type Metadata struct {
	Name         string            `json:"name"`
	Home         string            `json:"home,omitempty"`
	Sources      []string          `json:"sources,omitempty"`
	Version      string            `json:"version"`
	Description  string            `json:"description,omitempty"`
	Keywords     []string          `json:"keywords,omitempty"`
	Maintainers  []Maintainer      `json:"maintainers,omitempty"`
	Icon         string            `json:"icon,omitempty"`
	APIVersion   string            `json:"apiVersion"`
	Condition    string            `json:"condition,omitempty"`
	Tags         string            `json:"tags,omitempty"`
	AppVersion   string            `json:"appVersion,omitempty"`
	Deprecated   bool              `json:"deprecated,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	KubeVersion  string            `json:"kubeVersion,omitempty"`
	Dependencies []Dependency      `json:"dependencies,omitempty"`
	Type         string            `json:"type,omitempty"`
}

// A Maintainer is one of a chart's.
type Maintainer struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	URL   string `json:"url,omitempty"`
}

// A Dependency is a chart that another one needs.
type Dependency struct {
	Name         string   `json:"name"`
	Version      string   `json:"version,omitempty"`
	Repository   string   `json:"repository"`
	Condition    string   `json:"condition,omitempty"`
	Tags         []string `json:"tags,omitempty"`
	Enabled      bool     `json:"enabled,omitempty"`
	ImportValues []any    `json:"import-values,omitempty"`
	Alias        string   `json:"alias,omitempty"`
}

const maxName = 250 // characters, as Helm has it; in the expression it would cost every command two milliseconds

var (
	nameRule    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	versionRule = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// Read reads a package, NAME-VERSION.tgz, which may be from anyone. Nothing in it is
// unpacked or run.
func Read(raw []byte) (*Chart, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("it has more than %d bytes, too many for a chart", MaxSize)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("this is no packaged chart: %w", err)
	}
	r := reader{chart: &Chart{inner: map[string][]byte{}}, found: map[string]bool{}}
	limited := &io.LimitedReader{R: z, N: MaxSize + 1}
	if err := r.entries(tar.NewReader(limited)); err != nil {
		if limited.N == 0 {
			err = fmt.Errorf("unpacked it has more than %d bytes", MaxSize)
		}
		return nil, fmt.Errorf("this is no packaged chart: %w", err)
	}
	if r.meta == nil {
		return nil, errors.New("this is no packaged chart: there is no NAME/Chart.yaml in it")
	}
	if err := yaml.Unmarshal(r.meta, &r.chart.Metadata); err != nil {
		return nil, fmt.Errorf("reading Chart.yaml: %w", err)
	}
	return r.chart, r.chart.check()
}

// check says what is wrong with a chart's description of itself.
func (c *Chart) check() error {
	switch {
	case len(c.Name) > maxName || !nameRule.MatchString(c.Name):
		return fmt.Errorf("%.100q, as its Chart.yaml has it, is no name of a chart", c.Name)
	case !versionRule.MatchString(c.Version):
		return fmt.Errorf("%.100q, as its Chart.yaml has it, is no version of a chart, as 1.2.3 is", c.Version)
	case c.APIVersion == "":
		return errors.New("its Chart.yaml says no apiVersion")
	}
	return nil
}

// FileName is what a packaged chart is called.
func (c *Chart) FileName() string { return c.Name + "-" + c.Version + ".tgz" }

// A reader reads the entries of a package.
type reader struct {
	chart     *Chart
	meta      []byte
	found     map[string]bool
	templates int64 // bytes
}

func (r *reader) entries(t *tar.Reader) error {
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == maxEntries:
			return fmt.Errorf("it has more than %d entries", maxEntries)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := r.file(path.Clean(h.Name), h.Size, t); err != nil {
			return fmt.Errorf("%.200q: %w", h.Name, err)
		}
	}
}

// file takes a file that says what the chart is.
func (r *reader) file(name string, size int64, content io.Reader) error {
	first, below, _ := strings.Cut(name, "/")
	inner, file := inside(below)
	isTemplate := strings.HasPrefix(file, "templates/") && slices.Contains([]string{".yaml", ".yml", ".tpl"}, path.Ext(file))
	isMeta := file == "Chart.yaml"
	switch {
	case !isMeta && !isTemplate && file != "values.yaml", isMeta && inner == "" && r.meta != nil:
		return nil
	case isTemplate && (size > maxTemplate || r.templates+size > maxTemplates):
		return nil
	case size > maxFile:
		return fmt.Errorf("it has more than %d bytes", maxFile)
	case r.found[name] && !isTemplate:
		return errors.New("it is there twice")
	}
	r.found[name] = true
	text, err := io.ReadAll(content)
	switch {
	case isTemplate:
		r.templates += size
		r.chart.templates = append(r.chart.templates, Document{name, text})
	case isMeta && inner != "":
		r.chart.inner[path.Join(first, inner)] = text
	case isMeta:
		r.meta, r.chart.folder = append([]byte{}, text...), first
	default:
		r.chart.Values = append(r.chart.Values, Document{name, text})
	}
	return err
}

// inside says in which of the charts in a chart a path below its folder is, empty for the
// chart itself, and where in that: values.yaml, charts/a/values.yaml.
func inside(below string) (inner, file string) {
	file = below
	for {
		rest, ok := strings.CutPrefix(file, "charts/")
		name, more, deep := strings.Cut(rest, "/")
		if !ok || !deep {
			return inner, file
		}
		inner, file = path.Join(inner, "charts", name), more
	}
}
