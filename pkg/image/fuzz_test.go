package image

import (
	_ "crypto/sha512" // go-digest asks whether an algorithm is linked in, as the kubelet does
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
