//go:build linux || darwin

package bundle

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func say(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// What is no regular file is written to, never replaced: load -o /dev/null as root took
// the machine's.
func TestWriteWholeIntoPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // both ends, so that nothing blocks
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if err := writeWhole(path, 0o644, say("x")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if _, err := pipe.Read(got); err != nil || string(got) != "x" {
		t.Errorf("read %q, %v", got, err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() {
		t.Errorf("the pipe is %v, %v", info.Mode(), err)
	}
	wantError(t, writeWhole(dir, 0o644, say("x")), dir, "no regular file")
}

func TestWriteWholeFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := os.Symlink("file", link); err != nil {
		t.Skip(err)
	}
	for _, text := range []string{"new", "again"} {
		if err := writeWhole(link, 0o644, say(text)); err != nil {
			t.Fatal(err)
		}
		if got := string(get(t, file)); got != text {
			t.Errorf("the link leads to %q", got)
		}
	}
	if _, err := os.Readlink(link); err != nil {
		t.Error(err)
	}
}

// Two that write one file at once: the second says so, and takes nothing from the first.
func TestWriteWholeTwice(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path+".partial", []byte("what a killed run left"))
	err := writeWhole(path, 0o644, func(w io.Writer) error {
		wantError(t, writeWhole(path, 0o644, say("second")), "another process is writing it")
		return say("first")(w)
	})
	if err != nil || string(get(t, path)) != "first" {
		t.Errorf("%q, %v", get(t, path), err)
	}
	wantError(t, writeWhole(path, 0o644, func(io.Writer) error { return errors.New("broken") }), "broken")
	if string(get(t, path)) != "first" {
		t.Error("what was there is gone")
	}
	wantAlone(t, path)
}

// What speaks against the name is told before anything is fetched.
func TestCreateNowhere(t *testing.T) {
	u, c := makeSite(t)
	clear(u.fetched)
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{loop, filepath.Join(dir, strings.Repeat("x", 300))} {
		if _, err := Create(t.Context(), path, c, u, CreateOptions{}); err == nil || len(u.fetched) > 0 {
			t.Errorf("%s: %v, and %d blobs were fetched", path, err, len(u.fetched))
		}
	}
}
