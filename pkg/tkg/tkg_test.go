package tkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

func parse(t testing.TB, s string) image.Ref {
	t.Helper()
	ref, err := image.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// put puts an image with files, name and content by turns, into a registry.
func put(t testing.TB, to *registry.Memory, name string, files ...string) {
	t.Helper()
	var layer bytes.Buffer
	z := gzip.NewWriter(&layer)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[i+1]))}
		if strings.HasSuffix(files[i], "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("the layer has no end")
	}
	ref := parse(t, name)
	blob := func(mediaType string, raw []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
		open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		if _, err := to.PutBlob(t.Context(), ref, d, nil, open); err != nil {
			t.Fatal(err)
		}
		return d
	}
	raw, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest,
		"config": blob(ocispec.MediaTypeImageConfig, []byte("{}")), "layers": []any{blob(ocispec.MediaTypeImageLayerGzip, layer.Bytes())},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := to.PutManifest(t.Context(), ref, d, raw); err != nil {
		t.Fatal(err)
	}
}

const bom160 = `
imageConfig: {imageRepository: projects-stg.registry.vmware.com/tkg}
tkr-bom: {imagePath: tkr-bom}
tkr-compatibility: {imagePath: v18-v1.6.0/tkr-compatibility}
tkr-package-repo: {aws: tkr-repository-aws, vsphere-nonparavirt: tkr-repository-vsphere-nonparavirt}
tkr-package: {vsphere-nonparavirt: tkr-vsphere-nonparavirt}
`

const compatibility = `
managementClusterVersions:
- version: v1.5.4
  supportedKubernetesVersions: [v1.22.9+vmware.1-tkg.1]
- version: v1.6.0
  supportedKubernetesVersions: [v1.22.9+vmware.1-tkg.1, v1.23.8+vmware.2-tkg.1]
`

// published is a registry with one release.
func published(t testing.TB) *registry.Memory {
	t.Helper()
	const r = "up.test/tkg/"
	m := &registry.Memory{}
	put(t, m, r+"tkg-bom:v1.6.0", "./", "", "tkg-bom-v1.6.0.yaml", bom160)
	for _, v := range []string{"v1.22.9+vmware.1-tkg.1", "v1.23.8+vmware.2-tkg.1", "v1.20.1+vmware.1-tkg.1"} {
		put(t, m, r+"tkr-bom:"+tagOf(v), "tkr-bom-"+v+".yaml", "imageConfig: {imageRepository: "+r+"}\n")
	}
	put(t, m, r+"v18-v1.6.0/tkr-compatibility:v9", "old.yaml", "managementClusterVersions: []")
	put(t, m, r+"v18-v1.6.0/tkr-compatibility:v10", "tkr-compatibility.yaml", compatibility)
	put(t, m, r+"v18-v1.6.0/tkr-compatibility:latest", "x", "x")
	put(t, m, r+"tkg-compatibility:v3", "tkg-compatibility.yaml", "version: v3")
	return m
}

func find(t testing.TB, from registry.Lister, text string, tkrs ...string) (string, error) {
	t.Helper()
	release, err := ParseRelease(text)
	if err != nil {
		return "", err
	}
	release.TKRs = tkrs
	found, err := Find(t.Context(), release, from)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, f := range found.Files {
		lines = append(lines, f.Name+" "+f.Repository.Name())
	}
	for _, i := range found.Images {
		lines = append(lines, i.String())
	}
	return strings.Join(append(lines, found.Notes...), "\n"), nil
}

func TestFind(t *testing.T) {
	m := published(t)
	got, err := find(t, m, "up.test/tkg:v1.6.0")
	want := `tkg-bom-v1.6.0.yaml projects-stg.registry.vmware.com/tkg
tkr-bom-v1.22.9+vmware.1-tkg.1.yaml up.test/tkg
tkr-bom-v1.23.8+vmware.2-tkg.1.yaml up.test/tkg
up.test/tkg/tkg-bom:v1.6.0
up.test/tkg/tkg-compatibility:v3
up.test/tkg/v18-v1.6.0/tkr-compatibility:v10
up.test/tkg/tkr-bom:v1.22.9_vmware.1-tkg.1
up.test/tkg/tkr-repository-aws:v1.22.9_vmware.1-tkg.1
up.test/tkg/tkr-repository-vsphere-nonparavirt:v1.22.9_vmware.1-tkg.1
up.test/tkg/tkr-vsphere-nonparavirt:v1.22.9_vmware.1-tkg.1
up.test/tkg/tkr-bom:v1.23.8_vmware.2-tkg.1
up.test/tkg/tkr-repository-aws:v1.23.8_vmware.2-tkg.1
up.test/tkg/tkr-repository-vsphere-nonparavirt:v1.23.8_vmware.2-tkg.1
up.test/tkg/tkr-vsphere-nonparavirt:v1.23.8_vmware.2-tkg.1`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	for _, spelled := range []string{"v1.23.8+vmware.2-tkg.1", "v1.23.8_vmware.2-tkg.1"} {
		got, err = find(t, m, "up.test/tkg:v1.6.0", spelled)
		if err != nil || strings.Contains(got, "v1.22.9") || !strings.Contains(got, "tkr-bom:v1.23.8_vmware.2-tkg.1") {
			t.Errorf("%s: %v\n%s", spelled, err, got)
		}
	}
}

func TestFindFails(t *testing.T) {
	m := published(t)
	put(t, m, "up.test/tkg/tkg-bom:v1.7.0", "tkg-bom-v1.7.0.yaml", bom160)
	put(t, m, "up.test/tkg/tkg-bom:v1.8.0", "a", "x", "b", "y")
	put(t, m, "up.test/tkg/tkg-bom:v1.9.0", "./", "")
	put(t, m, "up.test/tkg/tkg-bom:v2.0.0", "a", "imageConfig: [")
	put(t, m, "up.test/tkg/tkg-bom:v2.1.0", "a", strings.Replace(bom160, "v18-v1.6.0/", "nowhere/", 1))
	for text, want := range map[string]string{
		"up.test/tkg:v1.5.0":   "TKG up.test/tkg:v1.5.0: up.test/tkg/tkg-bom:v1.5.0: not found",
		"up.test/tkg:v1.7.0":   "tkr-compatibility.yaml does not say which TKrs go with v1.7.0",
		"up.test/tkg:v1.8.0":   "there is more in it than one file",
		"up.test/tkg:v1.9.0":   "there is no file in it",
		"up.test/tkg:v2.0.0":   "reading a: yaml",
		"up.test/tkg:v2.1.0":   "up.test/tkg/nowhere/tkr-compatibility: not found",
		"up.test/tkg":          "names no release",
		"up.test/tkg:latest":   "names no release",
		"up.test/tkg@" + sum(): "names no release",
		"up.test/TKG:v1.6.0":   "image reference",
	} {
		if _, err := find(t, m, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
	_, err := find(t, m, "up.test/tkg:v1.6.0", "v1.20.1+vmware.1-tkg.1", "v1.23.8+vmware.2-tkg.1")
	if want := "it does not go with TKr v1.20.1+vmware.1-tkg.1, but with v1.22.9+vmware.1-tkg.1, v1.23.8+vmware.2-tkg.1"; err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

func sum() string { return string(digest.FromString("a")) }

// TestFindOld: releases before 1.4 do not say where their lists are, and a mirror may be
// without the list for the command line.
func TestFindOld(t *testing.T) {
	m := &registry.Memory{}
	put(t, m, "up.test/tkg/tkg-bom:v1.3.0", "tkg-bom-v1.3.0.yaml", "imageConfig: {imageRepository: up.test/tkg}")
	put(t, m, "up.test/tkg/tkr-compatibility:v1", "c.yaml", strings.ReplaceAll(compatibility, "v1.5.4", "v1.3.0"))
	put(t, m, "up.test/tkg/tkr-bom:v1.22.9_vmware.1-tkg.1", "t.yaml", "imageConfig: {imageRepository: up.test/tkg}")
	got, err := find(t, m, "up.test/tkg:v1.3.0")
	want := `tkg-bom-v1.3.0.yaml up.test/tkg
t.yaml up.test/tkg
up.test/tkg/tkg-bom:v1.3.0
up.test/tkg/tkr-compatibility:v1
up.test/tkg/tkr-bom:v1.22.9_vmware.1-tkg.1
TKG up.test/tkg:v1.3.0: there is no tkg-compatibility, which the tanzu command line asks for`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestFile: what is wrong with an image that should hold a file.
func TestFile(t *testing.T) {
	for want, layer := range map[string]func(*tar.Writer) error{
		"there is more in it than one file": func(w *tar.Writer) error {
			return w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
		},
		"has 16777217 bytes": func(w *tar.Writer) error {
			return w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: maxFile + 1})
		},
		"unexpected EOF": func(w *tar.Writer) error {
			return w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 10})
		},
		"has no name": func(w *tar.Writer) error {
			return w.WriteHeader(&tar.Header{Name: "..", Typeflag: tar.TypeReg})
		},
	} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if err := layer(tar.NewWriter(z)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := onlyFile(b.Bytes()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if name, _, err := onlyFile(fileIn(t, "../../a/tkg-bom.yaml")); err != nil || name != "tkg-bom.yaml" {
		t.Errorf("%q, %v: a name leads out of its folder", name, err)
	}
}

func fileIn(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, "x")
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("the tar has no end")
	}
	return b.Bytes()
}

func FuzzOnlyFile(f *testing.F) {
	f.Add(fileIn(f, "a.yaml"))
	f.Fuzz(func(t *testing.T, layer []byte) {
		name, content, err := onlyFile(layer)
		if err == nil && (name == "" || strings.Contains(name, "/") || len(content) > maxFile) {
			t.Errorf("%q with %d bytes", name, len(content))
		}
	})
}

func TestIsPackage(t *testing.T) {
	for ref, want := range map[string]bool{
		"up.test/tkg/tkg-bom:v1.6.0": false, "up.test/tkg/v18-v1.6.0/tkr-compatibility:v10": false, "up.test/tkg/tkr-bom:v1": false,
		"up.test/tkg/tkg-compatibility:v3": false, "up.test/tkg/tkr-repository-aws:v1": true, "up.test/tkg/tkr-vsphere-nonparavirt:v1": true,
	} {
		if got := IsPackage(ref); got != want {
			t.Errorf("%s: %v", ref, got)
		}
	}
	if !IsBundleComponent("tkg-core-packages") || IsBundleComponent("contour") {
		t.Error("the components that are bundles are others")
	}
}

// spoiled is a registry whose layers have a wrong byte.
type spoiled struct{ *registry.Memory }

func (s spoiled) Fetch(ctx context.Context, ref image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	r, err := s.Memory.Fetch(ctx, ref, desc)
	if err != nil || desc.MediaType != ocispec.MediaTypeImageLayerGzip {
		return r, err
	}
	raw, err := io.ReadAll(r)
	raw[4] ^= 1 // the time in the header, which unpacking does not look at
	return io.NopCloser(bytes.NewReader(raw)), err
}

func TestFindDamaged(t *testing.T) {
	if _, err := find(t, spoiled{published(t)}, "up.test/tkg:v1.6.0"); err == nil || !strings.Contains(err.Error(), "its layer is damaged") {
		t.Error(err)
	}
}
