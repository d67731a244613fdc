package image

import (
	_ "crypto/sha512" // go-digest asks whether an algorithm is linked in, as the kubelet does
	"strings"
	"testing"

	"github.com/distribution/reference"
)

func FuzzParseRef(f *testing.F) {
	for _, s := range refSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := oracle(s)
		r, err := Parse(s)
		if err != nil {
			if want != "" {
				t.Fatalf("Parse(%q): %v; distribution reads %s", s, err, want)
			}
			return
		}
		if r.String() != want {
			t.Fatalf("Parse(%q) = %s; distribution reads %q", s, r, want)
		}
		if again, err := Parse(r.String()); err != nil || again != r {
			t.Fatalf("Parse(%q) = %#v, %v, want %#v", r, again, err, r)
		}
	})
}

// oracle is what the kubelet makes of s, "" if it refuses it.
func oracle(s string) string {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return ""
	}
	return reference.TagNameOnly(named).String()
}

const hex64 = "7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"

var refSeeds = []string{
	"nginx", "nginx:1.25", "library/nginx", "docker.io/nginx", "docker.io", "index.docker.io/nginx",
	"index.docker.io/a/b:c", "registry.k8s.io/coredns/coredns:v1.11.1", "localhost/x", "localhost:5000/x:y",
	"[::1]:5000/x", "[fd00::1]/x/y:z", "[abc]/x", "[ABC]/x", "[]/x", "Foo/bar", "foo/Bar", "foo.bar_baz/x",
	"foo:bar/baz", "a__b/c", "a___b/c", "a--b/c", "a.-b/c", "a..b/c", "-a/b", "a-/b", "a-.b/c", "x:", "x:@", "x@",
	"x@sha256:" + hex64, "x:y@sha256:" + hex64, "x@sha256:" + hex64[1:], "x@SHA256:" + hex64, "x@sha384:" + hex64 + hex64[:32],
	"x@sha512:" + hex64 + hex64, "x@md5:" + hex64[:32], hex64, "library/" + hex64, "", "/", "a//b", "/a", "a/", "a b", "é/x", "x:é",
	"${REGISTRY}/x:y", "https://x/y", "a.b:5000x/y", "a.b:/y", "a.b:٣/y", "x:-a", "x:.a", "x:_a", "x\n", "x:y\n",
}

// FuzzMapping holds law 3 of DESIGN.md: mapping twice is mapping once, and
// what is written is what the kubelet reads; tag and digest survive; layout host
// gives every name a place of its own.
func FuzzMapping(f *testing.F) {
	for i, s := range refSeeds {
		f.Add(s, refSeeds[(i*7+3)%len(refSeeds)], "r.example/p", "quay.io/a", "r.example/a", uint8(i))
	}
	f.Add("a.b:5000/x", "a.b_5000/x", "docker.io/airgap", "docker.io/library", "docker.io/foo", uint8(0))
	f.Add("[::1]/x", "[0::1]:1/x", "docker.io", "docker.io/library/nginx", "localhost:5000", uint8(1))
	f.Fuzz(func(t *testing.T, s1, s2, to, from, ruleTo string, n uint8) {
		a, errA := Parse(s1)
		b, errB := Parse(s2)
		if errA != nil || errB != nil {
			return
		}
		layouts := []Layout{LayoutHost, LayoutPath, LayoutName, LayoutGroup}
		if m, err := NewMapping(to, layouts[n%4], []Rule{{from, ruleTo}}); err == nil {
			checkOnce(t, m.InGroup("cni"), a)
		}
		m, err := NewMapping(to, LayoutHost, nil)
		if err != nil || to == "" {
			return
		}
		checkOnce(t, m, a)
		checkApart(t, m, a, b)
	})
}

// checkOnce holds that m maps r once and no more.
func checkOnce(t *testing.T, m Mapping, r Ref) {
	t.Helper()
	target, moves := m.Target(r)
	if target.Tag != r.Tag || target.Digest != r.Digest {
		t.Fatalf("%s goes to %s: tag or digest is lost", r, target)
	}
	if again, ok := m.Target(target); ok || again != target {
		t.Fatalf("%s goes to %s, and then to %s", r, target, again)
	}
	if !moves || checkName(target.Registry, target.Repository) != "" {
		return
	}
	if read, err := Parse(target.String()); err != nil || read != target {
		t.Fatalf("%s goes to %s, which is read as %s, %v", r, target, read, err)
	}
}

// checkApart holds that two names of layout host share no target, unless they
// differ only in how the host is spelled, or one is the target itself.
func checkApart(t *testing.T, m Mapping, a, b Ref) {
	t.Helper()
	x, movesA := m.Target(a)
	y, movesB := m.Target(b)
	if !movesA || !movesB || x.Name() != y.Name() {
		return
	}
	if !strings.EqualFold(a.Registry, b.Registry) || a.Repository != b.Repository {
		t.Fatalf("%s and %s both go to %s", a, b, x.Name())
	}
}
