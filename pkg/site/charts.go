package site

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// OCI is what the name of a chart in a registry begins with.
const OCI = "oci://"

// A Chart is a chart of Helm that is carried.
type Chart struct {
	Place string
	// From is a package (URL or path), a registry's (oci://HOST/NAME[:VERSION]), or, with
	// Name, the repository (URL or path of the folder that its index.yaml is in).
	From    string
	Name    string // in the repository
	Version string // in the repository, or the tag in the registry
	SHA256  string // of the package: 64 hexadecimal digits, may be empty
}

// Check says what does not fit together.
func (c Chart) Check() error {
	registry, tagged := strings.CutPrefix(c.From, OCI)
	switch {
	case tagged && c.Name != "":
		return errors.New("a chart in a registry has its name in its reference: oci://HOST/NAME")
	case tagged:
		ref, err := image.Parse(registry)
		if err != nil {
			return err
		}
		if written := ref.Digest != "" || strings.Contains(registry[strings.LastIndexByte(registry, '/')+1:], ":"); written == (c.Version != "") {
			return errors.New("say which version of the chart, once: oci://HOST/NAME:VERSION, or version")
		}
	case c.Name == "" && c.Version != "":
		return errors.New("a version is for a chart in a repository, with its name, or in a registry")
	case c.Name != "" && c.Version == "":
		return errors.New("say which version of the chart: what is the latest one changes")
	}
	return nil
}

// chart reads a URL or path, or a mapping that says more.
func (d *decoder) chart(n *yaml.Node) (Chart, bool) {
	c := Chart{Place: d.place(n)}
	before := len(d.errs)
	from := func(n *yaml.Node) {
		if text, ok := d.text(n); ok && strings.HasPrefix(text, OCI) {
			c.From = text
		} else if ok {
			c.From = d.source(n)
		}
	}
	if resolve(n).Kind == yaml.ScalarNode {
		from(n)
	} else {
		d.mapping(n, []key{
			{name: "from", required: true, read: from},
			{name: "name", read: func(n *yaml.Node) { c.Name, _ = d.word(n) }},
			{name: "version", read: func(n *yaml.Node) { c.Version, _ = d.text(n) }},
			{name: "sha256", read: func(n *yaml.Node) { c.SHA256 = d.sha256(n) }},
		})
	}
	if len(d.errs) > before {
		return c, false
	}
	return c, d.check(n, c.Check()) && d.once(n, strings.TrimSpace(strings.Join([]string{"the chart", c.From, c.Name, c.Version}, " ")))
}

// sources reads a list of URLs or paths.
func (d *decoder) sources(n *yaml.Node) []string {
	return each(d, n, func(n *yaml.Node) (string, bool) { s := d.source(n); return s, s != "" })
}
