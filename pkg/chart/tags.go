package chart

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"sigs.k8s.io/yaml"
)

const (
	maxCopies = 8  // of a chart in another one, under as many aliases
	maxTags   = 16 // of one name
)

// Tags are the tags that the templates of a package give to images which its values name
// without one.
type Tags struct {
	found map[string]map[string][]string // by the folder of a chart and the name of the image
}

// Of are the tags that the templates beside a values.yaml give an image, which is spelled as
// the values do: v1 for quay.io/acme/a, where they make quay.io/acme/a:v1 of it. They are
// sorted, each once; there are none where only an installation tells.
func (t Tags) Of(values Document, name string) []string { return t.found[path.Dir(values.Path)][name] }

// Tags follows the templates of the package, with the values that it brings along, as far
// as what they say does not hang on an installation. So the tag is known that helm create
// has charts give their image: .Values.image.tag | default .Chart.AppVersion.
func (c *Chart) Tags() Tags {
	f := follower{chart: c, about: map[string]Metadata{c.folder: c.Metadata}, values: map[string][]map[string]any{}, steps: maxSteps}
	tags := Tags{map[string]map[string][]string{}}
	for _, v := range c.Values {
		folder := path.Dir(v.Path)
		found := map[string][]string{}
		f.follow(folder, func(text string) {
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(strings.TrimSpace(line), "#") {
					add(found, line)
				}
			}
		})
		for _, all := range found {
			slices.Sort(all)
		}
		tags.found[folder] = found
	}
	return tags
}

// add finds the names in a line, and their tags.
func add(found map[string][]string, line string) {
	for token := range strings.FieldsFuncSeq(line, isBetween) {
		m := tagged.FindStringSubmatch(token)
		if m != nil && len(found[m[1]]) < maxTags && !slices.Contains(found[m[1]], m[2]) {
			found[strings.Clone(m[1])] = append(found[m[1]], strings.Clone(m[2]))
		}
	}
}

// tagged is a name with a tag; whether it is an image, whoever asks for it knows.
var tagged = regexp.MustCompile(`^([a-z0-9][A-Za-z0-9./:_-]*):([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$`)

// isBetween says what stands around references.
func isBetween(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`=,", r) }

// A follower follows the templates of a package.
type follower struct {
	chart  *Chart
	about  map[string]Metadata         // of the charts by their folders, as far as they are read
	values map[string][]map[string]any // the same, of valuesOf
	steps  int
}

// follow gives the texts that the templates of the chart in a folder make.
func (f *follower) follow(folder string, text func(string)) {
	var files []*parse.Tree
	named := map[string]*parse.Tree{}
	for _, t := range f.chart.templates {
		if below, ok := strings.CutPrefix(t.Path, folder+"/templates/"); ok && below != "" {
			files = append(files, trees(t, named)...)
		}
	}
	m := f.metadata(folder)
	about := map[string]any{"Name": m.Name, "Version": m.Version, "AppVersion": m.AppVersion}
	for _, values := range f.valuesOf(folder) {
		e := engine{named: named, top: &top{values: values, chart: about}, steps: &f.steps}
		for _, tree := range files {
			text(e.text(tree))
		}
	}
}

// trees are the templates in a file, those with a name as well, which are named, too. There
// are none in one that is no template.
func trees(t Document, named map[string]*parse.Tree) []*parse.Tree {
	tree := parse.New(t.Path)
	tree.Mode = parse.SkipFuncCheck
	all := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(t.Content), "", "", all); err != nil {
		return nil
	}
	var found []*parse.Tree
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != t.Path {
			named[name] = all[name]
		}
		found = append(found, all[name])
	}
	return found
}

// metadata is what the chart in a folder of the package says of itself, as far as it is
// understood.
func (f *follower) metadata(folder string) Metadata {
	m, known := f.about[folder]
	if !known {
		_ = yaml.Unmarshal(f.chart.inner[folder], &m) // without it nothing is known, which is no error here
		f.about[folder] = m
	}
	return m
}

// valuesOf are the values of the chart in a folder of the package: one for each time that
// it is there (https://helm.sh/docs/chart_template_guide/subcharts_and_globals/).
func (f *follower) valuesOf(folder string) []map[string]any {
	all, known := f.values[folder]
	if known {
		return all
	}
	own := map[string]any{}
	for _, v := range f.chart.Values {
		if path.Dir(v.Path) == folder && yaml.Unmarshal(v.Content, &own) != nil {
			own = map[string]any{}
		}
	}
	if strings.HasPrefix(folder, f.chart.folder+"/charts/") {
		all = f.inside(folder, own)
	} else {
		all = []map[string]any{own}
	}
	f.values[folder] = all
	return all
}

// inside are the values of a chart that is in another one, which has the last word.
func (f *follower) inside(folder string, own map[string]any) (all []map[string]any) {
	above := path.Dir(path.Dir(folder))
	name := f.metadata(folder).Name
	var keys []string
	for _, d := range f.metadata(above).Dependencies {
		switch {
		case d.Name == name && d.Alias != "":
			keys = append(keys, d.Alias)
		case d.Name == name:
			keys = append(keys, name)
		}
	}
	if len(keys) == 0 {
		keys = []string{name}
	}
	for _, parent := range f.valuesOf(above) {
		for _, key := range keys {
			if len(all) == maxCopies {
				return all
			}
			said, _ := parent[key].(map[string]any)
			both := over(own, said)
			if global, ok := parent["global"].(map[string]any); ok {
				both = over(both, map[string]any{"global": global})
			}
			all = append(all, both)
		}
	}
	return all
}

// over is below with what above says otherwise.
func over(below, above map[string]any) map[string]any {
	both := maps.Clone(below)
	if both == nil {
		both = map[string]any{}
	}
	for key, value := range above {
		inner, ok := value.(map[string]any)
		if had, deep := both[key].(map[string]any); ok && deep {
			value = over(had, inner)
		}
		both[key] = value
	}
	return both
}
