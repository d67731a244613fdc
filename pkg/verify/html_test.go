package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

func writeHTML(t testing.TB, r *verify.Report, o verify.HTMLOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := verify.WriteHTML(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// parse reads a page as browsers do.
func parse(t testing.TB, page []byte) *html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// elements are the elements of a page that a test is about, in order; all without names.
func elements(root *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what stands in an element, with a space where a block begins.
func text(n *html.Node) string {
	var all strings.Builder
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode:
			all.WriteString(d.Data)
		case slices.Contains([]string{"dt", "dd", "td", "th", "p", "li", "tr"}, d.Data):
			all.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}

// TestWriteHTMLOutline: the page is what it is for, in this order.
func TestWriteHTMLOutline(t *testing.T) {
	root := parse(t, writeHTML(t, broken(), verify.HTMLOptions{Title: "Plant 7", Version: "kubectl-airgap v1.2.3", Date: "2026-11-21"}))
	var outline []string
	for _, n := range elements(root, "h1", "h2", "figcaption", "caption", "main", "header", "nav") {
		outline = append(outline, n.Data+" "+text(n))
	}
	for i := range outline {
		if strings.HasPrefix(outline[i], "main ") || strings.HasPrefix(outline[i], "header ") || strings.HasPrefix(outline[i], "nav ") {
			outline[i], _, _ = strings.Cut(outline[i], " ")
		}
	}
	want := []string{
		"header", "h1 Plant 7", "main", "nav",
		"h2 Findings", "caption What is not as it should be: errors keep the site from coming up or reach outside, warnings may.",
		"h2 What carries the bytes", "figcaption By group", "figcaption The largest",
		"h2 Images", "caption Every image that the site will pull, under the name that is asked for, and what the private registry holds of it.",
		"h2 Files", "caption What the site needs beside images, as it lies in the archive.",
		"h2 How it was checked",
	}
	if !slices.Equal(outline, want) {
		t.Errorf("the outline is\n%s\nwant\n%s", strings.Join(outline, "\n"), strings.Join(want, "\n"))
	}
	if lang := attribute(elements(root, "html")[0], "lang"); lang != "en" {
		t.Errorf("lang is %q", lang)
	}
	if label := elements(root, "label")[0]; attribute(label, "for") != "filter" || attribute(byID(root, "filter"), "type") != "search" {
		t.Error("the filter has no label")
	}
	how := text(byID(root, "how"))
	for _, want := range []string{"Target registry.site.example:5000/airgap", "archive site.tar sha256:", "cluster not looked at", "Program kubectl-airgap v1.2.3", "Date 2026-11-21"} {
		if !strings.Contains(how, want) {
			t.Errorf("how it was checked does not say %q: %s", want, how)
		}
	}
}

func byID(root *html.Node, id string) *html.Node {
	for _, n := range elements(root) {
		if attribute(n, "id") == id {
			return n
		}
	}
	return &html.Node{}
}

// TestWriteHTMLComplete: everything that the report says is on the page without JavaScript.
func TestWriteHTMLComplete(t *testing.T) {
	r := broken()
	all := text(parse(t, writeHTML(t, r, verify.HTMLOptions{})))
	want := []string{r.Target}
	for _, f := range r.Findings {
		want = append(want, f.Check, f.Place, f.Image, f.Problem, f.Effect, f.Remedy)
	}
	for _, i := range r.Images {
		want = append(append(want, i.Image, i.Source, i.Target, i.Group, i.Digest), i.Uses...)
		for _, p := range i.Platforms {
			want = append(want, p.Platform, p.Digest)
		}
	}
	for _, f := range r.Files {
		want = append(want, f.Path, f.Source, f.SHA256)
	}
	for _, s := range r.Subjects {
		want = append(want, s.Name, s.What, s.Digest)
	}
	for _, s := range want {
		if !strings.Contains(all, s) {
			t.Errorf("the page does not say %q", s)
		}
	}
}

// TestWriteHTMLSelfContained: nothing is fetched, nothing but our style and script
// is let run, and every link leads to a place on the page.
func TestWriteHTMLSelfContained(t *testing.T) {
	page := writeHTML(t, broken(), verify.HTMLOptions{})
	root := parse(t, page)
	ids := map[string]int{}
	for _, n := range elements(root) {
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "style", strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "srcset", a.Key == "action", a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
				t.Errorf("<%s %s=%q> reaches beyond the page or is held back by its policy", n.Data, a.Key, a.Val)
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements are called %s", n, id)
		}
	}
	links := 0
	for _, n := range elements(root, "a") {
		if links++; ids[strings.TrimPrefix(attribute(n, "href"), "#")] == 0 {
			t.Errorf("the link %s leads nowhere", attribute(n, "href"))
		}
	}
	if links < 20 {
		t.Errorf("only %d links", links)
	}
	if bytes.Contains(page, []byte("url(")) || bytes.Contains(page, []byte("@import")) || len(elements(root, "link", "img", "iframe", "object", "base")) > 0 {
		t.Error("the page fetches something")
	}
	checkPolicy(t, root)
}

func checkPolicy(t *testing.T, root *html.Node) {
	t.Helper()
	var want strings.Builder
	want.WriteString("default-src 'none'")
	for _, name := range []string{"style", "script"} {
		found := elements(root, name)
		if len(found) != 1 {
			t.Fatalf("%d elements <%s>", len(found), name)
		}
		sum := sha256.Sum256([]byte(found[0].FirstChild.Data))
		fmt.Fprintf(&want, "; %s-src 'sha256-%s'", name, base64.StdEncoding.EncodeToString(sum[:]))
	}
	want.WriteString("; base-uri 'none'; form-action 'none'")
	for _, n := range elements(root, "meta") {
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			if got := attribute(n, "content"); got != want.String() {
				t.Errorf("the policy is %s, want %s", got, want.String())
			}
			return
		}
	}
	t.Error("no content security policy")
}

// TestWriteHTMLTables: tables say what they hold and which cell heads which.
func TestWriteHTMLTables(t *testing.T) {
	root := parse(t, writeHTML(t, broken(), verify.HTMLOptions{}))
	tables := elements(root, "table")
	if len(tables) != 3 {
		t.Fatalf("%d tables", len(tables))
	}
	for _, table := range tables {
		columns := len(elements(elements(table, "thead")[0], "th"))
		if len(elements(table, "caption")) != 1 {
			t.Errorf("table %s has no caption", attribute(table, "class"))
		}
		for _, th := range elements(table, "th") {
			if attribute(th, "scope") == "" {
				t.Errorf("%q has no scope", text(th))
			}
		}
		// Drawn as cards on a phone, not every browser takes it for a table by itself.
		for _, n := range append(elements(table, "thead", "tbody", "tr", "th", "td"), table) {
			if attribute(n, "role") == "" {
				t.Errorf("<%s> %q has no role", n.Data, text(n))
			}
		}
		for _, tr := range elements(table, "tr") {
			cells := len(elements(tr, "td", "th"))
			if span := attribute(elements(tr, "td", "th")[0], "colspan"); span != fmt.Sprint(columns) && cells != columns {
				t.Errorf("%d columns, but %d cells in %q", columns, cells, text(tr))
			}
		}
	}
}

// TestWriteHTMLFindings: errors stand before warnings, those of one check together,
// what they share once, and images and findings lead to each other.
func TestWriteHTMLFindings(t *testing.T) {
	r := &verify.Report{Images: []verify.Image{{Image: "a:1"}}}
	r.Findings = []verify.Finding{
		{Severity: verify.Warning, Check: "w", Place: "p1", Problem: "odd", Effect: "same", Remedy: "other 1"},
		{Severity: verify.Error, Check: "e", Place: "p2", Problem: "bad", Effect: "own 1", Remedy: "shared", Image: "a:1"},
		{Severity: verify.Warning, Check: "w", Place: "p3", Problem: "odd", Effect: "same", Remedy: "other 2"},
		{Severity: verify.Error, Check: "e", Place: "p4", Problem: "bad", Effect: "own 2", Remedy: "shared", Image: "a:1"},
	}
	root := parse(t, writeHTML(t, r, verify.HTMLOptions{}))
	var got []string
	for _, tr := range elements(elements(root, "table")[0], "tr")[1:] {
		got = append(got, attribute(tr, "id")+" "+text(tr))
	}
	want := []string{
		" Error e 2 What mends it: shared",
		"f1 1. p2 Error: bad Image a:1 What happens: own 1 as above",
		"f2 2. p4 Error: bad Image a:1 What happens: own 2 as above",
		" Warning w 2 What happens: same",
		"f3 3. p1 Warning: odd other 1",
		"f4 4. p3 Warning: odd other 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the findings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if image := text(byID(root, "i1")); !strings.Contains(image, "finding 1, finding 2") {
		t.Errorf("the image does not lead to its findings: %s", image)
	}
}

// TestWriteHTMLSame: one report gives the same bytes, and tells no time.
func TestWriteHTMLSame(t *testing.T) {
	first := writeHTML(t, broken(), verify.HTMLOptions{})
	for range 20 { // maps come in another order nearly every time
		if !bytes.Equal(first, writeHTML(t, broken(), verify.HTMLOptions{})) {
			t.Fatal("two pages of one report differ")
		}
	}
	if bytes.Contains(first, []byte("<dt>Date")) {
		t.Error("the page tells a date that nobody gave")
	}
}

// TestWriteHTMLLarge: a thousand images make a page that can be mailed.
func TestWriteHTMLLarge(t *testing.T) {
	if n := len(writeHTML(t, sample(1000), verify.HTMLOptions{})); n > 1_500_000 {
		t.Errorf("%d bytes", n)
	}
}

// A page that cannot be written whole is an error.
func TestWriteHTMLError(t *testing.T) {
	if err := verify.WriteHTML(full{}, sample(1), verify.HTMLOptions{}); err == nil || err.Error() != "writing the page: no space left" {
		t.Errorf("the error is %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space left") }

func BenchmarkWriteHTML(b *testing.B) {
	r := sample(1000)
	for b.Loop() {
		writeHTML(b, r, verify.HTMLOptions{})
	}
}
