package nodes

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Tanzu Kubernetes Grid takes its registry from variables: of the tanzu command line, and
// of a cluster's configuration. Its own ytt overlays (providers/ytt/03_customizations,
// registry_ca_cert.yaml) make nodes of them that trust the registry, by lines behind
// containerd's config.toml. Newer containerd reads none of these, so there is an overlay
// here that adds certs.d, for the folder in which TKG looks for those of its user.

// tkgOverlay is the overlay: TKG applies the files of a folder in the order of their
// names, and this one has to come after its own.
const tkgOverlay = "ytt/zz-airgap-registry.yaml"

// tkgFiles are the configuration of TKG with certs.d.
func tkgFiles(m Mirror) ([]File, error) {
	if err := checkTKG(m); err != nil {
		return nil, err
	}
	m.Upstreams = nil // TKG names every image in its registry
	files, err := containerdFiles(m)
	if err != nil {
		return nil, err
	}
	files = append(files, File{Path: configPathFile, Mode: 0o755, Content: []byte(configPathScript)})
	return tkgFormat(m, files, configPathCommand)
}

// tkgConfigTomlFiles are the configuration of TKG for nodes whose containerd takes the CA
// from config.toml: what TKG's own overlay does, for a cluster whose variables do not say it.
func tkgConfigTomlFiles(m Mirror) ([]File, error) {
	if err := checkTKG(m); err != nil {
		return nil, err
	}
	if len(m.CA) == 0 {
		return nil, errors.New("without a CA, containerd needs no configuration for format tkg")
	}
	file := "/etc/containerd/" + m.Registry + ".crt"
	table := fmt.Sprintf("[%s.configs.\"%s\".tls]", criRegistry, m.Registry)
	command := fmt.Sprintf(`grep -qF '%s' /etc/containerd/config.toml || { printf '%%s\n' '%s' '  ca_file = "%s"' >> /etc/containerd/config.toml; systemctl restart containerd; }`,
		table, table, file)
	return tkgFormat(m, []File{{Path: file, Mode: 0o444, Content: m.CA}}, command)
}

// checkTKG says what TKG cannot be told.
func checkTKG(m Mirror) error {
	if m.PlainHTTP {
		return errors.New("TKG asks its registry by TLS: format tkg knows no plain HTTP")
	}
	if m.Username != "" {
		return errors.New("TKG has no variable for a password, and its registry lets everybody read: for format tkg give no credentials")
	}
	return nil
}

// tkgFormat are the three files of the format.
func tkgFormat(m Mirror, files []File, command string) ([]File, error) {
	overlay, err := yttOverlay(files, command)
	if err != nil {
		return nil, err
	}
	config, err := writeYAML(tkgVariables(m))
	if err != nil {
		return nil, err
	}
	return []File{
		{Path: "tanzu-config.sh", Mode: 0o755, Content: []byte(tanzuConfig(m)), Main: true},
		{Path: "cluster-config.yaml", Mode: 0o644, Content: config},
		{Path: tkgOverlay, Mode: 0o644, Content: overlay},
	}, nil
}

// A tkgConfig is what the file of a cluster says of the registry.
type tkgConfig struct {
	Repository    string `yaml:"TKG_CUSTOM_IMAGE_REPOSITORY"`
	SkipTLSVerify bool   `yaml:"TKG_CUSTOM_IMAGE_REPOSITORY_SKIP_TLS_VERIFY"`
	CA            string `yaml:"TKG_CUSTOM_IMAGE_REPOSITORY_CA_CERTIFICATE,omitempty"` // PEM in base64, one line
}

func tkgVariables(m Mirror) tkgConfig {
	return tkgConfig{Repository: strings.TrimSuffix(m.Registry+"/"+m.Path, "/"), CA: base64.StdEncoding.EncodeToString(m.CA)}
}

// tanzuConfig is the same for the tanzu command line. No value needs quotes in a shell.
func tanzuConfig(m Mirror) string {
	v := tkgVariables(m)
	lines := []string{
		"#!/bin/sh", "# " + mark, "set -eu",
		"tanzu config set env.TKG_CUSTOM_IMAGE_REPOSITORY " + v.Repository,
		"tanzu config set env.TKG_CUSTOM_IMAGE_REPOSITORY_SKIP_TLS_VERIFY false",
	}
	if v.CA != "" {
		lines = append(lines, "tanzu config set env.TKG_CUSTOM_IMAGE_REPOSITORY_CA_CERTIFICATE "+v.CA)
	}
	return strings.Join(lines, "\n") + "\n"
}

// yttOverlay adds files and a command to the objects that TKG makes nodes of.
func yttOverlay(files []File, command string) ([]byte, error) {
	type entry struct {
		Path        string `yaml:"path"`
		Owner       string `yaml:"owner"`
		Permissions string `yaml:"permissions"`
		Content     string `yaml:"content"`
	}
	var b strings.Builder
	b.WriteString("#! " + mark + ": for ~/.config/tanzu/tkg/providers/ytt/03_customizations\n#@ load(\"@ytt:overlay\", \"overlay\")\n")
	for _, object := range []struct{ kind, indent, head string }{
		{"KubeadmControlPlane", "    ", "spec:\n  kubeadmConfigSpec:\n"},
		{"KubeadmConfigTemplate", "      ", "spec:\n  template:\n    spec:\n"},
	} {
		fmt.Fprintf(&b, "#@overlay/match by=overlay.subset({\"kind\": %q}), expects=\"0+\"\n---\n%s", object.kind, object.head)
		var items []any
		for _, f := range files {
			items = append(items, entry{f.Path, "root:root", fmt.Sprintf("0%o", f.Mode.Perm()), string(f.Content)})
		}
		for _, list := range []struct {
			key   string
			items []any
		}{{"files", items}, {"preKubeadmCommands", []any{command}}} {
			fmt.Fprintf(&b, "%s#@overlay/match missing_ok=True\n%s%s:\n", object.indent, object.indent, list.key)
			for _, item := range list.items {
				text, err := yaml.Marshal([]any{item})
				if err != nil {
					return nil, err
				}
				b.WriteString(object.indent + "#@overlay/append\n")
				for line := range strings.Lines(string(text)) {
					b.WriteString(object.indent + line)
				}
			}
		}
	}
	return []byte(b.String()), nil
}
