package bundle

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// serveAPI answers a GET or HEAD below /v2/. The codes of errors are those of the
// OCI distribution specification, "Error Codes".
func (h *handler) serveAPI(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v2"), "/")
	switch path {
	case "":
		answer(w, r, "application/json", []byte("{}"))
		return
	case "_catalog":
		h.servePage(w, r, h.names, strings.Compare, func(names []string) any {
			return map[string]any{"repositories": names}
		})
		return
	}
	name, kind, reference := cutAPIPath(path)
	if kind == "" {
		refuse(w, r, http.StatusNotFound, "UNSUPPORTED", "there is no such endpoint", nil)
		return
	}
	repo := h.repository(name, r.URL.Query().Get("ns"))
	if repo == nil {
		refuse(w, r, http.StatusNotFound, "NAME_UNKNOWN", "the archive has no image of this repository", map[string]string{"name": name})
		return
	}
	switch kind {
	case "manifests":
		h.serveManifest(w, r, repo, reference)
	case "blobs":
		h.serveBlob(w, r, repo, reference)
	case "referrers":
		h.serveReferrers(w, r, repo, reference)
	case "tags":
		h.servePage(w, r, repo.tagNames(), compareTags, func(tags []string) any {
			return map[string]any{"name": name, "tags": tags}
		})
	}
}

// cutAPIPath splits NAME/KIND/REFERENCE, where NAME has slashes; kind is empty
// if path is nothing of that sort.
func cutAPIPath(path string) (name, kind, reference string) {
	rest, reference := cutLast(path)
	name, kind = cutLast(rest)
	switch {
	case name == "" || reference == "":
	case kind == "manifests", kind == "blobs", kind == "referrers", kind == "tags" && reference == "list":
		return name, kind, reference
	}
	return "", "", ""
}

func cutLast(path string) (before, after string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(0, i)], path[i+1:]
}

// repository finds what a name stands for. ns is the registry that a mirror is
// asked in place of.
func (h *handler) repository(name, ns string) *repository {
	if ns != "" {
		if repo := h.repos[fullName(image.Ref{Registry: ns, Repository: name})]; repo != nil {
			return repo
		}
	}
	return h.repos[name]
}

func (h *handler) serveManifest(w http.ResponseWriter, r *http.Request, repo *repository, reference string) {
	d, tagged := repo.tags[reference]
	if !tagged {
		d = digest.Digest(reference)
	}
	if strings.Contains(reference, ":") && d.Validate() != nil {
		refuse(w, r, http.StatusBadRequest, "DIGEST_INVALID", "this is no digest", map[string]string{"digest": reference})
		return
	}
	if !repo.has(d) || h.archive.nodes[d] == nil {
		refuse(w, r, http.StatusNotFound, "MANIFEST_UNKNOWN", "the archive has no such manifest", map[string]string{"reference": reference})
		return
	}
	h.serveContent(w, r, d, h.archive.media[d])
}

func (h *handler) serveBlob(w http.ResponseWriter, r *http.Request, repo *repository, reference string) {
	d := digest.Digest(reference)
	if d.Validate() != nil {
		refuse(w, r, http.StatusBadRequest, "DIGEST_INVALID", "this is no digest", map[string]string{"digest": reference})
		return
	}
	if !repo.has(d) || h.archive.blobs[d] == nil {
		refuse(w, r, http.StatusNotFound, "BLOB_UNKNOWN", "the archive has no such blob", map[string]string{"digest": reference})
		return
	}
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	h.serveContent(w, r, d, "application/octet-stream")
}

// serveContent sends a manifest or blob, or the ranges of it that were asked for.
func (h *handler) serveContent(w http.ResponseWriter, r *http.Request, d digest.Digest, mediaType string) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", d.String())
	sendSection(w, r, d, h.archive.section(h.archive.blobs[d]))
}

// serveReferrers answers with the manifests about a digest, none if there is none.
func (h *handler) serveReferrers(w http.ResponseWriter, r *http.Request, repo *repository, reference string) {
	d := digest.Digest(reference)
	if d.Validate() != nil {
		refuse(w, r, http.StatusBadRequest, "DIGEST_INVALID", "this is no digest", map[string]string{"digest": reference})
		return
	}
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []registry.Descriptor{},
	}
	wanted := r.URL.Query().Get("artifactType")
	if wanted != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	for _, about := range h.about[d] {
		n := h.archive.nodes[about]
		if repo.has(about) && (wanted == "" || wanted == n.artifactType()) {
			desc := h.archive.descriptor(about)
			desc.ArtifactType, desc.Annotations = n.artifactType(), n.Annotations
			index.Manifests = append(index.Manifests, desc)
		}
	}
	answerJSON(w, r, ocispec.MediaTypeImageIndex, index)
}

// servePage answers with the part of a sorted list that n and last ask for, and
// with a link to the next one.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request, list []string, compare func(a, b string) int, body func([]string) any) {
	query := r.URL.Query()
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearchFunc(list, last, compare)
		if found {
			i++
		}
		list = list[i:]
	}
	if query.Has("n") {
		n, err := strconv.Atoi(query.Get("n"))
		if err != nil || n < 0 {
			refuse(w, r, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is no number of entries", map[string]string{"n": query.Get("n")})
			return
		}
		if n > 0 && n < len(list) {
			next := url.Values{"n": {strconv.Itoa(n)}, "last": {list[n-1]}}
			if ns := query.Get("ns"); ns != "" {
				next.Set("ns", ns)
			}
			to := url.URL{Path: r.URL.Path, RawQuery: next.Encode()}
			w.Header().Set("Link", "<"+to.String()+`>; rel="next"`)
		}
		list = list[:min(n, len(list))]
	}
	answerJSON(w, r, "application/json", body(append([]string{}, list...)))
}

func answerJSON(w http.ResponseWriter, r *http.Request, mediaType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, r, mediaType, text)
}

// answer sends a small body, or its headers alone.
func answer(w http.ResponseWriter, r *http.Request, mediaType string, text []byte) {
	w.Header().Set("Content-Type", mediaType)
	send(w, r, http.StatusOK, text)
}

// refuse sends an error as registries do.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, message string, detail map[string]string) {
	type failure struct {
		Code    string            `json:"code"`
		Message string            `json:"message"`
		Detail  map[string]string `json:"detail,omitempty"`
	}
	text, err := json.Marshal(map[string][]failure{"errors": {{code, message, detail}}})
	if err != nil {
		text = nil // cannot be: strings are always JSON
	}
	w.Header().Set("Content-Type", "application/json")
	send(w, r, status, text)
}

func send(w http.ResponseWriter, r *http.Request, status int, text []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // who does not listen any more need not be told
	}
}
