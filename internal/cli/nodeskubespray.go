package cli

import (
	"cmp"
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubespray"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/nodes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/site"
)

// inKubespray is the format of nodes that is Kubespray's offline.yml.
const inKubespray = "kubespray"

// fillFiles takes from the site file what no flag says of files.
func (o *nodesOptions) fillFiles(s *site.Site) {
	if o.format.value == inKubespray {
		o.filesURL = cmp.Or(o.filesURL, s.FilesURL)
	}
}

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
