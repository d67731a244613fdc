package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// HandlerOptions say how an archive is served.
type HandlerOptions struct {
	// Pairs gives images more names: Source is one of the archive, Target what
	// it is served as too, whatever its registry. Lock.Pairs makes those that push
	// would give.
	Pairs []image.Pair
	// Users may read, nobody else may; nil lets everybody.
	Users *Users
}

// Handler serves the archive as a registry that cannot be written to (OCI
// distribution specification v1.1, the pull, content discovery and referrers
// parts), and the files that belong to no image, below /files/ by their paths in the
// archive and at the top without files/ before them.
//
// An image is served by its full name: registry.k8s.io/pause:3.10 has the
// repository registry.k8s.io/pause, with '_' for the ':' before a port as
// image.LayoutHost has it. Who asks for repository pause with the parameter
// ns=registry.k8s.io, as containerd asks a mirror, gets the same.
//
// Blobs are sent as they are, without hashing them for every request: who pulls
// compares them with their digest anyway, and Archive.Check says beforehand which
// ones are damaged. Manifests were checked when the archive was opened.
//
// The error tells of names that cannot be served: pairs whose source the archive
// does not have, and two images that would get one name.
func Handler(a *Archive, opts HandlerOptions) (http.Handler, error) {
	h := &handler{archive: a, users: opts.Users, sums: fileSums(a.lock), repos: map[string]*repository{}, about: map[digest.Digest][]digest.Digest{}}
	if err := h.nameImages(opts.Pairs); err != nil {
		return nil, fmt.Errorf("serving the archive: %w", err)
	}
	for d, n := range a.nodes {
		if n.Subject != nil {
			h.about[n.Subject.Digest] = append(h.about[n.Subject.Digest], d)
		}
	}
	for _, all := range h.about {
		slices.Sort(all)
	}
	for name := range h.repos {
		h.names = append(h.names, name)
	}
	slices.Sort(h.names)
	return h, nil
}

// A handler serves one archive.
type handler struct {
	archive *Archive
	users   *Users
	repos   map[string]*repository
	names   []string          // of the repositories, sorted
	sums    map[string]string // of the files
	about   map[digest.Digest][]digest.Digest
}

// A repository is what is served under one name.
type repository struct {
	tags map[string]digest.Digest
	from []string                          // the repositories of the archive that it shows
	all  map[string]map[digest.Digest]bool // what each repository of the archive has
}

// has says whether something is part of the repository.
func (r *repository) has(d digest.Digest) bool {
	return slices.ContainsFunc(r.from, func(name string) bool { return r.all[name][d] })
}

// tagNames are the tags in the order of the specification.
func (r *repository) tagNames() []string {
	tags := make([]string, 0, len(r.tags))
	for tag := range r.tags {
		tags = append(tags, tag)
	}
	slices.SortFunc(tags, compareTags)
	return tags
}

// compareTags is lexical order as the specification has it: without regard to case.
func compareTags(a, b string) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
}

// nameImages fills in the repositories.
func (h *handler) nameImages(pairs []image.Pair) error {
	names, err := imageNames(h.archive.lock.Images)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range names {
		to := image.Ref{Repository: fullName(n.ref), Tag: n.ref.Tag}
		errs = append(errs, h.give(n.ref.Name(), to, &h.archive.lock.Images[n.image]))
	}
	for _, p := range pairs {
		img := h.archive.images[p.Source]
		if img == nil {
			errs = append(errs, fmt.Errorf("%s: the archive does not have it", p.Source))
			continue
		}
		errs = append(errs, h.give(p.Source.Name(), p.Target, img))
	}
	return errors.Join(errs...)
}

// fullName is the repository that shows an image by its full name.
func fullName(ref image.Ref) string {
	below, err := image.NewMapping("serve.invalid", image.LayoutHost, nil)
	if err != nil {
		panic(err) // the line above is all that it depends on
	}
	target, _ := below.Target(image.Ref{Registry: ref.Registry, Repository: ref.Repository})
	return target.Repository
}

// give lets an image of the archive's repository from be served as to.
func (h *handler) give(from string, to image.Ref, img *LockImage) error {
	repo := h.repos[to.Repository]
	if repo == nil {
		repo = &repository{tags: map[string]digest.Digest{}, all: h.archive.repos}
		h.repos[to.Repository] = repo
	}
	if !slices.Contains(repo.from, from) {
		repo.from = append(repo.from, from)
	}
	errs := []error{repo.tag(to, img.Digest)}
	for _, r := range img.Referrers {
		if tag, d, ok := strings.Cut(r, "@"); ok {
			to.Tag = tag
			errs = append(errs, repo.tag(to, digest.Digest(d)))
		}
	}
	return errors.Join(errs...)
}

// tag notes what a name stands for.
func (r *repository) tag(to image.Ref, d digest.Digest) error {
	if to.Tag == "" {
		return nil
	}
	if old, ok := r.tags[to.Tag]; ok && old != d {
		return fmt.Errorf("%s:%s would be two images, %s and %s", to.Repository, to.Tag, old, d)
	}
	r.tags[to.Tag] = d
	return nil
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.users != nil && !h.users.admit(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="kubectl-airgap", charset="UTF-8"`)
		refuse(w, r, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required", nil)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	api := r.URL.Path == "/v2" || strings.HasPrefix(r.URL.Path, "/v2/")
	if api {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry serves an archive and can only be read", nil)
	case api:
		h.serveAPI(w, r)
	default:
		h.serveFiles(w, r)
	}
}
