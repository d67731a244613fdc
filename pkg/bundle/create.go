package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-airgap/kubectl-airgap/internal/disk"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// maxTail is how much of an archive may be index, lock and checksums, in bytes.
const maxTail = 3 * maxText

// CreateOptions say how an archive is made.
type CreateOptions struct {
	Parallel int                  // blobs and files in flight, of each; 0 means 4
	Verify   bool                 // read an archive that is there already, and fetch anew what is damaged
	Report   func(registry.Event) // told what happens, from several goroutines; may be nil
}

// A Report says what making an archive took.
type Report struct {
	Results   []registry.Result // of the images, in the order of the plan; none if the archive was there
	Unchanged bool              // the archive was there, exactly so, and nothing was written
	Size      int64             // bytes of the archive
	Fetched   int64             // bytes of blobs and files that were fetched
	Copied    int64             // bytes that an earlier archive, or an unfinished one of another plan, had
	Kept      int64             // bytes that an earlier run of the same plan had brought
}

// Create makes the archive path, which holds contents; from is where its images
// are. The archive appears under its name when it is whole. Until then it is a
// file beside it whose name begins with a dot: whoever calls Create again after
// a failure or a kill, with the same contents, fetches only what is lacking.
// With other contents, what they share with it or with an archive that is at path
// already is copied. If path is this very archive, nothing is done: its headers,
// index, lock and checksums are compared, its content is not read (that is Check).
//
// Content whose size or digest is wrong is an error, and so is a disk without
// room, before anything is fetched. All images and files that failed are told.
func Create(ctx context.Context, path string, c Contents, from registry.Source, o CreateOptions) (*Report, error) {
	report, err := create(ctx, path, c, from, o)
	if err != nil {
		return report, fmt.Errorf("writing %s: %w", path, err)
	}
	return report, nil
}

func create(ctx context.Context, path string, c Contents, from registry.Source, o CreateOptions) (*Report, error) {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	b, err := newBuild(c)
	if err != nil {
		return nil, err
	}
	if path, err = place(path); err != nil {
		return nil, err
	}
	if size, ok := b.finished(path); ok && (!o.Verify || isSound(ctx, path, o)) {
		removePartials(path)
		return &Report{Unchanged: true, Size: size}, nil
	}
	name := partialName(path, b.layout)
	if err := b.checkRoom(path, name); err != nil {
		return nil, err
	}
	f, err := openPartial(name, b.layout)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // finish has synced it, or the next run looks at what is there
	w := newWriter(b, f)
	if err := w.resume(ctx, o.Parallel); err != nil {
		return nil, err
	}
	w.local = nearby(path, name)
	defer w.local.close()
	results, err := w.collect(ctx, from, o)
	report := &Report{Results: results, Fetched: w.moved.fetched, Copied: w.moved.copied, Kept: w.moved.kept}
	if err != nil {
		return report, err
	}
	w.local.close() // Windows replaces no open file
	report.Size, err = w.finish(f, path)
	return report, err
}

// place is where the archive really goes: links are followed.
func place(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a name that is too long, links that lead nowhere
		return "", err
	}
	if err != nil { // it will be made, where a link leads if there is one
		if to, err := os.Readlink(path); err == nil && filepath.IsAbs(to) {
			return to, nil
		} else if err == nil {
			return filepath.Join(filepath.Dir(path), to), nil
		}
		return path, nil
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("this is no regular file: an archive is written in many places at once")
	}
	return filepath.EvalSymlinks(path)
}

// checkRoom is an error if the disk has not enough room for what is still to come.
func (b *build) checkRoom(path, partial string) error {
	free, known := disk.Free(filepath.Dir(path))
	if !known {
		return nil
	}
	need := b.end
	if info, err := os.Stat(partial); err == nil {
		need -= min(disk.Allocated(info), need)
	}
	if need > free {
		return fmt.Errorf("the disk has not enough room: %d bytes are needed and %d are free", need, free)
	}
	return nil
}

// collect brings everything into its slot: images by way of registry.Transfer,
// files beside it.
func (w *writer) collect(ctx context.Context, from registry.Source, o CreateOptions) ([]registry.Result, error) {
	var results []registry.Result
	var imageErr, fileErr error
	var both sync.WaitGroup
	both.Go(func() {
		results, imageErr = registry.Transfer(ctx, w.plan, from, w, registry.TransferOptions{Parallel: o.Parallel, Report: o.Report})
	})
	both.Go(func() { fileErr = w.collectFiles(ctx, o) })
	both.Wait()
	if imageErr == nil { // whether Transfer joins the images' errors is its own affair
		for _, r := range results {
			imageErr = errors.Join(imageErr, r.Err)
		}
	}
	return results, errors.Join(imageErr, fileErr)
}

// collectFiles brings all that is no image.
func (w *writer) collectFiles(ctx context.Context, o CreateOptions) error {
	var g errgroup.Group
	g.SetLimit(o.Parallel)
	errs := make([]error, len(w.slots))
	for i, s := range w.slots {
		switch open, isFile := w.files[s]; {
		case isFile:
			g.Go(func() error {
				errs[i] = w.collectFile(ctx, s, open, o.Report)
				return nil
			})
		case s.Path == layoutPath:
			errs[i] = w.putRaw(s, s.raw)
		}
	}
	g.Wait() //nolint:errcheck // each keeps its own error, for their order
	return errors.Join(errs...)
}

func (w *writer) collectFile(ctx context.Context, s *slot, open registry.Opener, report func(registry.Event)) error {
	if report == nil {
		report = func(registry.Event) {}
	}
	begun, tell := false, &told{name: s.Path, report: report}
	outcome, err := w.put(ctx, s, func(ctx context.Context) (io.ReadCloser, error) {
		if !begun {
			report(registry.Event{Kind: registry.BlobBegin, Name: s.Path, Bytes: s.Size})
			begun = true
		}
		var err error
		tell.ReadCloser, err = open(ctx)
		return tell, err
	}, newHashes(s.want))
	if err != nil && tell.moved > 0 { // what is not right has not come
		report(registry.Event{Kind: registry.Advance, Name: s.Path, Bytes: -tell.moved})
	}
	switch {
	case begun:
		report(registry.Event{Kind: registry.BlobEnd, Name: s.Path, Bytes: s.Size})
	case err == nil && outcome == registry.Present:
		report(registry.Event{Kind: registry.BlobSkipped, Name: s.Path, Bytes: s.Size})
	}
	if err == nil {
		return nil
	}
	if s.url != "" {
		return fmt.Errorf("%s: fetching it from %s: %w", s.Path, s.url, err)
	}
	return fmt.Errorf("%s: %w", s.Path, err)
}

// told is content whose progress is reported.
type told struct {
	io.ReadCloser
	name   string
	report func(registry.Event)
	moved  int64
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.moved += int64(n)
	if n > 0 {
		t.report(registry.Event{Kind: registry.Advance, Name: t.name, Bytes: int64(n)})
	}
	return n, err
}

// finish writes what follows the slots, and gives the archive its name.
func (w *writer) finish(f *os.File, path string) (int64, error) {
	sums, err := w.sums()
	if err != nil {
		return 0, err
	}
	tail, err := w.tail(sums)
	if err != nil {
		return 0, err
	}
	if _, err := f.WriteAt(tail, w.end); err != nil {
		return 0, err
	}
	size := w.end + int64(len(tail))
	if err := errors.Join(f.Truncate(size), f.Sync()); err != nil {
		return 0, err
	}
	// The lock ends with the file: where that can be, it gets its name before.
	if !disk.RenameOpen {
		if err := f.Close(); err != nil {
			return 0, err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	syncFolder(path)
	removePartials(path)
	return size, nil
}

// isSound is whether every byte of the archive is as its digests say.
func isSound(ctx context.Context, path string, o CreateOptions) bool {
	a, err := Open(path)
	if err != nil {
		return false
	}
	defer a.Close() //nolint:errcheck // it was only read
	findings, err := a.Check(ctx, o.Parallel, nil)
	return err == nil && len(findings) == 0
}

// finished is whether path is the archive that b would become, judged by its
// headers and its tail, and its size.
func (b *build) finished(path string) (int64, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil || info.Size() <= b.end || info.Size()-b.end > maxTail {
		return 0, false
	}
	got := make([]byte, info.Size()-b.end)
	if _, err := f.ReadAt(got, b.end); err != nil {
		return 0, false
	}
	said := parseChecksums(tailChecksums(got))
	sums := make(map[string]string, len(b.slots))
	for _, s := range b.slots {
		header := make([]byte, len(s.header))
		if _, err := f.ReadAt(header, s.at); err != nil || !bytes.Equal(header, s.header) {
			return 0, false
		}
		if sums[s.Path] = said[s.Path]; isSHA256(s.want) {
			sums[s.Path] = s.want.Encoded()
		}
	}
	tail, err := b.tail(sums)
	return info.Size(), err == nil && bytes.Equal(tail, got)
}

// tailChecksums finds SHA256SUMS in the tail of an archive.
func tailChecksums(tail []byte) []byte {
	r := tar.NewReader(bytes.NewReader(tail))
	for {
		h, err := r.Next()
		if err != nil {
			return nil
		}
		if h.Name == checksumsPath {
			sums, _ := io.ReadAll(r) // cut short, they are not those that should be there
			return sums
		}
	}
}
