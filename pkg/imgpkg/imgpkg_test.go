package imgpkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

func TestIsBundle(t *testing.T) {
	for config, want := range map[string]bool{
		`{"config":{"Labels":{"dev.carvel.imgpkg.bundle":"true"}}}`:  true,
		`{"config":{"Labels":{"dev.carvel.imgpkg.bundle":""}}}`:      true, // the label counts, not its value
		`{"config":{"Labels":{"other":"dev.carvel.imgpkg.bundle"}}}`: false,
		`{"config":{"Env":["dev.carvel.imgpkg.bundle=true"]}}`:       false,
		`{"config":{}}`:            false,
		`dev.carvel.imgpkg.bundle`: false,
	} {
		if got := IsBundle([]byte(config)); got != want {
			t.Errorf("%s: %v", config, got)
		}
	}
}

func TestTags(t *testing.T) {
	d := digest.FromString("a")
	if got := MemberTag(d); got != "sha256-"+d.Encoded()+".imgpkg" || !IsOwnTag(got) {
		t.Error(got)
	}
	if got := LocationsTag(d); got != "sha256-"+d.Encoded()+".image-locations.imgpkg" || !IsOwnTag(got) {
		t.Error(got)
	}
	if IsOwnTag("sha256-" + d.Encoded() + ".sig") {
		t.Error("a signature is nothing of imgpkg's")
	}
}

func sum(c string) string { return "sha256:" + strings.Repeat(c, 64) }

const lockHead = "apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\n"

func TestParseImagesLock(t *testing.T) {
	lock, err := ParseImagesLock([]byte("---\n" + lockHead + "images:\n- image: up.test/a/b:v1@" + sum("1") +
		"\n  annotations:\n    kbld.carvel.dev/id: b\n- image: nginx@" + sum("2") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(lock.Images); got != "[{up.test/a/b@"+sum("1")+" map[kbld.carvel.dev/id:b]} {docker.io/library/nginx@"+sum("2")+" map[]}]" {
		t.Error(got)
	}
	for text, want := range map[string]string{
		lockHead + "images:\n- image: up.test/a:v1\n":                "has no digest",
		lockHead + "images:\n- image: up.test/a@sha256:12\n":         "image 1 of the ImagesLock",
		lockHead + "pictures: []\n":                                  "pictures not found",
		"apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: BundleLock\n": `"BundleLock"`,
		"kind: ImagesLock\n":                                         `not an ImagesLock of imgpkg.carvel.dev/v1alpha1`,
		"":                                                           "reading the ImagesLock",
		strings.Repeat(" ", maxLock+1):                               "more than",
		lockHead + "images:\n" + strings.Repeat("- image: a\n", maxMembers+1): "10001 images",
	} {
		if _, err := ParseImagesLock([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
}

// layerOf is a gzipped tar of files, name and content by turns.
func layerOf(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o600, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
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
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadBundle(t *testing.T) {
	good := lockHead + "images:\n- image: up.test/a@" + sum("1") + "\n"
	for name, files := range map[string][]string{
		"as imgpkg writes it": {"./", "", ".imgpkg/", "", ".imgpkg/images.yml", good, "config.yml", "x"},
		"with a dot":          {"./.imgpkg/images.yml", good},
	} {
		lock, err := ReadBundle(bytes.NewReader(layerOf(t, files...)))
		if err != nil || len(lock.Images) != 1 {
			t.Errorf("%s: %v, %v", name, lock, err)
		}
	}
	for name, layer := range map[string][]byte{
		"is not in it":      layerOf(t, "images.yml", good, "a/.imgpkg/images.yml", good),
		"invalid header":    []byte("no gzip at all"),
		"unexpected EOF":    layerOf(t, ".imgpkg/images.yml", good)[:60],
		"has no digest":     layerOf(t, ".imgpkg/images.yml", lockHead+"images: [{image: a}]"),
		"more than 8388608": layerOf(t, ".imgpkg/images.yml", strings.Repeat(" ", maxLock+1)),
	} {
		if _, err := ReadBundle(bytes.NewReader(layer)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLocations(t *testing.T) {
	parse := func(s string) image.Ref {
		r, err := image.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := Location{parse("up.test/b@" + sum("2")), true}, Location{parse("nginx:1@" + sum("1")), false}
	one, err := Locations([]Location{a, b})
	two, _ := Locations([]Location{b, a, b})
	if err != nil || one.Manifest.Digest != two.Manifest.Digest {
		t.Fatalf("%v: their order decides", err)
	}
	text, err := fromLayer(bytes.NewReader(one.Blobs[1].Data), "image-locations.yml")
	want := "---\napiVersion: imgpkg.carvel.dev/v1alpha1\nimages:\n- image: index.docker.io/library/nginx@" + sum("1") +
		"\n  isBundle: false\n- image: up.test/b@" + sum("2") + "\n  isBundle: true\nkind: ImageLocations\n"
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s", err, text)
	}
	for _, d := range append(one.Blobs, one.Manifest) {
		if d.Digest != digest.FromBytes(d.Data) || d.Size != int64(len(d.Data)) {
			t.Errorf("%s does not describe its content", d.MediaType)
		}
	}
	if whole, err := locationsTar(want); err != nil || len(whole)%512 != 0 || len(whole) != 2560 {
		t.Errorf("the tar has %d bytes (%v)", len(whole), err)
	}
	if _, err := Locations(nil); err != nil {
		t.Error(err)
	}
}

// TestLocationsOfImgpkg: imgpkg copy v0.46.1 made an image of this digest of these
// members, so a registry that it filled already has ours.
func TestLocationsOfImgpkg(t *testing.T) {
	var members []Location
	for name, is := range map[string]bool{
		"127.0.0.1:5501/apps/nested@sha256:9cbb013b0f9b35cf9a655eeec0029f1314119405f6ea3eeeb3ec34b3158ccc99": true,
		"127.0.0.1:5501/apps/plain@sha256:fc14aaef6434fc0ca62be99d34665bfcd68196c7dbb83ba2cce0cdfa835273cb":  false,
	} {
		ref, err := image.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, Location{ref, is})
	}
	made, err := Locations(members)
	if err != nil || made.Manifest.Digest != "sha256:43ded5233aead4f589718316d43c191fb6866b3faf3e7ad989235b00387293a3" {
		t.Errorf("%v, %v", made.Manifest.Digest, err)
	}
}

func FuzzReadBundle(f *testing.F) {
	f.Add(layerOf(f, ".imgpkg/images.yml", lockHead+"images:\n- image: up.test/a@"+sum("1")+"\n"))
	f.Fuzz(func(t *testing.T, layer []byte) {
		lock, err := ReadBundle(bytes.NewReader(layer))
		if err != nil {
			return
		}
		for _, m := range lock.Images {
			if again, err := image.Parse(m.Image.String()); err != nil || again != m.Image || m.Image.Digest == "" {
				t.Errorf("%v is no member (%v)", m.Image, err)
			}
		}
	})
}
