package registrytest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"cuelabs.dev/go/oci/ociregistry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// incomplete refuses a manifest whose children the repository does not hold, as
// registries do, whatever its media type is. Layers that have URLs need not be
// there, nor a subject.
func (r *Registry) incomplete(w http.ResponseWriter, req *http.Request) bool {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		writeError(w, http.StatusBadRequest, "MANIFEST_INVALID", "the manifest did not arrive whole")
		return true
	}
	req.Body = io.NopCloser(bytes.NewReader(raw))
	var m struct {
		Config            *ocispec.Descriptor
		Layers, Manifests []ocispec.Descriptor
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		writeError(w, http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is no JSON")
		return true
	}
	blobs := m.Layers
	if m.Config != nil {
		blobs = append(blobs, *m.Config)
	}
	missing := r.missing(req, blobs, r.backend.ResolveBlob)
	code := "MANIFEST_BLOB_UNKNOWN"
	if missing == "" {
		missing, code = r.missing(req, m.Manifests, r.backend.ResolveManifest), "MANIFEST_UNKNOWN"
	}
	if missing != "" {
		writeError(w, http.StatusBadRequest, code, "unknown to the repository: "+missing)
	}
	return missing != ""
}

func (r *Registry) missing(req *http.Request, all []ocispec.Descriptor, resolve resolver) string {
	for _, d := range all {
		_, err := resolve(req.Context(), repositoryOf(req.URL.Path), d.Digest)
		if err != nil && len(d.URLs) == 0 {
			return d.Digest.String()
		}
	}
	return ""
}

type resolver = func(context.Context, string, ociregistry.Digest) (ociregistry.Descriptor, error)
