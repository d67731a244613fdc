//go:build e2e && linux

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

// images2020 are those of the historic manifests and of kubeadm v1.17.4, read by a person, and where the document has them.
var images2020 = map[string]string{
	"docker.io/calico/cni:v3.9.1":                                                      "cni",
	"docker.io/calico/kube-controllers:v3.9.1":                                         "cni",
	"docker.io/calico/node:v3.9.1":                                                     "cni",
	"docker.io/calico/pod2daemon-flexvol:v3.9.1":                                       "cni",
	"docker.io/kindest/node:v1.17.2":                                                   "kind",
	"gcr.io/cloud-provider-vsphere/cpi/release/manager:v1.2.1":                         "cpi",
	"gcr.io/cloud-provider-vsphere/csi/release/driver:v1.0.1":                          "csi",
	"gcr.io/cloud-provider-vsphere/csi/release/syncer:v1.0.1":                          "csi",
	"gcr.io/cluster-api-provider-vsphere/release/manager:v0.6.4":                       "clusterapi",
	"gcr.io/kubebuilder/kube-rbac-proxy:v0.4.0":                                        "clusterapi",
	"gcr.io/kubebuilder/kube-rbac-proxy:v0.4.1":                                        "clusterapi",
	"k8s.gcr.io/coredns:1.6.5":                                                         "kubernetes",
	"k8s.gcr.io/etcd:3.4.3-0":                                                          "kubernetes",
	"k8s.gcr.io/kube-apiserver:v1.17.4":                                                "kubernetes",
	"k8s.gcr.io/kube-controller-manager:v1.17.4":                                       "kubernetes",
	"k8s.gcr.io/kube-proxy:v1.17.4":                                                    "kubernetes",
	"k8s.gcr.io/kube-scheduler:v1.17.4":                                                "kubernetes",
	"k8s.gcr.io/pause:3.1":                                                             "kubernetes",
	"quay.io/jetstack/cert-manager-acmesolver:v0.11.0":                                 "cert-manager",
	"quay.io/jetstack/cert-manager-cainjector:v0.11.0":                                 "cert-manager",
	"quay.io/jetstack/cert-manager-controller:v0.11.0":                                 "cert-manager",
	"quay.io/jetstack/cert-manager-webhook:v0.11.0":                                    "cert-manager",
	"quay.io/k8scsi/csi-attacher:v1.1.1":                                               "csi",
	"quay.io/k8scsi/csi-node-driver-registrar:v1.1.0":                                  "csi",
	"quay.io/k8scsi/csi-provisioner:v1.2.2":                                            "csi",
	"quay.io/k8scsi/livenessprobe:v1.1.0":                                              "csi",
	"us.gcr.io/k8s-artifacts-prod/cluster-api/cluster-api-controller:v0.3.3":           "clusterapi",
	"us.gcr.io/k8s-artifacts-prod/cluster-api/kubeadm-bootstrap-controller:v0.3.3":     "clusterapi",
	"us.gcr.io/k8s-artifacts-prod/cluster-api/kubeadm-control-plane-controller:v0.3.3": "clusterapi",
}

// unnamed2020 are those that no manifest names: kind's node, and what cert-manager starts by itself.
var unnamed2020 = []string{"docker.io/kindest/node:v1.17.2", "quay.io/jetstack/cert-manager-acmesolver:v0.11.0"}

// placed2020 is where an image is in the registry of the document, below its prefix.
func placed2020(name string) string {
	return images2020[name] + name[strings.LastIndexByte(name, '/'):]
}

// A site2020 is the site of the document, with what plays the internet and what it has itself.
type site2020 struct {
	*testing.T
	dir      string          // airgap.yaml, resources/
	internet *dockerRegistry // every image as HOST/PATH:TAG
	set      synthetic.Set
	files    string // what web serves: HOST/PATH
	web      *httptest.Server
	registry *dockerRegistry // the site's own: TLS of a private CA, and a password
}

// newSite2020 lays the historic manifests out, and everything else that the document downloads.
func newSite2020(t *testing.T) *site2020 {
	t.Helper()
	s := &site2020{T: t, dir: t.TempDir(), files: t.TempDir(), internet: new(dockerRegistry).start(t)}
	s.web = httptest.NewServer(http.FileServer(http.Dir(s.files)))
	t.Cleanup(s.web.Close)
	s.registry = (&dockerRegistry{tls: true, password: true}).start(t)
	run(t, "bash", filepath.Join(shared, "tools", "site.sh"), "2020", filepath.Join(s.dir, "resources"))
	template := filepath.Join("clusterapi", "cluster-template.yaml") // the corpus has none of 2020
	run(t, "cp", filepath.Join(root, "examples/walkthrough-2020/resources", template), filepath.Join(s.dir, "resources", template))
	writeFile(t, filepath.Join(s.dir, "kind.txt"), unnamed2020[0]+"\n")
	writeFile(t, filepath.Join(s.dir, "acmesolver.txt"), unnamed2020[1]+"\n")
	for name := range images2020 {
		s.set = append(s.set, synthetic.Named([]string{name}, 20_000)...)
	}
	s.internet.fill(t, "", s.set)
	s.publish("storage.googleapis.com/capv-images/release/v1.17.4/node.ova", ova(300_000), true)
	for i, part := range slices.Collect(slices.Chunk(ova(500_000), 200_000)) {
		s.publish(fmt.Sprintf("github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates/v1.17.4/large.ova.part%d", i+1), part, false)
	}
	s.publish("github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates/v1.17.4/large.ova.sha256", fmt.Appendf(nil, "%x  large.ova\n", sha256.Sum256(ova(500_000))), false)
	program, err := os.ReadFile(needOldClusterctl(t))
	if err != nil {
		t.Fatal(err)
	}
	s.publish("github.com/kubernetes-sigs/cluster-api/releases/download/v0.3.3/clusterctl-linux-amd64", program, false)
	writeFile(t, filepath.Join(s.dir, "airgap.yaml"), s.siteFile())
	return s
}

// ova are bytes that stand for a machine's image.
func ova(size int) []byte { return bytes.Repeat([]byte("an OVA "), size/7+1)[:size] }

func (s *site2020) siteFile() string {
	return strings.NewReplacer("REGISTRY", s.registry.address, "INTERNET", s.internet.address, "WEB", s.web.URL).Replace(`apiVersion: kubectl-airgap.io/v1alpha1
kind: Site
registry:
  address: REGISTRY/airgap
  layout: group
  maps: [k8s.gcr.io=REGISTRY/airgap/kubernetes]
kubernetesVersions: [v1.17.4]
nodeImagePause: [k8s.gcr.io/pause:3.1]
certManager: none
manifests:
  clusterapi: [resources/clusterapi]
  cert-manager: [resources/cert-manager, acmesolver.txt]
  cni: [resources/cni]
  cpi: [resources/cpi]
  csi: [resources/csi]
  kind: [kind.txt]
files:
  - url: https://storage.googleapis.com/capv-images/release/v1.17.4/node.ova
    sha256URL: https://storage.googleapis.com/capv-images/release/v1.17.4/node.ova.sha256
  - parts: # the slash in the tag of these releases is written as GitHub does
      - https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates%2Fv1.17.4/large.ova.part1
      - https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates%2Fv1.17.4/large.ova.part2
      - https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates%2Fv1.17.4/large.ova.part3
    path: ovas/large.ova
    sha256URL: https://github.com/kubernetes-sigs/cluster-api-provider-vsphere/releases/download/templates%2Fv1.17.4/large.ova.sha256
  - url: https://github.com/kubernetes-sigs/cluster-api/releases/download/v0.3.3/clusterctl-linux-amd64
    path: binaries/clusterctl
    mode: 0755
sourceMap: ["*=INTERNET/{host}"]
fileSourceMap: ["*=WEB/{host}"]
`)
}

// publish puts a file on the web, and beside it, if asked for, its checksum.
func (s *site2020) publish(url string, content []byte, withSum bool) {
	s.Helper()
	path := filepath.Join(s.files, filepath.FromSlash(url))
	run(s.T, "mkdir", "-p", filepath.Dir(path))
	writeFile(s.T, path, string(content))
	if withSum {
		writeFile(s.T, path+".sha256", fmt.Sprintf("%x  %s\n", sha256.Sum256(content), filepath.Base(path)))
	}
}

// try runs the plugin in the site's folder, logged in at the site's registry if asked for.
func (s *site2020) try(login bool, args ...string) outcome {
	s.Helper()
	cmd := plugin(s.T, args...)
	cmd.Dir = s.dir
	if login {
		loggedIn(s.T, cmd, s.registry.address)
	}
	return finish(s.T, cmd)
}

// must is try for what has to succeed, with the login and the CA.
func (s *site2020) must(args ...string) outcome {
	s.Helper()
	o := s.try(true, args...)
	if o.status != 0 {
		s.Fatalf("kubectl-airgap %s: exit status %d\n%s%s", strings.Join(args, " "), o.status, tail(o.stdout), tail(o.stderr))
	}
	return o
}

// path is a file of the site.
func (s *site2020) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// program runs one of the site's programs in its folder.
func (s *site2020) program(env []string, args ...string) string {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = s.dir, append([]string{"HOME=" + s.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.Errorf("%s: %v\n%s%s", strings.Join(args, " "), err, tail(string(out)), tail(stderr.String()))
	}
	return string(out)
}
