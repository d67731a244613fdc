package tkg

import (
	"slices"
	"strings"
)

// IsBundleComponent says whether the images of a component of a bill of materials are
// bundles of imgpkg, as VMware's gen-publish-images.sh and its successors know it: the
// files do not say so.
func IsBundleComponent(name string) bool {
	return slices.Contains([]string{
		"capabilities-package", "standalone-plugins-package", "tanzu-framework-management-packages", // of TKG and of TKrs
		"tkg-core-packages", "tkg-standard-packages", "tkg-storageclass-package",
	}, name)
}

// IsPackage says whether an image of Contents.Images is a repository of packages, or a
// package of a TKr: they are bundles of imgpkg, the others hold a file.
func IsPackage(ref string) bool {
	name := ref[strings.LastIndexByte(ref, '/')+1:]
	holdsFile := slices.ContainsFunc([]string{"tkg-bom:", "tkr-bom:", "tkr-compatibility:", "tkg-compatibility:"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
	return !holdsFile
}
