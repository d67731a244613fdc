package regsync

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"MIRROR": "ghcr.io", "EMPTY": "", "LIST": "a,B"}
	for text, want := range map[string]string{
		"ghcr.io/a:v1":                                  "ghcr.io/a:v1",
		`{{ env "MIRROR" }}/a:v1`:                       "ghcr.io/a:v1",
		`{{env "NONE" | default "quay.io"}}/a:v1`:       "quay.io/a:v1",
		`{{env "EMPTY" | default "quay.io"}}/a:v1`:      "quay.io/a:v1",
		`{{env "MIRROR" | default "quay.io"}}/a:v1`:     "ghcr.io/a:v1",
		`{{default "x" (env "NONE" | upper)}}/a`:        "x/a",
		`{{env "EMPTY"}}a:v1`:                           "a:v1",
		`{{join (split (env "LIST") ",") "/" | lower}}`: "a/b",
		`{{upper "a"}}{{trimSpace " b "}}`:              "Ab",
		`{{index (split "a/b/c" "/") 1}}`:               "b",
		`{{/* a comment */}}{{ json 3 | trimSpace }}`:   "3",
		`r/{{ env "MIRROR" | default (env "NONE") }}/a`: "", // NONE is asked for, as in regsync, and nobody said what it is
	} {
		got, err := Expand(text, values)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
	}
}

// What would name other images on another machine, or take for ever, is refused.
func TestExpandRefuses(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MACHINE", "hunter2")
	for text, want := range map[string]string{
		`{{ file "` + filepath.ToSlash(secret) + `" }}/a`:               "file reads no files",
		`{{ env "MACHINE" }}/a`:                                         "no value is given for MACHINE",
		`{{ env "A" }}/{{ env "B" }}`:                                   "A, B",
		`{{ if env "A" }}a{{ else }}b{{ end }}`:                         "no conditions",
		`{{ range split "a a" " " }}x{{ end }}`:                         "no conditions",
		`{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}`: "no conditions",
		`{{ $a := "b" }}{{ $a }}`:                                       "no conditions",
		`{{ printf "%9999999d" 1 }}`:                                    "printf is no function",
		`{{ time }}`:                                                    "every day",
		`{{ .Values.registry }}/a`:                                      "nil data",
		`{{ env`:                                                        "template",
		`{{ ` + strings.Repeat("json (", 30) + `"\\\\"` + strings.Repeat(")", 30) + ` }}`: "4096 bytes",
		strings.Repeat("a", 5000): "4096 bytes",
	} {
		got, err := Expand(text, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(got+err.Error(), "hunter2") {
			t.Errorf("%.60s is %q, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestNotes(t *testing.T) {
	src := `version: 1
x-image: &image
  type: image
creds:
- registry: ghcr.io
  user: '{{ env "USERNAME" }}'
  pass: hunter2
sync:
- <<: *image
  source: ghcr.io/a:v1
  target: '{{ env "MIRROR" }}/a:v1'
- source: ghcr.io/b
  target: r/b
  type: repository
  tags: {allow: ["v1"]}
- {source: ghcr.io, target: r, type: registry}
- {source: "ghcr.io/c:v1", target: "r/c:v1", type: image, platform: linux/amd64}
- {source: "ghcr.io/d:v1", target: "r/d:v1", type: image, platforms: [linux/amd64, linux/arm64]}
- {source: "ghcr.io/e:v1", target: "r/e:v1"}
`
	c, err := Parse("sync.yaml", []byte(src))
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	notes := c.Notes()
	want := []string{
		"sync.yaml:12: ghcr.io/b is a whole repository", "sync.yaml:16: ghcr.io is a whole registry",
		"sync.yaml:17: ghcr.io/c:v1: regsync takes the manifest for linux/amd64 alone",
		"sync.yaml:18: ghcr.io/d:v1: regsync takes an index for all platforms with the manifests of linux/amd64, linux/arm64 alone",
		`sync.yaml:19: ghcr.io/e:v1: regsync knows no type ""`,
	}
	if !slices.EqualFunc(notes, want, strings.HasPrefix) {
		t.Errorf("%s", strings.Join(notes, "\n"))
	}
	if all := strings.Join(notes, "\n"); strings.Contains(all, "hunter2") {
		t.Error("a password is shown")
	}
}

func TestParseOthers(t *testing.T) {
	for _, src := range []string{
		"", "a: b\n", "sync: [a, target: b]\n", "sync:\n- source: a\n# target:\n", "sync: {target: x}\n", "sync:\n\ttarget:\n", "apiVersion: v1\n",
		"sync:\n- source: [a]\n  target: b\n",
	} {
		if c, err := Parse("x", []byte(src)); c != nil || err != nil {
			t.Errorf("%q: %v, %v", src, c, err)
		}
	}
	if _, err := Parse("x.yaml", []byte("version: 2\nsync:\n- {source: a, target: b, type: image}\n")); err == nil || !strings.Contains(err.Error(), "x.yaml: version 2") {
		t.Error(err)
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{`{{ env "A" | default "b" }}/c:v1`, `{{join (split "a,b" ",") "/" | upper}}`, `{{ json "x" }}`, `{{/**/}}`, `{{define "x"}}{{end}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Expand(text, map[string]string{"A": "a"})
		if err != nil && got != "" || len(got) > maxExpanded {
			t.Errorf("%q, %v", got, err)
		}
		if err == nil && !HasTemplate(text) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("sync:\n- source: a\n  target: b\n  type: image\n  platforms: [x]\n"))
	f.Add([]byte("x: &a {source: a}\nsync:\n- <<: *a\n  target: b\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if c, err := Parse("x", src); err == nil && c != nil {
			c.Notes()
		}
	})
}
