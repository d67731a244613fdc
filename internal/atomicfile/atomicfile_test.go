package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, want := range []string{"first", "", "second"} {
		if err := Write(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, want, 0o600)
	}
	wantTree(t, dir, "f")
}

func TestWriteKeepsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	mode := fs.FileMode(0o466) // more than any usual umask leaves
	if err := os.WriteFile(path, []byte("old"), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "new", mode)
}

// What is for the owner alone is not written where others can read it.
func TestWriteTakesRightsOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "secret", 0o600)
}

func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "a"))
	mkdir(t, filepath.Join(dir, "b"))
	for link, to := range map[string]string{
		"a/near": "../b/file", "far": "a/near", "absolute": filepath.Join(dir, "b", "file"), "a/new": "../b/new",
	} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	for _, link := range []string{"a/near", "far", "absolute"} {
		if err := Write(filepath.Join(dir, link), []byte(link), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(dir, "b", "file"), link, 0o600)
	}
	if err := Write(filepath.Join(dir, "a/new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, "a/near", "a/new", "absolute", "b/file", "b/new", "far")
	if _, err := os.Readlink(filepath.Join(dir, "far")); err != nil {
		t.Error(err)
	}
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "folder"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"folder", "missing/f", "file/f", "loop"} {
		path := filepath.Join(dir, name)
		if err := Write(path, []byte("x"), 0o600); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Write(%s): %v, want an error with the path", name, err)
		}
	}
	wantTree(t, dir, "file", "loop")
}

func wantFile(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, mode)
	}
}

// wantTree holds that exactly these files are below dir.
func wantTree(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			got = append(got, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s holds %q, %v, want %q", dir, got, err, want)
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
