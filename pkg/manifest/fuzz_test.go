package manifest

import (
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/yamltree"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// seed gives the fuzzer every golden, before and after.
func seed(f *testing.F) {
	for _, g := range goldens(f) {
		for _, file := range g.archive.Files {
			if file.Name != "uses" {
				f.Add(string(file.Data))
			}
		}
	}
}

// FuzzIdentity: respelling every reference as it is gives the same bytes.
func FuzzIdentity(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		file, err := Parse("fuzz", []byte(src))
		if err != nil {
			return
		}
		if got := identity(t, file); got != src {
			t.Errorf("%q became %q", src, got)
		}
	})
}

// FuzzFastPath: the byte scan and the fast parser lose no reference of the full parse.
func FuzzFastPath(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src string) {
		fast, errFast := parse("fuzz", []byte(src), false)
		full, errFull := parse("fuzz", []byte(src), true)
		if errFast != nil || errFull != nil {
			return // the byte scan may let a document go by that is broken
		}
		if len(fast.uses) != len(full.uses) {
			t.Errorf("%d uses by the byte scan, %d by the full parse:\n%v\n%v", len(fast.uses), len(full.uses), fast.uses, full.uses)
		}
	})
}

// FuzzReplace: what was YAML stays YAML, and its tree is the same but for the strings
// that hold references.
func FuzzReplace(f *testing.F) {
	seed(f)
	m, err := image.NewMapping(target, image.LayoutHost, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src string) {
		file, err := Parse("fuzz", []byte(src))
		if err != nil {
			return
		}
		out, err := file.Replace(func(u Use) (image.Ref, bool) { return u.Target(m) })
		if out == nil {
			t.Fatal(err)
		}
		checkTrees(t, src, string(out))
	})
}

// checkTrees compares the documents of before and after.
func checkTrees(t *testing.T, before, after string) {
	a, b := yamltree.Chunks(before), yamltree.Chunks(after)
	if len(a) != len(b) {
		t.Fatalf("%d documents became %d", len(a), len(b))
	}
	for i := range a {
		old, err := yamltree.Parse(&yamltree.Text{S: before}, a[i])
		if err != nil {
			continue
		}
		now, err := yamltree.Parse(&yamltree.Text{S: after}, b[i])
		if err != nil || len(old) != len(now) {
			t.Fatalf("a document that can be parsed no more: %v\n%q\n%q", err, before, after)
		}
		for k := range old {
			checkTree(t, old[k], now[k])
		}
	}
}

func checkTree(t *testing.T, a, b *yamltree.Node) {
	if a.Kind != b.Kind || len(a.Kids) != len(b.Kids) {
		t.Fatalf("the tree changed: %v %q and %v %q", a.Kind, a.Value, b.Kind, b.Value)
	}
	if a.Value != b.Value && !strings.Contains(b.Value, target) && unbase64(yamltree.Whole(&yamltree.Text{S: b.Value})) == nil {
		t.Fatalf("%q became %q", a.Value, b.Value)
	}
	for i := range a.Kids {
		checkTree(t, a.Kids[i], b.Kids[i])
	}
}
