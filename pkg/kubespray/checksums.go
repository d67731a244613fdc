package kubespray

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxChecksums is how large a file of Kubespray's checksums may be; that of v2.31.0 has 330 kB.
const maxChecksums = 8 << 20

// Checksums are those that Kubespray holds its downloads against.
type Checksums struct {
	sums map[string]map[string]map[string]string // by name, architecture and version
}

// ParseChecksums reads Kubespray's roles/kubespray_defaults/vars/main/checksums.yml.
func ParseChecksums(text []byte) (*Checksums, error) {
	if len(text) > maxChecksums {
		return nil, fmt.Errorf("it has more than %d bytes, too many for Kubespray's checksums", maxChecksums)
	}
	var c Checksums
	if err := yaml.Unmarshal(text, &c.sums); err != nil {
		return nil, fmt.Errorf("these are no checksums of Kubespray: %w", err)
	}
	for name := range c.sums {
		if strings.HasSuffix(name, "_checksums") {
			return &c, nil
		}
	}
	return nil, fmt.Errorf("these are no checksums of Kubespray: no key ends with _checksums")
}

// SHA256 is what the file at a URL has to hash to, 64 hexadecimal digits. It is false if
// Kubespray knows none: it has no entry, or one by another hash, as gVisor's are.
func (c *Checksums) SHA256(url string) (string, bool) {
	_, place, _ := strings.Cut(url, "://")
	place, _, _ = strings.Cut(place, "?")
	for _, d := range downloads {
		arch, version, ok := d.match(place)
		if !ok {
			continue
		}
		sum, ok := strings.CutPrefix(c.sums[d.name][arch][version], "sha256:")
		return strings.ToLower(sum), ok && hex256.MatchString(strings.ToLower(sum))
	}
	return "", false
}

var hex256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// A download is a row of Kubespray's list of downloads: the key of its checksums and its
// URL without scheme.
type download struct{ name, place string }

// downloads are those of roles/kubespray_defaults/defaults/main/download.yml. V is the
// version, A the architecture as Go spells it, M as uname -m does.
var downloads = []download{
	{"kubelet_checksums", "dl.k8s.io/release/v{V}/bin/linux/{A}/kubelet"},
	{"kubectl_checksums", "dl.k8s.io/release/v{V}/bin/linux/{A}/kubectl"},
	{"kubeadm_checksums", "dl.k8s.io/release/v{V}/bin/linux/{A}/kubeadm"},
	{"etcd_binary_checksums", "github.com/etcd-io/etcd/releases/download/v{V}/etcd-v{V}-linux-{A}.tar.gz"},
	{"cni_binary_checksums", "github.com/containernetworking/plugins/releases/download/v{V}/cni-plugins-linux-{A}-v{V}.tgz"},
	{"calicoctl_binary_checksums", "github.com/projectcalico/calico/releases/download/v{V}/calicoctl-linux-{A}"},
	{"calico_crds_checksums", "github.com/projectcalico/calico/raw/v{V}/manifests/crds.yaml"},
	{"ciliumcli_binary_checksums", "github.com/cilium/cilium-cli/releases/download/v{V}/cilium-linux-{A}.tar.gz"},
	{"crictl_checksums", "github.com/kubernetes-sigs/cri-tools/releases/download/v{V}/crictl-v{V}-linux-{A}.tar.gz"},
	{"crio_archive_checksums", "storage.googleapis.com/cri-o/artifacts/cri-o.{A}.v{V}.tar.gz"},
	{"helm_archive_checksums", "get.helm.sh/helm-v{V}-linux-{A}.tar.gz"},
	{"runc_checksums", "github.com/opencontainers/runc/releases/download/v{V}/runc.{A}"},
	{"crun_checksums", "github.com/containers/crun/releases/download/{V}/crun-{V}-linux-{A}"},
	{"youki_checksums", "github.com/youki-dev/youki/releases/download/v{V}/youki-{V}-{M}-gnu.tar.gz"},
	{"kata_containers_binary_checksums", "github.com/kata-containers/kata-containers/releases/download/{V}/kata-static-{V}-{A}.tar.xz"},
	{"kata_containers_binary_checksums", "github.com/kata-containers/kata-containers/releases/download/{V}/kata-static-{V}-{A}.tar.zst"},
	{"gvisor_runsc_binary_checksums", "storage.googleapis.com/gvisor/releases/release/{V}/{M}/runsc"},
	{"gvisor_containerd_shim_binary_checksums", "storage.googleapis.com/gvisor/releases/release/{V}/{M}/containerd-shim-runsc-v1"},
	{"nerdctl_archive_checksums", "github.com/containerd/nerdctl/releases/download/v{V}/nerdctl-{V}-linux-{A}.tar.gz"},
	{"containerd_static_archive_checksums", "github.com/containerd/containerd/releases/download/v{V}/containerd-static-{V}-linux-{A}.tar.gz"},
	{"containerd_archive_checksums", "github.com/containerd/containerd/releases/download/v{V}/containerd-{V}-linux-{A}.tar.gz"},
	{"cri_dockerd_archive_checksums", "github.com/Mirantis/cri-dockerd/releases/download/v{V}/cri-dockerd-{V}.{A}.tgz"},
	{"skopeo_binary_checksums", "github.com/lework/skopeo-binary/releases/download/v{V}/skopeo-linux-{A}"},
	{"yq_checksums", "github.com/mikefarah/yq/releases/download/v{V}/yq_linux_{A}"},
	{"argocd_install_checksums", "raw.githubusercontent.com/argoproj/argo-cd/v{V}/manifests/install.yaml"},
	{"gateway_api_standard_crds_checksums", "github.com/kubernetes-sigs/gateway-api/releases/download/v{V}/standard-install.yaml"},
	{"gateway_api_experimental_crds_checksums", "github.com/kubernetes-sigs/gateway-api/releases/download/v{V}/experimental-install.yaml"},
	{"prometheus_operator_crds_checksums", "github.com/prometheus-operator/prometheus-operator/releases/download/v{V}/stripped-down-crds.yaml"},
}

// machines are what uname -m says, by Go's names.
var machines = map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le"}

// match reads the architecture and the version out of a URL without scheme.
func (d download) match(place string) (arch, version string, ok bool) {
	arch = "no_arch"
	for rest := d.place; ; {
		before, after, found := strings.Cut(rest, "{")
		if place, ok = strings.CutPrefix(place, before); !ok || !found {
			return arch, version, ok && place == ""
		}
		kind, next, _ := strings.Cut(after, "}")
		word, _, _ := strings.Cut(next, "{")
		value := place // of a variable at the end, all that is left
		if kind == "V" && version != "" {
			value = version
		} else if word != "" {
			value, _, _ = strings.Cut(place, word)
		}
		if value == "" || strings.Contains(value, "/") || !strings.HasPrefix(place, value) {
			return "", "", false
		}
		switch kind {
		case "V":
			version = value
		case "A":
			arch = value
		case "M":
			arch = machines[value]
		}
		place, rest = place[len(value):], next
	}
}
