package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// maxTags is how many tags of a repository are read: registries that are tagged by every
// build have more, but nobody looks for a release among them.
const maxTags = 100_000

// A Lister is a Source that knows what tags a repository has.
type Lister interface {
	Source
	// Tags gives the tags of ref's repository, in the order of the place. If there is
	// no such repository, the error is a *NotFoundError.
	Tags(ctx context.Context, ref image.Ref) ([]string, error)
}

// Tags implements Lister (OCI distribution specification, "Listing Tags").
func (r *Remote) Tags(ctx context.Context, ref image.Ref) ([]string, error) {
	ref.Tag, ref.Digest = "", ""
	q := request{ref: ref, method: http.MethodGet, path: "tags/list", what: ref.Name()}
	var all []string
	for len(all) <= maxTags {
		got, err := r.exchange(ctx, q)
		if isStatus(err, http.StatusNotFound) {
			return nil, &NotFoundError{Name: ref.Name(), Err: err}
		}
		if err != nil {
			return nil, fmt.Errorf("listing the tags of %s: %w", ref.Name(), err)
		}
		var page struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(got.body, &page); err != nil {
			return nil, fmt.Errorf("listing the tags of %s: %w", ref.Name(), err)
		}
		all = append(all, page.Tags...)
		if q.at = got.next(); q.at == nil {
			return all, nil
		}
		if len(page.Tags) == 0 {
			break // a list that goes on without saying anything
		}
	}
	return nil, fmt.Errorf("listing the tags of %s: the list has no end", ref.Name())
}

// Tags implements Lister: sorted.
func (m *Memory) Tags(_ context.Context, ref image.Ref) ([]string, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	r, ok := m.repositories[ref.Name()]
	if !ok || len(r.manifests) == 0 {
		return nil, &NotFoundError{Name: ref.Name()}
	}
	return slices.Sorted(maps.Keys(r.tags)), nil
}

// RenamedLister is Renamed for a source that lists tags.
func RenamedLister(from Lister, name func(image.Ref) image.Ref) Lister {
	return renamedLister{renamed{from, name}, from}
}

type renamedLister struct {
	renamed
	lister Lister
}

// Tags implements Lister.
func (r renamedLister) Tags(ctx context.Context, ref image.Ref) ([]string, error) {
	return r.lister.Tags(ctx, r.name(ref))
}
