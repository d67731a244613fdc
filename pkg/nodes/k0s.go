package nodes

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// Where k0s looks for parts of containerd's configuration, and where ours says that the
// hosts.toml are (github.com/k0sproject/k0s docs/runtime.md).
const (
	k0sDropIn          = "/etc/k0s/containerd.d/airgap-registry.toml"
	k0sDir    hostsDir = "/etc/k0s/containerd.d/certs.d/"
)

// k0sContainerd2 is the minor version from which on k0s has containerd 2 and refuses to
// start beside a configuration of version 2; older ones refuse version 3.
const k0sContainerd2 = 36

// A k0sConfig is a configuration of containerd with nothing but the folder in it.
type k0sConfig struct {
	Version int                       `toml:"version"`
	Plugins map[string]k0sPluginTable `toml:"plugins"`
}

type k0sPluginTable struct {
	Registry k0sRegistry `toml:"registry"`
}

type k0sRegistry struct {
	ConfigPath string `toml:"config_path"`
}

// k0sFiles are the files of a node with k0s of this minor version.
func k0sFiles(m Mirror, minor int) ([]File, error) {
	files, err := k0sDir.files(m)
	if err != nil {
		return nil, err
	}
	version, plugin := 3, "io.containerd.cri.v1.images"
	if minor < k0sContainerd2 {
		version, plugin = 2, "io.containerd.grpc.v1.cri"
	}
	registry := k0sPluginTable{k0sRegistry{"/etc/k0s/containerd.d/certs.d"}}
	text, err := writeTOML(k0sConfig{version, map[string]k0sPluginTable{plugin: registry}})
	return append(files, File{Path: k0sDropIn, Mode: 0o644, Content: text, Main: true}), err
}

// k0sFormat is format k0s: what belongs below the root of a node, and apart from it the
// file for older releases.
func k0sFormat(m Mirror) ([]File, error) {
	files, err := belowRoot(k0sFiles(m, k0sContainerd2))
	if err != nil {
		return nil, err
	}
	older, err := belowRoot(k0sFiles(m, k0sContainerd2-1))
	last := older[len(older)-1]
	last.Main = false
	last.Path = fmt.Sprintf("before-1.%d/%s", k0sContainerd2, last.Path)
	return append(files, last), err
}

// k0sObject renders m for the specification of a node that k0smotron makes
// (github.com/k0sproject/k0smotron api/bootstrap). Its commands before k0s have two names.
func k0sObject(m Mirror, o object, opts PatchOptions) (rendering, error) {
	minor, err := k0sMinor(o, opts.Kubernetes)
	if err != nil {
		return rendering{}, err
	}
	files, err := k0sFiles(m, minor)
	if err != nil {
		return rendering{}, err
	}
	before := "preK0sCommands"
	if o.version == "v1beta1" {
		before = "preStartCommands"
	}
	return rendering{lists: withSecret(m, fileForm{key: "files", secretRef: "secretRef"}, files, before, k0sDir)}, nil
}

var k0sVersion = regexp.MustCompile(`^v?1\.([0-9]{1,3})\.`)

// k0sMinor is the minor version of the object's k0s. For a control plane it stands beside
// the specification; a worker without one takes that of its Machine, which is not known here.
func k0sMinor(o object, otherwise string) (int, error) {
	spec := o.root.Get("spec")
	beside := spec.Get("template").Get("spec")
	for _, version := range []string{o.spec.Str("version"), spec.Str("version"), beside.Str("version"), otherwise} {
		if match := k0sVersion.FindStringSubmatch(version); match != nil {
			return strconv.Atoi(match[1])
		}
	}
	return 0, errors.New("it has no version of k0s, such as v1.36.0+k0s.0, and containerd of k0s before 1.36 needs what later ones refuse: say which it is")
}
