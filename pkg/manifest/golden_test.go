package manifest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the code does into the goldens, to be reviewed")

// A golden is one file of testdata: an input (named in…), the uses in it, and what it
// becomes when everything goes to the target.
type golden struct {
	path    string
	archive *txtar.Archive
}

func goldens(t testing.TB) []golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens: ", err)
	}
	var list []golden
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, golden{path, a})
	}
	return list
}

// section gives the text of the section whose name begins with prefix.
func (g golden) section(prefix string) (name, text string) {
	for _, f := range g.archive.Files {
		if strings.HasPrefix(f.Name, prefix) {
			return f.Name, string(f.Data)
		}
	}
	return prefix, ""
}

func (g golden) set(name, text string) {
	for i, f := range g.archive.Files {
		if f.Name == name {
			g.archive.Files[i].Data = []byte(text)
			return
		}
	}
	g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

// TestGoldens checks five things of each example: the list, the result, that doing it
// twice is doing it once, that nothing but words of references changed, and that CRLF
// and a byte order mark make no difference.
func TestGoldens(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(g.path), ".txtar"), func(t *testing.T) { checkGolden(t, g) })
	}
}

func checkGolden(t *testing.T, g golden) {
	name, in := g.section("in")
	uses, out := describe(t, name, in)
	if *update {
		g.set("uses", uses)
		g.set("out"+strings.TrimPrefix(name, "in"), out)
		if err := os.WriteFile(g.path, txtar.Format(g.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, want := g.section("uses"); uses != want {
		t.Errorf("uses:\n%swant:\n%s", uses, want)
	}
	if _, want := g.section("out"); out != want {
		t.Errorf("rewritten:\n%swant:\n%s", out, want)
	}
	if _, twice := describe(t, name, out); twice != out {
		t.Errorf("rewritten twice:\n%s", twice)
	}
	checkOutside(t, name, in, out)
	if got := identity(t, mustParse(t, name, in, false)); got != in {
		t.Errorf("respelling every reference as it is changed the file:\n%s", got)
	}
	checkVariant(t, name, in, uses, func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") })
	checkVariant(t, name, in, "", func(s string) string { return "\ufeff" + s })
}

// describe lists the uses of src, one per line, and gives src rewritten.
func describe(t *testing.T, name, src string) (uses, out string) {
	t.Helper()
	f := mustParse(t, name, src, false)
	var b strings.Builder
	for u := range f.Uses() {
		fmt.Fprintf(&b, "%d:%d %s %s %s %s = %s", u.Line, u.Column, u.Form, u.Confidence, u.Rule, u.Path(), u.Written)
		if u.Prefix {
			b.WriteString(" (prefix)")
		}
		if u.Templated {
			b.WriteString(" (templated)")
		}
		b.WriteByte('\n')
	}
	rewritten, err := f.Replace(likely(mapping(t)))
	for _, e := range refusals(err) {
		fmt.Fprintln(&b, "refused", e)
	}
	return b.String(), string(rewritten)
}

// checkVariant spells src another way, which must change neither the uses nor what
// happens around them.
func checkVariant(t *testing.T, name, src, uses string, vary func(string) string) {
	t.Helper()
	got, out := describe(t, name, vary(src))
	if uses != "" && got != uses && !strings.Contains(src, "base64") {
		t.Errorf("uses of the variant:\n%swant:\n%s", got, uses)
	}
	checkOutside(t, name, vary(src), out)
}
