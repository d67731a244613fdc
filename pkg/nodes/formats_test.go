package nodes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// authority is a certificate that signs itself.
func authority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// show writes files one below the other.
func show(files []File) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "-- %s %o %v --\n%s", f.Path, f.Mode, f.Secret, f.Content)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	ca := authority(t)
	mirrors := map[string]Options{
		"password": {
			Registry: "registry.example:5000/airgap", Upstreams: []string{"registry.k8s.io", "docker.io"},
			CA: ca, Username: "ann", Password: `p"a$s: 'word'`,
		},
		"plain": {Registry: "registry.example:5000", Layout: image.LayoutPath, Upstreams: []string{"quay.io"}, PlainHTTP: true},
	}
	tests := []struct{ format, mirror, want string }{
		{"k3s", "password", `-- etc/rancher/k3s/registries.yaml 600 true --
# written by kubectl-airgap
mirrors:
  docker.io:
    endpoint:
      - https://registry.example:5000
    rewrite:
      ^(.*)$: airgap/docker.io/$1
  registry.example:5000:
    endpoint:
      - https://registry.example:5000
  registry.k8s.io:
    endpoint:
      - https://registry.example:5000
    rewrite:
      ^(.*)$: airgap/registry.k8s.io/$1
configs:
  registry.example:5000:
    tls:
      ca_file: /etc/rancher/k3s/airgap-ca.crt
    auth:
      username: ann
      password: 'p"a$s: ''word'''
-- etc/rancher/k3s/config.yaml.d/90-airgap.yaml 644 false --
# written by kubectl-airgap
disable-default-registry-endpoint: true
-- etc/rancher/k3s/airgap-ca.crt 644 false --
CA
`},
		{"rke2", "plain", `-- etc/rancher/rke2/registries.yaml 644 false --
# written by kubectl-airgap
mirrors:
  '*':
    endpoint:
      - http://registry.example:5000
  registry.example:5000:
    endpoint:
      - http://registry.example:5000
-- etc/rancher/rke2/config.yaml.d/90-airgap.yaml 644 false --
# written by kubectl-airgap
disable-default-registry-endpoint: true
`},
		{"talos", "password", `-- registries.yaml 600 true --
# written by kubectl-airgap
apiVersion: v1alpha1
kind: RegistryMirrorConfig
name: registry.example:5000
endpoints:
  - url: https://registry.example:5000
skipFallback: true
---
apiVersion: v1alpha1
kind: RegistryMirrorConfig
name: docker.io
endpoints:
  - url: https://registry.example:5000/v2/airgap/docker.io
    overridePath: true
skipFallback: true
---
apiVersion: v1alpha1
kind: RegistryMirrorConfig
name: registry.k8s.io
endpoints:
  - url: https://registry.example:5000/v2/airgap/registry.k8s.io
    overridePath: true
skipFallback: true
---
apiVersion: v1alpha1
kind: RegistryTLSConfig
name: registry.example:5000
ca: |
  CA-INDENTED
---
apiVersion: v1alpha1
kind: RegistryAuthConfig
name: registry.example:5000
username: ann
password: 'p"a$s: ''word'''
-- registries-before-1.12.yaml 600 true --
# written by kubectl-airgap
machine:
  registries:
    mirrors:
      docker.io:
        endpoints:
          - https://registry.example:5000/v2/airgap/docker.io
        overridePath: true
        skipFallback: true
      registry.example:5000:
        endpoints:
          - https://registry.example:5000
        skipFallback: true
      registry.k8s.io:
        endpoints:
          - https://registry.example:5000/v2/airgap/registry.k8s.io
        overridePath: true
        skipFallback: true
    config:
      registry.example:5000:
        tls:
          ca: CA-BASE64
        auth:
          username: ann
          password: 'p"a$s: ''word'''
`},
		{"cri-o", "password", `-- etc/containers/registries.conf.d/50-airgap.conf 644 false --
# written by kubectl-airgap
[[registry]]
prefix = 'docker.io'
location = 'registry.example:5000/airgap/docker.io'

[[registry]]
prefix = 'registry.k8s.io'
location = 'registry.example:5000/airgap/registry.k8s.io'
-- etc/containers/certs.d/registry.example:5000/airgap-ca.crt 644 false --
CA
-- etc/crio/airgap-auth.json 600 true --
{
  "auths": {
    "registry.example:5000": {
      "auth": "YW5uOnAiYSRzOiAnd29yZCc="
    }
  }
}
-- etc/crio/crio.conf.d/50-airgap.conf 644 false --
# written by kubectl-airgap
[crio]
[crio.image]
global_auth_file = '/etc/crio/airgap-auth.json'
`},
		{"k0s", "plain", `-- etc/k0s/containerd.d/certs.d/_default/hosts.toml 644 false --
# written by kubectl-airgap
server = "http://registry.example:5000/v2"
capabilities = ["pull", "resolve"]
override_path = true

[host."http://registry.example:5000/v2"]
capabilities = ["pull", "resolve"]
override_path = true
-- etc/k0s/containerd.d/certs.d/registry.example:5000/hosts.toml 644 false --
# written by kubectl-airgap
server = "http://registry.example:5000"
capabilities = ["pull", "resolve"]

[host."http://registry.example:5000"]
capabilities = ["pull", "resolve"]
-- etc/k0s/containerd.d/airgap-registry.toml 644 false --
# written by kubectl-airgap
version = 3

[plugins]
[plugins.'io.containerd.cri.v1.images']
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '/etc/k0s/containerd.d/certs.d'
-- before-1.36/etc/k0s/containerd.d/airgap-registry.toml 644 false --
# written by kubectl-airgap
version = 2

[plugins]
[plugins.'io.containerd.grpc.v1.cri']
[plugins.'io.containerd.grpc.v1.cri'.registry]
config_path = '/etc/k0s/containerd.d/certs.d'
`},
		{"cri-o", "plain", "CRI-O cannot mirror all registries with one rule: use layout host"},
	}
	pemText := strings.TrimSuffix(string(ca), "\n")
	texts := strings.NewReplacer(
		"CA-INDENTED", strings.ReplaceAll(pemText, "\n", "\n  "),
		"CA-BASE64", base64.StdEncoding.EncodeToString(ca),
		"CA\n", string(ca),
	)
	for _, test := range tests {
		m, err := NewMirror(mirrors[test.mirror])
		if err != nil {
			t.Fatal(err)
		}
		files, err := Format(test.format, m)
		got := show(files)
		if err != nil {
			got = err.Error()
		}
		if want := texts.Replace(test.want); got != want {
			t.Errorf("%s, %s:\n%s\nwant\n%s", test.format, test.mirror, got, want)
		}
	}
}
