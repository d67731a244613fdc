package verify

import (
	"fmt"
	"maps"
	"strings"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/kubernetes"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// An unreadVersion is a version of a control plane that is none of Kubernetes: a variable
// hides it, or it is spelled otherwise.
type unreadVersion struct {
	written, place string
	class          bool
}

// version notes the version of a control plane, and the first place of it, by name. What
// others build (+vmware.1) pulls other images.
func (r *reading) version(file string, of manifest.Version) {
	text := of.Version
	if r.opts.Fill != nil {
		text = r.opts.Fill(text)
	}
	text = manifest.Fill(text, nil)
	v, err := kubernetes.ParseVersion(text)
	place := fmt.Sprintf("%s:%d:%d", file, of.Line, of.Column)
	versions := r.versions
	if of.Class {
		versions = r.classes
	}
	switch was, there := versions[v]; {
	case err != nil && r.told != toldAll:
		r.hidden = append(r.hidden, unreadVersion{strings.Clone(text), place, of.Class})
	case err == nil && !strings.Contains(v.Suffix, "+") && (!there || place < was):
		versions[v] = place
	}
}

// asked are the versions that control planes of kubeadm are to have, and where they say it.
func (m *Manifests) asked() map[kubernetes.Version]string {
	all := maps.Clone(m.versions)
	for v, place := range m.classes {
		if was, there := all[v]; m.kubeadms && (!there || place < was) {
			all[v] = place
		}
	}
	return all
}

// unreadable are the findings about versions that are none. Those that variables hide are
// known if any is.
func (n *names) unreadable(known bool) []Finding {
	var hidden []string
	var all []Finding
	for _, u := range n.hidden {
		_, variables := manifest.Literals(u.written)
		switch {
		case u.class && !n.kubeadms:
		case len(variables) > 0:
			hidden = append(hidden, u.place)
		default:
			all = append(all, n.site.finding(CheckNameUnknown, u.place, image.Ref{}, fmt.Sprintf(
				"%s is no version of Kubernetes, and what kubeadm pulls for it was not checked", u.written)).advised("write vMAJOR.MINOR.PATCH, as Kubernetes releases are called", nil))
		}
	}
	if hidden = mergePlaces(hidden, nil); len(hidden) > 0 && !known {
		all = append(all, n.site.finding(CheckNameUnknown, hidden[0], image.Ref{},
			"nobody has said which version of Kubernetes this is, and what kubeadm pulls was not checked"+elsewhere(hidden[1:])).advised(
			"say it (--kubernetes-version, kubernetesVersions in airgap.yaml)", nil))
	}
	return all
}
