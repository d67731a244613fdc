package overrides

import "testing"

// TestLabelled checks what labels mean that clusterctl spells otherwise.
func TestLabelled(t *testing.T) {
	c, err := NewCatalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ label, file, want string }{
		{"kamaji", "control-plane-components.yaml", "control-plane-kamaji"},
		{"k0sproject-k0smotron", "bootstrap-components.yaml", "bootstrap-k0sproject-k0smotron"},
		{"k0sproject-k0smotron", "infrastructure-components.yaml", "infrastructure-k0sproject-k0smotron"},
		{"kubevirt", "infrastructure-components.yaml", "infrastructure-kubevirt"},
		{"helm", "addon-components.yaml", "addon-helm"},
		{"fleet", "addon-components.yaml", "addon-rancher-fleet"},
		{"infrastructure-linode", "infrastructure-components.yaml", "infrastructure-linode-linode"},
		{"bootstrap-ck8s", "bootstrap-components.yaml", "bootstrap-canonical-kubernetes"},
		{"infrastructure-kk", "infrastructure-components.yaml", "infrastructure-kubekey"},

		{"infrastructure-vsphere", "infrastructure-components.yaml", ""}, // clusterctl says so itself
		{"kamaji", "infrastructure-components.yaml", ""},
		{"kamaji", "kamaji.yaml", ""},
		{"infrastructure-stack", "infrastructure-components.yaml", ""}, // metal-stack is another
		{"bootstrap-linode", "bootstrap-components.yaml", ""},
		{"example", "infrastructure-components.yaml", ""},
	} {
		got, ok := c.labelled(test.label, test.file)
		if got.Label != test.want || ok != (test.want != "") {
			t.Errorf("%s in %s is %q, %v, want %q", test.label, test.file, got.Label, ok, test.want)
		}
	}
}
