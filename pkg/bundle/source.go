package bundle

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// Resolve implements registry.Source. An image is found by its name in the lock,
// by its tag alone, and by the digest of any manifest that its repository has.
func (a *Archive) Resolve(_ context.Context, ref image.Ref) (registry.Descriptor, error) {
	if img := a.images[ref]; img != nil {
		return a.descriptor(img.Digest), nil
	}
	if ref.Digest != "" {
		return a.byDigest(ref)
	}
	// Nothing has just this tag: what is called by tag and digest has it as well.
	for _, r := range a.refs {
		if r.Name() == ref.Name() && r.Tag == ref.Tag && ref.Tag != "" {
			return a.descriptor(a.images[r].Digest), nil
		}
	}
	return registry.Descriptor{}, &registry.NotFoundError{Name: ref.String()}
}

// byDigest finds a manifest of a repository, also by the digest that an image had
// before platforms were left out.
func (a *Archive) byDigest(ref image.Ref) (registry.Descriptor, error) {
	d := digest.Digest(ref.Digest)
	if a.repos[ref.Name()][d] && a.nodes[d] != nil {
		return a.descriptor(d), nil
	}
	for _, r := range a.refs {
		if img := a.images[r]; r.Name() == ref.Name() && img.SourceDigest == d {
			return a.descriptor(img.Digest), nil
		}
	}
	return registry.Descriptor{}, &registry.NotFoundError{Name: ref.String()}
}

func (a *Archive) descriptor(d digest.Digest) registry.Descriptor {
	return registry.Descriptor{MediaType: a.media[d], Digest: d, Size: a.blobs[d].Size}
}

// Fetch implements registry.Source. A blob belongs to a repository if one of its
// images needs it.
func (a *Archive) Fetch(_ context.Context, ref image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	e := a.blobs[desc.Digest]
	if e == nil || e.Size != desc.Size || !a.repos[ref.Name()][desc.Digest] {
		return nil, &registry.NotFoundError{Name: ref.Name() + "@" + desc.Digest.String(), Err: a.leftOut(desc.Digest)}
	}
	return open{a.section(e)}, nil
}

// leftOut says why the archive has no blob that it names; nil if that is not known.
func (a *Archive) leftOut(d digest.Digest) error {
	for _, b := range a.lock.Elsewhere {
		if b.Digest == d {
			return fmt.Errorf("the archive was made without it because its site has it with %s, which is not where it would be", b.Image)
		}
	}
	return nil
}

// open is a section that can be sought and has nothing to close.
type open struct{ *io.SectionReader }

func (open) Close() error { return nil }

// Referrers implements registry.Source.
func (a *Archive) Referrers(_ context.Context, ref image.Ref, desc registry.Descriptor) ([]registry.Referrer, error) {
	found := map[digest.Digest]registry.Referrer{}
	for _, r := range a.refs {
		if r.Name() != ref.Name() {
			continue
		}
		for _, entry := range a.images[r].Referrers {
			if referrer, ok := a.referrer(entry, desc.Digest); ok {
				found[referrer.Digest] = referrer
			}
		}
	}
	all := make([]registry.Referrer, 0, len(found))
	for _, r := range found {
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y registry.Referrer) int {
		return cmp.Or(cmp.Compare(x.Tag, y.Tag), cmp.Compare(x.Digest, y.Digest))
	})
	return all, nil
}

// referrer is what an entry of the lock's referrers stands for, if it is about
// subject.
func (a *Archive) referrer(entry string, subject digest.Digest) (registry.Referrer, bool) {
	tag, d, tagged := strings.Cut(entry, "@")
	if !tagged {
		tag, d = "", entry
	}
	r := registry.Referrer{Descriptor: a.descriptor(digest.Digest(d)), Tag: tag}
	n := a.nodes[r.Digest]
	r.ArtifactType, r.Annotations = n.artifactType(), n.Annotations
	if tagged { // cosign's name for what is about a digest, also that of the fallback of the referrers API
		return r, strings.HasPrefix(tag, subject.Algorithm().String()+"-"+subject.Encoded())
	}
	return r, n.Subject != nil && n.Subject.Digest == subject
}
