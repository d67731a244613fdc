package verify

import (
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/imagelist"
)

// Listed looks at a list of images as Manifests looks at files: the list of a cluster,
// whose objects are no files. It gives the images that are on the site, sorted by name,
// and what is wrong with the others.
func Listed(site Site, list *imagelist.List) ([]Wanted, []Finding) {
	var wanted []Wanted
	var found []Finding
	for item := range list.Items() {
		ref, err := image.Parse(item.Image)
		at, ok := site.resolve(ref)
		var uses []string
		for i := range item.Uses {
			u := &item.Uses[i]
			switch {
			case err != nil || item.Templated:
				found = append(found, site.finding(CheckManifestVariable, u.Place(), image.Ref{}, item.Image+" names no image, and the cluster asks for it as it is"))
			case !ok:
				found = append(found, site.finding(CheckManifestOutside, u.Place(), ref,
					ref.String()+" is pulled from outside: it is not at "+site.Target+", and no mirror of the nodes leads there"))
			}
			uses = append(uses, u.Place())
		}
		if ok && !at.IsZero() && err == nil && !item.Templated {
			wanted = append(wanted, Wanted{Pair: image.Pair{Source: ref, Target: at}, Uses: uses})
		}
	}
	return Merge(wanted), found
}
