package bundle

import (
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/internal/disk"
)

// A piece is some content in a file that is there already. Whoever takes it
// checks the digest.
type piece struct {
	from     io.ReaderAt
	at, size int64
	digest   digest.Digest
}

// pieces are what an earlier archive and unfinished ones of other plans hold: it
// need not be fetched once more.
type pieces struct {
	byDigest map[digest.Digest]piece
	byOrigin map[origin]piece // files, for those whose digest nobody knows before
	open     []io.Closer
}

// An origin is what a file of unknown digest is known by.
type origin struct {
	path, url string
	size      int64
}

// find gives the content of a slot, if it is there.
func (p *pieces) find(s *slot) (piece, bool) {
	if s.want != "" {
		found, ok := p.byDigest[s.want]
		return found, ok && found.size == s.Size
	}
	found, ok := p.byOrigin[origin{s.Path, s.url, s.Size}]
	return found, ok
}

func (p *pieces) add(found piece, o origin) {
	p.byDigest[found.digest] = found
	if o.path != "" {
		p.byOrigin[o] = found
	}
}

// close closes the files. Nothing can be found after it.
func (p *pieces) close() {
	for _, c := range p.open {
		c.Close() //nolint:errcheck // they were only read
	}
	*p = pieces{}
}

// nearby looks through the archive path, if there is one, and the unfinished
// ones beside it but for the one named mine. What cannot be read is passed over:
// without it, the content is fetched.
func nearby(path, mine string) pieces {
	p := pieces{byDigest: map[digest.Digest]piece{}, byOrigin: map[origin]piece{}}
	for _, name := range partials(path, mine) {
		p.addPartial(name)
	}
	if a, err := Open(path); err == nil {
		p.addArchive(a)
	}
	return p
}

func (p *pieces) addArchive(a *Archive) {
	p.open = append(p.open, a)
	for d, e := range a.blobs {
		p.add(piece{a.from, e.start, e.Size, d}, origin{})
	}
	for _, f := range a.lock.Files {
		e := a.byPath[f.Path]
		p.add(piece{a.from, e.start, e.Size, digest.NewDigestFromEncoded(digest.SHA256, f.SHA256)}, origin{f.Path, f.URL, f.Size})
	}
}

func (p *pieces) addPartial(name string) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	p.open = append(p.open, f)
	info, err := f.Stat()
	if err != nil {
		return
	}
	l, err := readRecipe(f, info.Size())
	if err != nil {
		return
	}
	for _, s := range l.slots {
		if d, ok := l.whole(f, s); ok {
			p.add(piece{f, s.start(), s.Size, d}, origin{s.Path, s.url, s.Size})
		}
	}
}

// removePartials removes the unfinished archives of other plans, but for those
// that another process is writing.
func removePartials(path string) {
	for _, name := range partials(path, "") {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if disk.Lock(f) != nil || (disk.RenameOpen && os.Remove(name) != nil) {
			f.Close() //nolint:errcheck // it was not changed
			continue
		}
		f.Close() //nolint:errcheck // it is gone
		if !disk.RenameOpen {
			os.Remove(name) //nolint:errcheck // it stays, and takes room
		}
	}
}

// syncFolder makes the names in the folder of path last, where systems can do that.
func syncFolder(path string) {
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync()  //nolint:errcheck // Windows and some file systems cannot
		dir.Close() //nolint:errcheck // it was only read
	}
}
