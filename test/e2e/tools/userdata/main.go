// Command userdata does with a KubeadmConfigTemplate what Cluster API and the node's first
// boot do: it decodes it strictly, renders user data with Cluster API's own renderers, and
// lays the files out.
//
//	userdata ROOT [SECRETS] < template.yaml
//
// Files go below ROOT, the commands into ROOT/boot.sh. SECRETS/NAME/KEY is what Secrets hold.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	"sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/cloudinit"
	"sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/ignition"
	"sigs.k8s.io/yaml"
)

func main() {
	root, secrets := os.Args[1], ""
	if len(os.Args) > 2 {
		secrets = os.Args[2]
	}
	if err := boot(root, secrets); err != nil {
		fmt.Fprintln(os.Stderr, "userdata:", err)
		os.Exit(1)
	}
}

func boot(root, secrets string) error {
	src, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var template bootstrapv1.KubeadmConfigTemplate
	if err := yaml.UnmarshalStrict(src, &template); err != nil {
		return err
	}
	spec := template.Spec.Template.Spec
	for i, f := range spec.Files {
		if len(f.Content) > 10240 {
			return fmt.Errorf("%s: %d bytes are more than the schema allows", f.Path, len(f.Content))
		}
		if ref := f.ContentFrom.Secret; ref.Name != "" {
			content, err := os.ReadFile(filepath.Join(secrets, ref.Name, ref.Key))
			if err != nil {
				return err
			}
			spec.Files[i].Content, spec.Files[i].ContentFrom = string(content), bootstrapv1.FileSource{}
		}
	}
	input := &cloudinit.NodeInput{
		BaseUserData:      cloudinit.BaseUserData{PreKubeadmCommands: spec.PreKubeadmCommands, AdditionalFiles: spec.Files},
		JoinConfiguration: "kind: JoinConfiguration",
	}
	if spec.Format == bootstrapv1.Ignition {
		data, warnings, err := ignition.NewNode(&ignition.NodeInput{NodeInput: input})
		if err != nil || warnings != "" {
			return fmt.Errorf("%w%s", err, warnings)
		}
		return bootIgnition(root, data)
	}
	data, err := cloudinit.NewNode(input)
	if err != nil {
		return err
	}
	return bootCloudConfig(root, string(data))
}

// bootCloudConfig is cloud-init. What its Jinja would render is an error.
func bootCloudConfig(root, data string) error {
	data, ok := strings.CutPrefix(data, "## template: jinja\n")
	if !ok || strings.Contains(data, "{{") || strings.Contains(data, "{%") || strings.Contains(data, "{#") {
		return errors.New("the user data holds what Jinja would render")
	}
	var config struct {
		WriteFiles []struct{ Path, Permissions, Content string } `json:"write_files"`
		RunCmd     []string                                      `json:"runcmd"`
	}
	if err := yaml.Unmarshal([]byte(data), &config); err != nil {
		return err
	}
	for _, f := range config.WriteFiles {
		mode, err := strconv.ParseUint(f.Permissions, 8, 12)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := write(root, f.Path, fs.FileMode(mode), f.Content); err != nil {
			return err
		}
	}
	return write(root, "boot.sh", 0o755, strings.Join(config.RunCmd, "\n")+"\n")
}

// bootIgnition is Ignition, whose unit runs /etc/kubeadm.sh.
func bootIgnition(root string, data []byte) error {
	var config struct {
		Storage struct {
			Files []struct {
				Path     string
				Mode     int
				Contents struct{ Source string }
			}
		}
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return err
	}
	for _, f := range config.Storage.Files {
		head, content, _ := strings.Cut(f.Contents.Source, ",")
		var err error
		if strings.HasSuffix(head, ";base64") {
			var b []byte
			b, err = base64.StdEncoding.DecodeString(content)
			content = string(b)
		} else {
			content, err = url.PathUnescape(content)
		}
		if err != nil {
			return err
		}
		name := f.Path
		if name == "/etc/kubeadm.sh" {
			name = "boot.sh"
		}
		if err := write(root, name, fs.FileMode(f.Mode), content); err != nil {
			return err
		}
	}
	return nil
}

func write(root, name string, mode fs.FileMode, content string) error {
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(full, []byte(content), mode); err != nil {
		return err
	}
	return os.Chmod(full, mode)
}
