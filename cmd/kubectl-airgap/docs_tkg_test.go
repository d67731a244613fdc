package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// publishTKG puts a release of Tanzu Kubernetes Grid on the internet: the images that hold its bills of materials, and one
// that is a bundle. Those that the bills name are there like any other.
func (in *internet) publishTKG(t *testing.T) {
	t.Helper()
	const repository, tkr = "projects.packages.broadcom.com/tkg/", "v1.23.8+vmware.2-tkg.1"
	const head = "apiVersion: run.tanzu.vmware.com/v1alpha2\nimageConfig: {imageRepository: projects.registry.vmware.com/tkg}\n"
	files := map[string][2]string{
		"tkg-bom:v1.6.0": {"tkg-bom-v1.6.0.yaml", head + "tkr-bom: {imagePath: tkr-bom}\ntkr-compatibility: {imagePath: tkr-compatibility}\ncomponents:\n" +
			"  contour:\n  - version: v1.18.2+vmware.1\n    images: {contourImage: {imagePath: contour, tag: v1.18.2_vmware.1}}\n"},
		"tkr-bom:" + strings.ReplaceAll(tkr, "+", "_"): {"tkr-bom-" + tkr + ".yaml", head + "components:\n" +
			"  tkg-core-packages:\n  - version: " + tkr + "\n    images: {repo: {imagePath: packages/core/repo, tag: v1.23.8_vmware.2-tkg.1}}\n"},
		"tkr-compatibility:v10": {"tkr-compatibility.yaml", "managementClusterVersions: [{version: v1.6.0, supportedKubernetesVersions: [" + tkr + "]}]\n"},
		"tkg-compatibility:v3":  {"tkg-compatibility.yaml", "version: v3\n"},
	}
	for name, f := range files {
		in.putLayer(t, repository+name, f[0], f[1], "{}")
	}
	member := in.putLayer(t, repository+"core/member:v1", "a.txt", "a", "{}")
	in.putLayer(t, repository+"packages/core/repo:v1.23.8_vmware.2-tkg.1", ".imgpkg/images.yml",
		"apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n- image: "+repository+"core/member@"+string(member)+"\n",
		`{"config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}}}`)
}

// putLayer puts an image with one file on the internet.
func (in *internet) putLayer(t *testing.T, name, file, content, config string) digest.Digest {
	t.Helper()
	var layer bytes.Buffer
	z := gzip.NewWriter(&layer)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: file, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	must(io.WriteString(w, content))(t)
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("the layer has no end")
	}
	repository, tag, _ := strings.Cut(name, ":")
	manifest := must(json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
		"config": must(in.upstream.PutBlob(repository, "application/vnd.docker.container.image.v1+json", []byte(config)))(t),
		"layers": []ocispec.Descriptor{must(in.upstream.PutBlob(repository, "application/vnd.docker.image.rootfs.diff.tar.gzip", layer.Bytes()))(t)},
	}))(t)
	in.seeded[name] = true
	return must(in.upstream.PutManifest(repository, tag, "application/vnd.docker.distribution.manifest.v2+json", manifest))(t).Digest
}
