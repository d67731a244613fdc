package image

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const digest = "sha256:" + hex64
	tests := []struct {
		in   string
		want Ref
	}{
		{"nginx", Ref{"docker.io", "library/nginx", "latest", ""}},
		{"nginx:1.25", Ref{"docker.io", "library/nginx", "1.25", ""}},
		{"docker.io/nginx", Ref{"docker.io", "library/nginx", "latest", ""}},
		{"index.docker.io/calico/node:v3", Ref{"docker.io", "calico/node", "v3", ""}},
		{"registry.k8s.io/coredns/coredns:v1", Ref{"registry.k8s.io", "coredns/coredns", "v1", ""}},
		{"localhost/x", Ref{"localhost", "x", "latest", ""}},
		{"localhost:5000/x:y", Ref{"localhost:5000", "x", "y", ""}},
		{"localhost:5000", Ref{"docker.io", "library/localhost", "5000", ""}},
		{"[::1]:5000/x", Ref{"[::1]:5000", "x", "latest", ""}},
		{"Foo/x", Ref{"Foo", "x", "latest", ""}},
		{"quay.io/x@" + digest, Ref{"quay.io", "x", "", digest}},
		{"quay.io/x:y@" + digest, Ref{"quay.io", "x", "y", digest}},
	}
	for _, test := range tests {
		got, err := Parse(test.in)
		if err != nil || got != test.want {
			t.Errorf("Parse(%q) = %#v, %v, want %#v", test.in, got, err, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ in, reason string }{
		{"", "missing"},
		{"${REGISTRY}/x:y", "registry"},
		{"https://k8s.io/x", "registry"},
		{"quay.io/Foo", "lower case"},
		{"quay.io/x:", "a tag"},
		{"quay.io/x@sha256:abc", "a digest"},
		{hex64, "image ID"},
		{"quay.io/" + strings.Repeat("a", 256), "255"},
	}
	for _, test := range tests {
		_, err := Parse(test.in)
		var parseErr *ParseError
		if !errors.As(err, &parseErr) || parseErr.Input != test.in || !strings.Contains(parseErr.Reason, test.reason) {
			t.Errorf("Parse(%q): %v, want a reason with %q", test.in, err, test.reason)
		}
	}
}

func TestRefString(t *testing.T) {
	for _, want := range []string{"quay.io", "quay.io/x", "quay.io/x:${TAG}", "quay.io/x:y@sha256:z", ""} {
		r := Ref{}
		if want != "" {
			name, digest, _ := strings.Cut(want, "@")
			name, tag, _ := strings.Cut(name, ":")
			registry, path, _ := strings.Cut(name, "/")
			r = Ref{registry, path, tag, digest}
		}
		if r.String() != want || r.IsZero() != (want == "") {
			t.Errorf("%#v.String() = %q, want %q", r, r.String(), want)
		}
	}
}

func TestCompareSortsLikeLines(t *testing.T) {
	refs := parseAll(t, "quay.io/b:1", "quay.io/b-c:1", "quay.io/a/x:1", "quay.io/a:1")
	slices.SortFunc(refs, Compare)
	var lines []string
	for _, r := range refs {
		lines = append(lines, r.String())
	}
	if !slices.IsSorted(lines) {
		t.Errorf("not in the order of lines: %q", lines)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, s := range []string{"registry.k8s.io/coredns/coredns:v1", "docker.io/calico/node@sha256:" + hex64} {
		if n := testing.AllocsPerRun(100, func() { _, _ = Parse(s) }); n != 0 {
			t.Errorf("Parse(%q) allocates %v times", s, n)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	tests := []struct{ in, registry, repository string }{
		{"quay.io/", "quay.io", ""},
		{"registry.k8s.io", "registry.k8s.io", ""},
		{"localhost:5000", "localhost:5000", ""},
		{"localhost", "localhost", ""},
		{"[::1]:5000", "[::1]:5000", ""},
		{"docker.io/istio", "docker.io", "istio"},
		{"index.docker.io", "docker.io", ""},
		{"projects.registry.vmware.com/tkg", "projects.registry.vmware.com", "tkg"},
		{"kindest", "docker.io", "kindest"},
		{"calico/", "docker.io", "calico"},
		{"rancher/mirrored", "docker.io", "rancher/mirrored"},
	}
	for _, test := range tests {
		got, err := ParsePrefix(test.in)
		if want := (Ref{Registry: test.registry, Repository: test.repository}); err != nil || got != want {
			t.Errorf("ParsePrefix(%q) = %#v, %v, want %#v", test.in, got, err, want)
		}
	}
	for _, in := range []string{"", "/", "quay.io//", "a//", "quay.io/x:1", "nginx:1.25", "quay.io/x@sha256:" + hex64, "https://quay.io", "${R}", "a b"} {
		if got, err := ParsePrefix(in); err == nil {
			t.Errorf("ParsePrefix(%q) = %#v, want an error", in, got)
		}
	}
}

func parseAll(t *testing.T, texts ...string) []Ref {
	t.Helper()
	refs := make([]Ref, len(texts))
	for i, s := range texts {
		var err error
		if refs[i], err = Parse(s); err != nil {
			t.Fatal(err)
		}
	}
	return refs
}

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{"registry.k8s.io/coredns/coredns:v1.11.1", "nginx", "not an image at all", "quay.io/x:y@sha256:" + hex64} {
		b.Run(s[:5], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(s)
			}
		})
	}
}
