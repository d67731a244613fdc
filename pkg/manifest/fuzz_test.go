package manifest

import (
	"strings"
	"testing"

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
	a, b := chunks(before), chunks(after)
	if len(a) != len(b) {
		t.Fatalf("%d documents became %d", len(a), len(b))
	}
	for i := range a {
		old, err := parseTree(&text{s: before}, before, a[i].from, a[i].to)
		if err != nil {
			continue
		}
		now, err := parseTree(&text{s: after}, after, b[i].from, b[i].to)
		if err != nil || len(old) != len(now) {
			t.Fatalf("a document that can be parsed no more: %v\n%q\n%q", err, before, after)
		}
		for k := range old {
			checkTree(t, old[k], now[k])
		}
	}
}

func checkTree(t *testing.T, a, b *node) {
	if a.kind != b.kind || len(a.kids) != len(b.kids) {
		t.Fatalf("the tree changed: %v %q and %v %q", a.kind, a.value, b.kind, b.value)
	}
	if a.value != b.value && !strings.Contains(b.value, target) && unbase64(view{&text{s: b.value}, 0, b.value}) == nil {
		t.Fatalf("%q became %q", a.value, b.value)
	}
	for i := range a.kids {
		checkTree(t, a.kids[i], b.kids[i])
	}
}
