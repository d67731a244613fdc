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
	mount := kindMount{"certs.d", strings.TrimSuffix(certsDir, "/")}
	return append([]File{kindConfig(kindPatch, mount)}, files...), nil
}

// kindMirrorFiles are the same for kind whose nodes have containerd 1.3 and 1.4, which knew
// no certs.d: kind before 0.11. What the private registry does not have is looked for
// upstream there.
func kindMirrorFiles(m Mirror) ([]File, error) {
	patch := configTomlRegistry(m)
	if err := checkConfigToml(File{Path: "kind.yaml", Content: []byte("version = 2\n" + patch)}, m); err != nil {
		return nil, err
	}
	if len(m.CA) == 0 {
		return []File{secretKind(kindConfig(patch), m)}, nil
	}
	ca := File{Path: "airgap-ca.crt", Mode: 0o644, Content: m.CA}
	return []File{secretKind(kindConfig(patch, kindMount{ca.Path, configTomlCA}), m), ca}, nil
}

// secretKind is the configuration f, in which the credentials of m stand.
func secretKind(f File, m Mirror) File {
	if m.Username != "" {
		f.Mode, f.Secret = 0o600, true
	}
	return f
}

// A kindMount is what nodes see of the folder of kind.yaml.
type kindMount struct{ host, node string }

// kindConfig is kind.yaml with a patch for containerd.
func kindConfig(patch string, mounts ...kindMount) File {
	var b strings.Builder
	b.WriteString("# " + mark + `: kind create cluster --config kind.yaml, in the folder of this file
# The node's image is pulled by the host: it needs the CA in its own trust store.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
`)
	if len(mounts) > 0 {
		b.WriteString("  extraMounts:\n")
	}
	for _, m := range mounts {
		fmt.Fprintf(&b, "  - hostPath: ./%s\n    containerPath: %s\n    readOnly: true\n", m.host, m.node)
	}
	b.WriteString("containerdConfigPatches:\n- |-\n")
	for line := range strings.Lines(patch) {
		if line != "\n" {
			line = "  " + line
		}
		b.WriteString(line)
	}
	return File{Path: "kind.yaml", Mode: 0o644, Content: []byte(b.String())}
}
