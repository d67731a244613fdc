package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStageCommit(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	var s Stage
	for _, name := range []string{"old", "a/b/new", "a/c"} {
		if err := s.Add(filepath.Join(dir, name), []byte(name+"!"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wantFile(t, old, "old", 0o640) // nothing happens before Commit
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(); err != nil { // as a deferred one would
		t.Fatal(err)
	}
	wantFile(t, old, "old!", 0o640)
	wantFile(t, filepath.Join(dir, "a/b/new"), "a/b/new!", 0o644)
	wantTree(t, dir, "a/b/new", "a/c", "old")
}

func TestStageDiscard(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "mine"))
	var s Stage
	for _, name := range []string{"a/b/c", "a/d", "mine/x", "e/f"} {
		if err := s.Add(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "e/theirs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, "e/theirs")
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("a folder that Add created is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error(err)
	}
}

func TestStageAddFails(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "folder"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var s Stage
	if err := s.Add(filepath.Join(dir, "new/f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"folder", "file/f", "new/../new/f"} {
		if err := s.Add(filepath.Join(dir, name), nil, 0o600); err == nil {
			t.Errorf("Add(%s): no error", name)
		}
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, "file")
}

// A file that cannot be renamed stays prepared, for Discard to remove.
func TestStageCommitFails(t *testing.T) {
	dir := t.TempDir()
	var s Stage
	for _, name := range []string{"a", "b", "c"} {
		if err := s.Add(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, filepath.Join(dir, "b"))
	if err := s.Commit(); err == nil {
		t.Error("no error")
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, "a")
}
