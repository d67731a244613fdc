package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// manifests of a small site that is complete. $R is the target, $D the digest of pinned.
var completeSite = map[string]string{
	"web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      imagePullSecrets: [{name: pull}]
      containers:
      - name: web
        image: $R/docker.io/library/nginx:1.29
        imagePullPolicy: IfNotPresent
        args: [--helper-image=$R/docker.io/library/busybox:1.37]
        env:
        - {name: SIDECAR_IMAGE, value: "$R/quay.io/a/env:v1"}
      - image: $R/quay.io/a/pinned:v2@$D
      - image: ${REGISTRY:=$R}/quay.io/a/split:v1
`,
	"addons.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: addons}
data:
  ds.yaml: |
    apiVersion: v1
    kind: ServiceAccount
    metadata: {name: cni}
    imagePullSecrets: [{name: pull}]
    ---
    apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: cni}
    spec:
      template:
        spec:
          serviceAccountName: cni
          containers:
          - image: $R/quay.io/a/embedded:v1
---
kind: Chart
image:
  repository: $R/quay.io/a/split
  tag: v1
`,
	"cluster.yaml": `apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
metadata: {name: cp}
spec:
  kubeadmConfigSpec:
    clusterConfiguration:
      imageRepository: $R/registry.k8s.io
      dns:
        imageRepository: $R/registry.k8s.io/coredns
`,
	"operators.yaml": `apiVersion: v1
kind: Pod
metadata: {name: cert-manager}
spec:
  imagePullSecrets: [{name: pull}]
  containers:
  - image: $R/quay.io/jetstack/cert-manager-controller:v1.19.0
    args:
    - --acme-http01-solver-image=$R/quay.io/jetstack/cert-manager-acmesolver:v1.19.0
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus-operator}
spec:
  imagePullSecrets: [{name: pull}]
  containers:
  - image: $R/quay.io/prometheus-operator/prometheus-operator:v0.85.0
    args: ["--prometheus-config-reloader=$R/quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0"]
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: p}
spec: {image: "$R/quay.io/prometheus/prometheus:v3.5.0"}
`,
}

// images are what the site needs, by their upstream names.
var images = strings.Fields(`
registry.k8s.io/kube-apiserver:v1.36.3 registry.k8s.io/kube-controller-manager:v1.36.3
registry.k8s.io/kube-scheduler:v1.36.3 registry.k8s.io/kube-proxy:v1.36.3
registry.k8s.io/coredns/coredns:v1.14.2 registry.k8s.io/etcd:3.6.8-0
registry.k8s.io/pause:3.10.2 registry.k8s.io/pause:3.10
docker.io/library/nginx:1.29 docker.io/library/busybox:1.37
quay.io/a/env:v1 quay.io/a/embedded:v1 quay.io/a/split:v1 quay.io/a/pinned:v2
quay.io/jetstack/cert-manager-controller:v1.19.0 quay.io/jetstack/cert-manager-acmesolver:v1.19.0
quay.io/prometheus-operator/prometheus-operator:v0.85.0 quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0
quay.io/prometheus/prometheus:v3.5.0`)

var platforms = []string{"linux/amd64", "linux/arm64"}

// A small is a site that can be spoiled before it is verified.
type small struct {
	t       *testing.T
	server  *registrytest.Server
	target  string // of references
	pinned  digest.Digest
	files   map[string]string
	opts    ManifestsOptions
	names   NamesOptions
	login   bool // the registry wants one, and the nodes have none
	mirrors bool // the nodes have one of registry.k8s.io
	remote  registry.RemoteOptions
	archive string // its path
}

func newSmall(t *testing.T, opts registrytest.Options) *small {
	s := &small{t: t, server: registrytest.Start(t, opts), files: map[string]string{}, mirrors: true}
	s.target = s.server.Host + "/airgap"
	s.remote = registry.RemoteOptions{LoginHost: s.server.Host, Username: opts.Username, Password: opts.Password}
	for _, name := range images {
		desc := s.seed(name, platforms...)
		if name == "quay.io/a/pinned:v2" {
			s.pinned = desc
		}
	}
	for name, text := range completeSite {
		s.files[name] = s.fill(text)
	}
	version, err := kubernetes.ParseVersion("v1.36.3")
	s.check(err)
	s.names.Kubernetes = []kubernetes.Version{version}
	s.names.Sandboxes = []kubernetes.Sandbox{{By: "containerd 2.1", Image: s.ref("registry.k8s.io/pause:3.10")}}
	s.archive = filepath.Join(t.TempDir(), "site.tar")
	s.pull(images)
	return s
}

func (s *small) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *small) fill(text string) string {
	return strings.NewReplacer("$R", s.target, "$D", s.pinned.String()).Replace(text)
}

func (s *small) ref(name string) image.Ref {
	s.t.Helper()
	ref, err := image.Parse(name)
	s.check(err)
	return ref
}

func (s *small) seed(name string, platforms ...string) digest.Digest {
	desc, err := s.server.Seed(registrytest.Image{Name: "airgap/" + name, Platforms: platforms, Index: true, Seed: strings.Join(platforms, " ") + name})
	s.check(err)
	return desc.Digest
}

func (s *small) mapping() image.Mapping {
	m, err := image.NewMapping(s.target, image.LayoutHost, nil)
	s.check(err)
	return m
}

func (s *small) target2(r image.Ref) image.Ref {
	to, _ := s.mapping().Target(r)
	return to
}

// pull makes the archive of images as the registry holds them.
func (s *small) pull(names []string) {
	var pairs []image.Pair
	for _, n := range names {
		pairs = append(pairs, image.Pair{Source: s.ref(n), Target: s.ref(n)})
	}
	remote, err := registry.NewRemote(s.remote)
	s.check(err)
	from := registry.Renamed(remote, s.target2)
	plan, err := registry.NewPlan(s.t.Context(), pairs, from, registry.PlanOptions{})
	s.check(err)
	_, err = bundle.Create(s.t.Context(), s.archive, bundle.Contents{Plan: plan}, from, bundle.CreateOptions{})
	s.check(err)
}

// edit changes a manifest.
func (s *small) edit(name, old, now string) {
	s.t.Helper()
	old, now = s.fill(old), s.fill(now)
	if strings.Count(s.files[name], old) != 1 {
		s.t.Fatalf("%s holds %q %d times", name, old, strings.Count(s.files[name], old))
	}
	s.files[name] = strings.Replace(s.files[name], old, now, 1)
}

// verify does all that the command does, in its order.
func (s *small) verify() *Report {
	ctx := s.t.Context()
	site := Site{Target: s.target, Mapping: s.mapping()}
	if s.mirrors {
		site.Mirrored = func(r image.Ref) (image.Ref, bool) {
			return s.target2(r), r.Registry == "registry.k8s.io"
		}
	}
	collected := NewManifests(site, s.opts)
	for name, text := range s.files {
		f, err := manifest.Parse(name, []byte(text))
		s.check(err)
		collected.Add(f, "")
	}
	named, findings, err := collected.Names(s.names)
	s.check(err)
	findings = append(findings, collected.Findings()...)
	if s.login {
		findings = append(findings, collected.Secrets()...)
	}
	wanted := Merge(collected.Wanted(), named)
	a, err := bundle.Open(s.archive)
	if damaged, ok := ArchiveDamage(site, "site.tar", err); ok {
		return NewReport(s.target, append(findings, damaged), nil)
	}
	s.check(err)
	defer a.Close()
	carried, err := NewCarried(a.Lock(), s.mapping(), bundle.PairsOptions{})
	s.check(err)
	remote, err := registry.NewRemote(s.remote)
	s.check(err)
	held, err := Registry(ctx, site, wanted, remote, RegistryOptions{Platforms: platforms, Carried: carried})
	s.check(err)
	archived, err := Archive(ctx, site, a, wanted, ArchiveOptions{Path: "site.tar", Carried: carried, Holding: held})
	s.check(err)
	return NewReport(s.target, slices.Concat(held.Settle(site, findings), held.Findings, archived), held.Images)
}

// repository is where the target has an upstream image.
func (s *small) repository(name string) (repository, tag string) {
	repository, tag, _ = strings.Cut("airgap/"+name, ":")
	return repository, tag
}

// plan is what the registry has of an image.
func (s *small) plan(name string) registry.Image {
	remote, err := registry.NewRemote(s.remote)
	s.check(err)
	r := s.target2(s.ref(name))
	plan, err := registry.NewPlan(s.t.Context(), []image.Pair{{Source: r, Target: r}}, remote, registry.PlanOptions{})
	s.check(err)
	return plan.Images[0]
}

func (s *small) deleteTag(name string) {
	repository, tag := s.repository(name)
	s.check(s.server.Backend().DeleteTag(context.Background(), repository, tag))
}

func (s *small) deleteBlob(name string, number int) {
	repository, _ := s.repository(name)
	s.check(s.server.Backend().DeleteBlob(context.Background(), repository, s.plan(name).Blobs[number].Digest))
}

func (s *small) deleteChild(name string) {
	repository, _ := s.repository(name)
	s.check(s.server.Backend().DeleteManifest(context.Background(), repository, s.plan(name).Manifests[1].Digest))
}

// damage changes one byte of the archive.
func (s *small) damage(at func(*bundle.Archive) int64) {
	a, err := bundle.Open(s.archive)
	s.check(err)
	offset := at(a)
	s.check(a.Close())
	f, err := os.OpenFile(s.archive, os.O_RDWR, 0)
	s.check(err)
	defer f.Close()
	one := make([]byte, 1)
	_, err = f.ReadAt(one, offset)
	s.check(err)
	_, err = f.WriteAt([]byte{one[0] ^ 1}, offset)
	s.check(err)
}

func lines(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s [%s] %s\n", f.Check, f.Place, f.Image, f.Problem)
	}
	return b.String()
}
