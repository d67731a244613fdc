//go:build linux || darwin

package atomicfile

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// A limit on the size of files stands for a disk that is full.
func TestWriteToFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	small := limit
	small.Cur = 1 << 16
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) }()

	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var s Stage
	tooMuch := make([]byte, 1<<17)
	if err := Write(path, tooMuch, 0o600); err == nil {
		t.Error("Write: no error")
	}
	if err := s.Add(path, tooMuch, 0o600); err == nil {
		t.Error("Add: no error")
	}
	wantFile(t, path, "old", 0o600)
	wantTree(t, dir, "f")
}

// What is no regular file is written to, never replaced: -o /dev/stdout.
func TestWriteToPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // both ends, so that nothing blocks
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if err := Write(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if _, err := pipe.Read(got); err != nil || string(got) != "x" {
		t.Errorf("read %q, %v", got, err)
	}
}
