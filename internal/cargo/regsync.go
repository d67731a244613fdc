package cargo

import (
	"regexp"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/regsync"
)

// helm is a template that takes a value from its chart.
var helm = regexp.MustCompile(`\{\{-?\s*\.`)

// syncNotes are what a configuration of regsync says beside its images.
func syncNotes(f *manifest.File) ([]string, error) {
	config, err := regsync.Parse(f.Name, []byte(f.Source()))
	if config == nil || err != nil {
		return nil, err
	}
	return config.Notes(), nil
}

// expand gives text with the templates of regsync filled in; what cannot be stays.
func expand(text string, values map[string]string) string {
	if !regsync.HasTemplate(text) {
		return text
	}
	if full, err := regsync.Expand(text, values); err == nil {
		return full
	}
	return text
}

// reason is why a reference with templates names no image, empty for one without, and for
// one with templates of Helm, which are about values that nobody has here.
func reason(text string, values map[string]string) string {
	if !regsync.HasTemplate(text) || helm.MatchString(text) {
		return ""
	}
	if _, err := regsync.Expand(text, values); err != nil {
		return err.Error()
	}
	return ""
}
