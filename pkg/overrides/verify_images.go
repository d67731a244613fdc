package overrides

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/config"
	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/yamlprocessor"
	"sigs.k8s.io/cluster-api/util/container"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// readImages gives the section images to clusterctl's own code, to ask it later what it
// makes of images.
func (v *verifier) readImages(ctx context.Context) error {
	section := value(v.root, "images")
	if section == nil {
		return nil
	}
	spelled, err := yaml.Marshal(section)
	if err != nil {
		return fmt.Errorf("reading images of %s: %w", v.name, err)
	}
	reader := config.NewMemoryReader()
	reader.Set("images", string(spelled))
	client, err := config.New(ctx, "", config.InjectReader(reader))
	if err != nil {
		return fmt.Errorf("asking clusterctl for images: %w", err)
	}
	v.alter = client.ImageMeta().AlterImage
	return nil
}

// checkFiles looks at the files of the releases that clusterctl may read.
func (v *verifier) checkFiles(ctx context.Context) error {
	for _, r := range v.releases {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, path := range v.files(&r) {
			v.checkFile(r, path, filepath.Base(path) == r.provider.File)
		}
	}
	return nil
}

// files are the components and the templates of a release, as clusterctl finds them.
func (v *verifier) files(r *verified) []string {
	seen := map[string]bool{} // what is in the overrides hides what is in the repository
	var all []string
	for _, dir := range v.folders(&r.entry, r.release) {
		for _, name := range yamlFiles(dir) {
			if !seen[name] && (name == r.provider.File || isTemplate(name)) {
				seen[name] = true
				all = append(all, filepath.Join(dir, name))
			}
		}
	}
	return all
}

// checkFile looks at components, or at a template.
func (v *verifier) checkFile(r verified, path string, components bool) {
	content, ok := v.readFile(path)
	if !ok {
		return
	}
	f, err := manifest.Parse(path, content)
	if err != nil {
		at, problem := path, err.Error()
		if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
			at, problem = fmt.Sprintf("%s:%d:%d", path, syntax.Line, syntax.Column), syntax.Reason
		}
		v.add(trapSyntax, at, "%s", problem)
		return
	}
	said := said{}
	v.checkOutside(f, said)
	if components {
		v.checkParsed(r, f, said)
	}
	if r.provider.Label == CertManager {
		return // clusterctl applies it as it is
	}
	if components && (r.speaks == "" || contracts[r.speaks]) { // clusterctl of 2020 took several
		v.checkNamespaces(f)
	}
	variables, err := yamlprocessor.NewSimpleProcessor().GetVariableMap(content)
	if err != nil {
		v.add(trapVariables, path, "clusterctl cannot fill in its variables: %v", err)
		return
	}
	v.checkVariables(f, variables, said)
}

// said are the places in a file that are reported already, by their lines.
type said map[int][]int

func (s said) add(u manifest.Use) { s[u.Line] = append(s[u.Line], u.Column) }

func (s said) has(u manifest.Use) bool { return slices.Contains(s[u.Line], u.Column) }

func place(f *manifest.File, line, column int) string {
	return fmt.Sprintf("%s:%d:%d", f.Name, line, column)
}

// checkParsed looks at the images that clusterctl parses: it wants whole names, and the
// section images may change them.
func (v *verifier) checkParsed(r verified, f *manifest.File, said said) {
	for u := range f.Uses() {
		if !parsed(u) || said.has(u) {
			continue
		}
		if _, err := container.ImageFromString(u.Written); err != nil {
			said.add(u)
			v.add(trapName, place(f, u.Line, u.Column), "clusterctl does not take this name of an image: %v", err).Image = u.Written
			continue
		}
		if v.alter == nil || v.altered {
			continue
		}
		becomes, err := v.alter(r.provider.Label, u.Written)
		key, _ := pair(v.root, "images")
		switch {
		case err != nil:
			v.altered = true
			v.add(trapImages, v.at(key), "clusterctl cannot read the section images: %v", err)
		case becomes != u.Written:
			v.altered = true
			v.add(trapImages, v.at(key), "images: by this section %s becomes %s", u.Written, becomes).Image = u.Written
		}
	}
}

// checkNamespaces counts namespaces: clusterctl installs a provider into the one of its
// components (cmd/clusterctl/client/repository/components.go).
func (v *verifier) checkNamespaces(f *manifest.File) {
	var names []string
	for _, o := range objects(f.Source()) {
		if o.Kind == "Namespace" {
			names = append(names, o.Metadata.Name)
		}
	}
	switch len(names) {
	case 0:
		v.add(trapNamespace, f.Name, "there is no Namespace in it, so clusterctl does not know where to install it")
	case 1:
	default:
		v.add(trapNamespace, f.Name, "there is more than one Namespace in it: %s", strings.Join(names, ", "))
	}
}

// checkOutside looks for images that are not at the private registry.
func (v *verifier) checkOutside(f *manifest.File, said said) {
	for u := range f.Uses() {
		if target, moves := u.Target(v.opts.Mapping); moves && u.Confidence >= v.opts.Least {
			said.add(u)
			v.add(trapOutside, place(f, u.Line, u.Column), "it is not at the private registry, where it would be %s", target).Image = u.Written
		}
	}
}

// checkVariables fills in the variables that have values or defaults, and looks whether
// that leads outside; variables are all of the file, with their defaults. The lines stay
// where they are, the columns do not.
func (v *verifier) checkVariables(f *manifest.File, variables map[string]*string, said said) {
	source, values, err := v.fill(f.Source(), variables)
	filled := f
	if err == nil {
		filled, err = manifest.Parse(f.Name, source)
	}
	if err != nil {
		return // whatever the values are for, they are not seen by our parser
	}
	lines := strings.Split(f.Source(), "\n")
	for u := range filled.Uses() {
		if said[u.Line] != nil || u.Confidence < v.opts.Least || u.Line > len(lines) || !strings.Contains(lines[u.Line-1], "${") {
			continue
		}
		line := lines[u.Line-1]
		at := place(f, u.Line, strings.Index(line, "${")+1)
		_, moves := u.Target(v.opts.Mapping)
		switch {
		case moves:
			v.add(trapVariable, at, "%s it %s, which is not at the private registry", v.blame(line, values), u.Written).Image = u.Written
		case u.Templated && u.Ref.IsZero():
			v.add(trapUnset, at, "which image this is nobody has said: %s", u.Written).Image = u.Written
		}
	}
}

// fill gives a file as clusterctl makes it of its variables, and the values that there
// are for them. A variable that has neither value nor default stays, one inside the
// default of another is empty then.
func (v *verifier) fill(source string, variables map[string]*string) ([]byte, map[string]string, error) {
	values := v.values(source)
	if !strings.Contains(source, "$") {
		return []byte(source), values, nil
	}
	filled, err := yamlprocessor.NewSimpleProcessor().Process([]byte(source), func(name string) (string, error) {
		byDefault, outer := variables[name]
		if value, ok := values[name]; ok || !outer || byDefault != nil {
			return value, nil // without one its default is taken
		}
		return "${" + name + "}", nil
	})
	return filled, values, err
}

// variable is the beginning of one, wherever it stands: in the default of another, too.
var variable = regexp.MustCompile(`\$\{\s*([A-Za-z0-9_]+)`)

// values are what clusterctl would fill in for the variables of a file: the environment
// goes before clusterctl.yaml. What holds lines is no part of an image, and left alone.
func (v *verifier) values(source string) map[string]string {
	values := map[string]string{}
	for _, found := range variable.FindAllStringSubmatch(source, -1) {
		name := found[1]
		filled, ok := v.environ[strings.ToUpper(name)]
		if !ok {
			filled = text(value(v.root, name))
			ok = filled != ""
		}
		if ok && !strings.Contains(filled, "\n") {
			values[name] = filled
		}
	}
	return values
}

// blame says which variables of a line have values, and where.
func (v *verifier) blame(line string, values map[string]string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !strings.Contains(line, "${"+name) && !strings.Contains(line, "${ "+name) {
			continue
		}
		if _, ok := v.environ[strings.ToUpper(name)]; ok {
			names = append(names, name+" in the environment")
		} else {
			key, _ := pair(v.root, name)
			names = append(names, name+" in "+v.at(key))
		}
	}
	if len(names) == 0 {
		return "a variable makes"
	}
	return strings.Join(names, " and ") + " makes"
}
