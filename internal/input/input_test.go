package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/manifest"
)

func writeFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("image: example.com/x:v1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func rels(set Set) (inputs, others []string) {
	for _, in := range set.Inputs {
		inputs = append(inputs, filepath.ToSlash(in.Rel))
	}
	for _, o := range set.Others {
		others = append(others, filepath.ToSlash(o.Rel))
	}
	return inputs, others
}

func TestFindWalks(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, "b/c/d.json", "b/a.YAML", "a.yml", "z.yaml", "b/x.txt", "b.yaml.bak",
		".hidden.yaml", ".git/x.yaml", "b/.cache/x.yaml", "out/old.yaml")
	inputs, others := rels(Find(Options{Filenames: []string{dir, dir}, Exclude: filepath.Join(dir, "out")}))
	if want := []string{"a.yml", "b/a.YAML", "b/c/d.json", "z.yaml"}; !slices.Equal(inputs, want) {
		t.Errorf("inputs %q, want %q", inputs, want)
	}
	if want := []string{".hidden.yaml", "b/x.txt", "b.yaml.bak"}; !slices.Equal(others, want) {
		t.Errorf("others %q, want %q", others, want)
	}
}

// A link that leads up ends the walk there; one that leads aside is followed, twice if
// there are two.
func TestFindFollowsLinksButNotRound(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, "a/x.yaml", "b/y.yaml")
	for link, to := range map[string]string{
		"a/self": ".", "a/up": "..", "a/b": "../b", "b/a": "../a", "c": "a", "b/file.yaml": "y.yaml", "b/lost.txt": "nowhere",
	} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	inputs, others := rels(Find(Options{Filenames: []string{dir}}))
	want := []string{
		"a/b/file.yaml", "a/b/y.yaml", "a/x.yaml",
		"b/a/x.yaml", "b/file.yaml", "b/y.yaml",
		"c/b/file.yaml", "c/b/y.yaml", "c/x.yaml",
	}
	if !slices.Equal(inputs, want) {
		t.Errorf("inputs %q, want %q", inputs, want)
	}
	if !slices.Contains(others, "b/lost.txt") {
		t.Errorf("others %q hide a broken link", others)
	}
}

func TestFindBrokenLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, "x.yaml")); err != nil {
		t.Skip(err)
	}
	_, err := Each(t.Context(), Find(Options{Filenames: []string{dir}}).Inputs, parsed)
	want := "reading " + filepath.Join(dir, "x.yaml") + ": no such file or directory"
	if err == nil || runtime.GOOS != "windows" && err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestGroup(t *testing.T) {
	for rel, want := range map[string]string{"a.yaml": "", "cni/a.yaml": "cni", "cni/b/a.yaml": "cni"} {
		in := Input{Rel: filepath.FromSlash(rel)}
		if got := in.Group(); got != want {
			t.Errorf("%s: group %q, want %q", rel, got, want)
		}
	}
}

// The name of a URL, and where it is put, show no secret and leave no directory.
func TestFromURL(t *testing.T) {
	for _, test := range []struct{ url, name, rel string }{
		{"https://example.com/a/b.yaml", "https://example.com/a/b.yaml", "b.yaml"},
		{"https://ann:s3cret@example.com/b.yaml?token=t#frag", "https://example.com/b.yaml", "b.yaml"},
		{"https://example.com:8443", "https://example.com:8443", "example.com.yaml"},
		{"https://example.com/", "https://example.com/", "example.com.yaml"},
		{"https://example.com/a/..", "https://example.com/a/..", "example.com.yaml"},
		{"https://example.com/%2e%2e", "https://example.com/..", "example.com.yaml"},
		{"HTTP://example.com/a.txt", "http://example.com/a.txt", "a.txt"},
	} {
		in := fromURL(test.url, 0)
		if in.Name != test.name || in.Rel != test.rel || in.err != nil {
			t.Errorf("%s: name %q, rel %q, %v; want %q, %q", test.url, in.Name, in.Rel, in.err, test.name, test.rel)
		}
	}
	for _, url := range []string{"https://ann:s3cret@example.com:port/", "https://ann:s3cret@%zz", "https:///s3cret"} {
		in := fromURL(url, 0)
		if in.err == nil || strings.Contains(in.Name+in.err.Error(), "s3cret") {
			t.Errorf("%s: name %q, error %v", url, in.Name, in.err)
		}
	}
}

// Where a redirection leads is not shown either.
func TestRedirectionHidesPassword(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://ann:s3cret@127.0.0.1:1/x.yaml?s3cret", http.StatusFound))
	defer server.Close()
	in := fromURL(server.URL+"/x.yaml", 0)
	_, err := in.Parse(t.Context())
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), in.Name) {
		t.Errorf("%v, want an error that names %s only", err, in.Name)
	}
}

func TestLimit(t *testing.T) {
	zeros := zeroReader{}
	if _, err := readAll(io.LimitReader(zeros, MaxSize), -1); err != nil {
		t.Errorf("%d bytes: %v", MaxSize, err)
	}
	if _, err := readAll(zeros, -1); !errors.Is(err, errTooLarge) {
		t.Errorf("no end: %v, want %v", err, errTooLarge)
	}
	path := filepath.Join(t.TempDir(), "x.yaml")
	writeFiles(t, filepath.Dir(path), "x.yaml")
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	start := time.Now()
	if _, err := readFile(path); !errors.Is(err, errTooLarge) || time.Since(start) > time.Second {
		t.Errorf("1 TiB: %v after %v, want %v at once", err, time.Since(start), errTooLarge)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func parsed(_ *Input, f *manifest.File) (*manifest.File, error) { return f, nil }

// texts are inputs that hold these texts, named 0, 1, …
func texts(all ...string) []Input {
	var inputs []Input
	for i, text := range all {
		in := fromReader(strings.NewReader(text))
		in.Name = fmt.Sprint(i)
		inputs = append(inputs, in)
	}
	return inputs
}

// Results and errors come in the order of the inputs, whatever takes long.
func TestEachKeepsOrder(t *testing.T) {
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf("image: example.com/x:%d\n", i))
	}
	all[7], all[31] = "\x00", "\xff"
	tags, err := Each(t.Context(), texts(all...), func(in *Input, f *manifest.File) (string, error) {
		tag := slices.Collect(f.Uses())[0].Ref.Tag
		if len(tag) == 1 {
			time.Sleep(5 * time.Millisecond)
		}
		if tag == "20" {
			return "", errors.New("no " + in.Name)
		}
		return tag, nil
	})
	if want := "7:1:1: a NUL byte: this is no text\nno 20\n31:1:1: invalid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for i, tag := range tags {
		if want := fmt.Sprint(i); tag != want && i != 7 && i != 20 && i != 31 {
			t.Errorf("result %d is %s", i, tag)
		}
	}
}

// No more inputs than CPUs are in memory.
func TestEachIsBounded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	var now, most atomic.Int32
	_, err := Each(t.Context(), texts(make([]string, 30)...), func(*Input, *manifest.File) (int, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
		return 0, nil
	})
	if n := most.Load(); err != nil || n < 2 || n > 3 {
		t.Errorf("%d at once, %v; want several, but no more than 3", n, err)
	}
}

func TestEachStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var done atomic.Int32
	_, err := Each(ctx, texts(make([]string, 1000)...), func(*Input, *manifest.File) (int, error) {
		cancel()
		return int(done.Add(1)), nil
	})
	if !errors.Is(err, context.Canceled) || int(done.Load()) > runtime.GOMAXPROCS(0) {
		t.Errorf("%v after %d inputs", err, done.Load())
	}
}

// Nobody has to type the end of standard input to stop a program.
func TestEachStopsWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	defer writer.Close()
	go func() {
		_, _ = writer.Write([]byte("image: ")) // once this is read, the reader waits
		cancel()
	}()
	if _, err := Each(ctx, []Input{fromReader(reader)}, parsed); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

// An input is read in one piece: reading it takes little more memory than it has bytes.
func TestReadFileTakesItsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.yaml")
	const size = 8 << 20
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readFile(path); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > size+size/8 {
		t.Errorf("%d bytes for a file of %d", n, size)
	}
}
