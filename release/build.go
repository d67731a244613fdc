package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// platforms are those that krew knows and that clusters are managed from.
var platforms = [][2]string{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"darwin", "amd64"},
	{"darwin", "arm64"},
	{"windows", "amd64"},
	{"windows", "arm64"},
}

// An archive is the program for one platform, with its license.
type archive struct {
	OS, Arch string
	Name     string // of the file
	Binary   string // its name inside
	SHA256   string // hexadecimal, of the file

	program []byte
}

func newArchive(version, system, arch string) archive {
	a := archive{OS: system, Arch: arch, Binary: "kubectl-airgap", Name: "kubectl-airgap_" + version + "_" + system + "_" + arch}
	if system == "windows" {
		a.Binary += ".exe"
		a.Name += ".zip"
	} else {
		a.Name += ".tar.gz"
	}
	return a
}

// A member is a file in an archive.
type member struct {
	name string
	mode int64
	data []byte
}

// build makes an archive for each platform.
func (r *release) build(ctx context.Context) error {
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	for _, p := range platforms {
		if len(r.only) > 0 && !slices.Contains(r.only, p[0]+"/"+p[1]) {
			continue
		}
		a, pack := newArchive(r.Version, p[0], p[1]), packTar
		if a.OS == "windows" {
			pack = packZip
		}
		if a.program, err = r.compile(ctx, a); err != nil {
			return err
		}
		packed, err := pack(r.Time, []member{{"LICENSE", 0o644, license}, {a.Binary, 0o755, a.program}})
		if err != nil {
			return err
		}
		sum := sha256.Sum256(packed)
		a.SHA256 = hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(r.out, a.Name), packed, 0o644); err != nil { //nolint:gosec // everybody may read it
			return err
		}
		r.Archives = append(r.Archives, a)
	}
	return nil
}

// compile gives the program for the platform of a. Of the environment only what go
// needs to find its tools and caches has a say.
func (r *release) compile(ctx context.Context, a archive) ([]byte, error) {
	fmt.Fprintf(os.Stderr, "building for %s/%s\n", a.OS, a.Arch)
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a scratch folder
	path := filepath.Join(dir, a.Binary)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags", fmt.Sprintf("-s -w -buildid= -X main.version=%s -X main.commit=%s", r.Version, r.Commit), "-o", path, "./cmd/kubectl-airgap")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+a.OS, "GOARCH="+a.Arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building for %s/%s: %w", a.OS, a.Arch, err)
	}
	return os.ReadFile(path)
}

func packTar(when time.Time, members []member) ([]byte, error) {
	var packed bytes.Buffer
	squeezed, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(squeezed)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Mode: m.mode, Size: int64(len(m.data)), ModTime: when, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.data); err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), squeezed.Close())
	return packed.Bytes(), err
}

func packZip(when time.Time, members []member) ([]byte, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	for _, m := range members {
		header := &zip.FileHeader{Name: m.name, Method: zip.Deflate, Modified: when.UTC()}
		header.SetMode(os.FileMode(m.mode)) //nolint:gosec // one of ours
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(m.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return packed.Bytes(), err
}
