package verify_test

import (
	"fmt"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/verify"
)

// sample is a site with images in groups, of sizes that differ as real ones do.
func sample(images int) *verify.Report {
	groups := []string{"kubernetes", "clusterapi", "cni", "csi", "cert-manager", "cpi", "monitoring", ""}
	r := &verify.Report{Target: "registry.site.example:5000/airgap", Findings: []verify.Finding{}}
	for i := range images {
		name := fmt.Sprintf("registry.k8s.io/component-%d/controller:v1.%d.0", i, i%40)
		image := verify.Image{
			Image: name, Source: "mirror.corp.example/" + name, Target: r.Target + "/" + name,
			Group: groups[i%len(groups)], Digest: digestOf(i), Size: int64(400e6) / int64(i%90+1),
		}
		for j, platform := range []string{"linux/amd64", "linux/arm64"}[:i%2+1] {
			image.Platforms = append(image.Platforms, verify.Platform{Platform: platform, Digest: digestOf(1e6 + 2*i + j), Size: image.Size / int64(j+2)})
		}
		for j := range i%5 + 1 {
			image.Uses = append(image.Uses, fmt.Sprintf("resources/%s/manifest-%d.yaml:%d:15", image.Group, j, 12+i))
		}
		r.Images = append(r.Images, image)
	}
	return r
}

func digestOf(n int) string { return fmt.Sprintf("sha256:%064x", uint64(n+1)*0x9E3779B97F4A7C15) }

// siteOf2026 is a site with files and with all that was looked at.
func siteOf2026() *verify.Report {
	r := sample(41)
	r.Bytes = 3_310_000_000
	r.Files = []verify.File{
		{Path: "files/kubeadm", Source: "https://dl.k8s.io/v1.36.3/bin/linux/amd64/kubeadm", SHA256: strings.Repeat("ab", 32), Size: 71e6},
		{Path: "files/ubuntu-2404-kube-v1.36.3.ova", Source: "https://storage.example/ubuntu-2404-kube-v1.36.3.ova", SHA256: strings.Repeat("cd", 32), Size: 2_100e6},
	}
	r.Subjects = []verify.Subject{
		{Name: "kubernetes", What: "v1.36.3"},
		{Name: "manifests", What: "38 files"},
		{Name: "registry", What: "41 images, linux/amd64"},
		{Name: "archive", What: "site.tar", Digest: digestOf(7)},
		{Name: "nodes", What: "certs.d"},
		{Name: "cluster"},
	}
	return r
}

// broken is siteOf2026 with faults: many of one kind, some of others.
func broken() *verify.Report {
	r := siteOf2026()
	for i := range 3 {
		image := r.Images[3+i]
		r.Findings = append(r.Findings, verify.NewFinding(verify.CheckRegistryTag, verify.About{
			Place: image.Target, Image: image.Image, Target: r.Target, Problem: "the registry has no such tag",
		}))
		r.Images[3+i].Digest, r.Images[3+i].Platforms, r.Images[3+i].Size = "", nil, 0
	}
	for i := range 3 {
		r.Findings = append(r.Findings, verify.NewFinding(verify.CheckManifestOutside, verify.About{
			Place: fmt.Sprintf("resources/cni/calico.yaml:%d:18", 4720+i), Image: "docker.io/calico/node:v3.30.1", Target: r.Target,
			Problem: "docker.io/calico/node:v3.30.1 is outside of " + r.Target,
		}))
	}
	r.Findings = append(r.Findings,
		verify.NewFinding(verify.CheckRegistryPlatform, verify.About{
			Place: r.Images[8].Target, Image: r.Images[8].Image, Target: r.Target, Problem: "linux/arm64 is missing; the registry offers linux/amd64",
		}),
		verify.NewFinding(verify.CheckManifestLatest, verify.About{
			Place: "resources/kind/tools.yaml:9:16", Image: "docker.io/library/busybox:latest", Target: r.Target, Problem: "busybox has no tag, which means latest",
		}),
	)
	return r
}
