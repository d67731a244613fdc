package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/rogpeppe/go-internal/testscript"
)

func digestOf(data []byte) string { return digest.FromBytes(data).String() }

// sum FILE VAR puts the SHA-256 of a file, in hexadecimal digits, into VAR.
func cmdSum(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sum FILE VAR")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	sum := sha256.Sum256(data)
	ts.Setenv(args[1], hex.EncodeToString(sum[:]))
}

// blob DIGEST VAR puts the name that a blob has in an archive into VAR.
func cmdBlob(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: blob DIGEST VAR")
	}
	d, err := digest.Parse(args[0])
	ts.Check(err)
	ts.Setenv(args[1], "blobs/"+d.Algorithm().String()+"/"+d.Encoded())
}

// flip FILE ENTRY changes a byte in the middle of an entry of a tar.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE ENTRY")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		ts.Check(err)
		if header.Name != args[1] {
			continue
		}
		start, err := f.Seek(0, io.SeekCurrent)
		ts.Check(err)
		b := make([]byte, 1)
		_, err = f.ReadAt(b, start+header.Size/2)
		ts.Check(err)
		b[0] ^= 0x10
		_, err = f.WriteAt(b, start+header.Size/2)
		ts.Check(err)
		return
	}
}

// untar FILE DIR unpacks a tar.
func cmdUntar(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: untar FILE DIR")
	}
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		ts.Check(err)
		to := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(header.Name)) //nolint:gosec // our own archives
		if header.Typeflag == tar.TypeDir {
			ts.Check(os.MkdirAll(to, 0o755))
			continue
		}
		content, err := io.ReadAll(r)
		ts.Check(err)
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
		ts.Check(os.WriteFile(to, content, header.FileInfo().Mode().Perm()))
	}
}

// await FILE REGEXP [VAR] waits until a program that runs in the background has
// written a match, and puts what is in its parentheses into VAR.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await FILE REGEXP [VAR]")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		if found := pattern.FindSubmatch(text); found != nil {
			if len(args) > 2 {
				ts.Setenv(args[2], string(found[1]))
			}
			return
		}
	}
	ts.Fatalf("%s: no match for %s:\n%s", args[0], args[1], ts.ReadFile(args[0]))
}

// dockersave VAR/REPOSITORY:TAG NAME FILE writes an image of a registry as docker
// save did in 2020: layers unpacked, and NAME as the one tag.
func cmdDockersave(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: dockersave REF NAME FILE")
	}
	server, repository, raw := lookUp(ts, args[0])
	var m struct {
		Config struct{ Digest digest.Digest }
		Layers []struct{ Digest digest.Digest }
	}
	ts.Check(json.Unmarshal(raw, &m))
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(name string, content []byte) string {
		ts.Check(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
		_, err := w.Write(content)
		ts.Check(err)
		return name
	}
	var layers []string
	for _, l := range m.Layers {
		unzipped, err := gzip.NewReader(bytes.NewReader(server.Blob(repository, l.Digest)))
		ts.Check(err)
		plain, err := io.ReadAll(unzipped)
		ts.Check(err)
		layers = append(layers, add(l.Digest.Encoded()+"/layer.tar", plain))
	}
	config := add(m.Config.Digest.Encoded()+".json", server.Blob(repository, m.Config.Digest))
	list, err := json.Marshal([]map[string]any{{"Config": config, "RepoTags": strings.Split(args[1], ","), "Layers": layers}})
	ts.Check(err)
	add("manifest.json", list)
	ts.Check(w.Close())
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[2])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out.Bytes(), 0o644))
}
