// Package imgpkg reads and writes what Carvel's imgpkg does: bundles of images, the
// locations of their members, tars, and the scripts that copy with it. It knows bytes,
// no registries: who has a registry asks it what the bytes mean.
//
// What is said here of imgpkg was read in and tried with v0.46.1 (carvel.dev/imgpkg).
package imgpkg

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/opencontainers/go-digest"
)

// apiVersion stands at the top of all that imgpkg writes as YAML.
const apiVersion = "imgpkg.carvel.dev/v1alpha1"

// bundleLabel is the label of an image's configuration that makes it a bundle,
// whatever its value.
const bundleLabel = "dev.carvel.imgpkg.bundle"

// LayerType is the media type of the only layer that a bundle and an image of
// locations have; imgpkg takes no other.
const LayerType = "application/vnd.docker.image.rootfs.diff.tar.gzip"

// The media types of the images that imgpkg makes.
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
)

// IsBundle says whether the image with this configuration, the JSON to which its
// manifest points, is a bundle.
func IsBundle(config []byte) bool {
	if !bytes.Contains(config, []byte(bundleLabel)) {
		return false // which is nearly always so, and spares the parsing
	}
	var c struct {
		Config struct {
			Labels map[string]string `json:"Labels"`
		} `json:"config"`
	}
	if json.Unmarshal(config, &c) != nil {
		return false
	}
	_, is := c.Config.Labels[bundleLabel]
	return is
}

// tagEnd ends the tags that imgpkg makes of digests.
const tagEnd = ".imgpkg"

// MemberTag is the tag under which a member of a bundle stands in the bundle's
// repository: sha256-HEX.imgpkg. imgpkg finds members by their digest; the tag keeps
// registries from clearing them away.
func MemberTag(d digest.Digest) string {
	return tagOf(d) + tagEnd
}

// tagOf spells a digest as tags do. It need not have been looked at before.
func tagOf(d digest.Digest) string { return strings.Replace(string(d), ":", "-", 1) }

// LocationsTag is the tag of the image that says of a bundle that all its members are
// in its repository: sha256-HEX.image-locations.imgpkg.
func LocationsTag(bundle digest.Digest) string {
	return tagOf(bundle) + ".image-locations" + tagEnd
}

// IsOwnTag says whether a tag is one that imgpkg makes: of a member, or of locations.
func IsOwnTag(tag string) bool { return strings.HasSuffix(tag, tagEnd) }
