package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// A Memory is a place in memory that images are read from and written to. Like a
// registry it keeps repositories apart, checks what it is given, and takes no
// manifest whose children it lacks. The zero Memory is empty.
type Memory struct {
	lock         sync.Mutex
	repositories map[string]*repository // by registry/path
}

// A repository is what one repository of a Memory holds.
type repository struct {
	tags      map[string]digest.Digest
	manifests map[digest.Digest]stored
	blobs     map[digest.Digest][]byte
}

// A stored manifest is one that was read when it came.
type stored struct {
	Manifest
	doc *document
}

// repository gives the one that ref names, a new one if there is none yet.
func (m *Memory) repository(ref image.Ref) *repository {
	r, ok := m.repositories[ref.Name()]
	if !ok {
		r = &repository{map[string]digest.Digest{}, map[digest.Digest]stored{}, map[digest.Digest][]byte{}}
		if m.repositories == nil {
			m.repositories = map[string]*repository{}
		}
		m.repositories[ref.Name()] = r
	}
	return r
}

// Resolve implements Source.
func (m *Memory) Resolve(_ context.Context, ref image.Ref) (Descriptor, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	r := m.repository(ref)
	d := digest.Digest(ref.Digest)
	if d == "" {
		d = r.tags[ref.Tag]
	}
	found, ok := r.manifests[d]
	if !ok {
		return Descriptor{}, &NotFoundError{Name: ref.String()}
	}
	return found.Descriptor, nil
}

// Fetch implements Source.
func (m *Memory) Fetch(_ context.Context, ref image.Ref, desc Descriptor) (io.ReadCloser, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	r := m.repository(ref)
	raw, ok := r.blobs[desc.Digest]
	if formOf(desc.MediaType) != blobForm {
		var found stored
		found, ok = r.manifests[desc.Digest]
		raw = found.Raw
	}
	if !ok {
		return nil, &NotFoundError{Name: ref.Name() + "@" + string(desc.Digest)}
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// Referrers implements Source: by the subject field and by cosign's tags, in the
// order of their digests.
func (m *Memory) Referrers(_ context.Context, ref image.Ref, desc Descriptor) ([]Referrer, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	r := m.repository(ref)
	var all []Referrer
	for _, d := range slices.Sorted(maps.Keys(r.manifests)) {
		found := r.manifests[d]
		if s := found.doc.Subject; s != nil && s.Digest == desc.Digest {
			all = append(all, Referrer{Descriptor: found.Descriptor})
		}
	}
	for _, suffix := range []string{"sig", "att", "sbom"} { // cosign, specs/SIGNATURE_SPEC.md
		tag := fmt.Sprintf("%s-%s.%s", desc.Digest.Algorithm(), desc.Digest.Encoded(), suffix)
		if d, ok := r.tags[tag]; ok {
			all = append(all, Referrer{Descriptor: r.manifests[d].Descriptor, Tag: tag})
		}
	}
	return all, nil
}

// Holds implements Sink.
func (m *Memory) Holds(_ context.Context, ref image.Ref, desc Descriptor) (bool, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	r := m.repository(ref)
	if ref.Tag != "" && r.tags[ref.Tag] != desc.Digest {
		return false, nil
	}
	return r.complete(desc), nil
}

// complete reports whether a manifest is there with all that it consists of.
func (r *repository) complete(desc Descriptor) bool {
	found, ok := r.manifests[desc.Digest]
	if !ok {
		return false
	}
	children, blobs, _ := found.doc.parts()
	for _, b := range blobs {
		if _, ok := r.blobs[b.Digest]; !ok {
			return false
		}
	}
	for _, c := range children {
		if !r.complete(c) {
			return false
		}
	}
	return true
}

// PutBlob implements Sink.
func (m *Memory) PutBlob(ctx context.Context, ref image.Ref, desc Descriptor, elsewhere []image.Ref, open Opener) (Outcome, error) {
	if outcome, ok := m.have(ref, desc, elsewhere); ok {
		return outcome, nil
	}
	r, err := open(ctx)
	if err != nil {
		return Sent, err
	}
	raw, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return Sent, err
	}
	if err := checkContent(desc, raw); err != nil {
		return Sent, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	m.repository(ref).blobs[desc.Digest] = raw
	return Sent, nil
}

// have reports whether a blob is there or could be mounted.
func (m *Memory) have(ref image.Ref, desc Descriptor, elsewhere []image.Ref) (Outcome, bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	r := m.repository(ref)
	if _, ok := r.blobs[desc.Digest]; ok {
		return Present, true
	}
	for _, e := range elsewhere {
		if raw, ok := m.repository(e).blobs[desc.Digest]; ok && e.Registry == ref.Registry {
			r.blobs[desc.Digest] = raw
			return Mounted, true
		}
	}
	return Sent, false
}

// PutManifest implements Sink. A manifest with a missing child is refused.
func (m *Memory) PutManifest(_ context.Context, ref image.Ref, desc Descriptor, raw []byte) error {
	if err := checkContent(desc, raw); err != nil {
		return err
	}
	doc, err := parseDocument(desc.MediaType, raw)
	if err != nil {
		return err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	r := m.repository(ref)
	if err := r.lacks(doc); err != nil {
		return fmt.Errorf("%s: manifest %s: %w", ref.Name(), desc.Digest, err)
	}
	r.manifests[desc.Digest] = stored{Manifest{Descriptor: plain(desc), Raw: bytes.Clone(raw)}, doc}
	if ref.Tag != "" {
		r.tags[ref.Tag] = desc.Digest
	}
	return nil
}

// lacks says which child of a manifest is not there.
func (r *repository) lacks(doc *document) error {
	children, blobs, _ := doc.parts()
	for _, c := range children {
		if _, ok := r.manifests[c.Digest]; !ok {
			return &NotFoundError{Name: string(c.Digest)}
		}
	}
	for _, b := range blobs {
		if _, ok := r.blobs[b.Digest]; !ok {
			return &NotFoundError{Name: string(b.Digest)}
		}
	}
	return nil
}
