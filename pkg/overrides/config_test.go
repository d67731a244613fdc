package overrides

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// home is a layout with each kind of entry.
var home = &Layout{
	overrides: "/o v/$x",
	Entries: []Entry{
		{Provider{Label: "cluster-api", Name: "cluster-api", Type: "CoreProvider", File: "core-components.yaml"}, "latest"},
		{Provider{Label: "infrastructure-vsphere", Name: "vsphere", Type: "InfrastructureProvider", File: "infrastructure-components.yaml"}, "v1.2.3"},
		{Provider{Label: CertManager, Name: CertManager, File: certManagerFile}, "v1.21.1"},
	},
}

// checkConfigured checks what clusterctl reads from a configured file.
func checkConfigured(t *testing.T, text string) {
	t.Helper()
	e := newEditor("clusterctl.yaml", []byte(text))
	if v := e.value("overridesFolder"); v == nil || v.Value != "/o v/$$x" {
		t.Errorf("overridesFolder is wrong:\n%s", text)
	}
	if v := e.value("CLUSTERCTL_DISABLE_VERSIONCHECK"); v == nil || v.Value != "true" || v.Tag != "!!str" {
		t.Errorf("the version check is not disabled:\n%s", text)
	}
	certManager := e.value("cert-manager")
	for key, want := range map[string]string{"url": "file:///o%20v/%24x/cert-manager/v1.21.1/cert-manager.yaml", "version": "v1.21.1"} {
		if v := child(certManager, key); v == nil || v.Value != want {
			t.Errorf("cert-manager's %s is wrong:\n%s", key, text)
		}
	}
	urls := map[string]string{}
	for _, item := range e.providers() {
		if v := child(item, "url"); v != nil {
			urls[labelOf(item)] = v.Value
		}
	}
	if got := urls["cluster-api"]; got != "file:///o%20v/%24x/cluster-api/latest/core-components.yaml" {
		t.Errorf("the core's URL is %s:\n%s", got, text)
	}
	if got := urls["infrastructure-vsphere"]; got != "file:///o%20v/%24x/infrastructure-vsphere/v1.2.3/infrastructure-components.yaml" {
		t.Errorf("vSphere's URL is %s:\n%s", got, text)
	}
}

// FuzzConfigure: whatever is in the file, it is refused, or says what it has to, a second time without a change.
func FuzzConfigure(f *testing.F) {
	for _, seed := range []string{
		"", "# nothing\n", "---\na: b\n", "a: b\n...\n", "a: b", "\ufeffa: b\n", "a: b\r\nproviders:\r\n",
		"providers:\n- name: vsphere\n  type: InfrastructureProvider\n  url: x\n# end\nb: c\n",
		"providers: # ours\n\n    -   {name: \"vsphere\", type: InfrastructureProvider, url: 'it''s'}\n\nb: c\n",
		"providers:\n- name: vsphere\n  type: InfrastructureProvider\n",
		"PROVIDERS: []\nCert-Manager: {}\n", "providers:\ncert-manager:\noverridesfolder:\nCLUSTERCTL_DISABLE_VERSIONCHECK: true\n",
		"cert-manager: {url: \"a\\\"b\", timeout: 10m}\n", "cert-manager:\n    timeout: 10m # slow\n",
		"overridesFolder: &x /a\nb: *x\n", "overridesFolder: |\n  /a\n", "images: {}\n", "  a: b\n  c: d\n",
		"b: |\n  text\n\nproviders:\n- name: x\n  url: |\n    y\n\n    z\n  type: t\n\n# c\n",
		"? a\n: b\n", "\"providers\":\n- name: x\n", "ü: {é: 'ö'} # ä\noverridesFolder: é\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := Configure("clusterctl.yaml", []byte(text), home)
		if err != nil {
			return
		}
		checkConfigured(t, string(out))
		again, err := Configure("clusterctl.yaml", out, home)
		if err != nil || string(again) != string(out) {
			t.Errorf("a second time: %v\n%s\nwas\n%s", err, again, out)
		}
		for line := range strings.Lines(text) { // comments stay
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") && !strings.Contains(string(out), line) {
				t.Errorf("%q is gone:\n%s", line, out)
			}
		}
	})
}

func TestScalar(t *testing.T) {
	for _, s := range []string{"/a", "/a b", "/a: b", "/a #b", "/'a'", "/\"a\"", "/ä", "/a\tb", "/[a]", "/{a, b}", "true", "1", "", " x ", "/" + strings.Repeat("long ", 50)} {
		spelled := scalar(s)
		var got struct{ A string }
		if err := yaml.Unmarshal([]byte("{a: "+spelled+"}"), &got); err != nil || got.A != s || strings.Contains(spelled, "\n") {
			t.Errorf("%q is spelled %s: %v", s, spelled, err)
		}
	}
}
