package nodes

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// restartCommand makes containerd read its config.toml. Its end tells whose it is.
const restartCommand = "systemctl restart containerd || true # " + mark

// configTomlCA is the CA where there is no certs.d.
const configTomlCA = "/etc/containerd/airgap-ca.crt"

// criRegistry is where containerd 1 has what it knows of registries.
const criRegistry = `plugins."io.containerd.grpc.v1.cri".registry`

// configTomlFiles are the files of a node with containerd before 1.6: a whole config.toml,
// which names a mirror for each upstream. containerd asks the upstream as well for what
// the mirror does not have, and from 1.5 on there are better ways.
func configTomlFiles(m Mirror, of kubeadmRelease) ([]File, error) {
	head := "# " + mark + "\nversion = 2\n\n"
	if of.systemd {
		runc := `plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc`
		head += fmt.Sprintf("[%s]\nruntime_type = \"io.containerd.runc.v2\"\n\n[%s.options]\nSystemdCgroup = true\n\n", runc, runc)
	}
	var files []File
	if len(m.CA) > 0 {
		files = append(files, File{Path: configTomlCA, Mode: 0o644, Content: m.CA})
	}
	f := File{Path: "/etc/containerd/config.toml", Mode: 0o644, Content: []byte(head + configTomlRegistry(m))}
	if m.Username != "" {
		f.Mode, f.Secret = 0o600, true
	}
	if m.AuthSecret != "" {
		return nil, fmt.Errorf("a whole config.toml cannot take its credentials from the Secret %s: give a user name and a password, or use certs.d", m.AuthSecret)
	}
	return append(files, f), checkConfigToml(f, m)
}

// configTomlRegistry are the tables of a config.toml that name the mirrors.
func configTomlRegistry(m Mirror) string {
	var tables []string
	for _, u := range append(slices.Clone(m.Upstreams), Upstream{Host: m.Registry}) {
		host, endpoint := u.Host, m.Address()
		if host == DefaultHost {
			host = "*"
		}
		if u.Registry != "" {
			endpoint = m.URL(u)
		}
		tables = append(tables, fmt.Sprintf("[%s.mirrors.\"%s\"]\nendpoint = [\"%s\"]\n", criRegistry, host, endpoint))
	}
	if len(m.CA) > 0 {
		tables = append(tables, fmt.Sprintf("[%s.configs.\"%s\".tls]\nca_file = \"%s\"\n", criRegistry, m.Registry, configTomlCA))
	}
	if m.Username != "" {
		tables = append(tables, fmt.Sprintf("[%s.configs.\"%s\".auth]\nauth = \"%s\"\n", criRegistry, m.Registry, strings.TrimPrefix(m.authorization(), "Basic ")))
	}
	return strings.Join(tables, "\n")
}

// checkConfigToml reads f as containerd would.
func checkConfigToml(f File, m Mirror) error {
	var got struct {
		Version int                       `toml:"version"`
		Plugins map[string]map[string]any `toml:"plugins"`
	}
	if err := toml.NewDecoder(bytes.NewReader(f.Content)).DisallowUnknownFields().Decode(&got); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	registry, _ := got.Plugins["io.containerd.grpc.v1.cri"]["registry"].(map[string]any)
	mirrors, _ := registry["mirrors"].(map[string]any)
	if got.Version != 2 || len(mirrors) != len(m.Upstreams)+1 {
		return fmt.Errorf("%s: what was written does not read as what was meant", f.Path)
	}
	return nil
}
