package nodes

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
)

// maxContent is how long the content of a file in an object may be: maxLength of
// files[].content in the schemas of Cluster API.
const maxContent = 10240

// caSecret is the Secret that holds a CA that is too long for an object.
const caSecret = "airgap-ca"

// kubeadmMarks are in the commands of one style or the other.
var kubeadmMarks = []string{configPathFile, "# " + mark}

var kubeadmFile = fileForm{key: "files", owner: true, secretRef: "secret"} //nolint:gochecknoglobals // data that nobody changes

// kubeadmControlPlane renders m for the specification of a cluster's first node.
func kubeadmControlPlane(m Mirror, o object, opts PatchOptions) (rendering, error) {
	r, err := kubeadmJoin(m, o, opts)
	if err != nil || !opts.ImageRepository {
		return r, err
	}
	r.settings, err = imageRepository(m, o, opts)
	return r, err
}

// kubeadmInit is kubeadmControlPlane, but for an object that may be a worker's as well.
func kubeadmInit(m Mirror, o object, opts PatchOptions) (rendering, error) {
	if o.spec.Get("clusterConfiguration") == nil {
		return kubeadmJoin(m, o, opts)
	}
	return kubeadmControlPlane(m, o, opts)
}

// kubeadmJoin renders m for the specification of any node.
func kubeadmJoin(m Mirror, o object, opts PatchOptions) (rendering, error) {
	if isWindows(o) {
		return rendering{}, errors.New("its nodes run Windows, whose containerd has no configuration here")
	}
	if opts.Style == StyleContainerdConfig {
		return kubeadmConfigToml(m, o.release(opts.Kubernetes))
	}
	files, err := containerdFiles(m)
	if err != nil {
		return rendering{}, err
	}
	from, r := map[string]secret{}, rendering{}
	for _, f := range files {
		if f.Path == caFile && len(f.Content) > maxContent {
			s := secret{caSecret, "ca.crt", string(f.Content)}
			from[f.Path] = s
			r.secrets = append(r.secrets, s)
		}
	}
	command := configPathCommand
	if m.AuthSecret != "" {
		auth, secrets := authFiles(m, authDir)
		maps.Copy(from, secrets)
		files = append(append(files, auth...), File{Path: hostsAuthFile, Mode: 0o755, Content: []byte(hostsAuthScript)})
		command = hostsAuthCommand + command
	}
	files = append(files, File{Path: configPathFile, Mode: 0o755, Content: []byte(configPathScript)})
	r.lists = []list{kubeadmFile.files(files, from), commands("preKubeadmCommands", command, kubeadmMarks...)}
	return r, nil
}

// isWindows says that an object is for nodes with Windows.
func isWindows(o object) bool {
	for _, key := range []string{"preKubeadmCommands", "postKubeadmCommands"} {
		if n := o.spec.Get(key).Follow(); n != nil {
			for _, command := range n.Kids {
				if strings.HasPrefix(command.Value, "powershell ") || strings.Contains(command.Value, "powershell.exe") {
					return true
				}
			}
		}
	}
	files := o.spec.Get("files").Follow()
	return files != nil && slices.ContainsFunc(files.Kids, func(f *yamlNode) bool {
		return strings.HasPrefix(f.Str("path"), `C:`)
	})
}

// A Style is a way to configure containerd.
type Style string

// The styles that Patch knows.
const (
	StyleHosts            Style = "hosts"             // certs.d and config_path: containerd 1.5 and later
	StyleContainerdConfig Style = "containerd-config" // a whole config.toml: containerd before 1.6
)

// kubeadmConfigToml renders m as a whole config.toml.
func kubeadmConfigToml(m Mirror, of kubeadmRelease) (rendering, error) {
	files, err := configTomlFiles(m, of)
	if err != nil {
		return rendering{}, err
	}
	for _, f := range files {
		if len(f.Content) > maxContent {
			return rendering{}, errors.New("the CA is longer than the 10,240 bytes that a file of an object may have")
		}
	}
	return rendering{lists: []list{
		kubeadmFile.files(files, nil), commands("preKubeadmCommands", restartCommand, kubeadmMarks...),
	}}, nil
}

// style is the Style that s names, for the empty one as well.
func style(s Style) (Style, error) {
	s = cmp.Or(s, StyleHosts)
	if s != StyleHosts && s != StyleContainerdConfig {
		return "", errors.New("style: it is hosts or containerd-config")
	}
	return s, nil
}
