package verify

import (
	"maps"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/internal/registrytest"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/bundle"
)

// A fault is one thing that is wrong with a site that is complete but for it.
type fault struct {
	name  string
	spoil func(*small)
	// What verify says: its one finding.
	check, place, image, problem string // the last one is a part of it; $R is the target
}

var faults = []fault{
	// Manifests.
	{
		"upstream image in a field", func(s *small) { s.edit("web.yaml", "image: $R/docker.io/library/nginx", "image: nginx") },
		"manifest-outside", "web.yaml:10:16", "docker.io/library/nginx:1.29", "is pulled from outside",
	},
	{
		"upstream image in an argument", func(s *small) { s.edit("web.yaml", "$R/docker.io/library/busybox", "docker.io/library/busybox") },
		"manifest-outside", "web.yaml:12:31", "docker.io/library/busybox:1.37", "is pulled from outside",
	},
	{
		"upstream image in the environment", func(s *small) { s.edit("web.yaml", "$R/quay.io/a/env", "quay.io/a/env") },
		"manifest-outside", "web.yaml:14:41", "quay.io/a/env:v1", "is pulled from outside",
	},
	{
		"upstream image in a string that holds YAML", func(s *small) { s.edit("addons.yaml", "$R/quay.io/a/embedded", "quay.io/a/embedded") },
		"manifest-outside", "addons.yaml:19:20", "quay.io/a/embedded:v1", "is pulled from outside",
	},
	{
		"upstream image in several fields", func(s *small) { s.edit("addons.yaml", "$R/quay.io/a/split", "quay.io/a/split") },
		"manifest-outside", "addons.yaml:23:15", "quay.io/a/split:v1", "is pulled from outside",
	},
	{
		"registry beside the target", func(s *small) { s.edit("web.yaml", "$R/quay.io/a/env", s.server.Host+"/other/env") },
		"manifest-outside", "web.yaml:14:41", "", "is pulled from outside",
	},
	{
		"imageRepository outside", func(s *small) {
			s.edit("cluster.yaml", "imageRepository: $R/registry.k8s.io\n", "imageRepository: k8s.gcr.io\n")
		},
		"manifest-prefix", "cluster.yaml:7:24", "", "k8s.gcr.io",
	},
	{
		"dns.imageRepository outside", func(s *small) { s.edit("cluster.yaml", "$R/registry.k8s.io/coredns", "quay.io/coredns") },
		"manifest-prefix", "cluster.yaml:9:26", "", "quay.io/coredns",
	},
	{
		"variable without value for the tag", func(s *small) { s.edit("web.yaml", "${REGISTRY:=$R}/quay.io/a/split:v1", "$R/quay.io/a/split:${TAG}") },
		"manifest-unknown", "web.yaml:16:16", "", "$R/quay.io/a/split:${TAG}: nobody has said which image this is; for others there is v1",
	},
	{
		"name of an image that is none", func(s *small) {
			s.edit("web.yaml", "image: $R/docker.io/library/nginx:1.29", "image: https://$R/docker.io/library/nginx:1.29")
		},
		"manifest-invalid", "web.yaml:10:16", "", "is no name of an image",
	},
	{
		"variable for the path of imageRepository", func(s *small) {
			s.edit("cluster.yaml", "imageRepository: $R/registry.k8s.io\n", "imageRepository: ${REPOSITORY}\n")
		},
		"manifest-unknown", "cluster.yaml:7:24", "", "${REPOSITORY}: nobody has said where this is",
	},
	{
		"tag that was forgotten", func(s *small) { s.edit("web.yaml", "nginx:1.29", "nginx") },
		"registry-tag", "$R/docker.io/library/nginx:latest", "", "it is not there, nor is it in the archive; asked for at web.yaml:10:16",
	},
	{
		"repository of kubeadm without images", func(s *small) {
			s.edit("cluster.yaml", "imageRepository: $R/registry.k8s.io\n", "imageRepository: $R/registry.k8s.oi\n")
		},
		"name-missing", "$R/registry.k8s.oi/etcd:3.6.8-0", "", "nor are $R/registry.k8s.oi/kube-apiserver:v1.36.3, $R/registry.k8s.oi/kube-controller-manager:v1.36.3, ",
	},
	{
		"variable without value for the registry", func(s *small) { s.edit("web.yaml", "${REGISTRY:=$R}", "${REGISTRY}") },
		"manifest-variable", "web.yaml:16:16", "", "hides which registry",
	},
	{
		"variable whose default is an upstream", func(s *small) { s.edit("web.yaml", "${REGISTRY:=$R}", "${REGISTRY:=ghcr.io/x}") },
		"manifest-outside", "web.yaml:16:16", "ghcr.io/x/quay.io/a/split:v1", "is pulled from outside",
	},
	{
		"tag latest", func(s *small) {
			s.seed("quay.io/a/env:latest", platforms...)
			s.pull(append(images[:len(images):len(images)], "quay.io/a/env:latest"))
			s.edit("web.yaml", "quay.io/a/env:v1", "quay.io/a/env:latest")
		},
		"manifest-latest", "web.yaml:14:41", "$R/quay.io/a/env:latest", "latest",
	},
	{
		"Always where images are loaded into nodes", func(s *small) {
			s.opts.SideLoaded = true
			s.edit("web.yaml", "imagePullPolicy: IfNotPresent", "imagePullPolicy: Always")
		},
		"manifest-always", "web.yaml:11:26", "$R/docker.io/library/nginx:1.29", "imagePullPolicy is Always",
	},
	{
		"latest without policy where images are loaded into nodes", func(s *small) {
			s.opts.SideLoaded = true
			s.seed("quay.io/a/embedded:latest", platforms...)
			s.pull(append(images[:len(images):len(images)], "quay.io/a/embedded:latest"))
			s.edit("addons.yaml", "quay.io/a/embedded:v1", "quay.io/a/embedded")
		},
		"manifest-always", "addons.yaml:19:20", "$R/quay.io/a/embedded:latest", "its tag is latest",
	},
	{
		"control plane that names no repository, beside one that does", func(s *small) {
			s.mirrors = false
			s.names.Sandboxes[0].Image = s.ref(s.fill("$R/registry.k8s.io/pause:3.10"))
			s.files["more.yaml"] = "apiVersion: controlplane.cluster.x-k8s.io/v1beta2\nkind: KubeadmControlPlane\nmetadata: {name: more}\nspec:\n  kubeadmConfigSpec: {joinConfiguration: {}}\n"
		},
		"name-outside", "kubeadm v1.36.3", "", "asks for registry.k8s.io/",
	},
	{
		"pod without secret", func(s *small) {
			s.login = true
			s.edit("web.yaml", "imagePullSecrets: [{name: pull}]", "imagePullSecrets: []")
		},
		"manifest-secret", "web.yaml:11:26", "", "names a secret",
	},
	{
		"service account without secret", func(s *small) {
			s.login = true
			s.edit("addons.yaml", "    imagePullSecrets: [{name: pull}]\n", "")
		},
		"manifest-secret", "addons.yaml:18:20", "", "names a secret",
	},

	// Names that nobody wrote.
	{
		"no dns.imageRepository", func(s *small) {
			s.edit("cluster.yaml", "      dns:\n        imageRepository: $R/registry.k8s.io/coredns\n", "")
		},
		"name-missing", "$R/registry.k8s.io/coredns:v1.14.2", "$R/registry.k8s.io/coredns:v1.14.2", "kubeadm v1.36.3 asks for it, and it is not there",
	},
	{
		"dns.imageTag that nobody carried", func(s *small) {
			s.edit("cluster.yaml", "registry.k8s.io/coredns\n", "registry.k8s.io/coredns\n        imageTag: v1.9.9\n")
		},
		"name-missing", "$R/registry.k8s.io/coredns/coredns:v1.9.9", "$R/registry.k8s.io/coredns/coredns:v1.9.9", "nor is it in the archive",
	},
	{
		"image of kubeadm missing", func(s *small) { s.deleteTag("registry.k8s.io/kube-proxy:v1.36.3") },
		"name-missing", "$R/registry.k8s.io/kube-proxy:v1.36.3", "$R/registry.k8s.io/kube-proxy:v1.36.3", "kubeadm v1.36.3 asks for it, and it is not there",
	},
	{
		"kubeadm and the nodes know no private registry", func(s *small) {
			s.mirrors, s.names.Sandboxes = false, nil
			s.files["cluster.yaml"] = "kind: Config\napiVersion: x/v1\nsandboxImage: " + s.target + "/registry.k8s.io/pause:3.10\n"
		},
		"name-outside", "kubeadm v1.36.3", "registry.k8s.io/kube-apiserver:v1.36.3", "and 6 more images",
	},
	{
		"sandbox image missing", func(s *small) { s.deleteTag("registry.k8s.io/pause:3.10") },
		"name-missing", "$R/registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10", "containerd 2.1 asks for it",
	},
	{
		"sandbox image without mirror", func(s *small) { s.mirrors = false },
		"name-outside", "containerd 2.1", "registry.k8s.io/pause:3.10", "no mirror",
	},
	{
		"sandbox image not known", func(s *small) { s.names.Sandboxes = nil },
		"name-unknown", "containerd", "", "which sandbox",
	},
	{
		"argument for acmesolver missing", func(s *small) {
			s.edit("operators.yaml", "    - --acme-http01-solver-image=$R/quay.io/jetstack/cert-manager-acmesolver:v1.19.0\n", "    - --v=2\n")
		},
		"name-outside", "operators.yaml:7:12", "quay.io/jetstack/cert-manager-acmesolver:v1.19.0", "cert-manager asks for",
	},
	{
		"images of an operator not known", func(s *small) {
			s.seed("quay.io/tigera/operator:v1.40.0", platforms...)
			s.pull(append(images[:len(images):len(images)], "quay.io/tigera/operator:v1.40.0"))
			s.files["tigera.yaml"] = s.fill("kind: Pod\napiVersion: v1\nspec:\n  containers: [{image: \"$R/quay.io/tigera/operator:v1.40.0\"}]\n")
		},
		"name-unknown", "tigera.yaml:4:25", "$R/quay.io/tigera/operator:v1.40.0", "Tigera operator",
	},
	{
		"image that an operator derives from its own missing", func(s *small) {
			all := images[:len(images):len(images)]
			for _, name := range []string{"virt-operator", "virt-api", "virt-controller", "virt-handler", "virt-launcher"} {
				s.seed("quay.io/kubevirt/"+name+":v1.6.0", platforms...)
				all = append(all, "quay.io/kubevirt/"+name+":v1.6.0")
			}
			s.pull(all)
			s.files["kubevirt.yaml"] = s.fill("kind: Pod\napiVersion: v1\nspec:\n  containers: [{image: \"$R/quay.io/kubevirt/virt-operator:v1.6.0\"}]\n")
			s.deleteTag("quay.io/kubevirt/virt-handler:v1.6.0")
		},
		"name-missing", "$R/quay.io/kubevirt/virt-handler:v1.6.0", "$R/quay.io/kubevirt/virt-handler:v1.6.0", "KubeVirt asks for it",
	},

	// The registry.
	{
		"deleted tag", func(s *small) { s.deleteTag("quay.io/a/env:v1") },
		"registry-tag", "$R/quay.io/a/env:v1", "$R/quay.io/a/env:v1", "not there",
	},
	{
		"deleted tag of a pinned image", func(s *small) { s.deleteTag("quay.io/a/pinned:v2") },
		"registry-tag", "$R/quay.io/a/pinned:v2@$D", "$R/quay.io/a/pinned:v2@$D", "not there",
	},
	{
		"other digest under the tag", func(s *small) {
			_, err := s.server.Seed(registrytest.Image{Name: "airgap/quay.io/a/env:v1", Platforms: platforms, Seed: "another"})
			s.check(err)
		},
		"registry-digest", "$R/quay.io/a/env:v1", "$R/quay.io/a/env:v1", "was carried",
	},
	{
		"other digest under the tag of a pinned image", func(s *small) {
			_, err := s.server.Seed(registrytest.Image{Name: "airgap/quay.io/a/pinned:v2", Platforms: platforms, Seed: "another"})
			s.check(err)
		},
		"registry-digest", "$R/quay.io/a/pinned:v2@$D", "$R/quay.io/a/pinned:v2@$D", "not the digest that is asked for",
	},
	{
		"platform missing", func(s *small) {
			s.seed("quay.io/a/env:v1", "linux/amd64")
			s.pull(images)
		},
		"registry-platform", "$R/quay.io/a/env:v1", "$R/quay.io/a/env:v1", "not there for linux/arm64, only for linux/amd64",
	},
	{
		"layer missing", func(s *small) { s.deleteBlob("quay.io/a/env:v1", 1) },
		"registry-blob", "$R/quay.io/a/env:v1", "$R/quay.io/a/env:v1", "is not there",
	},
	{
		"configuration missing", func(s *small) { s.deleteBlob("quay.io/a/env:v1", 0) },
		"registry-blob", "$R/quay.io/a/env:v1", "$R/quay.io/a/env:v1", "config",
	},
	{
		"manifest of a platform missing", func(s *small) { s.deleteChild("quay.io/a/env:v1") },
		"registry-manifest", "$R/quay.io/a/env:v1", "$R/quay.io/a/env:v1", "is not there",
	},
	{
		"wrong password", func(s *small) { s.remote.Password = "wrong" },
		"registry-access", "$H", "", "refuses the credentials",
	},
	{
		"no password", func(s *small) { s.remote.LoginHost, s.remote.Username, s.remote.Password = "", "", "" },
		"registry-access", "$H", "", "wants credentials",
	},
	{
		"blobs may not be read", func(s *small) {
			s.server.Fail(registrytest.Faults{Status: 403, StatusKinds: []registrytest.Kind{registrytest.BlobHead}})
		},
		"registry-access", "$H", "", "may not be read",
	},
	{
		"registry down", func(s *small) { s.server.Close() },
		"registry-access", "$H", "", "connection refused",
	},

	// The archive.
	{
		"archive lacks an image", func(s *small) { s.pull(images[:len(images)-1]) },
		"archive-image", "site.tar", "$R/quay.io/prometheus/prometheus:v3.5.0", "is not in the archive",
	},
	{
		"layer damaged in the archive", func(s *small) {
			layer := s.plan("quay.io/a/env:v1").Blobs[1]
			s.damage(func(a *bundle.Archive) int64 {
				var at int64
				for _, e := range a.Entries() {
					at += 512
					if strings.HasSuffix(e.Path, layer.Digest.Encoded()) {
						break
					}
					at += (e.Size + 511) / 512 * 512
				}
				return at + 700
			})
		},
		"archive-damaged", "site.tar:blobs/sha256/", "quay.io/a/env:v1", "",
	},
	{
		"archive that does not open", func(s *small) { s.damage(func(*bundle.Archive) int64 { return 600 }) },
		"archive-damaged", "site.tar", "", "",
	},
}

// A site that is complete has no finding.
func TestCompleteSite(t *testing.T) {
	s := newSmall(t, registrytest.Options{Username: "u", Password: "p"})
	files := maps.Clone(s.files)
	for name, change := range map[string]func(){
		"as it is": func() {},
		"nodes log in": func() {
			s.login = false
			s.edit("web.yaml", "imagePullSecrets: [{name: pull}]", "imagePullSecrets: []")
		},
		"loaded in nodes": func() { s.opts.SideLoaded = true },
	} {
		s.opts, s.login, s.files = ManifestsOptions{}, true, maps.Clone(files)
		change()
		r := s.verify()
		if len(r.Findings) != 0 {
			t.Errorf("%s:\n%s", name, lines(r))
		}
		if len(r.Images) != len(images) {
			t.Errorf("%s: %d images, want %d", name, len(r.Images), len(images))
		}
		for _, i := range r.Images {
			if i.Digest == "" || i.Size == 0 || len(i.Platforms) != 2 || i.Source == "" || i.Target == "" || len(i.Uses) == 0 {
				t.Errorf("%s: not all is known of %+v", name, i)
			}
		}
	}
}

// Every single fault of a complete site is found, as what it is, and nothing else is.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newSmall(t, registrytest.Options{Username: "u", Password: "p"})
			f.spoil(s)
			r := s.verify()
			fill := strings.NewReplacer("$R", s.target, "$D", s.pinned.String(), "$H", s.server.Host).Replace
			if len(r.Findings) != 1 {
				t.Fatalf("%d findings:\n%s", len(r.Findings), lines(r))
			}
			got := r.Findings[0]
			if got.Check != f.check || !strings.HasPrefix(got.Place, fill(f.place)) || f.image != "" && got.Image != fill(f.image) ||
				!strings.Contains(got.Problem, fill(f.problem)) {
				t.Errorf("%swant:\n%s %s [%s] …%s…", lines(r), f.check, f.place, f.image, f.problem)
			}
			if got.Effect == "" || got.Remedy == "" || strings.ContainsAny(got.Remedy, "{}") {
				t.Errorf("effect %q, remedy %q", got.Effect, got.Remedy)
			}
		})
	}
}
