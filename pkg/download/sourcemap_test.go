package download_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/download"
)

func TestSourceMap(t *testing.T) {
	var rules []download.SourceRule
	for _, s := range []string{
		"*=http://web:5503/{host}", "github.com/kubernetes-sigs=https://mirror/capi/", "https://github.com/kubernetes-sigs/special=/srv/special",
		"dl.k8s.io:443/v1=file:///srv/k8s", "http://plain.io=https://tls.io", "github.com/a/b.yaml=https://x/c.yaml",
	} {
		rule, err := download.ParseSourceRule(s)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	m, err := download.NewSourceMap(rules)
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"https://github.com/kubernetes-sigs/cluster-api/x.yaml?a=b":   "https://mirror/capi/cluster-api/x.yaml?a=b",
		"https://GitHub.com/kubernetes-sigs/templates%2Fv1.36.0/a":    "https://mirror/capi/templates%2Fv1.36.0/a",
		"https://github.com/kubernetes-sigs-x/a":                      "http://web:5503/github.com/kubernetes-sigs-x/a",
		"https://github.com/kubernetes-sigs/special/../../etc/passwd": filepath.FromSlash("/srv/special/etc/passwd"),
		"https://github.com/kubernetes-sigs/special/%2e%2e/a%20b":     filepath.FromSlash("/srv/special/a b"),
		"http://github.com/kubernetes-sigs/special/a":                 "https://mirror/capi/special/a",
		"https://dl.k8s.io:443/v1/kubectl?x=y":                        "file:///srv/k8s/kubectl",
		"https://dl.k8s.io/v1/kubectl":                                "http://web:5503/dl.k8s.io/v1/kubectl",
		"https://plain.io/a":                                          "http://web:5503/plain.io/a",
		"http://plain.io/a":                                           "https://tls.io/a",
		"https://github.com/a/b.yaml":                                 "https://x/c.yaml",
		"file:///a/b":                                                 "file:///a/b",
		"a/b":                                                         "a/b",
	} {
		got, elsewhere := m.Source(raw)
		if got != want || elsewhere != (got != raw) {
			t.Errorf("%s: %s (%t), want %s", raw, got, elsewhere, want)
		}
	}
}

func TestSourceMapRefuses(t *testing.T) {
	for _, s := range []string{
		"", "a", "=x", "*=", "/x=y", "https://=y", "https://u:secret@h=y", "h=ftp://secret@x", "h=https://", "h=https://%zz:secret", "h?a=b", "h#a=b",
	} {
		if rule, err := download.ParseSourceRule(s); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", s, rule, err)
		}
	}
	_, err := download.NewSourceMap([]download.SourceRule{{From: "h/a", To: "x"}, {From: "H/a/", To: "https://u:secret@y"}})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
