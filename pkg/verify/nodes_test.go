package verify

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

const goodHosts = `server = "https://r.example/v2/p/quay.io"
override_path = true
[host."https://r.example/v2/p/quay.io"]
capabilities = ["pull", "resolve"]
override_path = true
`

// mirrorsOf are nodes with a hosts.toml for quay.io; none where it is empty.
func mirrorsOf(t *testing.T, hosts ...string) *Mirrors {
	t.Helper()
	var configs []*containerd.Config
	for _, text := range hosts {
		files := fstest.MapFS{}
		if text != "" {
			files["quay.io/hosts.toml"] = &fstest.MapFile{Data: []byte(text)}
		}
		c, err := containerd.Load(files, containerd.Options{Name: "certs.d"})
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, c)
	}
	return NewMirrors("r.example/p", configs)
}

// What the files of a node do wrong is one finding, of the files: not of each image that they keep from being pulled.
func TestMirrors(t *testing.T) {
	m, err := image.NewMapping("r.example/p", image.LayoutHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	const at = "r.example/p/quay.io/a:v1"
	fallback := strings.Join(strings.Split(goodHosts, "\n")[2:], "\n")
	for name, test := range map[string]struct {
		hosts []string
		at    string // where quay.io/a:v1 is pulled from, empty if outside
		want  string // CHECK PLACE of the findings
	}{
		"nobody's nodes":            {},
		"all":                       {[]string{goodHosts, goodHosts}, at, ""},
		"not all":                   {[]string{goodHosts, ""}, "", ""},
		"none":                      {[]string{""}, "", ""},
		"falls back":                {[]string{fallback}, at, "node-outside certs.d/quay.io/hosts.toml"},
		"leads outside":             {[]string{`server = "https://quay.io"`}, at, "node-outside certs.d/quay.io/hosts.toml:1:1"},
		"one of two leads outside":  {[]string{goodHosts, `server = "https://quay.io"`}, at, "node-outside certs.d/quay.io/hosts.toml:1:1"},
		"no TOML":                   {[]string{"server = https://quay.io"}, at, "node-outside certs.d/quay.io/hosts.toml:1:10"},
		"no CA":                     {[]string{goodHosts + "ca = \"/etc/containerd/certs.d/ca.crt\"\n"}, at, "node-broken certs.d/quay.io/hosts.toml:3:2"},
		"two mirrors of another":    {[]string{strings.ReplaceAll(goodHosts, "r.example", "other.example")}, at, "node-outside certs.d/quay.io/hosts.toml:3:2"},
		"override_path is missing":  {[]string{strings.ReplaceAll(goodHosts, "override_path = true\n", "")}, at, "node-broken certs.d/quay.io/hosts.toml:2:2"},
		"elsewhere in the registry": {[]string{strings.ReplaceAll(goodHosts, "/p/", "/q/")}, "r.example/q/quay.io/a:v1", ""},
		"not the same place":        {[]string{goodHosts, strings.ReplaceAll(goodHosts, "/p/", "/q/")}, "", ""},
	} {
		mirrors := mirrorsOf(t, test.hosts...)
		site := Site{Target: "r.example/p", Mapping: m, Mirrored: mirrors.Mirrored}
		ref, err := image.Parse("quay.io/a:v1")
		if err != nil {
			t.Fatal(err)
		}
		target, ok := site.resolve(ref)
		if ok != (test.at != "") || ok && target.String() != test.at {
			t.Errorf("%s: pulled from %s (%t), want %q", name, target, ok, test.at)
		}
		var wanted []Wanted
		if ok {
			wanted = []Wanted{{Pair: image.Pair{Source: ref, Target: target}}}
		}
		var got []string
		for _, f := range mirrors.Findings(site, wanted) {
			got = append(got, f.Check+" "+f.Place)
		}
		if all := strings.Join(got, "\n"); all != test.want {
			t.Errorf("%s: %q, want %q", name, all, test.want)
		}
	}
}

// Nodes log in if all do whose files say whether they do.
func TestMirrorsHaveLogin(t *testing.T) {
	const login = `[host."https://r.example".header]
Authorization = "Basic eDp5"
`
	load := func(text string) *containerd.Config {
		c, err := containerd.Load(fstest.MapFS{"r.example/hosts.toml": {Data: []byte(text)}}, containerd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sends, none, broken := load(login), load("[host.\"https://r.example\"]\n"), load("[host.\"https://r.example\"]\nca = \"/etc/containerd/certs.d/absent\"\n")
	for name, test := range map[string]struct {
		configs []*containerd.Config
		want    bool
	}{
		"nobody":          {nil, false},
		"all":             {[]*containerd.Config{sends, sends}, true},
		"not all":         {[]*containerd.Config{sends, none}, false},
		"all that can":    {[]*containerd.Config{sends, broken}, true},
		"broken and none": {[]*containerd.Config{broken, none}, false},
	} {
		if got := NewMirrors("r.example/p", test.configs).HaveLogin(nil); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
