package chart_test

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/chart"
)

const noTag = `image: {repository: quay.io/acme/a, tag: ""}
`

// tags are those of an image in a chart whose appVersion is 1.2.
func tags(t testing.TB, name, values, template string) string {
	t.Helper()
	c := read(t, pack(t, entry{"demo/Chart.yaml", about}, entry{"demo/values.yaml", values}, entry{"demo/templates/a.yaml", template}))
	return strings.Join(c.Tags().Of(c.Values[0], name), " ")
}

// What templates make of a name without a tag, where that hangs on the values alone.
func TestTags(t *testing.T) {
	for name, c := range map[string]struct{ values, template, want string }{
		"helm create":   {noTag, `image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"`, "1.2"},
		"default first": {noTag, `image: {{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}`, "1.2"},
		"with v":        {noTag, `image: {{ .Values.image.repository }}:v{{ .Chart.AppVersion }}`, "v1.2"},
		"printf":        {noTag, `{{ printf "%s:%s" .Values.image.repository (default (printf "v%s" .Chart.AppVersion) .Values.image.tag) | quote }}`, "v1.2"},
		"no key":        {"image: {repository: quay.io/acme/a}", `{{ .Values.image.repository }}:{{ or .Values.image.tag .Chart.AppVersion }}`, "1.2"},
		"with":          {noTag, `{{- with .Values.image }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}`, "1.2"},
		"variables":     {noTag, `{{ $r := .Values.image.repository }}{{ $t := "x" }}{{ $t = default .Chart.AppVersion .Values.image.tag }}{{ $r }}:{{ $t }}`, "1.2"},
		"shadowed":      {noTag, `{{ $t := "x" }}{{ if true }}{{ $t := "y" }}{{ end }}{{ .Values.image.repository }}:{{ $t }}`, "x"},
		"named":         {noTag, `{{ define "i" }}{{ .Values.image.repository }}:{{ include "t" . }}{{ end }}{{ define "t" }} {{ .Chart.AppVersion | trimPrefix "1." }} {{ end }}`, "2"},
		"template":      {noTag, `{{ define "t" }}{{ .Chart.AppVersion }}{{ end }}{{ .Values.image.repository }}:{{ template "t" . }}`, "1.2"},
		"registry":      {"image: {registry: quay.io, repository: acme/a}", `{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Chart.AppVersion }}`, "1.2"},
		"no digest":     {noTag, `{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Chart.AppVersion }}{{ end }}`, "1.2"},
		"switched off":  {noTag, "a: b\n{{ if .Values.enabled }}\nimage: {{ .Values.image.repository }}:{{ .Chart.AppVersion }}\n{{ end }}", "1.2"},
		"in a loop":     {noTag, "{{ range .Values.jobs }}\nimage: {{ $.Values.image.repository }}:{{ $.Chart.AppVersion }}\n{{ end }}", "1.2"},
		"two":           {noTag, "{{ .Values.image.repository }}:{{ .Chart.AppVersion }}\n{{ .Values.image.repository }}:{{ .Chart.Version | trimPrefix \"1.2.\" | trimPrefix \"3+\" }}", "1.2 build.1"},
		"suffix":        {noTag, `{{ .Values.image.repository }}:{{ .Chart.AppVersion }}{{ ternary "-small" "" true }}`, "1.2-small"},
		"tpl":           {noTag, `{{ tpl .Values.image.repository . }}:{{ .Chart.AppVersion }}`, "1.2"},

		"release":          {noTag, `{{ .Values.image.repository }}:{{ .Release.Name }}`, ""},
		"function":         {noTag, `{{ .Values.image.repository }}:{{ .Chart.AppVersion | lower }}`, ""},
		"more behind":      {noTag, `{{ .Values.image.repository }}:{{ .Chart.AppVersion }}{{ .Release.Name }}`, ""},
		"more before":      {noTag, `{{ .Release.Name }}{{ .Values.image.repository }}:{{ .Chart.AppVersion }}`, ""},
		"prefix":           {noTag, `mirror/{{ .Values.image.repository }}:{{ .Chart.AppVersion }}`, ""},
		"set in a loop":    {noTag, `{{ $t := "x" }}{{ range .Values.l }}{{ $t = "y" }}{{ end }} {{ .Values.image.repository }}:{{ $t }}`, ""},
		"perhaps":          {noTag, `{{ $t := "x" }}{{ if .Capabilities.A }}{{ $t = "y" }}{{ end }} {{ .Values.image.repository }}:{{ $t }}`, ""},
		"comment":          {noTag, `# {{ .Values.image.repository }}:{{ .Chart.AppVersion }}`, ""},
		"another dot":      {noTag, `{{ define "t" }}{{ .Chart.AppVersion }}{{ end }}{{ .Values.image.repository }}:{{ include "t" .Values }}`, ""},
		"no template":      {noTag, `{{ .Values.image.repository }}:{{ .Chart.AppVersion }}{{ end }}`, ""},
		"a number":         {"image: {repository: quay.io/acme/a, tag: 1.10}", `{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}`, ""},
		"for ever":         {noTag, `{{ define "t" }}{{ include "t" . }}{{ end }}{{ .Values.image.repository }}:{{ include "t" . }}`, ""},
		"values of no map": {"- a\n", `quay.io/acme/a:{{ .Values.tag }}`, ""},
	} {
		if got := tags(t, "quay.io/acme/a", c.values, c.template); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A chart in a chart has an appVersion of its own, and values that the other one changes.
func TestTagsInside(t *testing.T) {
	const template = `{{ .Values.repository }}:{{ .Values.tag | default .Chart.AppVersion }}`
	for name, c := range map[string]struct{ above, want string }{
		"nothing":  {"a: 1\n", "7"},
		"a tag":    {"sub: {tag: v9}\n", "v9"},
		"aliases":  {"one: {tag: v1}\ntwo: {}\n", "7 v1"},
		"a global": {"global: {tag: v8}\n", "7"},
	} {
		meta := about
		if name == "aliases" {
			meta = strings.Replace(about, "- name: sub\n", "- {name: sub, alias: one, repository: ''}\n- {name: sub, alias: two, repository: ''}\n- name: other\n", 1)
		}
		c2 := read(t, pack(t, entry{"demo/Chart.yaml", meta}, entry{"demo/values.yaml", c.above},
			entry{"demo/charts/sub/Chart.yaml", "name: sub\nappVersion: \"7\"\n"}, entry{"demo/charts/sub/values.yaml", "repository: quay.io/acme/b\n"},
			entry{"demo/charts/sub/templates/deep/a.yaml", template}))
		if got := strings.Join(c2.Tags().Of(c2.Values[1], "quay.io/acme/b"), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Templates may be from anyone: those that would take for ever, or all memory, end.
func TestTagsBounded(t *testing.T) {
	const last = "\nimage: {{ .Values.image.repository }}:{{ .Chart.AppVersion }}\n"
	for name, template := range map[string]string{
		"nested":   strings.Repeat("{{if .Release.A}}", 10_000) + "x" + strings.Repeat("{{end}}", 10_000),
		"parens":   "{{" + strings.Repeat("(", 9_000) + "1" + strings.Repeat(")", 9_000) + "}}",
		"includes": `{{define "a"}}` + strings.Repeat("x", 100_000) + "{{end}}" + strings.Repeat(`{{include "a" .}}`, 9_000),
		"doubling": strings.Repeat(`{{define "a"}}`+strings.Repeat(`{{include "a" .}}`, 100)+"{{end}}", 2) + `{{include "a" .}}`,
		"printf":   `{{$a := "` + strings.Repeat("x", 60_000) + `"}}` + strings.Repeat(`{{$a = printf "%s%s" $a $a}}`, 4_000),
		"vars":     strings.Repeat("{{$a := 1}}", 1) + strings.Repeat("{{if true}}{{$a := 1}}{{end}}", 8_000),
	} {
		t.Run(name, func(t *testing.T) {
			if got := tags(t, "quay.io/acme/a", noTag, template); got != "" {
				t.Errorf("%q", got)
			}
		})
	}
	if got := tags(t, "quay.io/acme/a", noTag, last); got != "1.2" {
		t.Errorf("%q", got)
	}
}

func FuzzTags(f *testing.F) {
	f.Add(noTag, `image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"`)
	f.Add("a: {b: [1]}", `{{ with $x := .Values.a }}{{ range $i, $v := .b }}{{ $x }}{{ else }}{{ end }}{{ end }}{{ (.Values.c).d.e }}`)
	f.Fuzz(func(t *testing.T, values, template string) {
		c := chart.Packed{Raw: pack(t, entry{"demo/Chart.yaml", about}, entry{"demo/values.yaml", values}, entry{"demo/templates/a.yaml", template})}
		var err error
		if c.Chart, err = chart.Read(c.Raw); err != nil {
			t.Skip()
		}
		for _, tag := range c.Tags().Of(c.Values[0], "quay.io/acme/a") {
			if tag == "" || strings.ContainsAny(tag, "\x00 \n:") {
				t.Errorf("%q", tag)
			}
		}
	})
}
