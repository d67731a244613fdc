package nodes

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
)

// The registries of Kubernetes, of which kubeadm takes its images by itself.
const (
	newKubernetesHost = "registry.k8s.io"
	oldKubernetesHost = "k8s.gcr.io"
)

// imageRepository makes kubeadm name its images in the private registry. kubeadm leaves
// out the coredns/ that the DNS image has in the middle wherever the repository is
// another one, so that image needs its own (kubernetes cmd/kubeadm/app/images).
func imageRepository(m Mirror, o object, opts PatchOptions) ([]setting, error) {
	release := o.release(opts.Kubernetes)
	place, err := m.imagePlace(release.host)
	if err != nil {
		return nil, err
	}
	dns := place
	if release.nested && (m.Kubernetes == "" || place != m.Kubernetes) {
		dns += "/coredns"
	}
	settings := []setting{{[]string{"clusterConfiguration", "imageRepository"}, place}}
	if o.version == "v1alpha3" && o.spec.Get("clusterConfiguration").Get("dns").Str("type") == "" {
		settings = append(settings, setting{[]string{"clusterConfiguration", "dns", "type"}, "CoreDNS"}) // required there
	}
	return append(settings, setting{[]string{"clusterConfiguration", "dns", "imageRepository"}, dns}), nil
}

// imagePlace is where the images of a registry of Kubernetes are.
func (m Mirror) imagePlace(host string) (string, error) {
	for _, name := range []string{host, DefaultHost} {
		if i := slices.IndexFunc(m.Upstreams, func(u Upstream) bool { return u.Host == name }); i >= 0 {
			return m.Upstreams[i].Place(), nil
		}
	}
	if m.Kubernetes == "" {
		return "", errors.New("no mirror of " + host + " to take kubeadm's images from")
	}
	return m.Kubernetes, nil
}

// A kubeadmRelease is what nodes of a version of Kubernetes have by themselves.
type kubeadmRelease struct {
	host    string // from which kubeadm takes its images
	nested  bool   // the name of the DNS image has coredns/ in the middle
	systemd bool   // kubelet and containerd leave control groups to systemd
}

var kubernetesVersion = regexp.MustCompile(`^v?1\.([0-9]{1,3})\.([0-9]{1,3})`)

// release is that of the object's nodes. An object that does not say its version, or hides
// it behind a variable, is as old as its API: Cluster API v0.3 (v1alpha3) was for
// Kubernetes before 1.21, v0.4 (v1alpha4) ended with 1.22.
//
// registry.k8s.io is the default since 1.25.0, and since 1.22.17, 1.23.15 and 1.24.9
// (github.com/kubernetes/kubernetes/pull/113395); coredns/coredns is the name since 1.21.0,
// and so is systemd the driver, in kubeadm and in node images alike
// (minVerKubeletSystemdDriver in controlplane/kubeadm of github.com/kubernetes-sigs/cluster-api).
func (o object) release(otherwise string) kubeadmRelease {
	for _, version := range []string{o.root.Get("spec").Str("version"), otherwise} {
		match := kubernetesVersion.FindStringSubmatch(version)
		if match == nil {
			continue
		}
		minor, _ := strconv.Atoi(match[1]) // digits, not many
		patch, _ := strconv.Atoi(match[2])
		r := kubeadmRelease{newKubernetesHost, minor >= 21, minor >= 21}
		if first, ok := map[int]int{22: 17, 23: 15, 24: 9}[minor]; minor < 22 || ok && patch < first {
			r.host = oldKubernetesHost
		}
		return r
	}
	switch o.version {
	case "v1alpha2", "v1alpha3":
		return kubeadmRelease{host: oldKubernetesHost}
	case "v1alpha4":
		return kubeadmRelease{oldKubernetesHost, true, true}
	}
	return kubeadmRelease{newKubernetesHost, true, true}
}
