package overrides

import (
	"context"
	"path/filepath"

	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/yamlprocessor"
)

// A HomeFile is a file that clusterctl installs, or makes clusters of.
type HomeFile struct {
	Path     string
	Template bool   // clusters, or their classes, are made of it
	Written  []byte // as the file is
	Filled   []byte // with the variables that have values or defaults; lines stay where they are
	Values   bool   // some of them have values
}

// HomeFiles gives the components, the manifest of cert-manager, and the templates in the home
// that Verify looks at, in its order. What keeps them from being read Verify tells.
func HomeFiles(ctx context.Context, opts HomeOptions) ([]HomeFile, error) {
	v, err := newVerifier(ctx, opts)
	if err != nil || !v.read() {
		return nil, err
	}
	v.findFolder()
	v.checkProviders(ctx)
	v.checkCertManager()
	var all []HomeFile
	for _, r := range v.releases {
		for _, path := range v.files(&r) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			content, ok := v.readFile(path)
			if !ok {
				continue
			}
			f := HomeFile{Path: path, Template: isTemplate(filepath.Base(path)), Written: content, Filled: content}
			if r.provider.Label == CertManager || v.fillFile(&f) { // that one clusterctl applies as it is
				all = append(all, f)
			}
		}
	}
	return all, ctx.Err()
}

// fillFile fills in the variables of a file, and says whether clusterctl can read them.
func (v *verifier) fillFile(f *HomeFile) bool {
	variables, err := yamlprocessor.NewSimpleProcessor().GetVariableMap(f.Written)
	if err != nil {
		return false
	}
	if filled, values, err := v.fill(string(f.Written), variables); err == nil {
		f.Filled, f.Values = filled, len(values) > 0
	}
	return true
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
