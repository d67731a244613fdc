package overrides

import (
	"context"
	"path/filepath"

	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/yamlprocessor"
)

// A HomeTemplate is a file that clusterctl makes clusters of.
type HomeTemplate struct {
	Path    string
	Written []byte // as the file is
	Filled  []byte // with the variables that have values or defaults; lines stay where they are
	Values  bool   // some of them have values
}

// HomeTemplates gives the templates of clusters and of their classes in the home that Verify
// looks at, in its order. What keeps them from being read Verify tells.
func HomeTemplates(ctx context.Context, opts HomeOptions) ([]HomeTemplate, error) {
	v, err := newVerifier(ctx, opts)
	if err != nil || !v.read() {
		return nil, err
	}
	v.findFolder()
	v.checkProviders(ctx)
	var all []HomeTemplate
	for _, r := range v.releases {
		for _, path := range v.files(&r) {
			if !isTemplate(filepath.Base(path)) || ctx.Err() != nil {
				continue
			}
			content, ok := v.readFile(path)
			if !ok {
				continue
			}
			t := HomeTemplate{Path: path, Written: content, Filled: content}
			variables, err := yamlprocessor.NewSimpleProcessor().GetVariableMap(content)
			if err != nil {
				continue
			}
			filled, values, err := v.fill(string(content), variables)
			if err == nil {
				t.Filled, t.Values = filled, len(values) > 0
			}
			all = append(all, t)
		}
	}
	return all, ctx.Err()
}

// HomeVariables gives a function that fills variables in as clusterctl would for the
// templates of the home that Verify looks at: with their values, or else their defaults.
// What has neither stays, as does text that clusterctl could not read.
func HomeVariables(ctx context.Context, opts HomeOptions) (func(text string) string, error) {
	v, err := newVerifier(ctx, opts)
	if err != nil {
		return nil, err
	}
	v.read() // without clusterctl.yaml there is the environment
	return func(text string) string {
		variables, err := yamlprocessor.NewSimpleProcessor().GetVariableMap([]byte(text))
		if err != nil {
			return text
		}
		filled, _, err := v.fill(text, variables)
		if err != nil {
			return text
		}
		return string(filled)
	}, nil
}
