package imagelist

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A Format is a way to write a List. To add one, write its function and give it
// a row in formats.
type Format string

// The formats that Write knows.
const (
	FormatText  Format = "text"  // one reference per line
	FormatTable Format = "table" // one use per line, in columns
	FormatJSON  Format = "json"  // an ImageList object
	FormatYAML  Format = "yaml"  // the same as YAML
)

// WriteOptions say how much a format tells. The zero value is brief.
type WriteOptions struct {
	// Explain adds to text and table where in its object each use stands and
	// which rule found it. The object formats always say so.
	Explain bool
}

// A format writes items. Errors of the writer stick to it, so they need no look.
type format struct {
	name  Format
	write func(*bufio.Writer, iter.Seq[Item], WriteOptions) error
}

// formats are all formats, in the order in which help shows them.
func formats() []format {
	return []format{
		{FormatText, writeText},
		{FormatTable, writeTable},
		{FormatJSON, writeJSON},
		{FormatYAML, writeYAML},
	}
}

// Formats names every format that Write knows, the default first.
func Formats() []Format {
	var names []Format
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// Write writes the list in the format f. It fails if w does, or if there is no
// such format.
func (l *List) Write(w io.Writer, f Format, opts WriteOptions) error {
	all := formats()
	i := slices.IndexFunc(all, func(row format) bool { return row.name == f })
	if i < 0 {
		return fmt.Errorf("no output format %q; there are %q", f, Formats())
	}
	buffered := bufio.NewWriter(w)
	err := all[i].write(buffered, l.Items(), opts)
	if broken := buffered.Flush(); broken != nil {
		err = broken // what the format makes of it says less
	}
	if err != nil {
		return fmt.Errorf("writing the image list: %w", err)
	}
	return nil
}

func writeText(w *bufio.Writer, items iter.Seq[Item], opts WriteOptions) error {
	for item := range items {
		fmt.Fprintln(w, item.Image)
		if !opts.Explain {
			continue
		}
		for _, u := range item.Uses {
			fmt.Fprintf(w, "    %s: %s: %s, %s by rule %s\n", u.place(), u.within(), u.Form, u.Confidence, u.Rule)
		}
	}
	return nil
}

func writeTable(w *bufio.Writer, items iter.Seq[Item], opts WriteOptions) error {
	var widths []int
	for row := range rows(items, opts) {
		widths = append(widths, make([]int, len(row)-len(widths))...)
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	const gap = 3
	for row := range rows(items, opts) {
		last := len(row) - 1
		for i, cell := range row[:last] {
			w.WriteString(cell)                                                            //nolint:errcheck // an error sticks to w
			w.WriteString(strings.Repeat(" ", widths[i]+gap-utf8.RuneCountInString(cell))) //nolint:errcheck // as above
		}
		fmt.Fprintln(w, row[last])
	}
	return nil
}

// rows are the lines of the table, the first one its header. They are made twice, once to
// find the widths of the columns, as text/tabwriter would keep them all in memory.
func rows(items iter.Seq[Item], opts WriteOptions) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		header := []string{"IMAGE", "PLACE", "FORM", "CONFIDENCE", "RULE", "OBJECT", "PATH"}
		if !opts.Explain {
			header = header[:4]
		}
		if !yield(header) {
			return
		}
		for item := range items {
			for _, u := range item.Uses {
				place := u.place()
				if !opts.Explain {
					place = u.Place()
				}
				row := []string{item.Image, place, string(u.Form), u.Confidence, u.Rule, orNone(u.Object), orNone(u.Path)}
				if !yield(row[:len(header)]) {
					return
				}
			}
		}
	}
}

// Place is where the use stands: FILE:LINE:COLUMN, as editors and compilers write it. What is
// in no file but in a cluster has its object instead.
func (u *Use) Place() string {
	if u.Line == 0 && u.Object != "" {
		return u.File + ": " + u.Object
	}
	return u.place()
}

// place is Place, without the object.
func (u *Use) place() string {
	if u.Line == 0 {
		return u.File
	}
	return fmt.Sprintf("%s:%d:%d", u.File, u.Line, u.Column)
}

// within is the object and the path in it; a plain list has neither.
func (u *Use) within() string {
	switch {
	case u.Object == "" && u.Path == "":
		return "a line"
	case u.Object == "":
		return u.Path
	}
	return u.Object + " " + u.Path
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}

// An object is what the object formats show.
type object struct {
	APIVersion string `json:"apiVersion" yaml:"apiVersion"`
	Kind       string `json:"kind" yaml:"kind"`
	Items      []Item `json:"items" yaml:"items"`
}

// An encoding writes objects.
type encoding struct {
	encode func(io.Writer, object) error
	head   string // the end of what stands before the first item
	comma  string // what stands between two items
	tail   string // what stands behind the last one
}

func writeJSON(w *bufio.Writer, items iter.Seq[Item], _ WriteOptions) error {
	return encoding{encodeJSON, "\"items\": [\n", ",\n", "\n  ]\n}\n"}.write(w, items)
}

func encodeJSON(w io.Writer, o object) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(o)
}

func writeYAML(w *bufio.Writer, items iter.Seq[Item], _ WriteOptions) error {
	return encoding{encodeYAML, "\nitems:\n", "", ""}.write(w, items)
}

func encodeYAML(w io.Writer, o object) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(o); err != nil {
		return err
	}
	return encoder.Close()
}

// maxBatch is how many items are encoded at once. The encoders keep all that they
// encode in memory, several times.
const maxBatch = 100

// write writes the object that holds the items, encoded batch by batch.
func (e encoding) write(w *bufio.Writer, items iter.Seq[Item]) error {
	batch, first := make([]Item, 0, maxBatch), true
	for item := range items {
		if len(batch) == maxBatch {
			if err := e.writeBatch(w, batch, first); err != nil {
				return err
			}
			batch, first = batch[:0], false
		}
		batch = append(batch, item)
	}
	err := e.writeBatch(w, batch, first)
	if len(batch) > 0 {
		w.WriteString(e.tail) //nolint:errcheck // an error sticks to w
	}
	return err
}

// writeBatch writes the items of a batch without the tail; the first one with the head.
func (e encoding) writeBatch(w *bufio.Writer, batch []Item, first bool) error {
	var b strings.Builder
	if err := e.encode(&b, object{"kubectl-airgap.io/v1alpha1", "ImageList", batch}); err != nil {
		return err
	}
	text := b.String()
	if len(batch) > 0 {
		text = strings.TrimSuffix(text, e.tail)
	}
	if !first {
		_, text, _ = strings.Cut(text, e.head)
		text = e.comma + text
	}
	_, err := w.WriteString(text)
	return err
}
