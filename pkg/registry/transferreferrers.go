package registry

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A lister is a sink that can be asked what refers to something. Whether a
// referrer can be found is more than whether it is there: registries without
// referrers API keep a list of their own beside it.
type lister interface {
	Referrers(ctx context.Context, ref image.Ref, desc Descriptor) ([]Referrer, error)
}

// missingReferrers are the manifests after the root, and the members of a bundle, that
// the sink lacks, or has but does not list.
func (t *transfer) missingReferrers(ctx context.Context, img *Image) ([]Manifest, error) {
	root := slices.IndexFunc(img.Manifests, func(m Manifest) bool { return m.Digest == img.Root.Digest })
	lists := map[digest.Digest][]Referrer{}
	var missing []Manifest
	for i, m := range img.Manifests {
		if i <= root && m.Tag == "" {
			continue // a part of the root, or of a member that is asked for itself
		}
		held, err := t.to.Holds(ctx, manifestRef(img, m), m.Descriptor)
		if held && m.Tag == "" && err == nil {
			held, err = t.lists(ctx, img, m, lists)
		}
		if err != nil {
			return nil, err
		}
		if !held {
			missing = append(missing, m)
		}
	}
	return missing, nil
}

// lists reports whether the sink lists m among the referrers of its subject. What
// it lists is kept in known.
func (t *transfer) lists(ctx context.Context, img *Image, m Manifest, known map[digest.Digest][]Referrer) (bool, error) {
	sink, can := t.to.(lister)
	doc, err := parseDocument(m.MediaType, m.Raw)
	if err != nil || !can || doc.Subject == nil {
		return err == nil, err
	}
	list, asked := known[doc.Subject.Digest]
	if !asked {
		if list, err = sink.Referrers(ctx, repositoryOf(img), plain(*doc.Subject)); err != nil {
			return false, err
		}
		known[doc.Subject.Digest] = list
	}
	return slices.ContainsFunc(list, func(r Referrer) bool { return r.Digest == m.Digest }), nil
}
