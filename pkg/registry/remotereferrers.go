package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// maxPages is how many pages of one list are read.
const maxPages = 100

// Referrers implements Source: by the referrers API, where a registry lacks it by
// the tag that takes its place (distribution specification, Referrers Tag Schema),
// and by the tags that cosign makes.
func (r *Remote) Referrers(ctx context.Context, ref image.Ref, desc Descriptor) ([]Referrer, error) {
	all, known, err := r.listed(ctx, ref, desc.Digest)
	if err == nil && !known {
		all, err = r.tagged(ctx, ref, desc.Digest)
	}
	if err != nil {
		return nil, err
	}
	var found []Referrer
	for _, d := range all {
		found = append(found, Referrer{Descriptor: d})
	}
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		tag := referrersTag(desc.Digest) + suffix
		d, err := r.resolve(ctx, request{method: http.MethodHead, ref: ref}, tag)
		if isStatus(err, http.StatusNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(f Referrer) bool { return f.Digest == d.Digest })
		found = append(found, Referrer{Descriptor: d, Tag: tag})
	}
	return found, nil
}

// referrersTag is the tag of what refers to a digest.
func referrersTag(d digest.Digest) string {
	return string(d.Algorithm()) + "-" + d.Encoded()
}

// listed asks the referrers API. The second value says whether there is one.
func (r *Remote) listed(ctx context.Context, ref image.Ref, d digest.Digest) ([]Descriptor, bool, error) {
	if _, lacks := r.lacking.Load(ref.Registry); lacks {
		return nil, false, nil
	}
	q := request{ref: ref, method: http.MethodGet, path: "referrers/" + d.String(), what: blobName(ref, d)}
	var all []Descriptor
	for range maxPages {
		got, err := r.exchange(ctx, q)
		if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusMethodNotAllowed) || isStatus(err, http.StatusBadRequest) {
			r.lacking.Store(ref.Registry, true)
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if got.mediaType() != ocispec.MediaTypeImageIndex { // something else answers there
			r.lacking.Store(ref.Registry, true)
			return nil, false, nil
		}
		page, err := readIndex(got.body)
		if err != nil {
			return nil, false, fmt.Errorf("reading the referrers of %s: %w", d, err)
		}
		all = append(all, page.Manifests...)
		if q.at = got.next(); q.at == nil {
			return all, true, nil
		}
	}
	return nil, false, fmt.Errorf("reading the referrers of %s: the list has no end", d)
}

// next is where a list goes on, nil at its end.
func (a *answer) next() *url.URL {
	link, params, _ := strings.Cut(a.header.Get("Link"), ">")
	link, ok := strings.CutPrefix(strings.TrimSpace(link), "<")
	if !ok || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
		return nil
	}
	next, err := a.url.Parse(link)
	if err != nil || next.Host != a.url.Host || next.Scheme != a.url.Scheme {
		return nil
	}
	return next
}

func readIndex(raw []byte) (*ocispec.Index, error) {
	index := &ocispec.Index{}
	if err := json.Unmarshal(raw, index); err != nil {
		return nil, err
	}
	for _, d := range index.Manifests {
		if err := d.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("digest %q: %w", d.Digest, err)
		}
	}
	return index, nil
}

// tagged reads the index under the tag that stands for the referrers API.
func (r *Remote) tagged(ctx context.Context, ref image.Ref, d digest.Digest) ([]Descriptor, error) {
	index, err := r.referrersIndex(ctx, request{ref: ref}, d)
	return index.Manifests, err
}

// referrersIndex is the index of what refers to a digest, empty if there is none.
func (r *Remote) referrersIndex(ctx context.Context, q request, d digest.Digest) (ocispec.Index, error) {
	tag := referrersTag(d)
	q.method, q.path, q.header, q.what = http.MethodGet, "manifests/"+tag, acceptManifests(), q.ref.Name()+":"+tag
	empty := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	got, err := r.exchange(ctx, q)
	if isStatus(err, http.StatusNotFound) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	if got.mediaType() != ocispec.MediaTypeImageIndex {
		return empty, fmt.Errorf("reading the referrers of %s: the tag %s names no index", d, tag)
	}
	index, err := readIndex(got.body)
	if err != nil {
		return empty, fmt.Errorf("reading the referrers of %s under the tag %s: %w", d, tag, err)
	}
	return *index, nil
}

// index enters a manifest that has a subject into the index that stands for the
// referrers API, unless the registry has said that it has done so itself. Nothing
// is ever taken out of it.
func (r *Remote) index(ctx context.Context, ref image.Ref, desc Descriptor, raw []byte, stored *answer) error {
	if desc.MediaType != ocispec.MediaTypeImageManifest && desc.MediaType != ocispec.MediaTypeImageIndex && desc.MediaType != artifactManifest {
		return nil
	}
	var m struct {
		ArtifactType string
		Config       Descriptor
		Subject      *Descriptor
		Annotations  map[string]string
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Subject == nil || stored.header.Get("OCI-Subject") != "" {
		return nil //nolint:nilerr // the registry has taken it: what it is, is not ours to say
	}
	entry := Descriptor{
		MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size,
		ArtifactType: m.ArtifactType, Annotations: m.Annotations,
	}
	if entry.ArtifactType == "" {
		entry.ArtifactType = m.Config.MediaType
	}
	if err := r.enter(ctx, ref, m.Subject.Digest, entry); err != nil {
		return fmt.Errorf("entering it into the referrers of %s: %w", m.Subject.Digest, err)
	}
	return nil
}

// enter adds a descriptor to the referrers of subject.
func (r *Remote) enter(ctx context.Context, ref image.Ref, subject digest.Digest, entry Descriptor) error {
	if err := subject.Validate(); err != nil {
		return fmt.Errorf("digest %q: %w", subject, err)
	}
	ref.Tag, ref.Digest = referrersTag(subject), ""
	known, _ := r.indexes.LoadOrStore(ref, &sync.Mutex{})
	lock := known.(*sync.Mutex) //nolint:forcetypeassert // we put nothing else there
	lock.Lock()                 // else two that enter at once lose one
	defer lock.Unlock()
	index, err := r.referrersIndex(ctx, request{ref: ref, write: true}, subject)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(index.Manifests, func(d Descriptor) bool { return d.Digest == entry.Digest }) {
		return nil
	}
	index.Manifests = append(index.Manifests, entry)
	slices.SortFunc(index.Manifests, func(a, b Descriptor) int { // whichever came first
		return strings.Compare(string(a.Digest), string(b.Digest))
	})
	raw, err := json.Marshal(index)
	if err != nil {
		return err
	}
	desc := Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	_, err = r.putManifest(ctx, ref, desc, raw)
	return err
}
