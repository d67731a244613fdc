package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/resume"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// Holds implements Sink. Registries take no manifest without what it consists of,
// so one that names desc holds all of it.
func (r *Remote) Holds(ctx context.Context, ref image.Ref, desc Descriptor) (bool, error) {
	reference := ref.Tag
	if reference == "" {
		reference = desc.Digest.String()
	}
	got, err := r.resolve(ctx, request{method: http.MethodHead, ref: ref, write: true}, reference)
	if isStatus(err, http.StatusNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return got.Digest == desc.Digest, err
}

// ChecksDigests implements Checker: a registry compares.
func (r *Remote) ChecksDigests() bool { return true }

// maxMounts is how many repositories are tried to mount a blob from.
const maxMounts = 3

// PutBlob implements Sink.
func (r *Remote) PutBlob(ctx context.Context, ref image.Ref, desc Descriptor, elsewhere []image.Ref, open Opener) (Outcome, error) {
	if err := desc.Digest.Validate(); err != nil {
		return Sent, fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	// A mount costs no more than asking, and is right also if the blob is there.
	at, mounted := r.mount(ctx, ref, desc, elsewhere)
	if mounted {
		return Mounted, nil
	}
	held, err := r.holdsBlob(ctx, ref, desc)
	if held || err != nil {
		return Present, err
	}
	u := &upload{remote: r, ref: ref, desc: desc, open: open, at: at}
	return Sent, u.run(ctx)
}

func blobName(ref image.Ref, d digest.Digest) string { return ref.Name() + "@" + d.String() }

// HasBlob says whether ref's repository holds a blob, by a HEAD with the rights of
// those who pull. Tag and digest of ref do not count. One of another size is a
// *SizeError.
func (r *Remote) HasBlob(ctx context.Context, ref image.Ref, desc Descriptor) (bool, error) {
	return r.headBlob(ctx, request{ref: ref}, desc)
}

func (r *Remote) holdsBlob(ctx context.Context, ref image.Ref, desc Descriptor) (bool, error) {
	return r.headBlob(ctx, request{ref: ref, write: true}, desc)
}

func (r *Remote) headBlob(ctx context.Context, q request, desc Descriptor) (bool, error) {
	if err := desc.Digest.Validate(); err != nil {
		return false, fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	ref := q.ref
	q.method, q.path, q.what = http.MethodHead, "blobs/"+desc.Digest.String(), blobName(ref, desc.Digest)
	got, err := r.exchange(ctx, q)
	if isStatus(err, http.StatusNotFound) || q.write && isStatus(err, http.StatusMethodNotAllowed) { // which says nothing of POST
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if got.length >= 0 && got.length != desc.Size {
		return false, &SizeError{Repository: ref.Name(), Digest: desc.Digest, Has: got.length, Want: desc.Size}
	}
	return true, nil
}

// mount tries to have the blob from another repository of the registry. If that
// cannot be, the registry has begun an upload instead, which may be used. What
// else goes wrong does again with the upload, and is told there.
func (r *Remote) mount(ctx context.Context, ref image.Ref, desc Descriptor, elsewhere []image.Ref) (at *url.URL, mounted bool) {
	tried := 0
	for _, from := range elsewhere {
		if from.Registry != ref.Registry || from.Repository == ref.Repository || tried == maxMounts {
			continue
		}
		tried++
		got, err := r.exchange(ctx, request{
			ref: ref, method: http.MethodPost, path: "blobs/uploads/", write: true, from: from.Repository,
			query: url.Values{"mount": {desc.Digest.String()}, "from": {from.Repository}},
			what:  blobName(ref, desc.Digest),
		})
		if err != nil {
			continue
		}
		if got.status == http.StatusCreated {
			return nil, true
		}
		if next, err := got.location(); err == nil {
			at = next
		}
	}
	return at, false
}

// location is where an upload goes on. Credentials and content go to no other host
// than the registry; a registry that does not know that it is behind TLS is
// reached by TLS all the same.
func (a *answer) location() (*url.URL, error) {
	text := a.header.Get("Location")
	next, err := url.Parse(text)
	if err != nil || text == "" {
		return nil, resume.Final(&refusal{text: a.url.Host + " does not say where to upload to: its answer to POST has no Location that is a URL", fatal: true})
	}
	next = a.url.ResolveReference(next)
	sameName := strings.EqualFold(next.Hostname(), a.url.Hostname())
	samePort := next.Port() == a.url.Port() || next.Port() == "" || next.Port() == "80" || next.Port() == "443"
	if !sameName || !samePort || next.Scheme != "https" && next.Scheme != "http" {
		return nil, resume.Final(fmt.Errorf("%s wants uploads sent to another host, %s, which is refused: its external URL may be set wrongly", a.url.Host, next.Host))
	}
	next.Scheme, next.Host, next.User = a.url.Scheme, a.url.Host, nil
	return next, nil
}

// PutManifest implements Sink.
func (r *Remote) PutManifest(ctx context.Context, ref image.Ref, desc Descriptor, raw []byte) error {
	if err := checkContent(desc, raw); err != nil {
		return err
	}
	got, err := r.putManifest(ctx, ref, desc, raw)
	if err != nil {
		return err
	}
	return r.index(ctx, ref, desc, raw, got)
}

func (r *Remote) putManifest(ctx context.Context, ref image.Ref, desc Descriptor, raw []byte) (*answer, error) {
	reference := ref.Tag
	if reference == "" {
		reference = desc.Digest.String()
	}
	q := request{
		ref: ref, method: http.MethodPut, path: "manifests/" + reference, write: true,
		header: http.Header{"Content-Type": {desc.MediaType}},
		body:   bytesBody(raw), size: int64(len(raw)), what: ref.Name() + separator(reference) + reference,
	}
	var got *answer
	err := resume.Do(ctx, r.policy, q.what, func(ctx context.Context) (err error) {
		if got, err = r.exchangeOnce(ctx, q); isUnsettled(err) {
			err = resume.Passing(err)
		}
		return err
	})
	if err != nil {
		return nil, r.explain(ctx, q, err)
	}
	stored := got.digest()
	if stored != "" && stored.Algorithm() == desc.Digest.Algorithm() && stored != desc.Digest {
		return nil, fmt.Errorf("%s has stored %s instead of %s", ref.Registry, stored, desc.Digest)
	}
	return got, nil
}

// isUnsettled says whether a registry does not see a blob of a manifest, all of which it
// has said that it holds: Docker's does not for a moment while somebody else writes the
// same blob there, and those of several machines until all of them know.
func isUnsettled(err error) bool {
	status, ok := asError[*resume.StatusError](err)
	if !ok || status.Code != http.StatusBadRequest && status.Code != http.StatusNotFound {
		return false
	}
	said := strings.ReplaceAll(strings.ToLower(status.Message), "_", " ")
	return strings.Contains(said, "blob unknown") || strings.Contains(said, "digest")
}
