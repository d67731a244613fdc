package nodes

import (
	"errors"
	"strings"
)

// Where Canonical Kubernetes looks for hosts.toml: the snap with classic confinement in
// the first folder, older and strict ones in the second (github.com/canonical/k8s-snap
// docs/canonicalk8s/snap/howto/install/offline.md).
const (
	canonicalDir       hostsDir = "/etc/containerd/hosts.d/"
	canonicalStrictDir hostsDir = "/var/snap/k8s/common/etc/containerd/hosts.d/"
)

// canonicalObject renders m for the specification of a node with Canonical Kubernetes
// (github.com/canonical/cluster-api-k8s bootstrap/api/v1beta2). Files are there before
// the snap is.
func canonicalObject(m Mirror, _ object, _ PatchOptions) (rendering, error) {
	var files []File
	for _, dir := range []hostsDir{canonicalDir, canonicalStrictDir} {
		in, err := dir.files(m)
		if err != nil {
			return rendering{}, err
		}
		files = append(files, in...)
	}
	return rendering{lists: withSecret(m, kubeadmFile, files, "preRunCommands", canonicalDir, canonicalStrictDir)}, nil
}

// MicroK8s looks into microk8sDir, which is there once the snap is; files come earlier, so
// they wait in microk8sStage.
const (
	microk8sDir   hostsDir = "/var/snap/microk8s/current/args/certs.d/"
	microk8sStage string   = "/var/lib/airgap-certs.d/"
)

// microk8sObject renders m for the initConfiguration of a node with MicroK8s
// (github.com/canonical/cluster-api-bootstrap-provider-microk8s apis/v1beta1), all of
// whose files have content, path, permissions and owner. containerd reads a hosts.toml at
// every pull, so that it need not be restarted after them.
func microk8sObject(m Mirror, _ object, _ PatchOptions) (rendering, error) {
	if m.AuthSecret != "" {
		return rendering{}, errors.New("files of MicroK8s cannot come from a Secret: give user name and password")
	}
	files, err := microk8sDir.files(m)
	if err != nil {
		return rendering{}, err
	}
	for i, f := range files {
		files[i].Path = microk8sStage + strings.TrimPrefix(f.Path, string(microk8sDir))
	}
	command := "mkdir -p " + string(microk8sDir) + " && cp -rp " + microk8sStage + ". " + string(microk8sDir)
	return rendering{lists: []list{fileForm{key: "extraWriteFiles", owner: true}.files(files, nil), commands("postRunCommands", command, microk8sStage)}}, nil
}
