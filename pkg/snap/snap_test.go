package snap

import (
	"bytes"
	"context"
	"crypto/sha3"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// packed makes a snap of files with the real mksquashfs.
func packed(t *testing.T, files map[string]string) (string, Options) {
	t.Helper()
	unsquashfs, err := exec.LookPath("unsquashfs")
	mksquashfs, err2 := exec.LookPath("mksquashfs")
	if err := errors.Join(err, err2); err != nil {
		t.Skipf("%v (package squashfs-tools): NOT checked; test/e2e does", err)
	}
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, "root", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	snap := filepath.Join(dir, "k8s.snap")
	if out, err := exec.Command(mksquashfs, filepath.Join(dir, "root"), snap, "-quiet", "-no-progress", "-comp", "xz").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return snap, Options{Unsquashfs: unsquashfs}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want an error with %q", err, part)
		}
	}
}

func TestRead(t *testing.T) {
	list := strings.Repeat("ghcr.io/canonical/a:v1\n", 1000)
	snap, o := packed(t, map[string]string{"images.txt": list, "bom.json": `{"k8s":{"version":"main"},"components":{"kubernetes":{"version":"v1.32.3"}}}`})
	got, err := Read(t.Context(), snap, o)
	if err != nil || string(got.Images) != list || got.Version != "v1.32.3" {
		t.Errorf("%d bytes, %q, %v", len(got.Images), got.Version, err)
	}
	// A path that looks like an option is none.
	t.Chdir(filepath.Dir(snap))
	if err := os.Rename(snap, "-help"); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(t.Context(), "-help", o); err != nil || string(got.Images) != list {
		t.Error(got.Version, err)
	}
}

func TestReadRefuses(t *testing.T) {
	_, err := Read(t.Context(), "k8s.snap", Options{})
	wantError(t, err, "reading k8s.snap", "install the package squashfs-tools")
	if !errors.Is(err, ErrNoUnsquashfs) {
		t.Error(err)
	}
	snap, o := packed(t, map[string]string{"images.txt": "a\n", "bom.json": "{", "large": strings.Repeat("x", 100_000), "images/x": ""})
	_, err = Read(t.Context(), snap, o)
	wantError(t, err, snap, "bom.json", "JSON")
	if _, err := ReadFile(t.Context(), snap, "none", o); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	_, err = ReadFile(t.Context(), snap, "images", o)
	wantError(t, err, "is a directory")
	o.MaxSize = 1000
	_, err = ReadFile(t.Context(), snap, "large", o)
	wantError(t, err, "larger than 1000 bytes")
	bare, o := packed(t, map[string]string{"meta/snap.yaml": "name: core22\n"})
	_, err = Read(t.Context(), bare, o)
	wantError(t, err, "no images.txt")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("ghcr.io/a:v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Read(t.Context(), text, o)
	wantError(t, err, "no snap")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadFile(ctx, bare, "meta/snap.yaml", o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// program writes a program that stands for an unsquashfs.
func program(t *testing.T, script string) Options {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a script is no program there")
	}
	path := filepath.Join(t.TempDir(), "unsquashfs")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return Options{Unsquashfs: path}
}

func TestOtherPrograms(t *testing.T) {
	_, err := Read(t.Context(), "x", program(t, "echo 'SYNTAX: unsquashfs [options] filesystem' >&2; exit 1\n"))
	wantError(t, err, "older than 4.5")
	_, err = Read(t.Context(), "x", program(t, `printf 'bad \033[31mthing\n' >&2; exit 1`))
	wantError(t, err, "unsquashfs: bad [31mthing")
	_, err = Read(t.Context(), "x", Options{Unsquashfs: filepath.Join(t.TempDir(), "none")})
	wantError(t, err, "running unsquashfs")
	endless := program(t, "exec sleep 1000\n")
	endless.Timeout = time.Millisecond
	_, err = Read(t.Context(), "x", endless)
	wantError(t, err, "did not end within 1ms")
	_, err = Read(t.Context(), "x", program(t, "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx || exit 1; done\n"))
	wantError(t, err, "larger than")
}

// assertion is what snap download writes beside a snap, cut to what is read.
func assertion(snap string) string {
	sum := sha3.Sum384([]byte(snap))
	return fmt.Sprintf(`type: account-key
authority-id: canonical
public-key-sha3-384: BWDEoaqyr25nF5SNCvEv2v7QnM9QsfCc0PBMYD_i2NGSQ32EF2d4D0hqUel3m8ul
body-length: 4

AcbB

AcLBUg

type: snap-declaration
authority-id: canonical
snap-name: k8s
sign-key-sha3-384: BWDEoaqyr25nF5SNCvEv2v7QnM9QsfCc0PBMYD_i2NGSQ32EF2d4D0hqUel3m8ul

AcLBUg

type: snap-revision
authority-id: canonical
snap-sha3-384: %s
developer-id: canonical
snap-revision: 1234
snap-size: %d

AcLBUg
`, base64.RawURLEncoding.EncodeToString(sum[:]), len(snap))
}

func TestCheckAssertion(t *testing.T) {
	check := func(snap, assertion string) error {
		return CheckAssertion(strings.NewReader(snap), strings.NewReader(assertion))
	}
	good := assertion("a snap")
	if err := check("a snap", good); err != nil {
		t.Error(err)
	}
	if err := check("a snap", assertion("another")+"\n"+good); err != nil {
		t.Error("a file for several snaps:", err)
	}
	wantError(t, check("a snep", good), "not the snap that its assertion is about", "6 bytes")
	wantError(t, check("a snap ", good), "7 bytes", "asserted are 6")
	wantError(t, check("a snap", "type: account\n\nx\n"), "no snap-revision")
	wantError(t, check("a snap", strings.Replace(good, "snap-size: 6", "snap-size: six", 1)), `"six"`)
	wantError(t, check("a snap", "type: snap-revision\nsnap-sha3-384: AAAA\n"), `"AAAA"`)
	wantError(t, check("a snap", strings.Repeat("x", maxAssertions+1)), "larger than")
}

func FuzzAssertions(f *testing.F) {
	f.Add([]byte(assertion("a snap")))
	f.Fuzz(func(t *testing.T, src []byte) {
		all, err := Assertions(bytes.NewReader(src))
		if (err == nil) != (len(all) > 0) {
			t.Errorf("%v, %v", all, err)
		}
	})
}
