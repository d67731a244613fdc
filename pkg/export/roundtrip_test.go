package export_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/export"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// What images -f reads in a file is what images -o has written into it, but for what the
// format has no room for.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var refs []image.Ref
		for range 1 + r.IntN(12) {
			refs = append(refs, anyRef(r))
		}
		checkRoundTrip(t, refs)
	}
}

func FuzzRoundTrip(f *testing.F) {
	d := strings.Repeat("0f", 32)
	f.Add("nginx\nquay.io/a/b:v1@sha256:" + d + "\nquay.io/a/b:v1\n")
	f.Add("localhost:5000/x@sha256:" + d + "\nlocalhost/x:1.10\n[fd00::1]:5000/y:v1\nEXAMPLE.com/z:1e3\n")
	f.Add("a.b/null:null\na.b/true:on\na.b/1:1.0\na.b/x:0x10\na.b/x:0o7\na.b/x:1_000\na.b/x:2001-01-01")
	f.Fuzz(func(t *testing.T, lines string) {
		var refs []image.Ref
		for _, line := range strings.Split(lines, "\n") {
			// A registry called EXAMPLE is one to the kubelet, but in the files of other tools it may be any word.
			if r, err := image.Parse(line); err == nil && (strings.ContainsAny(r.Registry, ".:") || r.Registry == "localhost") {
				refs = append(refs, r)
			}
		}
		if len(refs) > 0 {
			checkRoundTrip(t, refs)
		}
	})
}

func checkRoundTrip(t *testing.T, refs []image.Ref) {
	t.Helper()
	m, err := image.NewMapping("registry.airgap.example.com/p", image.LayoutHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	var entries []export.Entry
	for i, source := range refs {
		target, _ := m.Target(source)
		entries = append(entries, export.Entry{
			Pair: image.Pair{Source: source, Target: target}, Digest: "sha256:" + strings.Repeat("ab", 32),
			Group: []string{"", "cni", "x'; y"}[i%3], Bundle: i%2 == 0,
		})
	}
	for _, f := range export.Formats() {
		var b strings.Builder
		if err := export.Write(&b, f, entries, export.Options{}); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		got, want := read(t, f, b.String()), left(f, entries)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%sreads as\n%s\nwant\n%s", f, b.String(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// read is the list of what the file names.
func read(t *testing.T, f export.Format, text string) []string {
	t.Helper()
	file, err := manifest.Parse(string(f), []byte(text))
	if err != nil {
		t.Fatalf("%s: %v\n%s", f, err, text)
	}
	list := imagelist.New(manifest.Likely)
	list.Add(file.Uses())
	var got []string
	for item := range list.Items() {
		got = append(got, item.Image)
	}
	return got
}

// left is what the format has room for of the entries.
func left(f export.Format, entries []export.Entry) []string {
	var want []string
	for _, e := range entries {
		r := e.Source
		switch {
		case f == export.SkopeoSync && r.Digest != "":
			r.Tag = ""
		case f == export.ImgpkgLock && r.Digest == "":
			r.Tag, r.Digest = "", e.Digest
		case f == export.ImgpkgLock:
			r.Tag = ""
		}
		want = append(want, r.String())
	}
	slices.Sort(want)
	return slices.Compact(want)
}

// anyRef is a reference with all that the grammar allows.
func anyRef(r *rand.Rand) image.Ref {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	ref := image.Ref{
		Registry:   pick("docker.io", "quay.io", "localhost", "localhost:5000", "10.1.2.3:443", "ghcr.io", "my-registry.example.com:8443"),
		Repository: pick("library/", "a/", "a/b/c/", "x-y/", "on/", "1/") + pick("nginx", "null", "true", "1.0", "a.b_c__d---e", "0"),
	}
	if r.IntN(4) > 0 {
		ref.Tag = pick("latest", "v1", "1.10", "null", "1e3", "0x1F", "true", "v1_vmware.1-tkg.2", "2001-01-01", "_", strings.Repeat("a", 128))
	}
	if ref.Tag == "" || r.IntN(3) == 0 {
		ref.Digest = fmt.Sprintf("sha256:%064x", r.IntN(5))
	}
	return ref
}
