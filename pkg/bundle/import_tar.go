package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Limits of what docker save wrote, far above what it ever writes.
const (
	maxTarEntries = 100_000
	maxTarJSON    = 8 << 20 // bytes of a configuration, and of manifest.json
	maxTarLinks   = 8       // from link to link
)

// A span is where the content of a tar's entry is.
type span struct{ at, size int64 }

// A tarIndex says where everything in a tar is.
type tarIndex struct {
	files map[string]span
	links map[string]string // what a link is called, what it leads to
}

// indexTar reads the headers of a tar, which may be from anyone.
func indexTar(ctx context.Context, r io.ReadSeeker) (*tarIndex, error) {
	x := &tarIndex{map[string]span{}, map[string]string{}}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return x, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		at, err := r.Seek(0, io.SeekCurrent) // archive/tar reads no further than the header
		if err != nil {
			return nil, err
		}
		if err := x.add(h, at); err != nil {
			return nil, fmt.Errorf("%.200q: %w", h.Name, err)
		}
	}
}

// add notes the entry whose content begins at at.
func (x *tarIndex) add(h *tar.Header, at int64) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name := strings.TrimPrefix(h.Name, "./")
	folder := h.Typeflag == tar.TypeDir
	if folder {
		name = strings.TrimSuffix(name, "/")
		if name == "" || name == "." {
			return nil
		}
	}
	if err := checkPath(name); err != nil || folder {
		return err
	}
	if x.has(name) {
		return errors.New("it is there twice")
	}
	if len(x.files)+len(x.links) == maxTarEntries {
		return fmt.Errorf("there are more than %d entries", maxTarEntries)
	}
	switch {
	case isSparse(h):
		return errors.New("it is sparse, which docker save never makes")
	case h.Typeflag == tar.TypeReg:
		x.files[name] = span{at, h.Size}
	case h.Typeflag == tar.TypeLink:
		x.links[name] = strings.TrimPrefix(h.Linkname, "./")
	case h.Typeflag == tar.TypeSymlink: // how docker save says that two images share a layer
		if path.IsAbs(h.Linkname) {
			return fmt.Errorf("it is a link to %.200q, outside of the tar", h.Linkname)
		}
		x.links[name] = path.Join(path.Dir(name), h.Linkname)
	default:
		return fmt.Errorf("it is neither file nor folder (type %q)", h.Typeflag)
	}
	if to, ok := x.links[name]; ok && checkPath(to) != nil {
		return fmt.Errorf("it is a link to %.200q, outside of the tar", h.Linkname)
	}
	return nil
}

// isSparse says whether the content is stored with holes left out.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func (x *tarIndex) has(name string) bool {
	_, file := x.files[name]
	_, link := x.links[name]
	return file || link
}

// find says where the content of name is, however many links lead to it.
func (x *tarIndex) find(name string) (span, error) {
	at := strings.TrimPrefix(name, "./")
	for range maxTarLinks {
		if s, ok := x.files[at]; ok {
			return s, nil
		}
		to, ok := x.links[at]
		if !ok {
			break
		}
		at = to
	}
	if at != name {
		return span{}, fmt.Errorf("%.200q leads to %.200q, which is not in the tar", name, at)
	}
	return span{}, fmt.Errorf("%.200q is not in the tar", name)
}

// read gives a small content.
func (x *tarIndex) read(r io.ReaderAt, name string) ([]byte, error) {
	return x.readUpTo(r, name, maxTarJSON)
}

// readUpTo gives a content of at most limit bytes.
func (x *tarIndex) readUpTo(r io.ReaderAt, name string, limit int64) ([]byte, error) {
	s, err := x.find(name)
	if err != nil {
		return nil, err
	}
	if s.size > limit {
		return nil, fmt.Errorf("%.200q has %d bytes, more than %d", name, s.size, limit)
	}
	b := make([]byte, s.size)
	if _, err := io.ReadFull(io.NewSectionReader(r, s.at, s.size), b); err != nil {
		return nil, fmt.Errorf("reading %.200q: %w", name, err)
	}
	return b, nil
}
