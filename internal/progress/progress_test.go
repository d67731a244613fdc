package progress_test

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/internal/progress"
	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// A screen is a terminal: it obeys the control functions that are written to it, and
// breaks no lines, because nothing may need that.
type screen struct {
	mu     sync.Mutex
	t      *testing.T
	rows   []string
	row    int
	column int
	width  int
	writes int
}

var control = regexp.MustCompile(`^\x1b\[(\??)(\d*)([A-Za-z])`)

func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	for rest := string(text); rest != ""; {
		if m := control.FindStringSubmatch(rest); m != nil {
			s.obey(m[3], m[2])
			rest = rest[len(m[0]):]
			continue
		}
		r := []rune(rest)[0]
		rest = rest[len(string(r)):]
		s.put(r)
	}
	return len(text), nil
}

func (s *screen) obey(function, number string) {
	n, _ := strconv.Atoi(number)
	switch function {
	case "A":
		if s.row -= n; s.row < 0 {
			s.t.Errorf("the cursor went %d rows above the screen", -s.row)
			s.row = 0
		}
	case "K":
		s.at(s.row)
		s.rows[s.row] = string([]rune(s.rows[s.row])[:s.column])
	case "J":
		s.at(s.row)
		s.rows = append(s.rows[:s.row], string([]rune(s.rows[s.row])[:s.column]))
	case "m", "h", "l":
	default:
		s.t.Errorf("no terminal in this test knows ESC [ %s%s", number, function)
	}
}

func (s *screen) put(r rune) {
	switch {
	case r == '\n':
		s.row, s.column = s.row+1, 0
	case r == '\r':
		s.column = 0
	case r < ' ':
		s.t.Errorf("control character %q", r)
	default:
		s.at(s.row)
		runes := []rune(s.rows[s.row])
		s.rows[s.row] = string(append(runes[:s.column:s.column], append([]rune{r}, runes[min(s.column+1, len(runes)):]...)...))
		if s.column++; s.column >= s.width {
			s.t.Errorf("a line reaches the last of %d columns: %q", s.width, s.rows[s.row])
		}
	}
}

func (s *screen) at(row int) {
	for len(s.rows) <= row {
		s.rows = append(s.rows, "")
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimRight(strings.Join(s.rows, "\n"), "\n")
}

func compare(t *testing.T, when, got, want string) {
	t.Helper()
	if want = strings.Trim(want, "\n"); strings.TrimRight(got, "\n") != want {
		t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
	}
}

const digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// story is what a transfer tells; times are those of the bubble.
func story(p *progress.Progress) {
	p.Expect(0, 40)
	p.Report(registry.Event{Kind: registry.ImagePlanned, Name: "registry.k8s.io/pause:3.10"})
	time.Sleep(time.Second)
	p.Report(registry.Event{Kind: registry.BlobBegin, Name: "manifest.yaml", Bytes: 7_000_000})
	p.Report(registry.Event{Kind: registry.Advance, Name: "manifest.yaml", Bytes: 7_000_000})
	p.Report(registry.Event{Kind: registry.BlobEnd, Name: "manifest.yaml", Bytes: 7_000_000})
	p.Expect(1_500_000_000, 0)
	p.Report(registry.Event{Kind: registry.BlobSkipped, Name: "sha256:cc", Bytes: 300_000_000})
	p.Report(registry.Event{Kind: registry.BlobBegin, Name: digestA, Image: "registry.k8s.io/kube-apiserver:v1.36.3@" + digestA, Bytes: 30_000_000})
	p.Report(registry.Event{Kind: registry.BlobBegin, Name: "sha256:" + strings.Repeat("b", 64), Bytes: 2_000_000_000})
	p.Report(registry.Event{Kind: registry.BlobBegin, Name: "ovas/ubuntu-2404-kube-v1.36.0.ova", Bytes: -1})
	for range 30 {
		time.Sleep(100 * time.Millisecond)
		p.Report(registry.Event{Kind: registry.Advance, Name: digestA, Bytes: 400_000})
		p.Report(registry.Event{Kind: registry.Advance, Name: "ovas/ubuntu-2404-kube-v1.36.0.ova", Bytes: 4_600_000})
	}
	p.Report(registry.Event{Kind: registry.ImageDone, Name: "registry.k8s.io/pause:3.10"})
}

func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, width: 80}
		p := progress.New(s, progress.Options{Terminal: true, Width: s.columns, Color: true})
		go story(p)
		time.Sleep(500 * time.Millisecond)
		compare(t, "while planning", s.String(), "looking at images: 1 of 40")
		time.Sleep(3650 * time.Millisecond)
		compare(t, "in flight", s.String(), `
█████████░░░░░░░░░░░░░░░░░░░░░   30 %  450 MB of 1.5 GB  50 MB/s  21 s left
1 of 40 images done
  registry.k8s.io/kube-apiserver:v1.36.3         ████░░░░░░░░       12 of 30 MB
  sha256:bbbbbbbbbbbb                            ░░░░░░░░░░░░     0 B of 2.0 GB
  ovas/ubuntu-2404-kube-v1.36.0.ova                                      138 MB`)

		p.Report(registry.Event{Kind: registry.BlobEnd, Name: digestA, Bytes: 30_000_000})
		p.Report(registry.Event{Kind: registry.Waiting, Name: "docker.io/library/nginx:1.27", Note: "rate limited by docker.io, 30 s \x1b[2J"})
		time.Sleep(7 * time.Second)
		compare(t, "stalled", s.String(), `
█████████░░░░░░░░░░░░░░░░░░░░░   30 %  450 MB of 1.5 GB
1 of 40 images done
  sha256:bbbbbbbbbbbb                            ░░░░░░░░░░░░  stalled for 10 s
  ovas/ubuntu-2404-kube-v1.36.0.ova                             stalled for 7 s
  docker.io/library/nginx:1.27: rate limited by docker.io, 30 s ?[2J`)

		s.resize(36)
		time.Sleep(200 * time.Millisecond)
		compare(t, "narrower", s.String(), `
███░░░░░░░   30 %  450 MB of 1.5 GB
1 of 40 images done
  …6:bbbbbbbbbbbb  stalled for 10 s
  …be-v1.36.0.ova   stalled for 7 s`+"\n  rate limited by docker.io, 30 s …")

		fmt.Fprintln(p, "a note of others")
		time.Sleep(200 * time.Millisecond)
		if got := s.String(); !strings.HasPrefix(got, "a note of others\n███") {
			t.Errorf("a note of others is not above the block:\n%s", got)
		}
		p.Close()
		compare(t, "closed", s.String(), "a note of others")
		p.Report(registry.Event{Kind: registry.ImageDone, Name: "late"})
		p.Close()
		compare(t, "after the end", s.String(), "a note of others")
	})
}

func (s *screen) columns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.width
}

// resize makes the screen narrower. The cursor is below all lines.
func (s *screen) resize(width int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width, s.rows = width, rewrapped(s.rows[:s.row], width)
	s.row = len(s.rows)
}

// rewrapped is what a terminal that became narrower makes of its lines.
func rewrapped(rows []string, width int) []string {
	var broken []string
	for _, row := range rows {
		runes := []rune(row)
		for len(runes) > width {
			broken, runes = append(broken, string(runes[:width])), runes[width:]
		}
		broken = append(broken, string(runes))
	}
	return broken
}

func TestRedrawsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, width: 80}
		p := progress.New(s, progress.Options{Terminal: true})
		p.Report(registry.Event{Kind: registry.BlobBegin, Name: digestA, Bytes: 1 << 40})
		for range 10_000 {
			time.Sleep(time.Millisecond)
			p.Report(registry.Event{Kind: registry.Advance, Name: digestA, Bytes: 1})
		}
		p.Close()
		if s.writes < 50 || s.writes > 101 {
			t.Errorf("%d writes in 10 s", s.writes)
		}
	})
}

func TestEveryWidthFits(t *testing.T) {
	for width := 1; width < 130; width += 3 + width/6 {
		synctest.Test(t, func(t *testing.T) {
			s := &screen{t: t, width: max(width, 20)}
			p := progress.New(s, progress.Options{Terminal: true, Width: func() int { return width }})
			for i := range 7 {
				p.Report(registry.Event{Kind: registry.BlobBegin, Name: fmt.Sprintf("files/%d/%s", i, strings.Repeat("日本", 30)), Bytes: int64(i) * 123456789})
			}
			story(p)
			time.Sleep(6 * time.Second)
			p.Close()
		})
	}
}

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := progress.New(&out, progress.Options{})
		time.Sleep(19500 * time.Millisecond) // before there is anything to tell
		story(p)
		for i := range 3 {
			p.Report(registry.Event{Kind: registry.Waiting, Name: fmt.Sprint("docker.io/library/a", i), Note: "rate limited by docker.io, 30 s"})
		}
		time.Sleep(16300 * time.Millisecond)
		p.Report(registry.Event{Kind: registry.BlobEnd, Name: "ovas/ubuntu-2404-kube-v1.36.0.ova", Bytes: 138_000_000})
		p.Report(registry.Event{Kind: registry.BlobEnd, Name: digestA, Bytes: 30_000_000}) // it failed
		p.Close()
		compare(t, "all of it", out.String(), strings.TrimLeft(`
looked at 1 of 40 images
manifest.yaml: done (7.0 MB)
registry.k8s.io/pause:3.10: done (1 of 40, 450 MB)
docker.io/library/a0: rate limited by docker.io, 30 s
1 of 40 images, 450 MB of 1.5 GB, registry.k8s.io/kube-apiserver:v1.36.3 12 of 30 MB, stalled for 15 s, sha256:bbbbbbbbbbbb 0 B of 2.0 GB, stalled for 18 s, ovas/ubuntu-2404-kube-v1.36.0.ova 138 MB, stalled for 15 s; docker.io/library/a0: rate limited by docker.io, 30 s; docker.io/library/a1: rate limited by docker.io, 30 s; docker.io/library/a2: rate limited by docker.io, 30 s
ovas/ubuntu-2404-kube-v1.36.0.ova: done (138 MB)
`, "\n"))
	})
}

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := progress.New(&out, progress.Options{Quiet: true, Terminal: true})
		story(p)
		time.Sleep(time.Minute)
		p.Close()
		if out.Len() > 0 {
			t.Errorf("%q", out.String())
		}
	})
}

// An archive that is checked has hundreds of blobs: none is worth a line.
func TestBlobsOfArchives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, out := &screen{t: t, width: 80}, &strings.Builder{}
		terminal, plain := progress.New(s, progress.Options{Terminal: true}), progress.New(out, progress.Options{})
		defer terminal.Close()
		for _, p := range []*progress.Progress{terminal, plain} {
			p.Report(registry.Event{Kind: registry.BlobBegin, Name: "blobs/sha256/" + strings.Repeat("a", 64), Bytes: 10})
			p.Report(registry.Event{Kind: registry.Advance, Name: "blobs/sha256/" + strings.Repeat("a", 64), Bytes: 10})
		}
		time.Sleep(time.Second)
		if got := s.String(); !strings.Contains(got, "\n  sha256:aaaaaaaaaaaa  ") {
			t.Errorf("on a terminal:\n%s", got)
		}
		plain.Report(registry.Event{Kind: registry.BlobEnd, Name: "blobs/sha256/" + strings.Repeat("a", 64), Bytes: 10})
		plain.Close()
		if out.Len() > 0 {
			t.Errorf("plain: %s", out)
		}
	})
}

func TestWaitsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, width: 80}
		p := progress.New(s, progress.Options{Terminal: true})
		defer p.Close()
		p.Expect(100, 2)
		p.Report(registry.Event{Kind: registry.BlobBegin, Name: "file", Bytes: 100})
		p.Report(registry.Event{Kind: registry.BlobBegin, Name: digestA, Bytes: 100})
		for _, name := range []string{"file", "image", "docker.io/a@" + digestA, "never"} {
			p.Report(registry.Event{Kind: registry.Waiting, Name: name, Note: "slow"})
		}
		p.Report(registry.Event{Kind: registry.Advance, Name: digestA, Bytes: 1})
		p.Report(registry.Event{Kind: registry.Advance, Name: "file", Bytes: 1})
		p.Report(registry.Event{Kind: registry.ImageDone, Name: "image"})
		time.Sleep(time.Second)
		if got := s.String(); strings.Count(got, "slow") != 1 || !strings.Contains(got, "never: slow") {
			t.Errorf("what goes on still waits:\n%s", got)
		}
		time.Sleep(time.Minute)
		if got := s.String(); strings.Contains(got, "slow") {
			t.Errorf("waits for ever:\n%s", got)
		}
	})
}

// Why something waits is seen however long the name of a blob is.
func TestWaitSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{t: t, width: 80}
		p := progress.New(s, progress.Options{Terminal: true, Width: s.columns})
		defer p.Close()
		p.Expect(100, 1)
		p.Report(registry.Event{
			Kind: registry.Waiting, Name: "registry.example.com/a/rather/long/path/of/folders/name@" + digestA,
			Note: "rate limited by registry.example.com, trying again in 4s",
		})
		time.Sleep(time.Second)
		if got := s.String(); !strings.Contains(got, "folders/name: rate limited by registry.example.com, trying again in 4s") {
			t.Errorf("nobody sees why it waits:\n%s", got)
		}
	})
}

// What is tried again from its beginning counts once.
func TestSecondTryCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := progress.New(&out, progress.Options{})
		p.Expect(100, 1)
		for range 2 {
			p.Report(registry.Event{Kind: registry.BlobBegin, Name: digestA, Bytes: 50})
			p.Report(registry.Event{Kind: registry.Advance, Name: digestA, Bytes: 40})
		}
		p.Report(registry.Event{Kind: registry.Advance, Name: digestA, Bytes: 20})
		p.Report(registry.Event{Kind: registry.BlobEnd, Name: digestA, Bytes: 50})
		p.Report(registry.Event{Kind: registry.ImageDone, Name: "a"})
		p.Close()
		compare(t, "counted", out.String(), "a: done (1 of 1, 50 B)\n")
	})
}

type closed struct{ io.Writer }

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestManyAtOnce(t *testing.T) {
	p := progress.New(closed{}, progress.Options{})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			name := fmt.Sprintf("sha256:%d", i)
			p.Report(registry.Event{Kind: registry.BlobBegin, Name: name, Bytes: 1000})
			for range 1000 {
				p.Report(registry.Event{Kind: registry.Advance, Name: name, Bytes: 1})
			}
			p.Report(registry.Event{Kind: registry.BlobEnd, Name: name, Bytes: 1000})
		})
	}
	group.Wait()
	p.Close()
	if _, err := p.Write(nil); err == nil {
		t.Error("a note that could not be written is no error")
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1549: "1.5 kB", 9949: "9.9 kB", 9951: "10 kB", 12_345: "12 kB", 999_499: "999 kB", 999_501: "1.0 MB",
		1_535_000_000: "1.5 GB", 45e9: "45 GB", 2e12: "2.0 TB", 1<<63 - 1: "9.2 EB",
	} {
		if got := progress.Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	p := progress.New(io.Discard, progress.Options{Terminal: true})
	defer p.Close()
	p.Report(registry.Event{Kind: registry.BlobBegin, Name: digestA, Bytes: 1 << 50})
	for b.Loop() {
		p.Report(registry.Event{Kind: registry.Advance, Name: digestA, Bytes: 1 << 18})
	}
}
