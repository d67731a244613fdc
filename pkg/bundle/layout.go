package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/opencontainers/go-digest"
)

const (
	blockSize   = 512 // of tar
	trailerSize = 2 * blockSize
)

// A slot is the place of one entry in an archive.
type slot struct {
	Entry
	url    string        // where a file comes from
	want   digest.Digest // of the content, empty if it is not known before it came
	raw    []byte        // the content, if it is at hand
	header []byte        // the tar header; it says that the content is whole
	at     int64         // where the header begins
}

// start is where the content begins.
func (s *slot) start() int64 { return s.at + int64(len(s.header)) }

// end is where the next entry begins.
func (s *slot) end() int64 { return s.start() + padded(s.Size) }

// A layout is the part of an archive whose places are known before its content:
// all but the index, the lock and the checksums, which follow at its end.
type layout struct {
	slots []*slot
	end   int64
}

// lay gives every slot its place, one after the other.
func lay(slots []*slot) (layout, error) {
	l := layout{slots: slots}
	for _, s := range slots {
		header, err := header(s.Entry)
		if err != nil {
			return layout{}, fmt.Errorf("%s: %w", s.Path, err)
		}
		if s.Size > math.MaxInt64-l.end-1<<40 {
			return layout{}, fmt.Errorf("%s: its size of %d bytes makes the archive too large", s.Path, s.Size)
		}
		s.header, s.at = header, l.end
		l.end = s.end()
	}
	return l, nil
}

// name tells layouts apart: 16 hexadecimal digits.
func (l layout) name() string {
	sum := sha256.New()
	for _, s := range l.slots {
		sum.Write(s.header)
		sum.Write([]byte(s.want))
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// header gives the tar header of an entry: the same for the same entry, whoever
// makes it and when. It is longer than a block where the old format has no room
// for the name or the size.
func header(e Entry) ([]byte, error) {
	if e.Size < 0 {
		return nil, fmt.Errorf("its size is %d bytes", e.Size)
	}
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: e.Path, Size: e.Size, Mode: int64(e.mode()), ModTime: time.Unix(0, 0),
	})
	return b.Bytes(), err
}

// mode is the permissions of the entry, 0644 if nothing was said.
func (e Entry) mode() fs.FileMode {
	if e.Mode.Perm() == 0 {
		return 0o644
	}
	return e.Mode.Perm()
}

// padded is size in whole blocks.
func padded(size int64) int64 { return (size + blockSize - 1) &^ (blockSize - 1) }

// blobPath is where an OCI image layout keeps a blob (image-layout.md).
func blobPath(d digest.Digest) string {
	return "blobs/" + d.Algorithm().String() + "/" + d.Encoded()
}

// blobOf is the digest of the blob that has the path, empty if it is the path
// of no blob.
func blobOf(path string) (digest.Digest, error) {
	rest, ok := cutFolder(path, "blobs")
	if !ok {
		return "", nil
	}
	algorithm, encoded, _ := bytes.Cut([]byte(rest), []byte("/"))
	d := digest.NewDigestFromEncoded(digest.Algorithm(algorithm), string(encoded))
	if d.Validate() != nil {
		return "", errors.New("its name is no digest")
	}
	return d, nil
}

func isSHA256(d digest.Digest) bool { return d != "" && d.Algorithm() == digest.SHA256 }
