package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

const podsInput = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: b
        image: r.example/b:v1
        imagePullPolicy: Always
      - {name: none}
      initContainers:
      - image: "r.example/a:latest"
      serviceAccountName: seller
      imagePullSecrets: [{name: pull}]
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ServiceAccount
  metadata: {name: seller, namespace: shop}
  imagePullSecrets:
  - name: pull
- apiVersion: v1
  kind: ServiceAccount
  metadata: {name: bare, namespace: shop}
  imagePullSecrets: []
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: addons, namespace: outer}
  data:
    ds.yaml: |
      kind: DaemonSet
      apiVersion: apps/v1
      metadata: {name: cni, namespace: kube-system}
      spec: {template: {spec: {containers: [{image: r.example/c:v1, imagePullPolicy: Never}]}}}
`

// What says how images are pulled is found with its place, wherever pods stand.
func TestContainers(t *testing.T) {
	for name, src := range map[string]string{"lf": podsInput, "crlf": strings.ReplaceAll(podsInput, "\n", "\r\n")} {
		f, err := manifest.Parse("in.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for c := range f.Containers() {
			fmt.Fprintf(&got, "%d:%d %s %q in %q, account %q, secrets %v, %s of %s\n",
				c.Line, c.Column, c.Image, c.Policy, c.Namespace, c.Account, c.Secrets, c.Path, c.Object)
		}
		fmt.Fprintln(&got, f.Accounts())
		const want = `10:26 r.example/b:v1 "Always" in "shop", account "seller", secrets true, spec.template.spec of apps/v1/Deployment shop/web
13:17 r.example/a:latest "" in "shop", account "seller", secrets true, spec.template.spec of apps/v1/Deployment shop/web
37:86 r.example/c:v1 "Never" in "kube-system", account "", secrets false, items[2].data["ds.yaml"]|spec.template.spec of v1/ConfigMap outer/addons
[{shop seller}]
`
		if got.String() != want {
			t.Errorf("%s:\n%swant:\n%s", name, got.String(), want)
		}
	}
}

// A tag of its own for coredns or etcd is found where kubeadm reads it, and nowhere else.
func TestTags(t *testing.T) {
	const src = `kind: KubeadmControlPlane
spec:
  kubeadmConfigSpec:
    clusterConfiguration:
      dns: {imageRepository: r.example/k8s, imageTag: v1.9.9}
      etcd: {local: {imageTag: 3.9.9-0}}
      other: {local: {imageTag: no}}
---
spec: {dns: {imageTag: ""}, image: x/y:v1}
`
	f, err := manifest.Parse("in.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	const want = "[{1 spec.kubeadmConfigSpec.clusterConfiguration.dns.imageTag v1.9.9} " +
		"{1 spec.kubeadmConfigSpec.clusterConfiguration.etcd.local.imageTag 3.9.9-0}]"
	if got := fmt.Sprint(f.Tags()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A cluster of kubeadm is found whether it says where its images are or not.
func TestClusters(t *testing.T) {
	const src = `apiVersion: v1
kind: List
items:
- apiVersion: a.cluster.x-k8s.io/v1beta2
  kind: KubeadmControlPlane
  spec:
    kubeadmConfigSpec: {joinConfiguration: {}}
- apiVersion: a.cluster.x-k8s.io/v1beta2
  kind: KubeadmControlPlaneTemplate
  spec: {template: {spec: {kubeadmConfigSpec: {clusterConfiguration: {imageRepository: a.example}}}}}
- apiVersion: a.cluster.x-k8s.io/v1beta2
  kind: KubeadmControlPlane
  spec:
    kubeadmConfigSpec: {imageRepository: a.example}
- apiVersion: a.cluster.x-k8s.io/v1beta2
  kind: KubeadmConfigTemplate
  spec: {template: {spec: {joinConfiguration: {}}}}
---
kind: ClusterConfiguration
`
	f, err := manifest.Parse("in.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	const want = "[{1 items[0].spec.kubeadmConfigSpec.clusterConfiguration false} " +
		"{1 items[1].spec.template.spec.kubeadmConfigSpec.clusterConfiguration true} {2  false}]"
	if got := fmt.Sprint(f.Clusters()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
