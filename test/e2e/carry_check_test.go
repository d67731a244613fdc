//go:build e2e

package e2e

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/test/synthetic"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// An entry is where a file of an archive lies.
type entry struct {
	name             string
	header, from, to int64 // the header's first byte, the content's, and the one after it
}

// entries reads an archive with the standard library.
func entries(t *testing.T, path string) []entry {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []entry
	r := tar.NewReader(f)
	end := int64(0)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{h.Name, end, at, at + h.Size})
		end = (at + h.Size + 511) / 512 * 512
	}
}

// One byte that is another one, anywhere in the archive, is found; in a blob, it is named with the images that need it.
func TestCarryCheckFindsEveryByte(t *testing.T) {
	r, set := killSeed(t), synthetic.Cluster(6, 40_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	site := filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "-f", imageList(t, set), "-o", site, from(source.address))
	must(t, "bundle", "check", site)
	f, err := os.OpenFile(site, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flip := func(at int64) {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << (at % 8)
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range entries(t, site) {
		for what, at := range map[string]int64{
			"content": e.from + r.Int64N(e.to-e.from),
			"header":  e.header + r.Int64N(e.from-e.header),
			"name":    e.header + r.Int64N(int64(len(e.name))),
		} {
			flip(at)
			o := try(t, "bundle", "check", site)
			if o.status == 0 {
				t.Errorf("byte %d, %d of the %s of %s: not found", at, at-e.header, what, e.name)
			}
			if digest := path.Base(e.name); what == "content" && strings.HasPrefix(e.name, "blobs/") {
				checkNamed(t, o, set, digest)
			}
			flip(at)
		}
	}
	must(t, "bundle", "check", site)
}

// checkNamed: the report names the blob and every image that consists of it.
func checkNamed(t *testing.T, o outcome, set synthetic.Set, hex string) {
	t.Helper()
	said := o.stdout + o.stderr
	if !strings.Contains(said, hex) {
		t.Errorf("%s is not named:\n%s", hex, tail(said))
	}
	for _, image := range set {
		needs := false
		for blob := range image.Layers {
			needs = needs || strings.HasSuffix(blob, hex)
		}
		for _, m := range image.Manifests {
			needs = needs || strings.HasSuffix(m.Digest, hex) || strings.Contains(string(m.Raw), hex)
		}
		if needs != strings.Contains(said, image.Name) {
			t.Errorf("%s needs %s: %v; the report says otherwise:\n%s", image.Name, hex, needs, tail(said))
		}
	}
	if o.status != 3 {
		t.Errorf("exit status %d, not 3", o.status)
	}
}

// What is damaged is not pushed.
func TestCarryDamagedIsNotPushed(t *testing.T) {
	set := synthetic.Cluster(3, 200_000)
	source := new(dockerRegistry).start(t)
	source.fill(t, "", set)
	site := filepath.Join(t.TempDir(), "site.tar")
	must(t, "pull", "-f", imageList(t, set), "-o", site, from(source.address))
	var largest entry
	for _, e := range entries(t, site) {
		if e.to-e.from > largest.to-largest.from {
			largest = e
		}
	}
	f, err := os.OpenFile(site, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("damaged"), (largest.from+largest.to)/2); err != nil {
		t.Fatal(err)
	}
	f.Close()
	target := new(dockerRegistry).start(t)
	o := refused(t, path.Base(largest.name), "push", site, "--to", target.address)
	for _, image := range set {
		if _, needs := image.Layers["sha256:"+path.Base(largest.name)]; !needs {
			continue
		}
		response, err := insecure().Head(target.url() + "/v2/" + image.Repository() + "/manifests/" + image.Tag())
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == 200 {
			t.Errorf("%s was pushed", image.Name)
		}
		if !strings.Contains(o.stderr, image.Name) {
			t.Errorf("%s is not named:\n%s", image.Name, o.stderr)
		}
	}
}
