package manifest

import (
	"fmt"
	"testing"
)

// sameTree compares two trees in all that the walker looks at.
func sameTree(a, b *node) error {
	if a.kind != b.kind || a.value != b.value || a.style != b.style || len(a.kids) != len(b.kids) {
		return fmt.Errorf("%d %d %q (%d kids) and %d %d %q (%d kids)", a.kind, a.style, a.value, len(a.kids), b.kind, b.style, b.value, len(b.kids))
	}
	if a.kind == scalarNode && a.pos != b.pos {
		return fmt.Errorf("%q at %d and %d", a.value, a.pos, b.pos)
	}
	for i := range a.kids {
		if err := sameTree(a.kids[i], b.kids[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkBlock holds parseBlock against the full parser: what it accepts, it must give
// as the full parser does. It reports how many bytes it accepted.
func checkBlock(t testing.TB, name, src string) (accepted int) {
	t.Helper()
	for _, c := range chunks(src) {
		fast, ok := parseBlock(src, c.from, c.to)
		if !ok {
			continue
		}
		accepted += c.to - c.from
		full, err := parseTree(&text{s: src}, src, c.from, c.to)
		if err != nil || len(full) != 1 {
			t.Errorf("%s: accepted what the full parser does not: %v\n%s", name, err, src[c.from:c.to])
			continue
		}
		if err := sameTree(fast, full[0]); err != nil {
			t.Errorf("%s: fast and full parser differ: %v", name, err)
		}
	}
	return accepted
}

func TestCorpusBlock(t *testing.T) {
	all, accepted := 0, 0
	for name, src := range corpus(t) {
		all += len(src)
		accepted += checkBlock(t, name, src)
	}
	t.Logf("%d of %d bytes parsed the fast way", accepted, all)
}

func FuzzBlock(f *testing.F) {
	f.Add(workloads(1))
	f.Add("a:\n- b\n- c: d\n  e: |\n    x\n\n    y\nf: {g: [h, \"i\"]} # j\n")
	f.Add("- - a\n  - b\n-\n  c: 'd'\n")
	f.Fuzz(func(t *testing.T, src string) { checkBlock(t, "fuzz", src) })
}
