package registry

import (
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// NormalizePlatform takes os/architecture[/variant] as users and registries
// write it and gives the one form that is compared: linux/x86_64 is
// linux/amd64, linux/arm64/v8 is linux/arm64, linux/arm is linux/arm/v7. The
// rules are containerd's (github.com/containerd/platforms, database.go).
func NormalizePlatform(s string) (string, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return "", fmt.Errorf("platform %q: it is os/architecture or os/architecture/variant, such as linux/amd64", s)
	}
	p := ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return platformName(p), nil
}

// platformName is p in its normal form, empty if p is none: attestations say
// unknown/unknown (BuildKit, docs/attestations/attestation-storage.md).
func platformName(p ocispec.Platform) string {
	os, arch := strings.ToLower(p.OS), strings.ToLower(p.Architecture)
	if os == "" || arch == "" || os == "unknown" || arch == "unknown" {
		return ""
	}
	if os == "macos" {
		os = "darwin"
	}
	arch, variant := normalArchitecture(arch, strings.ToLower(p.Variant))
	if variant == "" {
		return os + "/" + arch
	}
	return os + "/" + arch + "/" + variant
}

func normalArchitecture(arch, variant string) (string, string) {
	switch arch {
	case "i386":
		return "386", ""
	case "x86_64", "x86-64", "amd64":
		if variant == "v1" {
			variant = ""
		}
		return "amd64", variant
	case "aarch64", "arm64":
		return "arm64", normalArm64[variant].or(variant)
	case "armhf":
		return "arm", "v7"
	case "armel":
		return "arm", "v6"
	case "arm":
		return "arm", normalArm[variant].or(variant)
	}
	return arch, variant
}

// A spelling is the normal form of a variant. It is told from no entry at all,
// because the normal form may be empty.
type spelling struct {
	known  bool
	normal string
}

func (s spelling) or(other string) string {
	if s.known {
		return s.normal
	}
	return other
}

var normalArm64 = map[string]spelling{
	"8": {true, ""}, "v8": {true, ""}, "v8.0": {true, ""},
	"9": {true, "v9"}, "9.0": {true, "v9"}, "v9.0": {true, "v9"},
}

var normalArm = map[string]spelling{
	"": {true, "v7"}, "5": {true, "v5"}, "6": {true, "v6"}, "7": {true, "v7"}, "8": {true, "v8"},
}

// Offers says whether a node of the platform, as NormalizePlatform gives it, runs
// the image.
func (i *Image) Offers(platform string) bool {
	offered := make([]string, 0, len(i.Platforms))
	for _, p := range i.Platforms {
		offered = append(offered, p.Platform)
	}
	_, ok := bestPlatform(platform, offered)
	return ok
}

// bestPlatform is the one of offered that a node of the platform wanted would
// run: that platform, else the nearest variant below it, as containerd chooses
// (platforms.Only). The second value is false if there is none.
func bestPlatform(wanted string, offered []string) (string, bool) {
	best, found := "", false
	for _, o := range offered {
		if o == wanted {
			return o, true
		}
		if family(o) == family(wanted) && variantLevel(o) < variantLevel(wanted) &&
			(!found || variantLevel(o) > variantLevel(best)) {
			best, found = o, true
		}
	}
	return best, found
}

// family is os/architecture, and for what has no order of variants the whole.
func family(platform string) string {
	if variantLevel(platform) < 0 {
		return platform
	}
	parts := strings.SplitN(platform, "/", 3)
	return parts[0] + "/" + parts[1]
}

// variantLevel orders the variants of one architecture, each of which runs what
// those below it run; -1 for what is not known to be so.
func variantLevel(platform string) int {
	parts := strings.SplitN(platform, "/", 3)
	variant := ""
	if len(parts) == 3 {
		variant = parts[2]
	}
	switch parts[1] {
	case "amd64":
		return slices.Index([]string{"", "v2", "v3", "v4"}, variant)
	case "arm64":
		return slices.Index([]string{"", "v9"}, variant)
	case "arm":
		return slices.Index([]string{"v5", "v6", "v7", "v8"}, variant)
	}
	return -1
}
