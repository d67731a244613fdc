package yamltree

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sameTree compares two trees in all that the walker looks at.
func sameTree(a, b *Node) error {
	if a.Kind != b.Kind || a.Value != b.Value || a.Style != b.Style || len(a.Kids) != len(b.Kids) {
		return fmt.Errorf("%d %d %q (%d kids) and %d %d %q (%d kids)", a.Kind, a.Style, a.Value, len(a.Kids), b.Kind, b.Style, b.Value, len(b.Kids))
	}
	if a.Kind == Scalar && a.Pos != b.Pos {
		return fmt.Errorf("%q at %d and %d", a.Value, a.Pos, b.Pos)
	}
	for i := range a.Kids {
		if err := sameTree(a.Kids[i], b.Kids[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkBlock holds parseBlock against the full parser: what it accepts, it must give
// as the full parser does. It reports how many bytes it accepted.
func checkBlock(t testing.TB, name, src string) (accepted int) {
	t.Helper()
	for _, c := range Chunks(src) {
		fast, ok := parseBlock(src, c.From, c.To)
		if !ok {
			continue
		}
		accepted += c.To - c.From
		full, err := parseTree(&Text{S: src}, src, c.From, c.To)
		if err != nil || len(full) != 1 {
			t.Errorf("%s: accepted what the full parser does not: %v\n%s", name, err, src[c.From:c.To])
			continue
		}
		if err := sameTree(fast, full[0]); err != nil {
			t.Errorf("%s: fast and full parser differ: %v", name, err)
		}
	}
	return accepted
}

// corpusDir holds real manifests that are not part of this repository.
const corpusDir = "../../../shared/corpus"

func TestCorpusBlock(t *testing.T) {
	all, accepted := 0, 0
	err := filepath.WalkDir(corpusDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/TRUTH/") {
			return err
		}
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" && ext != ".txt" {
			return nil
		}
		src, err := os.ReadFile(path)
		all += len(src)
		accepted += checkBlock(t, path, string(src))
		return err
	})
	if err != nil || all == 0 {
		t.Skip("NOT RUN: the corpus is not at ", corpusDir)
	}
	t.Logf("%d of %d bytes parsed the fast way", accepted, all)
}

func FuzzBlock(f *testing.F) {
	f.Add("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: \"b:1\"\n    args: [-c, 'd']\n")
	f.Add("a:\n- b\n- c: d\n  e: |\n    x\n\n    y\nf: {g: [h, \"i\"]} # j\n")
	f.Add("- - a\n  - b\n-\n  c: 'd'\n")
	f.Fuzz(func(t *testing.T, src string) { checkBlock(t, "fuzz", src) })
}
