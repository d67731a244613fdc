package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// fetching is what nodes are made from, with most that they fetch.
const fetching = `apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: KubeadmControlPlane
spec:
  kubeadmConfigSpec:
    preKubeadmCommands:
    - curl -fsSL https://user:secret@dl.k8s.io/release/kubeadm?token=secret -o /usr/bin/kubeadm
    - kubectl apply -f "https://raw.example.com/a.yaml" -f https://raw.example.com/b.yaml
    - curl -k https://127.0.0.1:6443/healthz https://[fd00::1]/x http://localhost/x https://${HOST}/x https://dns.kube-system.svc/x
    - echo see https://kubernetes.io/docs
    files:
    - path: /etc/apt/sources.list.d/kubernetes.list
      content: deb [signed-by=/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.33/deb/ /
    - path: /setup.sh
      content: |
        #!/bin/sh
        # curl https://comment.example.com
        URL=https://github.com/example/tool.tgz
---
apiVersion: addons.cluster.x-k8s.io/v1alpha1
kind: HelmChartProxy
spec: {chartName: cilium, repoURL: "https://helm.cilium.io"}
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: RKE2ConfigTemplate
spec: {template: {spec: {agentConfig: {airGapped: false}}}}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: RKE2ControlPlane
spec: {agentConfig: {airGapped: true}, reference: {apiVersion: bootstrap.cluster.x-k8s.io/v1beta1, kind: RKE2ConfigTemplate}}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: KThreesControlPlane
spec: {kthreesConfigSpec: {agentConfig: {airGapped: "${AIRGAPPED}"}}}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: K0sControlPlane
spec: {k0sConfigSpec: {downloadURL: "https://files.example.com/k0s"}}
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta1
kind: K0sWorkerConfigTemplate
spec: {template: {spec: {version: v1.33.1+k0s.0}}}
---
apiVersion: controlplane.cluster.x-k8s.io/v1alpha3
kind: TalosControlPlane
spec:
  controlPlaneConfig:
    controlplane:
      strategicPatches:
      - |
        cluster:
          extraManifests:
          - https://raw.example.com/metrics.yaml
          network: {cni: {name: custom, urls: ["https://raw.example.com/cni.yaml"]}}
---
apiVersion: v1
kind: Pod
spec:
  containers:
  - image: example.com/a:v1
    command: ["sh", "-c", "curl https://pod.example.com/x"]
`

const fetched = `6:18 https://dl.k8s.io/release/kubeadm
7:25 https://raw.example.com/a.yaml
7:60 https://raw.example.com/b.yaml
12:39 https://pkgs.k8s.io/core:/stable:/v1.33/deb
17:13 https://github.com/example/tool.tgz
21:37 https://helm.cilium.io
24:7 https://get.rke2.io unless agentConfig.airGapped
37:38 https://files.example.com/k0s
40:7 https://get.k0s.sh unless preInstalledK0s
52:13 https://raw.example.com/metrics.yaml
53:49 https://raw.example.com/cni.yaml
`

// TestFetches checks what nodes fetch beside images.
func TestFetches(t *testing.T) {
	var b strings.Builder
	for _, f := range mustParse(t, "in.yaml", fetching, false).Fetches() {
		fmt.Fprintf(&b, "%d:%d %s", f.Line, f.Column, f.URL)
		if f.Unless != "" {
			b.WriteString(" unless " + f.Unless)
		}
		b.WriteByte('\n')
	}
	if got := b.String(); got != fetched {
		t.Errorf("fetched:\n%swant:\n%s", got, fetched)
	}
}
