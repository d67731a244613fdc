package image

import (
	"strings"
	"testing"
)

func newMapping(t testing.TB, to string, layout Layout, rules ...string) Mapping {
	t.Helper()
	var read []Rule
	for _, s := range rules {
		r, err := ParseRule(s)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, r)
	}
	m, err := NewMapping(to, layout, read)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNewMappingRefuses(t *testing.T) {
	tests := []struct {
		to     string
		layout Layout
		rules  string // FROM=TO, blanks between
		want   []string
	}{
		{"https://x", "", "", []string{"https://x: a target is REGISTRY[/PREFIX], without a scheme"}},
		{"reg.example/A", "", "", []string{"lower case"}},
		{"reg.example/a:1", "", "", []string{"without tag"}},
		{"reg.example//", "", "", []string{"REGISTRY[/PREFIX]"}},
		{"/", "", "", []string{"REGISTRY[/PREFIX]"}},
		{"reg.example", "flat", "", []string{`layout "flat"`, "group"}},
		{"reg.example", "", "nginx=reg.example/n", []string{"docker.io/library/nginx", "docker.io/nginx"}},
		{"reg.example", "", "quay.io/x:1=reg.example/n", []string{"without tag"}},
		{"reg.example", "", "https://quay.io=reg.example/n", []string{"without a scheme"}},
		{"reg.example", "", "quay.io=https://reg.example/n", []string{"without a scheme"}},
		{"reg.example", "", "quay.io=a.b library/x=c.d quay.io/=e.f", []string{"quay.io/=e.f", "quay.io=a.b", "same names"}},
		{"reg.example", "", "library/x=a.b docker.io/library/x=c.d", []string{"same names"}},
		{"reg.example", "", "reg.example/x=a.b", []string{"reg.example/x=a.b", "below the target reg.example"}},
		{"reg.example", "", "quay.io/x=a.b a.b/c=d.e", []string{"a.b/c=d.e never applies", "quay.io/x=a.b"}},
		{"reg.example", "", "quay.io/x=quay.io", []string{"quay.io/x=quay.io never applies"}},
		{"registry/airgap", "", "", []string{"reads this as docker.io/registry/airgap;", "registry.local or registry:443"}},
		{"registry/", "", "", []string{"reads this as docker.io/registry;"}},
		{"reg.example", "", "quay.io=registry/airgap", []string{"rule quay.io=registry/airgap: ", "reads this as docker.io/registry/airgap;"}},
		{"docker.io/x", "", "docker.io/x/y=a.b", []string{"never applies"}},
		{"reg.example", "", "quay.io/x=docker.io/foo docker.io/library/foo=a.b", []string{"docker.io/library/foo=a.b never applies"}},
	}
	for _, test := range tests {
		var rules []Rule
		for _, s := range strings.Fields(test.rules) {
			from, to, _ := strings.Cut(s, "=")
			rules = append(rules, Rule{from, to})
		}
		_, err := NewMapping(test.to, test.layout, rules)
		if err == nil {
			t.Errorf("NewMapping(%q, %q, %q): no error", test.to, test.layout, test.rules)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("NewMapping(%q, %q, %q): %v, want %q in it", test.to, test.layout, test.rules, err, want)
			}
		}
	}
}

func TestNewMappingReportsAll(t *testing.T) {
	_, err := NewMapping("https://x", "flat", []Rule{{"nginx", "a.b"}, {"quay.io", ""}})
	if got := strings.Count(err.Error(), "\n") + 1; got != 4 {
		t.Errorf("%d errors, want 4:\n%v", got, err)
	}
}

func TestParseRule(t *testing.T) {
	got, err := ParseRule("quay.io/jetstack=reg.example/cm")
	if want := (Rule{"quay.io/jetstack", "reg.example/cm"}); err != nil || got != want || got.String() != "quay.io/jetstack=reg.example/cm" {
		t.Errorf("%#v, %v, want %#v", got, err, want)
	}
	for _, s := range []string{"", "quay.io", "=reg.example", "quay.io="} {
		if _, err := ParseRule(s); err == nil {
			t.Errorf("ParseRule(%q): no error", s)
		}
	}
}

func TestTarget(t *testing.T) {
	const digest = "@sha256:" + hex64
	tests := []struct {
		to     string
		layout Layout
		rules  string
		in     string
		want   string // "" for: stays
	}{
		{"r.example/p", "host", "", "registry.k8s.io/coredns/coredns:v1", "r.example/p/registry.k8s.io/coredns/coredns:v1"},
		{"r.example/p/", "", "", "nginx", "r.example/p/docker.io/library/nginx:latest"},
		{"r.example/p", "path", "", "registry.k8s.io/coredns/coredns:v1", "r.example/p/coredns/coredns:v1"},
		{"r.example/p", "name", "", "registry.k8s.io/coredns/coredns:v1", "r.example/p/coredns:v1"},
		{"r.example/p", "group", "", "registry.k8s.io/coredns/coredns:v1", "r.example/p/cni/coredns:v1"},
		{"r.example", "host", "", "quay.io/x:y" + digest, "r.example/quay.io/x:y" + digest},
		{"r.example", "host", "", "quay.io/x" + digest, "r.example/quay.io/x" + digest},
		{"r.example", "host", "", "localhost:5000/x:y", "r.example/localhost_5000/x:y"},
		{"r.example", "host", "", "Foo/x:y", "r.example/foo/x:y"},
		{"r.example", "host", "", "[FD00::1]:5000/x:y", "r.example/ip6__0fd00-0-01_5000/x:y"},
		{"r.example", "host", "", "a.b_c__d/x:y", "r.example/a.b__1__c__2__d/x:y"},
		{"localhost:5000", "host", "", "quay.io/x:y", "localhost:5000/quay.io/x:y"},
		{"r.example/p", "host", "", "r.example/p/x:y", ""},
		{"r.example/p", "host", "", "r.example/px:y", "r.example/p/r.example/px:y"},
		{"r.example/p", "host", "quay.io=r.example/q quay.io/a=r.example/a/b", "quay.io/a/x:y", "r.example/a/b/x:y"},
		{"r.example/p", "host", "quay.io=r.example/q quay.io/a=r.example/a/b", "quay.io/ab/x:y", "r.example/q/ab/x:y"},
		{"r.example/p", "host", "quay.io=r.example/q", "r.example/q/x:y", ""},
		{"r.example/p", "host", "quay.io=quay.io", "quay.io/x:y", ""},
		{"r.example/p", "host", "docker.io/library/nginx=r.example/web", "nginx:1", "r.example/web:1"},
		{"r.example/p", "host", "library/nginx=r.example", "nginx:1", "r.example/nginx:1"},
		{"", "host", "quay.io=r.example/q", "quay.io/x:y", "r.example/q/x:y"},
		{"", "host", "quay.io=r.example/q", "ghcr.io/x:y", ""},
		// Docker Hub as the target: what is written must be what is read.
		{"docker.io", "name", "", "quay.io/a/x:y", "docker.io/library/x:y"},
		{"r.example", "name", "quay.io/a/b=docker.io/foo", "quay.io/a/b:y", "docker.io/library/foo:y"},
		{"r.example", "name", "quay.io/a/b=docker.io/foo", "docker.io/foo:y", ""},
		{"r.example", "name", "quay.io/a=docker.io/foo", "quay.io/a/b:y", "docker.io/foo/b:y"},
		{"docker.io/foo", "name", "", "docker.io/foo:y", "docker.io/foo/foo:y"},
		{"index.docker.io/p", "host", "", "quay.io/x:y", "docker.io/p/quay.io/x:y"},
		{"localhost/p", "host", "", "quay.io/x:y", "localhost/p/quay.io/x:y"},
		{"registry:443", "host", "", "quay.io/x:y", "registry:443/quay.io/x:y"},
	}
	for _, test := range tests {
		m := newMapping(t, test.to, test.layout, strings.Fields(test.rules)...).InGroup("cni")
		r := parseAll(t, test.in)[0]
		want := test.want
		if want == "" {
			want = r.String()
		}
		if got, moves := m.Target(r); got.String() != want || moves != (test.want != "") {
			t.Errorf("%s %s %s: %s goes to %s, %v, want %s", test.to, test.layout, test.rules, test.in, got, moves, want)
		}
	}
}

func TestTargetLeavesTemplates(t *testing.T) {
	m := newMapping(t, "r.example", LayoutHost)
	for _, tag := range []string{"${TAG}", "{{ x }}", "v${A:-1/2}@", ""} {
		got, _ := m.Target(Ref{"quay.io", "x", tag, ""})
		if want := (Ref{"r.example", "quay.io/x", tag, ""}); got != want {
			t.Errorf("%#v, want %#v", got, want)
		}
	}
	if got, moves := m.Target(Ref{}); moves || !got.IsZero() {
		t.Errorf("the zero Ref goes to %s", got)
	}
}

func TestTargetPrefix(t *testing.T) {
	rules := "quay.io/jetstack=r.example/cm docker.io=r.example/hub docker.io/istio=r.example/hub/istio registry.k8s.io/a/b=r.example/b"
	tests := []struct {
		to       string
		layout   Layout
		rules    string
		in, want string // "" for: stays
		conflict string // the rule's From
	}{
		{"r.example/p", "host", "", "registry.k8s.io", "r.example/p/registry.k8s.io", ""},
		{"r.example/p", "host", "", "localhost:5000/a", "r.example/p/localhost_5000/a", ""},
		{"r.example/p", "path", "", "registry.k8s.io", "r.example/p", ""},
		{"r.example/p", "path", "", "docker.io/istio", "r.example/p/istio", ""},
		{"r.example", "name", "", "docker.io/istio", "r.example", ""},
		{"r.example/p", "group", "", "docker.io/istio", "r.example/p/cni", ""},
		{"r.example/p", "host", "", "r.example/p", "", ""},
		{"r.example/p", "host", "", "r.example/p/quay.io", "", ""},
		{"r.example/p", "host", rules, "quay.io/jetstack", "r.example/cm", ""},
		{"r.example/p", "host", rules, "quay.io/jetstack/x", "r.example/cm/x", ""},
		{"r.example/p", "host", rules, "quay.io", "", "quay.io/jetstack"},
		{"r.example/p", "host", rules, "registry.k8s.io/a", "", "registry.k8s.io/a/b"},
		{"r.example/p", "host", rules, "registry.k8s.io/ab", "r.example/p/registry.k8s.io/ab", ""},
		{"r.example/p", "host", rules, "docker.io", "r.example/hub", ""}, // istio goes where the rest goes
		{"r.example/p", "host", rules, "docker.io/istio", "r.example/hub/istio", ""},
		{"", "host", rules, "ghcr.io", "", ""},
		{"", "host", rules, "quay.io", "", "quay.io/jetstack"},
		{"r.example/p", "host", "docker.io=r.example/hub docker.io/istio=a.b", "docker.io", "", "docker.io/istio"},
	}
	for _, test := range tests {
		m := newMapping(t, test.to, test.layout, strings.Fields(test.rules)...).InGroup("cni")
		r, err := ParsePrefix(test.in)
		if err != nil {
			t.Fatal(err)
		}
		want := test.want
		if want == "" {
			want = r.String()
		}
		if got, moves := m.TargetPrefix(r); got.String() != want || moves != (test.want != "") {
			t.Errorf("%s %s: %s goes to %s, %v, want %s", test.to, test.layout, test.in, got, moves, want)
		}
		if rule, _ := m.PrefixConflict(r); rule.From != test.conflict {
			t.Errorf("%s %s: %s conflicts with %q, want %q", test.to, test.layout, test.in, rule.From, test.conflict)
		}
	}
}

func TestCheckGroup(t *testing.T) {
	for group, ok := range map[string]bool{"cni": true, "cert-manager": true, "a/b": true, "": false, "CNI": false, "a b": false, "a/": false} {
		if err := CheckGroup(group); (err == nil) != ok {
			t.Errorf("CheckGroup(%q): %v", group, err)
		}
	}
}

func TestWithDigests(t *testing.T) {
	whole, part := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	m := newMapping(t, "r.example.org/p", LayoutPath).WithDigests(map[string]string{whole: part})
	for source, want := range map[string]string{
		"quay.io/a/b:v1@" + whole:        "r.example.org/p/a/b:v1@" + part,
		"quay.io/a/b:v1@" + part:         "r.example.org/p/a/b:v1@" + part,
		"quay.io/a/b:v1":                 "r.example.org/p/a/b:v1",
		"r.example.org/p/a/b:v1@" + part: "r.example.org/p/a/b:v1@" + part,
	} {
		r, err := Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := m.Target(r); got.String() != want {
			t.Errorf("%s goes to %s, want %s", source, got, want)
		}
	}
}
