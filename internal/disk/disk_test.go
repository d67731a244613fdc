package disk

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func create(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFree(t *testing.T) {
	if free, ok := Free(t.TempDir()); ok && free <= 0 {
		t.Errorf("free = %d", free)
	}
	if _, ok := Free(filepath.Join(t.TempDir(), "none")); ok {
		t.Error("the room of a folder that does not exist is known")
	}
}

// TestAllocated: what a hole covers takes no room, where there are holes.
func TestAllocated(t *testing.T) {
	f := create(t, filepath.Join(t.TempDir(), "f"))
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if n := Allocated(info); runtime.GOOS == "linux" && n > 1<<20 {
		t.Errorf("an empty file of 1 GiB takes %d bytes", n)
	}
}

// TestLock: a lock excludes others until it ends with its file.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	first, second := create(t, name), create(t, name)
	if err := Lock(first); err != nil {
		t.Fatal(err)
	}
	if _, err := first.WriteAt([]byte("x"), 0); err != nil {
		t.Error(err)
	}
	if err := Lock(second); !errors.Is(err, ErrLocked) {
		t.Errorf("the second lock: %v", err)
	}
	first.Close()
	if err := Lock(second); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
}
