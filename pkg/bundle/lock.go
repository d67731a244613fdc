package bundle

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/imgpkg"
)

// What stands at the top of every lock.
const (
	APIVersion = "kubectl-airgap.io/v1alpha1"
	LockKind   = "Lock"
)

// A Lock says what an archive holds: airgap.lock.yaml.
type Lock struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Images     []LockImage  `json:"images"`
	Files      []LockFile   `json:"files,omitempty"`
	Elsewhere  []LockedBlob `json:"elsewhere,omitempty"` // left out, because the site has them (pull --have)
}

// A LockImage is one image of an archive.
type LockImage struct {
	// Image is its name, the one that manifests use.
	Image string `json:"image"`
	// From is where it was fetched, if under another name (--source-map).
	From string `json:"from,omitempty"`
	// Groups are the folders of the manifests that use it, which layout group makes
	// part of its target: cni, csi; sorted.
	Groups []string `json:"groups,omitempty"`
	// Digest is what the archive holds under the name.
	Digest digest.Digest `json:"digest"`
	// SourceDigest is what the source held under the name, where leaving out
	// platforms has made another digest of it.
	SourceDigest digest.Digest  `json:"sourceDigest,omitempty"`
	MediaType    string         `json:"mediaType"`
	Size         int64          `json:"size"` // bytes, everything it consists of
	Platforms    []LockPlatform `json:"platforms,omitempty"`
	Target       string         `json:"target,omitempty"` // where it goes, if that was known
	Uses         []string       `json:"uses,omitempty"`   // file:line:column, sorted
	// StandsFor are the references with variables that it was carried for, as they are
	// written: somebody gave their values, or named the image; sorted.
	StandsFor []string `json:"standsFor,omitempty"`
	Referrers []string `json:"referrers,omitempty"`
}

// IsBundle says whether the image is a bundle of imgpkg, whose members are among its
// Referrers.
func (i *LockImage) IsBundle() bool { return isBundle(i.Digest, i.Referrers) }

// isBundle says whether referrers are those of a bundle: something says where its members
// are.
func isBundle(d digest.Digest, referrers []string) bool {
	return slices.ContainsFunc(referrers, func(r string) bool { return strings.HasPrefix(r, imgpkg.LocationsTag(d)+"@") })
}

// A LockPlatform is what an image is for one platform.
type LockPlatform struct {
	Platform string        `json:"platform"` // os/architecture[/variant]
	Digest   digest.Digest `json:"digest"`
	Size     int64         `json:"size"` // bytes of manifest, config and layers
}

// A LockFile is one file of an archive that belongs to no image.
type LockFile struct {
	Path   string `json:"path"`           // in the archive, slash-separated
	URL    string `json:"url,omitempty"`  // where it came from
	SHA256 string `json:"sha256"`         // 64 hexadecimal digits
	Size   int64  `json:"size"`           // bytes
	Mode   string `json:"mode,omitempty"` // octal; empty means 0644
}

// A LockedBlob is content that the archive does not hold because its site does.
type LockedBlob struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	Image  string        `json:"image"`            // an image of the site that consists of it
	Groups []string      `json:"groups,omitempty"` // of that image, as in LockImage
}

// ReadLock reads the lock of an archive, or one that was taken out of it, which is
// known by its name: *.yaml or *.yml.
func ReadLock(path string) (*Lock, error) {
	if !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
		a, err := Open(path)
		if err != nil {
			return nil, err
		}
		return a.Lock(), a.Close()
	}
	data, err := os.ReadFile(path)
	if err == nil && len(data) > maxText {
		err = errors.New("it is too large for a lock")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock: %w", err)
	}
	lock, err := parseLock(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lock, nil
}
