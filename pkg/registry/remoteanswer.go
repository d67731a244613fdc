package registry

import (
	"fmt"
	"mime"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// acceptManifests are the manifests that we take. Registries that have others send
// them as they are.
func acceptManifests() http.Header {
	return http.Header{"Accept": {
		ocispec.MediaTypeImageIndex, dockerList, ocispec.MediaTypeImageManifest, dockerManifest, artifactManifest,
	}}
}

// describes says whether the header is all that a descriptor needs.
func (a *answer) describes(reference string) bool {
	return a.length > 0 && a.mediaType() != "" && (a.digest() != "" || digest.Digest(reference).Validate() == nil)
}

func (a *answer) mediaType() string {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// digest is the one that the header gives, empty if it gives none that is one.
func (a *answer) digest() digest.Digest {
	d := digest.Digest(a.header.Get("Docker-Content-Digest"))
	if d.Validate() != nil {
		return ""
	}
	return d
}

// descriptor is what an answer about a manifest says of it, or what its body is, which
// then is its Data.
func (a *answer) descriptor(reference string) (Descriptor, error) {
	desc := Descriptor{MediaType: a.mediaType(), Digest: a.digest(), Size: a.length}
	asked := digest.Digest(reference)
	named := asked.Validate() == nil
	if !a.isHead {
		algorithm := digest.Canonical
		if named {
			algorithm = asked.Algorithm()
		}
		desc.Digest, desc.Size, desc.Data = algorithm.FromBytes(a.body), int64(len(a.body)), a.body
	} else if desc.Digest == "" {
		desc.Digest = asked
	}
	switch {
	case formOf(desc.MediaType) == schema1Form:
		return Descriptor{}, errSchema1
	case named && desc.Digest != asked && desc.Digest.Algorithm() == asked.Algorithm():
		return Descriptor{}, fmt.Errorf("%s answered with the manifest %s instead", a.url.Host, desc.Digest)
	case named:
		desc.Digest = asked
	}
	return desc, nil
}
