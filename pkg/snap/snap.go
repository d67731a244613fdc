// Package snap reads what Canonical Kubernetes says of itself in its snap package, and
// whether a snap is the one that its assertion is about. Nothing is unpacked: single files
// come through a pipe of unsquashfs, bounded in size and time.
package snap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// Options say how a snap is read.
type Options struct {
	// Unsquashfs is the path of unsquashfs, 4.5 or later: it is what knows the file system
	// that a snap is. Empty is an error that says where it comes from.
	Unsquashfs string
	// MaxSize is the largest file that is read out of a snap, in bytes; 0 is 4 MiB.
	// images.txt of 1.36 has 2 KB.
	MaxSize int64
	// Timeout is how long one file may take; 0 is a minute. A file system can be made so
	// that reading it never ends.
	Timeout time.Duration
}

// ErrNoUnsquashfs says that a snap cannot be read for want of the program that can.
var ErrNoUnsquashfs = errors.New("a snap is a squashfs, and unsquashfs is not here: install the package squashfs-tools, " +
	"or take images.txt out of the snap elsewhere")

// What stands at the root of the snap k8s (github.com/canonical/k8s-snap
// snap/snapcraft.yaml, build-scripts/generate-bom.py).
const (
	imagesFile = "images.txt"
	bomFile    = "bom.json"
)

// Contents are what the snap k8s says of itself.
type Contents struct {
	// Images is its images.txt, one reference per line, the output of k8s list-images.
	Images []byte
	// Version is that of Kubernetes in it, as v1.32.3; empty if its bom.json does not say.
	Version string
}

// Read reads the snap k8s at path. One without images.txt is an error, one without
// bom.json has no Version.
func Read(ctx context.Context, path string, o Options) (Contents, error) {
	images, err := ReadFile(ctx, path, imagesFile, o)
	if errors.Is(err, fs.ErrNotExist) {
		return Contents{}, fmt.Errorf("reading %s: it has no %s at its root, as the snap k8s has", path, imagesFile)
	}
	if err != nil {
		return Contents{}, err
	}
	bom, err := ReadFile(ctx, path, bomFile, o)
	if errors.Is(err, fs.ErrNotExist) {
		return Contents{Images: images}, nil
	}
	if err != nil {
		return Contents{}, err
	}
	version, err := versionOf(bom)
	if err != nil {
		return Contents{}, fmt.Errorf("reading %s: its %s: %w", path, bomFile, err)
	}
	return Contents{Images: images, Version: version}, nil
}

// versionOf is the version of Kubernetes that a bom.json names.
func versionOf(bom []byte) (string, error) {
	var b struct {
		Components map[string]struct {
			Version string `json:"version"`
		} `json:"components"`
	}
	err := json.Unmarshal(bom, &b)
	return clean(b.Components["kubernetes"].Version), err
}

// ReadFile reads one regular file of the snap at path. A name that the snap does not have
// is fs.ErrNotExist; what is larger than o allows, or is no squashfs, is an error.
func ReadFile(ctx context.Context, path, name string, o Options) ([]byte, error) {
	content, err := cat(ctx, path, name, o)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return content, nil
}

func cat(ctx context.Context, path, name string, o Options) ([]byte, error) {
	if o.Unsquashfs == "" {
		return nil, ErrNoUnsquashfs
	}
	if o.MaxSize == 0 {
		o.MaxSize = 4 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	limited, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("unsquashfs did not end within %v", o.Timeout))
	defer cancel()
	content, said := &bounded{most: o.MaxSize}, &bounded{most: 4 << 10, quiet: true}
	cmd := exec.CommandContext(limited, o.Unsquashfs, "-no-wildcards", "-processors", "1", "-cat", asPath(path), name)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = content, said, time.Second
	err := cmd.Run()
	switch {
	case limited.Err() != nil:
		return nil, context.Cause(limited)
	case content.over:
		return nil, fmt.Errorf("%s in it is larger than %d bytes, the limit", name, o.MaxSize)
	case err != nil:
		return nil, reason(err, said.text.String(), name)
	}
	return content.text.Bytes(), nil
}

// asPath spells a path so that it cannot be read as an option.
func asPath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return "." + string(filepath.Separator) + path
}

// reason is why unsquashfs failed, from what it said.
func reason(err error, said, name string) error {
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return errors.New("running unsquashfs: " + err.Error()) // a program that is not there is no missing file
	case strings.Contains(said, "no matches for"):
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case strings.Contains(said, "SYNTAX"):
		return errors.New("this unsquashfs is older than 4.5 and cannot print a file of a snap: install a newer squashfs-tools")
	case strings.Contains(said, "SQUASHFS superblock"):
		return errors.New("it is no snap: there is no squashfs in it")
	}
	return fmt.Errorf("unsquashfs: %s", clean(said))
}

// clean is text of somebody else's in one line that a terminal can show.
func clean(s string) string {
	printable := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(printable), " ")
}

// A bounded keeps what is written to it, up to its limit. It has no ReadFrom, which would
// go past that.
type bounded struct {
	text  bytes.Buffer
	most  int64
	quiet bool // what is more is dropped, without an error
	over  bool
}

// Write fails at the limit, which ends the pipe.
func (b *bounded) Write(p []byte) (int, error) {
	room := b.most - int64(b.text.Len())
	if int64(len(p)) <= room {
		return b.text.Write(p)
	}
	b.over = true
	if !b.quiet {
		return 0, io.ErrShortWrite
	}
	b.text.Write(p[:room])
	return len(p), nil
}
