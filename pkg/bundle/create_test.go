package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// TestCreate: all that a plan has is in the archive, once, and can be read back.
func TestCreate(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	report := pull(t, path, c, u)
	wantAlone(t, path)
	wantSound(t, path)
	for d, n := range u.fetched {
		if n != 1 {
			t.Errorf("%s was fetched %d times", d, n)
		}
	}
	if len(report.Results) != 5 || report.Unchanged || report.Fetched < 2_000_000 || report.Copied+report.Kept != 0 {
		t.Errorf("the report is %+v", report)
	}
	a := openArchive(t, path)
	if a.Size() != report.Size {
		t.Errorf("the report says %d bytes, there are %d", report.Size, a.Size())
	}
	again, err := registry.NewPlan(t.Context(), pairs(t, refStrings(a)...), a, registry.PlanOptions{Referrers: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Images) != len(c.Plan.Images) {
		t.Fatalf("the archive has %q", refStrings(a))
	}
	for _, want := range c.Plan.Images {
		i := slices.IndexFunc(again.Images, func(i registry.Image) bool { return i.Source == want.Target })
		if got := again.Images[i]; got.Root.Digest != want.Root.Digest || len(got.Manifests) != len(want.Manifests) || len(got.Blobs) != len(want.Blobs) {
			t.Errorf("%s: the archive has %d manifests and %d blobs of %d and %d", want.Target, len(got.Manifests), len(got.Blobs), len(want.Manifests), len(want.Blobs))
		}
	}
	var to registry.Memory
	if _, err := registry.Transfer(t.Context(), again, a, &to, registry.TransferOptions{}); err != nil {
		t.Error(err)
	}
}

func refStrings(a *Archive) []string {
	var all []string
	for _, r := range a.Images() {
		all = append(all, r.String())
	}
	return all
}

// TestLockText: what the lock says, to the letter.
func TestLockText(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	a := openArchive(t, path)
	for _, img := range a.Lock().Images {
		if img.Image != "registry.k8s.io/multi:v1" {
			continue
		}
		sig := "sha256-" + img.Digest.Encoded() + ".sig@"
		if img.Target != "registry.local/k8s/multi:v1" || strings.Join(img.Uses, " ") != "a.yaml:3:4 b.yaml:1:2" ||
			len(img.Platforms) != 2 || len(img.Referrers) != 1 || !strings.HasPrefix(img.Referrers[0], sig) {
			t.Errorf("the lock says %+v", img)
		}
	}
	for _, f := range a.Lock().Files {
		content, err := a.OpenFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(content)
		if digest.FromBytes(raw).Encoded() != f.SHA256 || int64(len(raw)) != f.Size {
			t.Errorf("%s is not what the lock says", f.Path)
		}
		if want := map[bool]string{true: "0755"}[f.Path == "binaries/kubectl"]; f.Mode != want {
			t.Errorf("%s has mode %q, want %q", f.Path, f.Mode, want)
		}
	}
}

// TestReproducible: the same content gives the same bytes, in whatever order and
// pieces it comes.
func TestReproducible(t *testing.T) {
	var first []byte
	for seed := range uint64(4) {
		u, c := makeSite(t)
		u.jitter = rand.New(rand.NewPCG(seed, 1))
		r := rand.New(rand.NewPCG(seed, 2))
		r.Shuffle(len(c.Files), func(i, j int) { c.Files[i], c.Files[j] = c.Files[j], c.Files[i] })
		r.Shuffle(len(c.Plan.Images), func(i, j int) { c.Plan.Images[i], c.Plan.Images[j] = c.Plan.Images[j], c.Plan.Images[i] })
		path := filepath.Join(t.TempDir(), "site.tar")
		if _, err := Create(t.Context(), path, c, u, CreateOptions{Parallel: 1 + int(seed)*3}); err != nil {
			t.Fatal(err)
		}
		if got := get(t, path); first == nil {
			first = got
		} else if !bytes.Equal(got, first) {
			t.Errorf("run %d made another archive", seed)
		}
	}
}

// TestCreateAgain: a second run fetches nothing and writes nothing.
func TestCreateAgain(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	u.reset()
	report := pull(t, path, c, u)
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Unchanged || report.Size != after.Size() || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the second run gave %+v", report)
	}
	if len(u.fetched)+len(u.files) > 0 {
		t.Errorf("the second run fetched %v and %v", u.fetched, u.files)
	}
}

// TestCreateDamaged: an archive whose headers or tail are damaged is made again,
// from what is right in it.
func TestCreateDamaged(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	want := get(t, path)
	a := openArchive(t, path)
	layer, index := a.byPath[blobPath(digest.FromBytes(noise(700_000)))], a.byPath[indexPath]
	a.Close()
	for _, at := range []int64{layer.at + 330, index.start + 5, int64(len(want)) - 1} { // 330: what nobody reads of a header
		b := bytes.Clone(want)
		b[at] ^= 1
		put(t, path, b)
		if report := pull(t, path, c, u); report.Unchanged || !bytes.Equal(get(t, path), want) {
			t.Errorf("byte %d was left as it was", at)
		}
	}
	put(t, path, append(bytes.Clone(want), 0))
	if report := pull(t, path, c, u); report.Unchanged || !bytes.Equal(get(t, path), want) {
		t.Error("a byte behind the end was left")
	}
}

// TestCreateMore: with one more image and one more file only these are fetched.
func TestCreateMore(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	pull(t, path, c, u)
	u.image("ghcr.io/new/one:v1", "amd64", noise(700_000), noise(777))
	u.reset()
	var all []string
	for _, img := range c.Plan.Images {
		all = append(all, img.Target.String())
	}
	c.Plan = u.plan(append(all, "ghcr.io/new/one:v1")...)
	c.Files = append(c.Files, u.file("new", []byte("new")))
	u.reset()
	report := pull(t, path, c, u)
	wantSound(t, path)
	wantAlone(t, path)
	// Making the plan has read the config, and its first layer is another image's as well.
	if len(u.fetched) != 1 || u.files["new"] != 1 || len(u.files) != 1 {
		t.Errorf("fetched %v and %v", u.fetched, u.files)
	}
	if report.Copied < 2_000_000 || report.Fetched > 2000 {
		t.Errorf("the report is %+v", report)
	}
}

// TestKilled: a run that ends anywhere leaves nothing under the final name and
// nothing to fetch twice that was whole.
func TestKilled(t *testing.T) {
	u, c := makeSite(t)
	want := filepath.Join(t.TempDir(), "site.tar")
	pull(t, want, c, u)
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		path := filepath.Join(t.TempDir(), "site.tar")
		runs, before := 0, map[digest.Digest]int{}
		for {
			u.reset()
			u.budget = 1 + r.Int64N(1_500_000)
			_, err := Create(t.Context(), path, c, u, CreateOptions{})
			for d, n := range u.fetched {
				before[d] += n
			}
			if runs++; err == nil || runs > 50 {
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); err == nil {
				t.Fatal("half an archive has its final name")
			}
		}
		if !bytes.Equal(get(t, path), get(t, want)) {
			t.Error("after some interruptions the archive is another one")
		}
		wantAlone(t, path)
	}
}

// TestResume: of a run that was cut, all whole blobs are kept.
func TestResume(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	c.Files = nil
	u.reset()
	u.budget = 1_000_000
	if _, err := Create(t.Context(), path, c, u, CreateOptions{Parallel: 1}); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	first := map[digest.Digest]bool{}
	for d := range u.fetched {
		first[d] = true
	}
	u.reset()
	report := pull(t, path, c, u)
	twice := 0
	for d := range u.fetched {
		if first[d] {
			twice++
		}
	}
	if report.Kept == 0 || twice > 1 { // the one that was cut
		t.Errorf("kept %d bytes, fetched %d blobs of %d again", report.Kept, twice, len(first))
	}
}

// TestDamagedPartial: what an earlier run left is not believed.
func TestDamagedPartial(t *testing.T) {
	u, c := makeSite(t)
	want := filepath.Join(t.TempDir(), "site.tar")
	pull(t, want, c, u)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 40 {
		path := filepath.Join(t.TempDir(), "site.tar")
		u.reset()
		u.budget = 2_000_000
		if _, err := Create(t.Context(), path, c, u, CreateOptions{}); err == nil {
			t.Fatal("it was not cut")
		}
		partial := filepath.Join(filepath.Dir(path), names(t, filepath.Dir(path))[0])
		b := get(t, partial)
		for range 50 {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		if i%4 == 0 {
			b = b[:r.IntN(len(b))]
		}
		put(t, partial, b)
		u.reset()
		pull(t, path, c, u)
		if !bytes.Equal(get(t, path), get(t, want)) {
			t.Error("a damaged partial archive became a damaged archive")
		}
	}
}

// TestOtherPlan: what an unfinished archive of another plan has is used, and the
// archive goes when it is of no more use.
func TestOtherPlan(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	more := c
	more.Files = append([]File{u.file("broken", noise(10))}, c.Files...)
	more.Files[0].SHA256 = strings.Repeat("0", 64)
	if _, err := Create(t.Context(), path, more, u, CreateOptions{}); err == nil {
		t.Fatal("a wrong digest was taken")
	}
	u.reset()
	report := pull(t, path, c, u)
	if len(u.fetched)+len(u.files) != 0 || report.Copied < 2_000_000 {
		t.Errorf("fetched %v and %v", u.fetched, u.files)
	}
	wantAlone(t, path)
	wantSound(t, path)
}

// TestWrongFile: a file that is not what it should be is refused, and the error
// says all that one wants to know.
func TestWrongFile(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	sum := strings.Repeat("ab", 32)
	c.Files = []File{u.file("one", []byte("one")), u.file("two", []byte("two")), u.file("three", []byte("three"))}
	c.Files[0].SHA256 = sum
	c.Files[1].Size++
	c.Files[2].Size--
	_, err := Create(t.Context(), path, c, u, CreateOptions{})
	wantError(t, err, path, "one: fetching it from https://example.com/one", sum, digest.FromString("one").Encoded(),
		"two: fetching it from", "after 3 of 4 bytes", "three: fetching it from", "more than 4 bytes")
	if _, err := os.Stat(path); err == nil {
		t.Error("the archive is there")
	}
}

// TestFailedImage: an image that fails stops neither the others nor a later run.
func TestFailedImage(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	lacks := c.Plan.Images[0].Blobs[0].Digest
	u.reset()
	report, err := Create(t.Context(), path, c, &without{u, lacks}, CreateOptions{})
	wantError(t, err, c.Plan.Images[0].Source.String(), lacks.String())
	if report == nil || len(report.Results) != len(c.Plan.Images) || report.Results[0].Err == nil || report.Results[4].Err != nil {
		t.Errorf("the report is %+v", report)
	}
	first := u.fetched
	u.reset()
	pull(t, path, c, u)
	for d := range u.fetched {
		if first[d] > 0 {
			t.Errorf("%s was fetched again", d)
		}
	}
	if u.fetched[lacks] != 1 {
		t.Errorf("fetched %v", u.fetched)
	}
}

// without is a source that lacks a blob.
type without struct {
	*upstream
	lacks digest.Digest
}

func (w *without) Fetch(ctx context.Context, r image.Ref, desc registry.Descriptor) (io.ReadCloser, error) {
	if desc.Digest == w.lacks {
		return nil, &registry.NotFoundError{Name: desc.Digest.String()}
	}
	return w.upstream.Fetch(ctx, r, desc)
}

// TestElsewhere: what the site has is left out, and the lock says so.
func TestElsewhere(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	base := digest.FromBytes(noise(700_000))
	c.Elsewhere = []LockedBlob{{Digest: base, Size: 700_000, Image: "registry.local/x:y"}, {Digest: digest.FromString("unknown"), Size: 7, Image: "x"}}
	report := pull(t, path, c, u)
	wantSound(t, path)
	a := openArchive(t, path)
	if _, there := a.Blob(base); there || u.fetched[base] > 0 || report.Fetched > 2_000_000 {
		t.Error("the blob is in the archive")
	}
	if e := a.Lock().Elsewhere; len(e) != 1 || e[0].Digest != base {
		t.Errorf("elsewhere is %v", e)
	}
}

// TestContentsRefused: what cannot be an archive is refused before anything is
// fetched, all of it at once.
func TestContentsRefused(t *testing.T) {
	u, _ := makeSite(t)
	bad := []string{"../x", "/x", `a\b`, "C:x", "a//b", "index.json", "Index.JSON", "blobs/sha256/x", "blobs", "oci-layout/x", "a\x00b", "a\nb", strings.Repeat("x", 5000), strings.Repeat("a/", 70) + "x"}
	c := Contents{}
	for _, path := range bad {
		c.Files = append(c.Files, u.file(path, nil))
	}
	c.Files = append(c.Files, u.file("twice", nil), u.file("twice", nil), u.file("twice/below", nil))
	negative, short := u.file("negative", nil), u.file("short", nil)
	negative.Size, short.SHA256 = -1, "abc"
	c.Files = append(c.Files, negative, short)
	path := filepath.Join(t.TempDir(), "site.tar")
	_, err := Create(t.Context(), path, c, u, CreateOptions{})
	wantError(t, err, append(bad, "twice: it is there twice", "twice/below: twice is a file and a folder", "negative", "short")...)
	if lines := strings.Count(err.Error(), "\n"); lines < len(bad)+3 {
		t.Errorf("the error has %d lines", lines)
	}
	if got := names(t, filepath.Dir(path)); len(got) > 0 {
		t.Errorf("the folder has %q", got)
	}
}

// TestNoRoom: a disk that is too small is told before anything is fetched.
func TestNoRoom(t *testing.T) {
	u, c := makeSite(t)
	u.reset()
	huge := u.file("huge", nil)
	huge.Size = 1 << 60
	c.Files = append(c.Files, huge)
	path := filepath.Join(t.TempDir(), "site.tar")
	_, err := Create(t.Context(), path, c, u, CreateOptions{})
	wantError(t, err, "not enough room", "1152921504")
	if got := names(t, filepath.Dir(path)); len(got) > 0 || len(u.fetched) > 0 {
		t.Errorf("the folder has %q", got)
	}
}

// A fullDisk takes so many bytes and no more.
type fullDisk struct {
	*os.File
	room int64
}

var errFull = errors.New("no space left on device")

func (d *fullDisk) WriteAt(p []byte, off int64) (int, error) {
	if d.room -= int64(len(p)); d.room < 0 {
		return 0, errFull
	}
	return d.File.WriteAt(p, off)
}

// TestFullDisk: no slot is whole whose content had no room.
func TestFullDisk(t *testing.T) {
	u, c := makeSite(t)
	b, err := newBuild(c)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newWriter(b, &fullDisk{f, 1_000_000})
	_, err = w.collect(t.Context(), u, CreateOptions{Parallel: 1})
	if !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	for _, s := range b.slots {
		d, whole := b.whole(f, s)
		if _, err := w.rehash(t.Context(), s, d); whole && err != nil {
			t.Errorf("%s: its header is there and its content is not: %v", s.Path, err)
		}
	}
	if _, err := w.sums(); err == nil {
		t.Error("everything is said to be there")
	}
}

// TestTwoAtOnce: a second process keeps away from what the first one is writing.
func TestTwoAtOnce(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	blocked, entered := make(chan struct{}), make(chan struct{}, 100)
	file := u.file("slow", []byte("slow"))
	open := file.Open
	var once sync.Once
	file.Open = func(ctx context.Context) (io.ReadCloser, error) {
		once.Do(func() {
			entered <- struct{}{}
			<-blocked
		})
		return open(ctx)
	}
	c.Files = append(c.Files, file)
	done := make(chan error)
	go func() {
		_, err := Create(t.Context(), path, c, u, CreateOptions{})
		done <- err
	}()
	<-entered
	again := c
	again.Files = slices.Clone(c.Files)
	again.Files[len(c.Files)-1].Open = open
	_, err := Create(t.Context(), path, again, u, CreateOptions{})
	wantError(t, err, path, "another process is writing it")
	close(blocked)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantSound(t, path)
}

// TestFilesOnly: an archive needs no image.
func TestFilesOnly(t *testing.T) {
	u := newUpstream(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	if _, err := Create(t.Context(), path, Contents{Files: []File{u.file("a", []byte("a"))}}, nil, CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, path)
	r, err := openArchive(t, path).OpenFile(lockPath)
	if err != nil {
		t.Fatal(err)
	}
	lock, _ := io.ReadAll(r)
	want := "apiVersion: kubectl-airgap.io/v1alpha1\nfiles:\n- path: a\n  sha256: " + digest.FromString("a").Encoded() +
		"\n  size: 1\n  url: https://example.com/a\nimages: []\nkind: Lock\n"
	if string(lock) != want {
		t.Errorf("the lock is\n%s, want\n%s", lock, want)
	}
}

// TestNoFile: an archive is no device, and no folder.
func TestNoFile(t *testing.T) {
	u, c := makeSite(t)
	_, err := Create(t.Context(), t.TempDir(), c, u, CreateOptions{})
	wantError(t, err, "no regular file")
	_, err = Create(t.Context(), filepath.Join(t.TempDir(), "none", "site.tar"), c, u, CreateOptions{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestReplaced: something else that has the name is replaced only by a whole archive.
func TestReplaced(t *testing.T) {
	u, c := makeSite(t)
	path := filepath.Join(t.TempDir(), "site.tar")
	put(t, path, []byte("precious"))
	u.budget = 10
	if _, err := Create(t.Context(), path, c, u, CreateOptions{}); err == nil || string(get(t, path)) != "precious" {
		t.Errorf("%v, and the file is %q", err, get(t, path))
	}
	u.reset()
	pull(t, path, c, u)
	wantSound(t, path)
}

// TestTar: tar and sha256sum understand the archive.
func TestTar(t *testing.T) {
	for _, tool := range []string{"tar", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	u, c := makeSite(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "site.tar")
	pull(t, path, c, u)
	for _, args := range [][]string{{"tar", "xf", path, "-C", dir}, {"sha256sum", "--quiet", "--strict", "-c", checksumsPath}} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "binaries", "kubectl"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("kubectl unpacked: %v, %v", info, err)
	}
}

// TestLargeLayout: sizes that the old tar format has no room for.
func TestLargeLayout(t *testing.T) {
	const size = 20 << 30
	l, err := lay([]*slot{{Entry: Entry{Path: "a", Size: size + 1}}, {Entry: Entry{Path: longPath, Size: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := l.slots[0], l.slots[1]
	if len(first.header) != 3*blockSize || second.at != 3*blockSize+size+blockSize || len(second.header)%blockSize != 0 {
		t.Errorf("headers of %d and %d bytes, the second at %d", len(first.header), len(second.header), second.at)
	}
	if _, err := lay([]*slot{{Entry: Entry{Path: "a", Size: 1 << 62}}, {Entry: Entry{Path: "b", Size: 1 << 62}}}); err == nil {
		t.Error("sizes overflow")
	}
	if l.end != second.start()+blockSize || l.journalAt(second) != l.end+journalSize {
		t.Errorf("the layout ends at %d", l.end)
	}
}

// TestCreateBehindLink: an archive is made where a link leads, also if nothing is there
// yet: links choose the disk.
func TestCreateBehindLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "site.tar")
	if err := os.Symlink(filepath.Join("disk", "site.tar"), link); err != nil {
		t.Skip("this system makes no links for this user")
	}
	for range 2 {
		if _, err := Create(t.Context(), link, Contents{}, &registry.Memory{}, CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(link)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Error("the link is gone")
		}
		openArchive(t, filepath.Join(dir, "disk", "site.tar"))
	}
}

// TestSourceSaysWhy: what a source says of content that was cut off is told, not that it was.
func TestSourceSaysWhy(t *testing.T) {
	broken := fmt.Errorf("reading it from r.example: %w (tried 5 times)", io.ErrUnexpectedEOF)
	c := Contents{Plan: &registry.Plan{}, Files: []File{{Path: "f", Size: 8, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken))), nil
	}}}}
	_, err := Create(t.Context(), filepath.Join(t.TempDir(), "site.tar"), c, nil, CreateOptions{})
	wantError(t, err, "f: reading it from r.example", "tried 5 times")
}
