// Package airgap_test holds the tree to ARCHITECTURE.md.
package airgap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kubectl-airgap/kubectl-airgap"

// A source is one Go file of the product: no test, no benchmark program.
type source struct {
	path string // slash-separated, from the root
	set  *token.FileSet
	tree *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, root := range []string{"cmd", "internal", "pkg"} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, name, nil, parser.ParseComments)
			all = append(all, source{filepath.ToSlash(name), set, tree})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A home is one row of the import map: what a package may import beside the standard library.
type home struct{ ours, libraries []string }

// importMap reads the table of ARCHITECTURE.md whose rows start with a package path.
func importMap(t *testing.T) map[string]home {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	homes := map[string]home{}
	row := regexp.MustCompile("(?m)^\\| `((?:cmd|internal|pkg)/[^`]+)` \\|[^|]*\\|([^|]*)\\|([^|]*)\\|$")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		homes[m[1]] = home{quoted(m[2]), quoted(m[3])}
	}
	return homes
}

func quoted(cell string) []string {
	var names []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestImports: every package is in the map, and imports what the map allows it.
func TestImports(t *testing.T) {
	homes, seen := importMap(t), map[string]bool{}
	for _, src := range sources(t) {
		pkg := path.Dir(src.path)
		seen[pkg] = true
		allowed, ok := homes[pkg]
		if !ok {
			t.Errorf("%s: the package has no row in the import map of ARCHITECTURE.md", src.path)
		}
		for _, spec := range src.tree.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if !allowed.has(name) {
				t.Errorf("%s: %s may not import %s (ARCHITECTURE.md)", src.set.Position(spec.Pos()), pkg, name)
			}
		}
	}
	for pkg := range homes {
		if !seen[pkg] {
			t.Errorf("ARCHITECTURE.md: %s is in the import map but not in the tree", pkg)
		}
	}
}

func (h home) has(name string) bool {
	if ours, ok := strings.CutPrefix(name, module+"/"); ok {
		return slices.Contains(h.ours, ours)
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(h.libraries, func(library string) bool {
		return name == library || strings.HasPrefix(name, library+"/")
	})
}

// TestSize: what one has to read at once stays small.
func TestSize(t *testing.T) {
	const maxFile, maxFunc, longFunc, maxMean, maxLong = 400, 100, 60, 16.0, 0.03
	var lines, funcs, long int
	for _, src := range sources(t) {
		if n := src.set.Position(src.tree.FileEnd).Line; n > maxFile {
			t.Errorf("%s has %d lines, more than %d", src.path, n, maxFile)
		}
		for _, decl := range src.tree.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from, to := src.set.Position(fn.Pos()), src.set.Position(fn.End())
			n := to.Line - from.Line + 1
			if n > maxFunc {
				t.Errorf("%s: %s has %d lines, more than %d", from, fn.Name.Name, n, maxFunc)
			}
			if n > longFunc {
				long++
				t.Logf("%s: %s has %d lines", from, fn.Name.Name, n)
			}
			lines, funcs = lines+n, funcs+1
		}
	}
	if funcs == 0 {
		t.Fatal("no functions found")
	}
	if mean := float64(lines) / float64(funcs); mean > maxMean {
		t.Errorf("the mean of %d functions is %.1f lines, more than %.0f", funcs, mean, maxMean)
	}
	if share := float64(long) / float64(funcs); share > maxLong {
		t.Errorf("%d of %d functions have more than %d lines, more than %.0f %%", long, funcs, longFunc, 100*maxLong)
	}
}
