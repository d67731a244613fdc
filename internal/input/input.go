// Package input finds and reads what the user names with -f and -k: files,
// directories, URLs, standard input and kustomizations.
package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

// MaxSize is the largest input that is read, in bytes. The largest manifests
// that projects publish have some 6 MB.
const MaxSize = 100 << 20

// Stdin is the name of standard input where inputs are named in output.
const Stdin = "<stdin>"

// Options say what to read.
type Options struct {
	Filenames      []string      // FILE, DIR, http(s) URL, or - for Stdin
	Kustomizations []string      // directories, or what else kustomize build takes
	Stdin          io.Reader     // what - reads
	Timeout        time.Duration // for one URL; 0 means none
	Exclude        string        // a directory that is left out of a walk; empty means none
}

// An Input is one stream of manifests.
type Input struct {
	// Name is what the user calls it. A URL is named without user and query,
	// which may be secrets.
	Name string
	// File is the path of the file, empty if it is none (stdin, URL, kustomization).
	File string
	// Rel is where it belongs in a tree of outputs: the path below the directory
	// that was walked, or a file name.
	Rel string
	// Mode are the permissions of the file; 0o644 if it is none.
	Mode fs.FileMode

	read func(context.Context) ([]byte, error)
	err  error // why it cannot be read, known already
}

// Group is the first folder below the directory that was walked, empty if there
// is none.
func (in *Input) Group() string {
	group, _, below := strings.Cut(filepath.ToSlash(in.Rel), "/")
	if !below {
		return ""
	}
	return group
}

// A Set is all that a command reads.
type Set struct {
	Inputs []Input // in the order in which they were named, directories sorted
	Others []Other // the other files of directories
}

// An Other is a file beside the manifests of a directory.
type Other struct {
	File string // its path
	Rel  string // the path below the directory that was walked
}

// Find finds the inputs that opts name, without reading them. What is not there,
// and a directory without manifests, becomes an Input that cannot be parsed, so
// that its error is reported in its turn.
func Find(opts Options) Set {
	f := finder{opts: opts, seen: map[string]bool{}}
	if opts.Exclude != "" {
		f.exclude, _ = os.Stat(opts.Exclude) // what is not there needs no excluding
	}
	for _, name := range opts.Filenames {
		f.add(name)
	}
	for _, dir := range opts.Kustomizations {
		f.set.Inputs = append(f.set.Inputs, kustomization(dir))
	}
	return f.set
}

// Parse reads the input and finds the images in it. The error names the input.
func (in *Input) Parse(ctx context.Context) (*manifest.File, error) {
	if in.err != nil {
		return nil, in.err
	}
	src, err := in.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", in.Name, withoutPath(err))
	}
	return manifest.Parse(in.Name, src)
}

// withoutPath drops the path from a file system error whose reader is told it anyway.
func withoutPath(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

func fromReader(r io.Reader) Input {
	return Input{
		Name: Stdin,
		Rel:  "stdin.yaml",
		Mode: 0o644,
		read: interruptible(func() ([]byte, error) { return readAll(r, -1) }),
	}
}

func fromFile(name, path, rel string, info fs.FileInfo) Input {
	return Input{
		Name: name,
		File: path,
		Rel:  rel,
		Mode: info.Mode().Perm(),
		read: interruptible(func() ([]byte, error) { return readFile(path) }),
	}
}

// interruptible lets a context end the wait for read, which may be for somebody
// to type, or for the other end of a pipe. read itself goes on until the program
// ends.
func interruptible(read func() ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		done := make(chan struct{})
		var got []byte
		var failed error
		go func() {
			defer close(done)
			got, failed = read()
		}()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-done:
			return got, failed
		}
	}
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxSize {
		return nil, errTooLarge
	}
	return readAll(file, info.Size())
}

var errTooLarge = fmt.Errorf("larger than %d MiB, the limit for one input", MaxSize>>20)

// readAll reads r to its end, or to the limit. size is how much to expect, -1
// if that is not known.
func readAll(r io.Reader, size int64) ([]byte, error) {
	limited := &io.LimitedReader{R: r, N: MaxSize + 1}
	room := min(max(size, 0), MaxSize) + bytes.MinRead // what ReadFrom needs to see the end without growing
	buf := bytes.NewBuffer(make([]byte, 0, room))
	if _, err := buf.ReadFrom(limited); err != nil {
		return nil, err
	}
	if limited.N == 0 {
		return nil, errTooLarge
	}
	return buf.Bytes(), nil
}
