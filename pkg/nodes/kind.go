package nodes

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// kindPatch sets config_path in the containerd configuration of a kind node. It names no
// version: kind before 0.32 would put the one of a patch into the node's own file, whose
// tables then mean nothing any more.
const kindPatch = `[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
`

// kindFiles are a configuration for kind, and the certs.d that its nodes mount.
func kindFiles(m Mirror) ([]File, error) {
	var patch map[string]any
	if err := toml.Unmarshal([]byte(kindPatch), &patch); err != nil {
		return nil, fmt.Errorf("the patch for containerd: %w", err)
	}
	files, err := hostsTree(m)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("# " + mark + `: kind create cluster --config kind.yaml, in the folder of this file
# The node's image is pulled by the host: it needs the CA in its own trust store.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  extraMounts:
  - hostPath: ./certs.d
    containerPath: /etc/containerd/certs.d
    readOnly: true
containerdConfigPatches:
- |-
`)
	for line := range strings.Lines(kindPatch) {
		b.WriteString("  " + line)
	}
	return append([]File{{Path: "kind.yaml", Mode: 0o644, Content: []byte(b.String())}}, files...), nil
}
