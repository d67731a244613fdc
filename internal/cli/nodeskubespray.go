package cli

import (
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
)

// inKubespray is the format of nodes that is Kubespray's offline.yml.
const inKubespray = "kubespray"

// nodesFormats are what nodes writes.
func nodesFormats() []string {
	formats := append(nodes.Formats(), inKubespray)
	slices.Sort(formats)
	return append([]string{inObjects}, formats...)
}

// files are the files of the format.
func (o *nodesOptions) files(m nodes.Mirror) ([]nodes.File, error) {
	if o.format.value == inKubespray {
		return kubespray.Offline(m, kubespray.OfflineOptions{Registry: o.mirror.target.to, FilesURL: o.filesURL})
	}
	if o.format.value == inCanonical && o.style.value == string(nodes.StyleHosts) {
		return o.canonical.files(m)
	}
	return nodes.FormatStyle(o.format.value, nodes.Style(o.style.value), m)
}
