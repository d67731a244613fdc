package cargo

import (
	"strings"
	"testing"
)

// Why a template names no image is said, but for Helm's: nobody has its values here.
func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"nginx:${TAG}":                  "",
		`{{ env "A" }}/b:v1`:            "",
		`{{ env "NONE" }}/b:v1`:         "no value is given for NONE",
		`{{ file "/etc/x" }}/b:v1`:      "file reads no files",
		`{{.Values.registry}}/b:v1`:     "",
		`{{- .Values.registry -}}/b:v1`: "",
	} {
		if got := reason(text, map[string]string{"A": "a"}); got != want && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got := expand(`{{ env "A" }}/{{ env "NONE" }}`, map[string]string{"A": "a"}); got != `{{ env "A" }}/{{ env "NONE" }}` {
		t.Errorf("half a reference is none: %q", got)
	}
}
