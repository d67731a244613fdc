package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// noise is n bytes without any pattern, the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{'n'}).Read(b)
	return b
}

// splitFile writes content as DIR/site.tar and splits it.
func splitFile(t *testing.T, content []byte, size int64) (archive string, paths []string) {
	t.Helper()
	archive = filepath.Join(t.TempDir(), "site.tar")
	put(t, archive, content)
	paths, err := Split(t.Context(), archive, size, nil)
	if err != nil {
		t.Fatal(err)
	}
	return archive, paths
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names are the files of a folder, in order.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantError holds that err says all of these.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestSplit(t *testing.T) {
	content := noise(1<<20 + 7)
	for _, size := range []int64{1, 1 << 18, 1<<20 + 6, 1<<20 + 7, 1 << 21} {
		part := content
		if size == 1 {
			part = content[:70] // more parts than stay open
		}
		archive, paths := splitFile(t, part, size)
		var joined []byte
		for i, path := range paths {
			b := get(t, path)
			if int64(len(b)) != size && i < len(paths)-1 || len(b) == 0 {
				t.Errorf("size %d: %s has %d bytes", size, path, len(b))
			}
			joined = append(joined, b...)
		}
		if !bytes.Equal(joined, part) {
			t.Errorf("size %d: the parts are not the archive", size)
		}
		want := []string{"site.tar"}
		for _, p := range paths {
			want = append(want, filepath.Base(p))
		}
		if got := names(t, filepath.Dir(archive)); !slices.Equal(got, append(want, "site.tar.parts.sha256")) {
			t.Errorf("size %d: the folder holds %q", size, got)
		}
		if err := CheckParts(t.Context(), archive+sumsSuffix, nil); err != nil {
			t.Error(err)
		}
	}
}

// The list is for people who have nothing but coreutils beside their media.
func TestSplitSHA256SUM(t *testing.T) {
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip(err)
	}
	archive, paths := splitFile(t, noise(1000), 300)
	check := func() error {
		cmd := exec.Command(tool, "-c", "--strict", filepath.Base(archive)+sumsSuffix)
		cmd.Dir = filepath.Dir(archive)
		return cmd.Run()
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	put(t, paths[3], noise(100))
	if check() == nil {
		t.Error("sha256sum takes a damaged part")
	}
}

func TestSplitAgain(t *testing.T) {
	archive, paths := splitFile(t, noise(1000), 300)
	old, err := os.Stat(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	put(t, paths[2], noise(300)) // damaged
	var events []string
	again, err := Split(t.Context(), archive, 300, func(e registry.Event) {
		switch e.Kind {
		case registry.BlobSkipped:
			events = append(events, "there "+e.Name)
		case registry.BlobEnd:
			events = append(events, "written "+e.Name)
		}
	})
	if err != nil || !slices.Equal(again, paths) {
		t.Fatal(again, err)
	}
	want := []string{
		"there site.tar.part-0001", "there site.tar.part-0002", "written site.tar.part-0003", "there site.tar.part-0004",
	}
	if !slices.Equal(events, want) {
		t.Errorf("%q, want %q", events, want)
	}
	if now, err := os.Stat(paths[1]); err != nil || !os.SameFile(old, now) {
		t.Error("a part that was right was written again")
	}
	if err := CheckParts(t.Context(), archive, func(registry.Event) { t.Error("parts of an archive that is whole are read") }); err != nil {
		t.Error(err)
	}
	if err := CheckParts(t.Context(), paths[0], nil); err != nil {
		t.Error(err)
	}
}

// Parts of another size leave nothing of the earlier split, whether that came to its end or not.
func TestSplitStale(t *testing.T) {
	archive, _ := splitFile(t, noise(1000), 100)
	put(t, archive+".part-0007.partial", []byte("x"))
	put(t, archive+".part-0077.partial", []byte("x"))
	put(t, archive+".part-of-something", []byte("mine"))
	if _, err := Split(t.Context(), archive, 400, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"site.tar", "site.tar.part-0001", "site.tar.part-0002", "site.tar.part-0003",
		"site.tar.part-of-something", "site.tar.parts.sha256",
	}
	if got := names(t, filepath.Dir(archive)); !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestSplitInterrupted(t *testing.T) {
	archive, _ := splitFile(t, noise(1000), 100)
	put(t, archive, noise(990)[5:])
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Split(ctx, archive, 300, func(e registry.Event) {
		if e.Kind == registry.BlobEnd && strings.HasSuffix(e.Name, "2") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	_, _, err = openParts(archive + ".part-0001")
	wantError(t, err, "has no list of its parts", "interrupted", "site.tar.parts.sha256")
	if err := os.Rename(archive, archive+".away"); err != nil {
		t.Fatal(err)
	}
	_, _, err = openParts(archive)
	wantError(t, err, "has no list of its parts", "interrupted")
	if err := os.Rename(archive+".away", archive); err != nil {
		t.Fatal(err)
	}
	if _, err = Split(t.Context(), archive, 300, nil); err != nil {
		t.Fatal(err)
	}
	if err = CheckParts(t.Context(), archive+sumsSuffix, nil); err != nil {
		t.Error(err)
	}
}

func TestSplitRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "big"), noise(200_000))
	put(t, filepath.Join(dir, "empty"), nil)
	for _, c := range []struct {
		name string
		size int64
		want string
	}{
		{"big", 0, "0 bytes"},
		{"big", -1, "-1 bytes"},
		{"big", 2, "100000"},
		{"empty", 10, "is empty"},
		{"missing", 10, "missing"},
		{"", 10, "no regular file"},
	} {
		_, err := Split(t.Context(), filepath.Join(dir, c.name), c.size, nil)
		wantError(t, err, "splitting", c.want)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"big", "empty"}) {
		t.Errorf("the folder holds %q", got)
	}
}

func TestPartsRead(t *testing.T) {
	content := noise(1001)
	for _, size := range []int64{10, 300, 1001} { // 10: more parts than stay open
		archive, paths := splitFile(t, content, size)
		if _, ok, err := openParts(archive); ok || err != nil {
			t.Errorf("an archive that is there whole is taken for parts: %v", err)
		}
		if err := os.Remove(archive); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{archive, paths[0], paths[len(paths)-1], archive + sumsSuffix} {
			r, ok, err := openParts(path)
			if err != nil || !ok {
				t.Fatal(path, ok, err)
			}
			if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), content); err != nil {
				t.Errorf("size %d: %v", size, err)
			}
			if n, err := r.ReadAt(make([]byte, 100), 990); n != 11 || !errors.Is(err, io.EOF) {
				t.Errorf("size %d: reading over the end: %d, %v", size, n, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPartsNone(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.part-x"), nil)
	for _, name := range []string{"missing", "a.part-x", "a.part-0", "a.part-0000", "a.part-000001"} {
		if _, ok, err := openParts(filepath.Join(dir, name)); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

// What becomes of media: every part that is not as it should be is named.
func TestPartsDamaged(t *testing.T) {
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, archive string)
		open   []string // what opening says; nothing if only the checksums can tell
		check  []string // what CheckParts and Join say besides
	}{
		{"lost first", func(t *testing.T, a string) { remove(t, a+".part-0001") }, []string{"part 1 of 4", "part-0001"}, nil},
		{"lost two", func(t *testing.T, a string) { remove(t, a+".part-0002"); remove(t, a+".part-0004") }, []string{"part-0002", "part-0004"}, nil},
		{"short", func(t *testing.T, a string) { put(t, a+".part-0002", noise(299)) }, []string{"part-0002 has 299 bytes", "300"}, nil},
		{"long", func(t *testing.T, a string) { put(t, a+".part-0003", noise(301)) }, []string{"part-0003 has 301 bytes", "300"}, nil},
		{"long last", func(t *testing.T, a string) { put(t, a+".part-0004", noise(301)) }, []string{"part-0004 has 301 bytes"}, nil},
		{"empty last", func(t *testing.T, a string) { put(t, a+".part-0004", nil) }, []string{"part-0004 is empty"}, nil},
		{"short last", func(t *testing.T, a string) { put(t, a+".part-0004", noise(99)) }, nil, []string{"part-0004 is damaged"}},
		{"surplus", func(t *testing.T, a string) { put(t, a+".part-0005", noise(9)) }, []string{"part-0005 does not belong to the 4 parts"}, nil},
		{"other width", func(t *testing.T, a string) { put(t, a+".part-00005", noise(9)) }, []string{"part-00005 does not belong"}, nil},
		{"no file", func(t *testing.T, a string) {
			remove(t, a+".part-0002")
			if err := os.Mkdir(a+".part-0002", 0o755); err != nil {
				t.Fatal(err)
			}
		}, []string{"part-0002 is no regular file"}, nil},
		{"flipped", func(t *testing.T, a string) {
			b := get(t, a+".part-0003")
			b[17] ^= 1
			put(t, a+".part-0003", b)
		}, nil, []string{"part-0003 is damaged"}},
		{"swapped", func(t *testing.T, a string) {
			one, two := get(t, a+".part-0001"), get(t, a+".part-0002")
			put(t, a+".part-0001", two)
			put(t, a+".part-0002", one)
		}, nil, []string{"part-0001 is damaged", "part-0002 is damaged"}},
		{"no list", func(t *testing.T, a string) { remove(t, a+sumsSuffix) }, []string{"no list of its parts"}, nil},
		{"empty list", func(t *testing.T, a string) { put(t, a+sumsSuffix, nil) }, []string{"sha256", "is empty"}, nil},
		{"list is cut", func(t *testing.T, a string) { b := get(t, a+sumsSuffix); put(t, a+sumsSuffix, b[:len(b)-5]) }, []string{"sha256:4", "no part of"}, nil},
		{"list lacks a part", func(t *testing.T, a string) {
			lines := bytes.SplitAfter(get(t, a+sumsSuffix), []byte("\n"))
			put(t, a+sumsSuffix, bytes.Join(append(lines[:1], lines[2:]...), nil))
		}, []string{"sha256:2", "part-0003 stands where part 2 should"}, nil},
		{"list names another", func(t *testing.T, a string) {
			put(t, a+sumsSuffix, bytes.ReplaceAll(get(t, a+sumsSuffix), []byte("site"), []byte("../x")))
		}, []string{"sha256:1", "is no part of site.tar"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive, _ := splitFile(t, noise(1000), 300)
			remove(t, archive)
			c.damage(t, archive)
			r, _, err := openParts(archive + ".part-0001")
			if len(c.open) > 0 {
				wantError(t, err, c.open...)
			} else if err != nil {
				t.Error(err)
			} else {
				r.Close()
			}
			wantError(t, CheckParts(t.Context(), archive+".part-0001", nil), append(c.open, c.check...)...)
			err = Join(t.Context(), archive+".part-0001", "", nil)
			wantError(t, err, slices.Concat(c.open, c.check[:min(1, len(c.check))])...)
			if _, err := os.Stat(archive); !errors.Is(err, fs.ErrNotExist) {
				t.Error("Join left something in the place of the archive")
			}
		})
	}
}

func TestJoin(t *testing.T) {
	content := noise(1000)
	archive, paths := splitFile(t, content, 300)
	other := filepath.Join(t.TempDir(), "other.tar")
	for _, path := range []string{archive, paths[2], archive + sumsSuffix} {
		if err := os.RemoveAll(archive); err != nil {
			t.Fatal(err)
		}
		for _, out := range []string{"", other} {
			if err := Join(t.Context(), path, out, nil); err != nil {
				t.Fatal(err)
			}
			if out == "" {
				out = archive
			}
			if !bytes.Equal(get(t, out), content) {
				t.Errorf("Join(%s) made another %s", path, out)
			}
		}
	}
	old, _ := os.Stat(other)
	if err := Join(t.Context(), archive, other, nil); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.Stat(other); !os.SameFile(old, now) {
		t.Error("an archive that was right was written again")
	}
	put(t, other, noise(999))
	if err := Join(t.Context(), archive, other, nil); err != nil || !bytes.Equal(get(t, other), content) {
		t.Error("an archive that was wrong stayed", err)
	}
	wantError(t, Join(t.Context(), other, "", nil), "joining", "other.tar")
}

// A list comes on a medium, from anyone: it names nothing but parts beside it.
func FuzzPartList(f *testing.F) {
	f.Add([]byte(strings.Repeat("a", 64) + "  s.part-0001\n" + strings.Repeat("0", 64) + " *s.part-0002\n"))
	f.Add([]byte(strings.Repeat("a", 64) + "  ../s.part-0001\n"))
	f.Add([]byte("\\" + strings.Repeat("a", 64) + "  s.part-0001\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, list []byte) {
		p := &parts{dir: dir, base: "s"}
		if err := os.WriteFile(p.sumsPath(), list, 0o600); err != nil {
			t.Fatal(err)
		}
		if p.readList() != nil {
			return
		}
		again := &parts{dir: dir, base: "s"}
		if err := os.WriteFile(p.sumsPath(), p.list(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := again.readList(); err != nil || !slices.Equal(again.names, p.names) || !slices.Equal(again.sums, p.sums) {
			t.Errorf("%q is read as %v, its list as %v, %v", list, p, again, err)
		}
		for _, name := range p.names {
			if filepath.Base(name) != name {
				t.Errorf("%q leads elsewhere", name)
			}
		}
	})
}

// An archive in parts is read like the whole.
func TestPartsArchive(t *testing.T) {
	s := newSite(t)
	want, _ := loadTar(t, s.Archive, ownPairs(t, s.Archive), LoadOptions{})
	paths, err := Split(t.Context(), s.path, 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{s.path, paths[0], paths[len(paths)-1], s.path + sumsSuffix} {
		a, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := loadTar(t, a, ownPairs(t, a), LoadOptions{})
		if !bytes.Equal(get(t, got), get(t, want)) {
			t.Errorf("%s reads as another archive", path)
		}
		if findings, err := a.Check(t.Context(), 0, nil); err != nil || len(findings) > 0 {
			t.Error(findings, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(paths[3]); err != nil {
		t.Fatal(err)
	}
	_, err = Open(s.path)
	wantError(t, err, paths[3])
}
