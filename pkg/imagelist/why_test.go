package imagelist_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

func named(t *testing.T, names ...string) *imagelist.List {
	t.Helper()
	var refs []image.Ref
	for _, name := range names {
		ref, err := image.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	l := imagelist.New(manifest.Likely)
	l.AddLines("list", "test", refs)
	return l
}

// What is selected begins and ends where a part of a reference does.
func TestSelect(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	l := named(t, "nginx:1.29", "quay.io/nginx/nginx-ingress:3", "quay.io/acme/my-nginx:1.29", "registry.k8s.io/pause:3.10", "localhost:5000/pause:3.1", "quay.io/acme/tool:v1@"+digest)
	for wanted, want := range map[string]string{
		"nginx":                           "docker.io/library/nginx:1.29 quay.io/nginx/nginx-ingress:3",
		"nginx:1.29":                      "docker.io/library/nginx:1.29",
		"library/nginx":                   "docker.io/library/nginx:1.29",
		"docker.io/nginx":                 "docker.io/library/nginx:1.29",
		"index.docker.io/nginx":           "docker.io/library/nginx:1.29",
		"index.docker.io/nginx:1.29":      "docker.io/library/nginx:1.29",
		"index.docker.io/nginx:1.28":      "",
		"docker://docker.io/nginx":        "docker.io/library/nginx:1.29",
		"quay.io/":                        "quay.io/acme/my-nginx:1.29 quay.io/acme/tool:v1@" + digest + " quay.io/nginx/nginx-ingress:3",
		"pause":                           "localhost:5000/pause:3.1 registry.k8s.io/pause:3.10",
		"pause:3.1":                       "localhost:5000/pause:3.1",
		"localhost:5000":                  "localhost:5000/pause:3.1",
		"ginx":                            "",
		"my":                              "quay.io/acme/my-nginx:1.29",
		"ingress:3":                       "quay.io/nginx/nginx-ingress:3",
		"ngin":                            "",
		"":                                "",
		"/":                               "",
		digest:                            "quay.io/acme/tool:v1@" + digest,
		"tool:v1":                         "quay.io/acme/tool:v1@" + digest,
		"quay.io/acme/tool:v1@" + digest:  "quay.io/acme/tool:v1@" + digest,
		"QUAY.IO/acme/tool":               "",
		"registry.k8s.io/pause:3.10.2":    "",
		"registry.k8s.io/pause:3.10":      "registry.k8s.io/pause:3.10",
		"registry.k8s.io/pause@" + digest: "",
	} {
		selected := l.Select(wanted)
		got := strings.Join(strings.Fields(write(t, selected, imagelist.FormatText)), " ")
		if got != want || selected.Len() != len(strings.Fields(want)) {
			t.Errorf("%q: %d %s, want %s", wanted, selected.Len(), got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	l := named(t, "quay.io/calico/node:v3.30", "quay.io/calico/cni:v3.30", "registry.k8s.io/pause:3.10", "registry.k8s.io/coredns/coredns:v1.14")
	for wanted, want := range map[string]string{
		"calcio/node":                "quay.io/calico/node:v3.30",
		"puase":                      "registry.k8s.io/pause:3.10",
		"registry.k8s.io/coredns:v1": "registry.k8s.io/coredns/coredns:v1.14",
		"pause:3.11":                 "registry.k8s.io/pause:3.10",
	} {
		if got := l.Nearest(wanted, 2); len(got) != 2 || got[0] != want {
			t.Errorf("%s: %q, want %s", wanted, got, want)
		}
	}
	if got := l.Nearest("a", 9); len(got) != 4 {
		t.Errorf("%q", got)
	}
	if got := named(t).Nearest("a", 3); slices.Compare(got, nil) != 0 {
		t.Errorf("%q", got)
	}
}

func TestWriteChains(t *testing.T) {
	const site = `kind: Namespace
---
apiVersion: v1
kind: ConfigMap
metadata: {name: site, namespace: ns}
data:
  a.yaml: |
    kind: Pod
    spec:
      containers:
      - image: nginx
`
	l := imagelist.New(manifest.Likely)
	l.Add(parse(t, "site.yaml", site).Uses())
	l.Add(parse(t, "list.txt", "nginx:latest\nquay.io/a/b:v1\n").Uses())
	l.AddLines("kubernetes v1.36.3", "release", []image.Ref{{Registry: "docker.io", Repository: "library/nginx", Tag: "latest"}})
	var b strings.Builder
	if err := l.Select("nginx").WriteChains(&b, map[string]string{"release": "kubeadm pulls it"}); err != nil {
		t.Fatal(err)
	}
	const want = `docker.io/library/nginx:latest
  site.yaml:11:16
    v1/ConfigMap ns/site (document 2)
      data["a.yaml"]
        spec.containers[0].image
          nginx: embedded, certain by rule container
  list.txt:1:1
    [0]
      nginx:latest: list, certain by rule image-list
  kubernetes v1.36.3
    kubeadm pulls it
`
	if b.String() != want {
		t.Errorf("%swant\n%s", &b, want)
	}
	if err := l.WriteChains(&fullDisk{}, nil); err == nil {
		t.Error("no error of a full disk")
	}
}
