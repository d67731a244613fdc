package kubernetes_test

import (
	"fmt"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
)

func ExampleRelease_Images() {
	version, _ := kubernetes.ParseVersion("1.36.3")
	release, err := kubernetes.Find(version)
	if err != nil {
		fmt.Println(err)
		return
	}
	images, _ := release.Images()
	for _, r := range images {
		fmt.Println(r)
	}
	// Output:
	// registry.k8s.io/kube-apiserver:v1.36.3
	// registry.k8s.io/kube-controller-manager:v1.36.3
	// registry.k8s.io/kube-scheduler:v1.36.3
	// registry.k8s.io/kube-proxy:v1.36.3
	// registry.k8s.io/coredns/coredns:v1.14.2
	// registry.k8s.io/pause:3.10.2
	// registry.k8s.io/etcd:3.6.8-0
}

// A custom imageRepository moves coredns up, unless dns.imageRepository says otherwise.
func ExampleRelease_ImagesIn() {
	version, _ := kubernetes.ParseVersion("v1.36.3")
	release, _ := kubernetes.Find(version)
	const mirror = "registry.example.com/airgap/registry.k8s.io"
	for _, repos := range []kubernetes.Repositories{{Image: mirror}, {Image: mirror, DNS: mirror + "/coredns"}} {
		images, _ := release.ImagesIn(repos)
		fmt.Println(images[4])
	}
	// Output:
	// registry.example.com/airgap/registry.k8s.io/coredns:v1.14.2
	// registry.example.com/airgap/registry.k8s.io/coredns/coredns:v1.14.2
}

func ExampleFind() {
	version, _ := kubernetes.ParseVersion("v1.16.3")
	_, err := kubernetes.Find(version)
	fmt.Println(err)
	// Output: kubernetes v1.16.3 is not known: the known releases are v1.17.0 to v1.36.4
}

func ExampleSandboxes() {
	first := kubernetes.Sandboxes()[0]
	fmt.Println(first.By, first.Image)
	// Output: containerd 1.4 k8s.gcr.io/pause:3.2
}
