package export_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

var (
	digest = "sha256:" + strings.Repeat("1", 64)
	known  = "sha256:" + strings.Repeat("2", 64)
)

// sample is every kind of entry, out of order and with one twice.
func sample(t *testing.T) []export.Entry {
	t.Helper()
	entry := func(source, group string) export.Entry {
		s := ref(t, source)
		to := s
		to.Registry, to.Repository = "r.example.com", "p/"+s.Repository
		return export.Entry{Pair: image.Pair{Source: s, Target: to}, Digest: known, Group: group}
	}
	bundle := entry("registry.example.org/tkg/packages/core/repo:v1_vmware.1", "tkg-core-packages")
	bundle.Bundle = true
	return []export.Entry{
		bundle,
		entry("nginx:1.10", ""),
		entry("quay.io/a/c@"+digest, "cni"),
		entry("quay.io/a/b:v1@"+digest, "cni"),
		entry("quay.io/a/b:v1", "cni"),
		entry("quay.io/a/b:v1", "apps"),
		entry("nginx", ""),
	}
}

func ref(t *testing.T, s string) image.Ref {
	t.Helper()
	r, err := image.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, f export.Format, entries []export.Entry, opts export.Options) string {
	t.Helper()
	var b strings.Builder
	if err := export.Write(&b, f, entries, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFormats compares every format with what stands in testdata, which the programs themselves read
// (test/e2e, TestExport…).
func TestFormats(t *testing.T) {
	want, err := txtar.ParseFile(filepath.Join("testdata", "formats.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var got txtar.Archive
	for _, f := range export.Formats() {
		got.Files = append(got.Files, txtar.File{Name: string(f), Data: []byte(write(t, f, sample(t), export.Options{}))})
	}
	private := export.Options{PlainHTTP: true, CAFile: "/etc/it's a ca.pem"}
	for _, f := range []export.Format{export.Regsync, export.ImgpkgScript, export.Crane} {
		got.Files = append(got.Files, txtar.File{Name: string(f) + " without TLS", Data: []byte(write(t, f, sample(t)[1:2], private))})
	}
	private.PlainHTTP = false
	got.Files = append(got.Files, txtar.File{Name: "regsync with CA", Data: []byte(write(t, export.Regsync, sample(t)[1:2], private))})
	want.Comment = nil
	if g, w := string(txtar.Format(&got)), string(txtar.Format(want)); g != w {
		if os.Getenv("UPDATE") != "" {
			writeFile(t, filepath.Join("testdata", "formats.txtar"), g)
		}
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The order of what comes in is no matter.
func TestWriteOrder(t *testing.T) {
	entries := sample(t)
	for _, f := range export.Formats() {
		want := write(t, f, entries, export.Options{})
		for i := range entries {
			turned := append(append([]export.Entry{}, entries[i:]...), entries[:i]...)
			if got := write(t, f, turned, export.Options{}); got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", f, got, want)
			}
		}
	}
}

// What one entry of a pair knows counts for the pair.
func TestWriteMerges(t *testing.T) {
	known := sample(t)[0]
	unknown := known
	unknown.Bundle, unknown.Digest, unknown.Group = false, "", ""
	for _, entries := range [][]export.Entry{{known, unknown}, {unknown, known}} {
		if got := write(t, export.ImgpkgScript, entries, export.Options{}); strings.Count(got, "imgpkg") != 1 || !strings.Contains(got, "copy -b ") {
			t.Errorf("not one bundle:\n%s", got)
		}
		if got := write(t, export.ImgpkgLock, entries, export.Options{}); strings.Count(got, known.Digest) != 1 {
			t.Errorf("not one digest:\n%s", got)
		}
	}
}

func TestWriteNothing(t *testing.T) {
	for _, f := range export.Formats() {
		text := write(t, f, nil, export.Options{})
		if got := read(t, f, text); len(got) > 0 {
			t.Errorf("%s: %s\nnames %s", f, text, got)
		}
		if strings.Contains(text, "null") {
			t.Errorf("%s: a list without items is null:\n%s", f, text)
		}
	}
}

// An image with two places is copied to both, and listed once.
func TestWriteTwoTargets(t *testing.T) {
	entries := []export.Entry{
		{Pair: image.Pair{Source: ref(t, "quay.io/a/b:v1"), Target: ref(t, "r.example.com/cni/b:v1")}, Digest: known},
		{Pair: image.Pair{Source: ref(t, "quay.io/a/b:v1"), Target: ref(t, "r.example.com/csi/b:v1")}, Digest: known},
	}
	for _, f := range export.Formats() {
		want := 1
		if f.HasTargets() {
			want = 2
		}
		text := write(t, f, entries, export.Options{})
		if got := strings.Count(text, "b:v1") + strings.Count(text, "- v1\n"); f == export.Regsync && got != 2*want || !f.HasTargets() && got != want {
			t.Errorf("%s: not %d of it in\n%s", f, want, text)
		}
		if got := strings.Count(text, " copy "); f.HasTargets() && f != export.Regsync && got != want {
			t.Errorf("%s: %d copies, not %d, in\n%s", f, got, want, text)
		}
	}
}

func TestWriteTemplate(t *testing.T) {
	e := export.Entry{Pair: image.Pair{
		Source: ref(t, "ghcr.io/canonical/pause:3.10"), Target: ref(t, export.StandIn+"/canonical/pause:3.10"),
	}}
	got := write(t, export.Regsync, []export.Entry{e}, export.Options{Template: `{{ env "MIRROR" }}`, PlainHTTP: true})
	for _, want := range []string{`target: '{{ env "MIRROR" }}/canonical/pause:3.10'`, `registry: '{{ env "MIRROR" }}'`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

// What has no place in a format is an error that names it, and nothing is written.
func TestWriteRefuses(t *testing.T) {
	good := sample(t)
	with := func(change func(*export.Entry)) []export.Entry {
		entries := sample(t)
		change(&entries[1])
		change(&entries[2])
		return entries
	}
	for name, test := range map[string]struct {
		format  export.Format
		entries []export.Entry
		opts    export.Options
		want    []string
	}{
		"no such format": {"helm", good, export.Options{}, []string{`"helm"`, `"regsync"`}},
		"a variable": {
			export.ImagesTxt,
			with(func(e *export.Entry) { e.Source.Tag = "${TAG}" }),
			export.Options{},
			[]string{"docker.io/library/nginx:${TAG}: it is no whole", "quay.io/a/c:${TAG}@" + digest},
		},
		"a command": {
			export.Crane,
			with(func(e *export.Entry) { e.Source.Repository = "x;reboot" }),
			export.Options{},
			[]string{"docker.io/x;reboot:1.10: it is no whole"},
		},
		"a command in a target": {
			export.Crane,
			with(func(e *export.Entry) { e.Target.Repository = "$(reboot)" }),
			export.Options{},
			[]string{"docker.io/library/nginx:1.10: its target"},
		},
		"no target": {export.Regsync, with(func(e *export.Entry) { e.Target = image.Ref{} }), export.Options{}, []string{"nginx:1.10: its target"}},
		"no digest": {export.ImgpkgLock, with(func(e *export.Entry) { e.Digest = "" }), export.Options{}, []string{"docker.io/library/nginx:1.10: its digest is not known"}},
		"no digest, but a text": {
			export.ImgpkgLock,
			with(func(e *export.Entry) { e.Digest = "v1" }),
			export.Options{},
			[]string{"docker.io/library/nginx:1.10: \"v1\" is no digest"},
		},
		"another tag for imgpkg": {export.ImgpkgScript, with(func(e *export.Entry) { e.Target.Tag = "v9" }), export.Options{}, []string{"nginx:1.10: imgpkg copies it under its own tag"}},
		"a template for crane":   {export.Crane, good, export.Options{Template: "{{x}}"}, []string{"{{x}}: only regsync"}},
		"no template": {
			export.Crane,
			with(func(e *export.Entry) { e.Target.Registry = export.StandIn }),
			export.Options{},
			[]string{"nginx:1.10: its target template.invalid/"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			err := export.Write(&b, test.format, test.entries, test.opts)
			if err == nil || b.Len() > 0 {
				t.Fatalf("%v\n%s", err, b.String())
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %s", err, want)
				}
			}
			if name == "no digest" && strings.Contains(err.Error(), "quay.io/a/c") {
				t.Errorf("%v\nnames what has a digest", err)
			}
		})
	}
	_, missing := errors.AsType[*export.MissingDigestError](export.Write(&strings.Builder{}, export.ImgpkgLock, []export.Entry{{Pair: good[1].Pair}}, export.Options{}))
	if !missing {
		t.Error("nobody can tell that it is a digest that is missing")
	}
}

// A shell runs what is written, and nothing of what stands in it.
func TestScriptsRunNothing(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh: NOT checked")
	}
	dir := t.TempDir()
	for _, name := range []string{"crane", "imgpkg"} { // they print each of their arguments in brackets
		writeFile(t, filepath.Join(dir, name), "#!"+sh+"\nprintf '[%s]' \"$@\"; echo\n")
		if err := os.Chmod(filepath.Join(dir, name), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	for _, hostile := range []string{
		"a b", "$(touch pwned)", "`touch pwned`", "x; touch pwned", "'; touch pwned; '", "\ntouch pwned\n", "\r\ntouch pwned", "*", "~", "a'b\"c\\d", "&& touch pwned", "# c", "!!", "${IFS}", "",
	} {
		for _, f := range []export.Format{export.Crane, export.ImgpkgScript} {
			e := export.Entry{Pair: image.Pair{Source: ref(t, "[fd00::1]:5000/y:v1"), Target: ref(t, "r.example.com/p/y:v1")}, Group: hostile}
			script := write(t, f, []export.Entry{e}, export.Options{CAFile: hostile})
			cmd := exec.CommandContext(t.Context(), sh, "-c", strings.Replace(script, "set -euo pipefail", "set -eu", 1)) // dash of old
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
			out, err := cmd.CombinedOutput()
			want := "[copy][[fd00::1]:5000/y:v1][r.example.com/p/y:v1]\n"
			if f == export.ImgpkgScript {
				want = "[copy][-i][[fd00::1]:5000/y:v1][--to-repo][r.example.com/p/y]"
				if hostile != "" {
					want += "[--registry-ca-cert-path][" + hostile + "]"
				}
				want += "\n"
			}
			if err != nil || string(out) != want {
				t.Errorf("%s with %q: %v\n%s\nwant\n%s\nof\n%s", f, hostile, err, out, want, script)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("something in a script ran")
	}
}
