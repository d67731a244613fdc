package image

import "testing"

func TestSourceMap(t *testing.T) {
	var rules []SourceRule
	for _, s := range []string{
		"*=http://127.0.0.1:5501/{host}",
		"registry.k8s.io=mirror.example.org/k8s",
		"registry.k8s.io/cloud-pv-vsphere=https://mirror.example.org/vsphere/",
		"k8s.gcr.io=registry.k8s.io",
		"quay.io=http://mirror/{host}",
	} {
		r, err := ParseSourceRule(s)
		if err != nil {
			t.Fatal(err)
		}
		if r.String() != s {
			t.Errorf("%s is read as %s", s, r)
		}
		rules = append(rules, r)
	}
	m, err := NewSourceMap(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		image, source string
		plain         bool
	}{
		{"nginx", "127.0.0.1:5501/docker.io/library/nginx:latest", true},
		{"localhost:5000/a/b:v1", "127.0.0.1:5501/localhost_5000/a/b:v1", true},
		{"registry.k8s.io/pause:3.10", "mirror.example.org/k8s/pause:3.10", false},
		{"registry.k8s.io/cloud-pv-vsphere/cpi:v1", "mirror.example.org/vsphere/cpi:v1", false},
		{"registry.k8s.io/cloud-pv-vsphere2/cpi:v1", "mirror.example.org/k8s/cloud-pv-vsphere2/cpi:v1", false},
		{"quay.io/a/b:v1", "mirror:80/quay.io/a/b:v1", true},
		{"k8s.gcr.io/pause:3.1", "registry.k8s.io/pause:3.1", false},
	} {
		ref, err := Parse(c.image)
		if err != nil {
			t.Fatal(err)
		}
		if got, plain := m.Source(ref); got.String() != c.source || plain != c.plain {
			t.Errorf("%s is fetched from %s (plain HTTP: %t), want %s (%t)", c.image, got, plain, c.source, c.plain)
		}
	}
}

func TestSourceMapRefuses(t *testing.T) {
	for _, s := range []string{"x", "=", "*=", "*=ftp://a.example.org", "a b=a.example.org", "registry.k8s.io=registry", "*=http://"} {
		if r, err := ParseSourceRule(s); err == nil {
			t.Errorf("%s is read as %#v", s, r)
		}
	}
	if _, err := NewSourceMap([]SourceRule{{"*", "a.example.org"}, {"*", "b.example.org"}}); err == nil {
		t.Error("two rules for every image are taken")
	}
}
