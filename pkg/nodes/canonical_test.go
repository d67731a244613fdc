package nodes

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// byPath are files by their paths.
func byPath(t *testing.T, files []File, err error) map[string]File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]File{}
	for _, f := range files {
		all[f.Path] = f
	}
	return all
}

func TestCanonical(t *testing.T) {
	m := mirror(t, nil)
	for confinement, dir := range map[string]string{"": "etc/containerd/hosts.d/", "classic": "etc/containerd/hosts.d/", "strict": "var/snap/k8s/common/etc/containerd/hosts.d/"} {
		files, err := Canonical(m, CanonicalOptions{Confinement: confinement})
		all := byPath(t, files, err)
		f, ok := all[dir+"docker.io/hosts.toml"]
		if !ok || len(all) != len(m.Upstreams)+2 {
			t.Fatalf("%q: %d files, %v", confinement, len(all), slices.Collect(func(yield func(string) bool) {
				for p := range all {
					yield(p)
				}
			}))
		}
		var got hostsServer
		if err := toml.Unmarshal(f.Content, &got); err != nil {
			t.Fatal(err)
		}
		// The certificate is below the same root, and the server is the mirror itself.
		if _, ok := all[strings.TrimPrefix(got.CA, "/")]; !ok || !strings.HasPrefix(got.CA, "/"+dir) || got.Server != "https://registry.airgap.test:5000/v2/airgap/docker.io" || got.Host[got.Server].CA != got.CA {
			t.Errorf("%q: %+v", confinement, got)
		}
	}
	if _, err := Canonical(m, CanonicalOptions{Confinement: "devmode"}); err == nil || !strings.Contains(err.Error(), "devmode") {
		t.Error(err)
	}
	if _, err := Canonical(Mirror{}, CanonicalOptions{}); err == nil {
		t.Error("nothing is written, and nothing said")
	}
	if _, err := Canonical(mirror(t, func(o *Options) { o.AuthSecret = "login" }), CanonicalOptions{}); err == nil || !strings.Contains(err.Error(), "Secret") {
		t.Error(err)
	}
}

// What the documentation of the snap says, both cases, in its order.
func TestCanonicalProxy(t *testing.T) {
	files, err := Canonical(Mirror{}, CanonicalOptions{Proxy: "http://proxy.internal:3128"})
	want := `# written by kubectl-airgap: then systemctl daemon-reload && systemctl restart snap.k8s.containerd.service
[Service]
Environment="HTTPS_PROXY=http://proxy.internal:3128"
Environment="HTTP_PROXY=http://proxy.internal:3128"
Environment="NO_PROXY=10.1.0.0/16,10.152.183.0/24,192.168.0.0/16,127.0.0.1,172.16.0.0/12"
Environment="https_proxy=http://proxy.internal:3128"
Environment="http_proxy=http://proxy.internal:3128"
Environment="no_proxy=10.1.0.0/16,10.152.183.0/24,192.168.0.0/16,127.0.0.1,172.16.0.0/12"
`
	f, ok := byPath(t, files, err)["etc/systemd/system/snap.k8s.containerd.service.d/http-proxy.conf"]
	if !ok || string(f.Content) != want || !f.Main || f.Secret || f.Mode != 0o644 || len(files) != 1 {
		t.Errorf("%+v\n%s", f, f.Content)
	}
	// Networks that are given take the place of those; the private registry needs no proxy.
	files, err = Canonical(mirror(t, nil), CanonicalOptions{Proxy: "https://ann:s%20cret@proxy:3128/", NoProxy: []string{"10.9.0.0/16", ".example.com"}})
	f = byPath(t, files, err)["etc/systemd/system/snap.k8s.containerd.service.d/http-proxy.conf"]
	text := string(f.Content)
	if !f.Secret || f.Mode != 0o600 || f.Main || !strings.Contains(text, `"NO_PROXY=10.9.0.0/16,.example.com,registry.airgap.test"`) || !strings.Contains(text, `"http_proxy=https://ann:s%%20cret@proxy:3128/"`) || strings.Contains(text, "10.1.0.0") {
		t.Errorf("%+v\n%s", f, text)
	}
}

func TestCanonicalProxyRefuses(t *testing.T) {
	for proxy, want := range map[string]string{
		"proxy:3128": "no URL", "http://": "no URL", "ftp://s3cret@proxy": "by http", "http://u:s3cret@proxy\n": "no URL", `http://u:s3cret"@proxy`: "no URL",
		"http://u:s3cret@proxy/path": "no path", "http://u:s3cret@pro xy": "no URL", "%zz": "no URL",
	} {
		_, err := Canonical(Mirror{}, CanonicalOptions{Proxy: proxy})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v, want %q", proxy, err, want)
		}
	}
	for _, direct := range []string{"", "a,b", "a b", `a"`, "a\n", "50%"} {
		if _, err := Canonical(Mirror{}, CanonicalOptions{Proxy: "http://proxy", NoProxy: []string{direct}}); err == nil {
			t.Errorf("%q passes", direct)
		}
	}
}

func TestCanonicalCharm(t *testing.T) {
	m := mirror(t, func(o *Options) {
		o.Username, o.Password, o.Upstreams = "ann", `p"a&s`, []string{"ghcr.io"}
	})
	files, err := Format("canonical-charm", m)
	if err != nil || len(files) != 1 || !files[0].Secret || files[0].Mode != 0o600 {
		t.Fatal(files, err)
	}
	var got []customRegistry
	d := json.NewDecoder(strings.NewReader(string(files[0].Content)))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	ca := base64.StdEncoding.EncodeToString(m.CA)
	want := []customRegistry{
		{URL: "https://registry.airgap.test:5000/v2/airgap/ghcr.io", Host: "ghcr.io", Username: "ann", Password: `p"a&s`, CAFile: ca, OverridePath: true},
		{URL: "https://registry.airgap.test:5000", Host: "registry.airgap.test:5000", Username: "ann", Password: `p"a&s`, CAFile: ca},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	files, err = Format("canonical-charm", mirror(t, func(o *Options) { o.Registry, o.CA, o.PlainHTTP = "r:5000", nil, true }))
	if err != nil || files[0].Secret || strings.Contains(string(files[0].Content), "ca_file") || !strings.Contains(string(files[0].Content), `"http://r:5000/v2/docker.io"`) {
		t.Errorf("%s %v", files[0].Content, err)
	}
}
