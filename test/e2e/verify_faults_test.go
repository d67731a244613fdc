//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"regexp"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// below is what stands before the name of an image at the registry.
const below = provenTarget + "/"

const certManager = "out/cert-manager/v*/cert-manager.yaml"

const apps = "out/apps/apps.yaml"

// replacing replaces in a file of the site.
func replacing(name, old, text string) func(s *provenSite) {
	return func(s *provenSite) { s.replace(name, old, text) }
}

// removing removes a file of the site.
func removing(name string) func(s *provenSite) {
	return func(s *provenSite) { s.remove(name) }
}

var manifestFaults = []siteFault{
	{"upstream image in a field", replacing(apps, "image: "+below+"apps.example/web", "image: apps.example/web"), "manifest-outside out/apps/apps.yaml:9:16"},
	{"upstream image without registry", replacing(apps, "image: "+below+"apps.example/web:v1", "image: ${HUB:=hub.example}/nginx"), "manifest-outside out/apps/apps.yaml:9:16"},
	{"upstream image in another file", func(s *provenSite) {
		s.write("out/cni/more.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: more}\nspec: {initContainers: [{name: a, image: docker.elastic.co/a:v1}]}\n")
	}, "manifest-outside out/cni/more.yaml:4:42"},
	{"upstream image in an argument", replacing(apps, "="+below+"apps.example/sidecar", "=apps.example/sidecar"), "manifest-outside out/apps/apps.yaml:11:33"},
	{"upstream image in the environment", replacing(apps, below+"apps.example/worker", "apps.example/worker"), "manifest-outside out/apps/apps.yaml:13:48"},
	{"upstream image in a Secret", func(s *provenSite) {
		s.replace(apps, encode(strings.Replace(provenJob, "apps.example", below+"apps.example", 1)), encode(provenJob))
	}, "manifest-outside out/apps/apps.yaml:21:13"},
	{"upstream image in several fields", replacing(apps, below+"apps.example/chart", "apps.example/chart"), "manifest-outside out/apps/apps.yaml:*:*"},
	{"upstream image in a file of a node", func(s *provenSite) {
		s.replace("out/apps/cluster.yaml", below+"apps.example/static", "apps.example/static")
	}, "manifest-outside out/apps/cluster.yaml:*:*"},
	{"upstream as the default of a variable", replacing(apps, "${APPS:="+below+"apps.example}", "${APPS:=apps.example}"), "manifest-outside out/apps/apps.yaml:15:16"},
	{"variable without a value", replacing(apps, "${APPS:="+below+"apps.example}", "${APPS}"), "manifest-variable out/apps/apps.yaml:15:16"},
	{"variable in a tag that nobody gave a value", replacing(apps, "apps.example/worker:v2", "apps.example/worker:${WORKER}"), "manifest-unknown out/apps/apps.yaml:13:48"},
	{"variable in a tag whose value the template of another gave", replacing(apps, "apps.example/worker:v2", "apps.example/worker:${CPI_IMAGE_K8S_VERSION}"), "manifest-unknown out/apps/apps.yaml:13:48"},
	{"default of a tag that nobody carried", replacing(apps, "apps.example/worker:v2", "apps.example/worker:${WORKER:=v7}"), "registry-tag " + below + "apps.example/worker:v7"},
	{"variable in the path of an image", replacing(apps, "apps.example/worker:v2", "apps.example/${WORKER}:v2"), "manifest-unknown out/apps/apps.yaml:13:48"},
	{"variable for imageRepository", replacing("out/apps/cluster.yaml", "imageRepository: "+below+"registry.k8s.io\n", "imageRepository: ${REPOSITORY}\n"), "manifest-unknown out/apps/cluster.yaml:*:24"},
	{"scheme before an image", replacing(apps, "image: "+below+"apps.example/web", "image: https://"+below+"apps.example/web"), "manifest-invalid out/apps/apps.yaml:9:16"},
	{"second tag behind an image", replacing(apps, "apps.example/web:v1", "apps.example/web:v1:v2"), "manifest-invalid out/apps/apps.yaml:9:16"},
	{"tag that was forgotten", replacing(apps, "apps.example/web:v1", "apps.example/web"), "registry-tag " + below + "apps.example/web:latest"},
	{"another project of the registry", replacing(apps, below+"apps.example/worker", nodeRegistryHost+"/other/worker"), "manifest-outside out/apps/apps.yaml:13:48"},
	{"latest", func(s *provenSite) {
		s.push(provenImage("apps.example/web:latest", "apps.example/web:v1", "amd64"))
		s.replace(apps, "web:v1", "web:latest")
		s.unbundled()
	}, "manifest-latest out/apps/apps.yaml:9:16"},
	{"Always where images are loaded into nodes", func(s *provenSite) {
		s.replace(apps, "imagePullPolicy: IfNotPresent", "imagePullPolicy: Always")
		s.set("-f", "out/apps") // others say so as they come
		s.without("--clusterctl-home")
		s.add("--side-loaded")
	}, "manifest-always out/apps/apps.yaml:10:26"},
	{"no pull secret, and nodes without a login", noSecret, "manifest-secret out/one/pod.yaml:4:29"},
	{"no pull secret, nodes without a login, and docker's own", func(s *provenSite) {
		noSecret(s)
		s.without("--username", "--password-file")
		s.login()
	}, "manifest-secret out/one/pod.yaml:4:29"},
	{"imageRepository outside", replacing("out/apps/cluster.yaml", "imageRepository: "+below+"registry.k8s.io\n", "imageRepository: kube.example\n"), "manifest-prefix out/apps/cluster.yaml:*:24"},
	{"dns.imageRepository outside", replacing("out/apps/cluster.yaml", below+"registry.k8s.io/coredns\n", "kube.example/coredns\n"), "manifest-prefix out/apps/cluster.yaml:*:26"},
}

// noSecret leaves one pod, which has no pull secret, and takes the login from the nodes.
func noSecret(s *provenSite) {
	s.write("out/one/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: one}\nspec: {containers: [{image: "+below+"apps.example/web:v1}]}\n")
	s.set("-f", "out/one")
	s.without("--clusterctl-home")
	hosts := "certs.d/" + nodeRegistryHost + "/hosts.toml"
	s.write(hosts, regexp.MustCompile("(?m)^Authorization = .*\n").ReplaceAllString(s.read(hosts), ""))
}

// provenTopology is a cluster whose class is one of kubeadm.
const provenTopology = `apiVersion: cluster.x-k8s.io/v1beta2
kind: Cluster
metadata: {name: plant, namespace: default}
spec:
  topology:
    classRef: {name: plant}
    version: v1.35.0
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: KubeadmControlPlaneTemplate
metadata: {name: plant}
spec:
  template:
    spec:
      kubeadmConfigSpec:
        clusterConfiguration: {imageRepository: ` + below + `registry.k8s.io, dns: {imageRepository: ` + below + `registry.k8s.io/coredns}}
`

var nameFaults = []siteFault{
	{"version of Kubernetes that nobody knows", func(s *provenSite) { s.set("--kubernetes-version", "v1.99.0") }, "name-unknown kubeadm v1.99.0"},
	{"version of Kubernetes of a control plane that nobody carried", replacing("out/apps/cluster.yaml", "version: v1.36.3", "version: v1.35.0"), "name-missing " + below + "registry.k8s.io/coredns/coredns:v1.13.1"},
	{"version of Kubernetes of a cluster with a class that nobody carried", func(s *provenSite) {
		s.write("out/apps/topology.yaml", provenTopology)
	}, "name-missing " + below + "registry.k8s.io/coredns/coredns:v1.13.1"},
	{"version of Kubernetes that nobody said", func(s *provenSite) {
		s.without("--kubernetes-version")
		s.replace("out/apps/cluster.yaml", "version: v1.36.3", "version: ${KUBERNETES_VERSION}")
	}, "name-unknown out/apps/cluster.yaml:5:12"},
	{"version of Kubernetes that is none", replacing("out/apps/cluster.yaml", "version: v1.36.3", "version: \"1.36\""), "name-unknown out/apps/cluster.yaml:5:12"},
	{"imageRepository without images", replacing("out/apps/cluster.yaml", "imageRepository: "+below+"registry.k8s.io\n", "imageRepository: "+below+"registry.k8s.oi\n"), "name-missing " + below + "registry.k8s.oi/etcd:*"},
	{"image of kubeadm missing", func(s *provenSite) { s.loseTag("registry.k8s.io/kube-proxy:v1.36.3") }, "name-missing " + below + "registry.k8s.io/kube-proxy:v1.36.3"},
	{"dns.imageRepository missing", replacing("out/apps/cluster.yaml", "      dns:\n        imageRepository: "+below+"registry.k8s.io/coredns\n", ""), "name-missing " + below + "registry.k8s.io/coredns:v1.14.2"},
	{"version of Kubernetes that nobody carried", func(s *provenSite) {
		s.replace("out/apps/cluster.yaml", "      dns:\n", "      etcd: {local: {imageTag: 3.5.0-0}}\n      dns:\n")
	}, "name-missing " + below + "registry.k8s.io/etcd:3.5.0-0"},
	{"sandbox image missing", func(s *provenSite) { s.loseTag(provenSandbox) }, "name-missing " + below + provenSandbox},
	{"public sandbox image", func(s *provenSite) { s.set("--node-image-pause", "mcr.microsoft.com/oss/kubernetes/pause:3.9") }, "name-outside --node-image-pause"},
	{"sandbox image that nobody names", func(s *provenSite) { s.without("--node-image-pause") }, "name-unknown containerd"},
	{"acmesolver missing in the registry", func(s *provenSite) { s.loseTag(acmesolver(s)) }, "registry-tag " + below + "quay.io/jetstack/cert-manager-acmesolver:*"},
	{"acmesolver missing in the arguments", func(s *provenSite) {
		s.replace(certManager, "--acme-http01-solver-image="+below+acmesolver(s), "--v=2")
		s.remove("certs.d/quay.io") // else the node's mirror has it
	}, "name-outside out/cert-manager/v*/cert-manager.yaml:*:*"},
	{"images of an operator that nobody carried", func(s *provenSite) {
		s.write("out/apps/tigera.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: operator}\nspec: {containers: [{name: a, image: "+below+"quay.io/tigera/operator:v1.40.0}]}\n")
		s.push(provenImage("quay.io/tigera/operator:v1.40.0", "tigera", "amd64"))
		s.unbundled()
		s.must(os.RemoveAll(s.path("out/cni"))) // Calico without its operator has images that the operator would start
	}, "name-unknown out/apps/tigera.yaml:4:38"},
}

var registryFaults = []siteFault{
	{"deleted tag", func(s *provenSite) { s.loseTag("apps.example/worker:v2") }, "registry-tag " + below + "apps.example/worker:v2"},
	{"deleted repository", func(s *provenSite) {
		s.ownRegistry()
		s.lose("repositories", "airgap", "apps.example", "worker")
	}, "registry-tag " + below + "apps.example/worker:v2"},
	{"other digest under the tag", func(s *provenSite) { s.push(provenImage("apps.example/worker:v2", "another", "amd64")) }, "registry-digest " + below + "apps.example/worker:v2"},
	{"missing platform", func(s *provenSite) {
		s.push(provenImage("apps.example/worker:v2", "another", "arm64", "ppc64le"))
		s.unbundled()
	}, "registry-platform " + below + "apps.example/worker:v2"},
	{"only for another platform", func(s *provenSite) {
		s.push(provenImage("apps.example/worker:v2", "another", "arm64"))
		s.unbundled()
	}, "registry-platform " + below + "apps.example/worker:v2"},
	{"platform that nobody carried", func(s *provenSite) { s.add("--platform", "linux/arm64") }, "registry-platform " + provenTarget},
	{"missing layer", func(s *provenSite) { s.loseBlob("apps.example/worker:v2") }, "registry-blob " + below + "apps.example/worker:v2"},
	{"missing manifest of a platform", func(s *provenSite) { s.loseManifest("apps.example/worker:v2") }, "registry-manifest " + below + "apps.example/worker:v2"},
	{"registry down", func(s *provenSite) {
		s.ownRegistry()
		s.registry.stop()
	}, "registry-access " + nodeRegistryHost},
	{"wrong password", func(s *provenSite) { s.write("password", "wrong") }, "registry-access " + nodeRegistryHost},
	{"wrong CA", func(s *provenSite) {
		ca, _ := newAuthority(s.T)
		s.write("ca.crt", string(ca))
	}, "registry-access " + nodeRegistryHost},
	{"no CA", func(s *provenSite) { s.without("--ca-file") }, "registry-access " + nodeRegistryHost},
}

// acmesolver is what the manifest of cert-manager calls it.
func acmesolver(s *provenSite) string {
	_, rest, _ := strings.Cut(s.read(certManager), "--acme-http01-solver-image="+below)
	name, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(name, "\"']")
}

// flip changes one bit of a layer in the archive.
func (s *provenSite) flip() {
	name := "apps.example/worker:v2"
	for _, layer := range synthetic.Large(name+"/amd64", 2_000).Layers {
		archive := []byte(s.read("site.tar"))
		at := bytes.Index(archive, layer.Bytes())
		if at < 0 {
			s.Fatalf("%s is not in the archive", layer.Digest)
		}
		archive[at+int(layer.Size)/2] ^= 1
		s.must(os.Remove(s.path("site.tar"))) // others have a link to it
		s.write("site.tar", string(archive))
	}
}

var archiveFaults = []siteFault{
	{"image missing in the archive", func(s *provenSite) {
		s.push(provenImage("apps.example/new:v1", "new", "amd64"))
		s.replace(apps, "apps.example/worker:v2", "apps.example/new:v1")
	}, "archive-image site.tar"},
	{"flipped byte in the archive", (*provenSite).flip, "archive-damaged site.tar:blobs/sha256/…"},
	{"lock of an unknown version", func(s *provenSite) {
		archive := []byte(s.read("site.tar"))
		s.must(os.Remove(s.path("site.tar")))
		s.write("site.tar", strings.Replace(string(archive), "kubectl-airgap.io/v1alpha1", "kubectl-airgap.io/v9alpha1", 1))
	}, "archive-damaged site.tar…"},
	{"half of the archive", func(s *provenSite) {
		archive := s.read("site.tar")
		s.must(os.Remove(s.path("site.tar")))
		s.write("site.tar", archive[:len(archive)/2])
	}, "archive-damaged site.tar…"},
}
