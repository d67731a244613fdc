package containerd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/containerd"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

// releases are one of every kind of containerd that nodes have.
var releases = []string{"1.6.0", "1.6.20", "1.6", "1.7.0", "1.7.20", "1.7.31", "1.7", "2.0", "2.1", "2.2.1", "2.2", "2.3", "2.4"}

// objects are one of each kind whose files are read here, without a mirror.
var objects = map[string]string{
	"KubeadmConfig":         "apiVersion: bootstrap.cluster.x-k8s.io/v1beta2\nkind: KubeadmConfig\nmetadata:\n  name: o\n  namespace: prod\nspec:\n  format: cloud-config\n",
	"KubeadmConfigTemplate": "apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: KubeadmConfigTemplate\nmetadata:\n  name: ${CLUSTER_NAME}\n  namespace: ${NAMESPACE}\nspec:\n  template:\n    spec:\n      verbosity: ${V:=2}\n",
	"KubeadmControlPlane":   "apiVersion: controlplane.cluster.x-k8s.io/v1beta2\nkind: KubeadmControlPlane\nmetadata:\n  name: o\nspec:\n  kubeadmConfigSpec:\n    format: ignition\n",
	"RKE2ConfigTemplate":    "apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: RKE2ConfigTemplate\nmetadata:\n  name: o\nspec:\n  template:\n    spec:\n      gzipUserData: false\n",
	"CK8sControlPlane":      "apiVersion: controlplane.cluster.x-k8s.io/v1beta2\nkind: CK8sControlPlane\nmetadata:\n  name: o\nspec:\n  spec:\n    airGapped: true\n",
	"K0sControlPlane":       "apiVersion: controlplane.cluster.x-k8s.io/v1beta1\nkind: K0sControlPlane\nmetadata:\n  name: o\nspec:\n  version: v1.36.0+k0s.0\n  k0sConfigSpec:\n    args: []\n",
	"KThreesControlPlane":   "apiVersion: controlplane.cluster.x-k8s.io/v1beta2\nkind: KThreesControlPlane\nmetadata:\n  name: o\nspec:\n  kthreesConfigSpec:\n    version: v1.36.0+k3s1\n",
}

// wayOptions are mirrors of every kind, by name.
func wayOptions(t *testing.T) map[string]nodes.Options {
	ca := certificate(t)
	upstreams := []string{"registry.k8s.io", "quay.io", "docker.io", "ghcr.io:8443"}
	base := nodes.Options{Registry: "registry.example:5000/airgap", Upstreams: upstreams, CA: ca}
	plain, path, bare, login, secret, long := base, base, base, base, base, base
	plain.CA, plain.PlainHTTP = nil, true
	path.Layout = image.LayoutPath
	bare.Registry, bare.CA = "registry.example", nil
	login.Username, login.Password = "ann", "s3cret"
	secret.AuthSecret = "login"
	for len(long.CA) <= 10240 {
		long.CA = append(long.CA, certificate(t)...)
	}
	return map[string]nodes.Options{"private CA": base, "plain HTTP": plain, "path": path, "no prefix": bare, "password": login, "password in a Secret": secret, "long CA": long}
}

// What nodes writes is asked of the private registry, at the place where the mapping puts
// it, and of nobody else, on every release.
func TestNodesReachOnlyTheTarget(t *testing.T) {
	for way, opts := range wayOptions(t) {
		m, err := nodes.NewMirror(opts)
		if err != nil {
			t.Fatal(err)
		}
		for kind, object := range objects {
			patched, err := nodes.Patch("cluster.yaml", []byte(object), m, nodes.PatchOptions{})
			if err != nil || patched.Changed != 1 {
				t.Fatalf("%s, %s: %v, %d changed", kind, way, err, patched.Changed)
			}
			for _, release := range releases {
				configs, err := containerd.FromManifests([]containerd.Manifest{{Name: "cluster.yaml", Source: string(patched.Output)}}, containerd.Options{Version: release})
				if err != nil || len(configs) != 1 {
					t.Fatalf("%s, %s: %v, %d configurations", kind, way, err, len(configs))
				}
				checkOnlyTarget(t, fmt.Sprintf("%s, %s, containerd %s", kind, way, release), configs[0], opts)
			}
		}
	}
}

// So is the folder that nodes --format hosts writes.
func TestHostsFolderReachesOnlyTheTarget(t *testing.T) {
	for way, opts := range wayOptions(t) {
		if opts.AuthSecret != "" {
			continue
		}
		m, err := nodes.NewMirror(opts)
		if err != nil {
			t.Fatal(err)
		}
		files, err := nodes.Format("hosts", m)
		if err != nil {
			t.Fatal(err)
		}
		fsys := fstest.MapFS{}
		for _, f := range files {
			fsys[strings.TrimPrefix(f.Path, "certs.d/")] = &fstest.MapFile{Data: f.Content}
		}
		for _, release := range releases {
			c, err := containerd.Load(fsys, containerd.Options{Version: release})
			if err != nil {
				t.Fatal(err)
			}
			checkOnlyTarget(t, way+", containerd "+release, c, opts)
		}
	}
}

func checkOnlyTarget(t *testing.T, what string, c *containerd.Config, opts nodes.Options) {
	t.Helper()
	for _, p := range c.Problems() {
		t.Errorf("%s: %s: %s", what, p.Effect, p.Error())
	}
	layout := opts.Layout
	if layout == "" {
		layout = image.LayoutHost
	}
	mapping, err := image.NewMapping(opts.Registry, layout, nil)
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(opts.Registry, "/")
	for _, name := range append([]string{host}, opts.Upstreams...) {
		for _, suffix := range []string{"/team/app:v1", "/app@sha256:" + strings.Repeat("0a", 32)} {
			ref, err := image.Parse(name + suffix)
			if err != nil {
				t.Fatal(err)
			}
			want := ref
			if name != host {
				want, _ = mapping.Target(ref)
			}
			r := c.Reach(ref, host)
			if !r.Found || r.At != want || len(r.Outside)+len(r.Problems)+len(r.Also) > 0 || r.Unknown {
				t.Errorf("%s: %s is pulled as %+v, want %s", what, ref, r, want)
			}
		}
	}
}

// A whole config.toml falls back to the upstream, which cannot be helped, and is said so.
func TestContainerdConfigFallsBack(t *testing.T) {
	m, err := nodes.NewMirror(wayOptions(t)["private CA"])
	if err != nil {
		t.Fatal(err)
	}
	patched, err := nodes.Patch("cluster.yaml", []byte(objects["KubeadmControlPlane"]), m, nodes.PatchOptions{Style: nodes.StyleContainerdConfig})
	if err != nil {
		t.Fatal(err)
	}
	configs, err := containerd.FromManifests([]containerd.Manifest{{Name: "cluster.yaml", Source: string(patched.Output)}}, containerd.Options{Version: "1.6"})
	if err != nil || len(configs) != 1 {
		t.Fatalf("%v, %d configurations", err, len(configs))
	}
	r := configs[0].Reach(image.Ref{Registry: "quay.io", Repository: "a/b", Tag: "v1"}, "registry.example:5000")
	if r.At.String() != "registry.example:5000/airgap/quay.io/a/b:v1" || r.OutsideFirst || len(r.Outside) != 1 || r.Outside[0].URL != "https://quay.io/v2" {
		t.Errorf("it is pulled as %+v", r)
	}
	if p := configs[0].Problems(); len(p) != 1 || p[0].Effect != containerd.Outside {
		t.Errorf("problems %v", p)
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
