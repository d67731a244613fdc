package verify_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// says is a report that says s wherever a report can say something.
func says(s string) (*verify.Report, verify.HTMLOptions) {
	r := &verify.Report{
		Target:   s,
		Subjects: []verify.Subject{{Name: s, What: s + "x", Digest: s}, {Name: s}},
		Findings: []verify.Finding{
			{Severity: verify.Error, Check: s, Place: s + "1", Image: s, Problem: s, Effect: s, Remedy: s},
			{Severity: verify.Error, Check: s, Place: s + "2", Image: s + "3", Problem: s, Effect: s + "4", Remedy: s + "5"},
			{Severity: verify.Warning, Check: s, Place: s, Problem: s, Effect: s, Remedy: s + "6"},
		},
		Images: []verify.Image{
			{Image: s, Source: s + "x", Target: s + "x", Group: s + "x", Digest: s + "7", Size: 2, Uses: []string{s}, Platforms: []verify.Platform{{Platform: s, Digest: s, Size: 1}}},
			{Image: s + "8", Source: s + "x", Target: s + "x", Group: s + "y", Digest: s + "9", Size: 1},
		},
		Files: []verify.File{{Path: s, Source: s + "x", SHA256: s + "x", Size: 1}},
	}
	return r, verify.HTMLOptions{Title: s + "x", Version: s + "x", Date: s + "x"}
}

// skeleton is what a page consists of, whatever it says: elements with the names of
// their attributes, and comments.
func skeleton(root *html.Node) []string {
	var all []string
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			line := n.Data
			for _, a := range n.Attr {
				line += " " + a.Key
			}
			all = append(all, line)
		case html.CommentNode:
			all = append(all, "comment")
		default:
		}
	}
	return all
}

func checkHarmless(t *testing.T, s string) {
	t.Helper()
	r, o := says(harmless)
	page := writeHTML(t, r, o)
	r, o = says(s + harmless)
	hostile := writeHTML(t, r, o)
	if want, got := skeleton(parse(t, page)), skeleton(parse(t, hostile)); !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("%.100q breaks out: element %d is %q, want %q", s, i, got[i], want[i])
			}
		}
		t.Fatalf("%.100q breaks out: %d elements, want %d", s, len(got), len(want))
	}
	for _, r := range string(hostile) {
		if r != '\n' && r != '\t' && (unicode.Is(unicode.C, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)) {
			t.Fatalf("%.100q: U+%04X is on the page and nobody sees it", s, r)
		}
	}
}

const harmless = "a.example/b"

func hostileStrings() []string {
	return []string{
		`</script><script>alert(1)</script>`, `</style><style>*{display:none}`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`,
		`' onmouseover='alert(1)`, `" style="position:fixed`, `javascript:alert(1)//`, `<!--`, `-->`, `]]>`, `</title>`, `</bdi></td></tr></table>`, `{{.}}`,
		`{{template "x"}}`, "`", `&lt;script&gt;`, `&#x202e;`, "\u202egpj.exe", "\u2066\u2067\u200b\u00ad\ufeff", "\x00\x01\x1b[31m", "\xff\xfe", "\r\nX: y", "\u2028",
		"שלום/مرحبا", strings.Repeat("very-long/", 2000), `%s%d%!`, `#f1`, "\U000E0041\uFE0F\u3164",
	}
}

// TestWriteHTMLHostile: a name is text, whatever it looks like, and is seen as it is.
func TestWriteHTMLHostile(t *testing.T) {
	for _, s := range hostileStrings() {
		checkHarmless(t, s)
	}
}

func TestWriteHTMLShowsHidden(t *testing.T) {
	r := &verify.Report{Images: []verify.Image{{Image: "quay.io/\u202eapp\u200b:v1", Digest: "a\xffb"}}}
	got := text(byID(parse(t, writeHTML(t, r, verify.HTMLOptions{})), "i1"))
	if !strings.Contains(got, "quay.io/⟨U+202E⟩app⟨U+200B⟩:v1") || !strings.Contains(got, "a\ufffdb") {
		t.Errorf("the page says %q", got)
	}
}

func FuzzWriteHTML(f *testing.F) {
	for _, s := range hostileStrings() {
		f.Add(s)
	}
	f.Fuzz(checkHarmless)
}
