package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// TestCopy: whatever the images look like, after a copy every name is the same at
// its target, each blob was sent once, and a second copy writes nothing.
func TestCopy(t *testing.T) {
	for seed := range uint64(60) {
		from, to := &Memory{}, newWatched()
		pairs := maker{t, from}.random(rand.New(rand.NewPCG(seed, 1)), 6)
		referrers := seed%2 == 0
		planning := PlanOptions{Referrers: referrers, Parallel: int(seed % 5)}
		results, err := Copy(t.Context(), pairs, from, to, planning, TransferOptions{Parallel: int(seed % 7)})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkCopied(t, from, to.Memory, pairs, referrers)
		plan, err := NewPlan(t.Context(), pairs, from, planning)
		if err != nil {
			t.Fatal(err)
		}
		blobs := 0
		for _, c := range plan.Contents() {
			if c.Raw == nil {
				blobs++
				if to.sent[c.Digest] != 1 {
					t.Errorf("seed %d: %s was sent %d times", seed, c.Digest, to.sent[c.Digest])
				}
			}
		}
		if len(to.sent) != blobs {
			t.Errorf("seed %d: %d blobs were sent, not %d", seed, len(to.sent), blobs)
		}
		for i, r := range results {
			if r.Image.Pair != pairs[i] || r.Err != nil || r.Present {
				t.Errorf("seed %d: result %d is %v, %v, %v", seed, i, r.Image.Pair, r.Present, r.Err)
			}
		}
		to.calls = 0
		results, err = Copy(t.Context(), pairs, from, to, planning, TransferOptions{})
		if err != nil || to.calls != 0 || slices.ContainsFunc(results, func(r Result) bool { return !r.Present }) {
			t.Errorf("seed %d: the second time there were %d calls, %v, %v", seed, to.calls, err, results)
		}
		if t.Failed() {
			return
		}
	}
}

// TestReferrersLater: who takes referrers along only the second time gets them,
// and nothing else is written again.
func TestReferrersLater(t *testing.T) {
	from, to := &Memory{}, newWatched()
	k := maker{t, from}
	at := ref(t, "up.test/a:1")
	root := k.image(at, "linux/amd64", "layer")
	k.cosign(at, root)
	sbom := k.artifact(untagged(at), &root, "sbom")
	k.artifact(untagged(at), &sbom, "signed sbom")
	pairs := []image.Pair{{Source: at, Target: ref(t, "site.test/a:1")}}
	if _, err := Copy(t.Context(), pairs, from, to, PlanOptions{}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	sent := len(to.sent)
	to.calls = 0
	if _, err := Copy(t.Context(), pairs, from, to, PlanOptions{Referrers: true}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	checkCopied(t, from, to.Memory, pairs, true)
	if len(to.sent) != sent+5 || to.calls != 5+3 { // two blobs each, the empty config shared
		t.Errorf("%d more blobs in %d calls", len(to.sent)-sent, to.calls)
	}
}

// TestReferrerNotListed: a referrer that is there but that nobody would find is
// written again. So ends a run that is killed while a registry without referrers
// API is given the list that takes its place.
func TestReferrerNotListed(t *testing.T) {
	from, to := &Memory{}, newWatched()
	at := ref(t, "up.test/a:1")
	k := maker{t, from}
	root := k.image(at, "linux/amd64", "layer")
	sbom := k.artifact(untagged(at), &root, "sbom")
	pairs := []image.Pair{{Source: at, Target: ref(t, "site.test/a:1")}}
	if _, err := Copy(t.Context(), pairs, from, to, PlanOptions{Referrers: true}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	for unlisted, calls := range map[bool]int{false: 0, true: 2 + 1} { // two blobs that are there
		to.calls = 0
		results, err := Copy(t.Context(), pairs, from, unlisting{to, unlisted}, PlanOptions{Referrers: true}, TransferOptions{})
		if err != nil || to.calls != calls || results[0].Present == unlisted {
			t.Errorf("unlisted %v: %d calls, %v, %v", unlisted, to.calls, results, err)
		}
	}
	if held, _ := to.Holds(t.Context(), pairs[0].Target, sbom); held {
		t.Error("the tag names the referrer")
	}
}

// An unlisting Sink has what refers to something, but does not say so.
type unlisting struct {
	*watched
	unlisted bool
}

func (u unlisting) Referrers(ctx context.Context, at image.Ref, desc Descriptor) ([]Referrer, error) {
	if u.unlisted {
		return nil, nil
	}
	return u.watched.Referrers(ctx, at, desc)
}

type fatalError struct{ error }

func (fatalError) Fatal() bool     { return true }
func (e fatalError) Unwrap() error { return e.error }

// TestKilled: wherever a copy is stopped, nothing at the target lacks anything,
// and the next copy completes it.
func TestKilled(t *testing.T) {
	from := &Memory{}
	pairs := maker{t, from}.random(rand.New(rand.NewPCG(7, 7)), 3)
	planning := PlanOptions{Referrers: true}
	whole := newWatched()
	if _, err := Copy(t.Context(), pairs, from, whole, planning, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	if whole.calls < 40 {
		t.Fatalf("only %d calls: too small a copy", whole.calls)
	}
	broken := errors.New("broken")
	for _, kind := range []string{"error", "fatal", "canceled", "every"} {
		for n := 1; n <= whole.calls; n++ {
			to := newWatched()
			ctx, cancel := context.WithCancel(t.Context())
			to.before = func(call int) error {
				switch {
				case kind == "every" && call >= n || kind == "error" && call == n:
					return broken
				case kind == "fatal" && call == n:
					return fatalError{broken}
				case kind == "canceled" && call == n:
					cancel()
					return ctx.Err()
				}
				return nil
			}
			results, err := Copy(ctx, pairs, from, to, planning, TransferOptions{Parallel: 1 + n%4})
			cancel()
			checkStopped(t, kind, results, err, broken)
			to.checkSound(t)
			to.before = nil
			if _, err := Copy(t.Context(), pairs, from, to, planning, TransferOptions{}); err != nil {
				t.Fatalf("%s at call %d, then: %v", kind, n, err)
			}
			checkCopied(t, from, to.Memory, pairs, true)
			if t.Failed() {
				t.Fatalf("%s at call %d", kind, n)
			}
		}
	}
}

func checkStopped(t *testing.T, kind string, results []Result, err, broken error) {
	t.Helper()
	want := broken
	if kind == "canceled" {
		want = context.Canceled
	}
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, not %v", err, want)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; (kind == "fatal" || kind == "canceled") && lines != 1 {
		t.Errorf("%d lines of errors: %v", lines, err)
	}
	if !slices.ContainsFunc(results, func(r Result) bool { return r.Err != nil }) {
		t.Error("no image has failed")
	}
}

// A spoiled Source gives other bytes for one blob.
type spoiled struct {
	*Memory
	blob  digest.Digest
	spoil func([]byte) []byte
}

func (s spoiled) Fetch(ctx context.Context, at image.Ref, desc Descriptor) (io.ReadCloser, error) {
	r, err := s.Memory.Fetch(ctx, at, desc)
	if err != nil || desc.Digest != s.blob {
		return r, err
	}
	raw, _ := io.ReadAll(r)
	return io.NopCloser(strings.NewReader(string(s.spoil(raw)))), nil
}

// A credulous Sink takes as many bytes as it was told and asks no more.
type credulous struct{ *Memory }

func (c credulous) PutBlob(ctx context.Context, at image.Ref, desc Descriptor, _ []image.Ref, open Opener) (Outcome, error) {
	r, err := open(ctx)
	if err != nil {
		return Sent, err
	}
	raw := make([]byte, desc.Size)
	if _, err := io.ReadFull(r, raw); err != nil {
		return Sent, err
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.repository(at).blobs[desc.Digest] = raw
	return Sent, nil
}

// TestWrongBytes: what is not what its digest says reaches no sink as a whole,
// the error names image and digest, and other images are not touched by it.
func TestWrongBytes(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	bad, good := ref(t, "up.test/bad:1"), ref(t, "up.test/good:1")
	layer := strings.Repeat("0123456789", 5000)
	k.image(bad, "linux/amd64", layer)
	k.image(good, "linux/amd64", "other")
	pairs := []image.Pair{{Source: bad, Target: ref(t, "site.test/bad:1")}, {Source: good, Target: ref(t, "site.test/good:1")}}
	for name, spoil := range map[string]func([]byte) []byte{
		"first byte": func(b []byte) []byte { b[0] ^= 1; return b },
		"last byte":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"short":      func(b []byte) []byte { return b[:len(b)-1] },
		"empty":      func([]byte) []byte { return nil },
	} {
		for _, to := range []Sink{&Memory{}, credulous{&Memory{}}} {
			source := spoiled{from, digest.FromString(layer), spoil}
			results, err := Copy(t.Context(), pairs, source, to, PlanOptions{}, TransferOptions{})
			if err == nil || !strings.HasPrefix(err.Error(), "up.test/bad:1: writing blob "+string(source.blob)+" to site.test/bad: reading it from up.test/bad:1: ") {
				t.Errorf("%s: %v", name, err)
			}
			if results[0].Err == nil || results[1].Err != nil {
				t.Errorf("%s: %v", name, results)
			}
			if held, _ := to.Holds(t.Context(), pairs[1].Target, results[1].Image.Root); !held {
				t.Errorf("%s: the other image is missing", name)
			}
			if c, ok := to.(credulous); ok {
				c.checkSound(t)
			}
		}
	}
	more := spoiled{from, digest.FromString(layer), func(b []byte) []byte { return append(b, "and more"...) }}
	to := credulous{&Memory{}}
	if _, err := Copy(t.Context(), pairs, more, to, PlanOptions{}, TransferOptions{}); err != nil {
		t.Errorf("bytes after the content: %v", err)
	}
	to.checkSound(t)
}

// TestAnotherSource: a blob that one image's source does not have comes from the
// next image's.
func TestAnotherSource(t *testing.T) {
	from := &Memory{}
	k := maker{t, from}
	a, b := ref(t, "up.test/a:1"), ref(t, "up.test/b:1")
	k.image(a, "linux/amd64", "shared")
	k.image(b, "linux/amd64", "shared")
	delete(from.repository(a).blobs, digest.FromString("shared"))
	pairs := []image.Pair{{Source: a, Target: ref(t, "site.test/a:1")}, {Source: b, Target: ref(t, "site.test/b:1")}}
	to := &Memory{}
	results, err := Copy(t.Context(), pairs, from, to, PlanOptions{}, TransferOptions{})
	if results[0].Err == nil || results[1].Err != nil {
		t.Errorf("%v", err)
	}
	checkCopied(t, from, to, pairs[1:], false)
}

// TestFailuresInOrder: every image that fails is told once, in the order of the
// plan, whatever happened first.
func TestFailuresInOrder(t *testing.T) {
	from, to := &Memory{}, newWatched()
	var pairs []image.Pair
	for i := range 30 {
		at := ref(t, fmt.Sprintf("up.test/r%02d:1", i))
		maker{t, from}.image(at, "linux/amd64", "shared", fmt.Sprint(i))
		pairs = append(pairs, image.Pair{Source: at, Target: ref(t, fmt.Sprintf("site.test/r%02d:1", i))})
	}
	to.before = func(int) error { return errors.New("refused") }
	_, err := Copy(t.Context(), pairs, from, to, PlanOptions{}, TransferOptions{})
	told := map[string]int{}
	var order []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name, step, _ := strings.Cut(line, ": ")
		if !strings.HasPrefix(step, "writing blob sha256:") || !strings.HasSuffix(step, ": refused") {
			t.Errorf("%s", line)
		}
		if told[name]++; told[name] == 1 {
			order = append(order, name)
		}
	}
	if len(order) != len(pairs) || !slices.IsSorted(order) {
		t.Errorf("the order is %v", order)
	}
	if to.calls > 2*len(pairs)+4 {
		t.Errorf("%d calls: hopeless images were gone on with", to.calls)
	}
}

// TestOneFatalError: what nothing can be done about is told once.
func TestOneFatalError(t *testing.T) {
	from, to := &Memory{}, newWatched()
	pairs := maker{t, from}.random(rand.New(rand.NewPCG(3, 3)), 20)
	to.before = func(int) error { return fatalError{errors.New("disk full")} }
	_, err := Copy(t.Context(), pairs, from, to, PlanOptions{}, TransferOptions{})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasSuffix(err.Error(), "disk full") {
		t.Error(err)
	}
	if to.calls > 12 {
		t.Errorf("%d calls after the first", to.calls-1)
	}
}

// TestParallel: there are as many blobs in flight as asked for and never more,
// even if the sink can mount nothing.
func TestParallel(t *testing.T) {
	for _, mounts := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			from := &Memory{}
			pairs := maker{t, from}.random(rand.New(rand.NewPCG(5, 5)), 12)
			to := &slow{Memory: &Memory{}, mounts: mounts}
			if _, err := Copy(t.Context(), pairs, from, to, PlanOptions{}, TransferOptions{Parallel: 3}); err != nil {
				t.Fatal(err)
			}
			checkCopied(t, from, to.Memory, pairs, false)
			if to.most != 3 {
				t.Errorf("%d blobs were in flight at once, not 3", to.most)
			}
		})
	}
}

// A slow Sink holds every blob until nothing else can happen.
type slow struct {
	*Memory
	mounts    bool
	lock      sync.Mutex
	now, most int
}

func (s *slow) PutBlob(ctx context.Context, at image.Ref, desc Descriptor, elsewhere []image.Ref, open Opener) (Outcome, error) {
	if !s.mounts {
		elsewhere = nil
	}
	flying := false
	outcome, err := s.Memory.PutBlob(ctx, at, desc, elsewhere, func(ctx context.Context) (io.ReadCloser, error) {
		r, err := open(ctx)
		flying = true
		s.lock.Lock()
		s.now++
		s.most = max(s.most, s.now)
		s.lock.Unlock()
		time.Sleep(time.Second) // which passes once nothing else can happen
		return r, err
	})
	if flying {
		s.lock.Lock()
		s.now--
		s.lock.Unlock()
	}
	return outcome, err
}

// TestEvents: whoever adds up what is reported comes to the size of all blobs,
// and hears the end of each of them once.
func TestEvents(t *testing.T) {
	from, to := &Memory{}, newWatched()
	pairs := maker{t, from}.random(rand.New(rand.NewPCG(9, 9)), 8)
	plan, err := NewPlan(t.Context(), pairs, from, PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, c := range plan.Contents() {
		if c.Raw == nil {
			size += c.Size
		}
	}
	for _, round := range []EventKind{BlobEnd, BlobSkipped} {
		var lock sync.Mutex
		ends, images := map[string]int{}, map[string]int{}
		var moved, skipped int64
		_, err := Transfer(t.Context(), plan, from, to, TransferOptions{Report: func(e Event) {
			lock.Lock()
			defer lock.Unlock()
			switch e.Kind {
			case Advance:
				moved += e.Bytes
			case BlobSkipped:
				skipped += e.Bytes
				ends[e.Name]++
			case BlobEnd:
				ends[e.Name]++
			case ImageDone:
				images[e.Name]++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if moved+skipped != size || (round == BlobEnd) != (skipped == 0) {
			t.Errorf("%d bytes moved and %d skipped of %d", moved, skipped, size)
		}
		for name, n := range ends {
			if n != 1 {
				t.Errorf("%s ended %d times", name, n)
			}
		}
		if len(images) != len(pairs) || slices.Max(slices.Collect(maps.Values(images))) != 1 {
			t.Errorf("%d of %d images done: %v", len(images), len(pairs), images)
		}
	}
}

// TestMountFromPresent: what an image has that is there already is mounted from
// it, not sent.
func TestMountFromPresent(t *testing.T) {
	from, to := &Memory{}, newWatched()
	k := maker{t, from}
	a, b := ref(t, "up.test/a:1"), ref(t, "up.test/b:1")
	k.image(a, "linux/amd64", "shared")
	k.image(b, "linux/amd64", "shared")
	pairs := []image.Pair{{Source: a, Target: ref(t, "site.test/a:1")}, {Source: b, Target: ref(t, "site.test/b:1")}}
	for n := range pairs {
		if _, err := Copy(t.Context(), pairs[:n+1], from, to, PlanOptions{}, TransferOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if layer := digest.FromString("shared"); to.sent[layer] != 1 {
		t.Errorf("the layer was sent %d times", to.sent[layer])
	}
}

// An impatient Sink begins each blob anew after half of it.
type impatient struct{ *Memory }

func (i impatient) PutBlob(ctx context.Context, at image.Ref, desc Descriptor, elsewhere []image.Ref, open Opener) (Outcome, error) {
	return i.Memory.PutBlob(ctx, at, desc, elsewhere, func(ctx context.Context) (io.ReadCloser, error) {
		r, err := open(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, r, desc.Size/2); err != nil {
			return nil, err
		}
		r.Close()
		return open(ctx)
	})
}

// TestBegunAnew: bytes that are read again do not count twice.
func TestBegunAnew(t *testing.T) {
	from, at := &Memory{}, ref(t, "up.test/a:1")
	layer := strings.Repeat("x", 3<<20)
	config := maker{t, from}.image(at, "linux/amd64", layer)
	var lock sync.Mutex
	moved := map[string]int64{}
	_, err := Copy(t.Context(), []image.Pair{{Source: at, Target: ref(t, "site.test/a:1")}}, from, impatient{&Memory{}}, PlanOptions{},
		TransferOptions{Report: func(e Event) {
			lock.Lock()
			defer lock.Unlock()
			if e.Kind == Advance {
				moved[e.Name] += e.Bytes
			}
		}})
	if got := moved[string(digest.FromString(layer))]; err != nil || got != int64(len(layer)) || len(moved) != 2 {
		t.Errorf("%v, %d of %d bytes, %v of %s", err, got, len(layer), len(moved), config.Digest)
	}
}

// TestReferrerByTagToo: a referrer that is found in both ways is found in both
// ways at the target.
func TestReferrerByTagToo(t *testing.T) {
	from, to, at := &Memory{}, &Memory{}, ref(t, "up.test/a:1")
	k := maker{t, from}
	root := k.image(at, "linux/amd64", "layer")
	tagged := at
	tagged.Tag = strings.Replace(string(root.Digest), ":", "-", 1) + ".att"
	k.artifact(tagged, &root, "sbom")
	pairs := []image.Pair{{Source: at, Target: ref(t, "site.test/a:1")}}
	if _, err := Copy(t.Context(), pairs, from, to, PlanOptions{Referrers: true}, TransferOptions{}); err != nil {
		t.Fatal(err)
	}
	checkCopied(t, from, to, pairs, true)
}

// TestElsewhere: a blob that the sink has in a repository beyond the plan is
// mounted from there.
func TestElsewhere(t *testing.T) {
	from, to := &Memory{}, newWatched()
	at, there := ref(t, "up.test/a:1"), ref(t, "site.test/old:1")
	maker{t, from}.image(at, "linux/amd64", "layer")
	maker{t, to.Memory}.blob(there, "", "layer")
	layer := digest.FromString("layer")
	_, err := Copy(t.Context(), []image.Pair{{Source: at, Target: ref(t, "site.test/a:1")}}, from, to, PlanOptions{},
		TransferOptions{Elsewhere: func(d digest.Digest) []image.Ref {
			if d == layer {
				return []image.Ref{there}
			}
			return nil
		}})
	if err != nil || to.sent[layer] != 0 || len(to.sent) != 1 {
		t.Errorf("%v, sent %v", err, to.sent)
	}
}

// TestSlowLine: a line that takes long for what is worth a report tells of its bytes all
// the same, for whoever looks on takes it for stalled otherwise.
func TestSlowLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int64
		f := &flow{
			transfer: &transfer{to: &Memory{}, opts: TransferOptions{Report: func(e Event) { told = append(told, e.Bytes) }}},
			desc:     describe(make([]byte, 50_000)),
		}
		pipe, line := io.Pipe()
		go func() {
			for range 50 {
				time.Sleep(100 * time.Millisecond)
				_, _ = line.Write(make([]byte, 1000))
			}
			_ = line.Close()
		}()
		if _, err := io.Copy(io.Discard, newVerified(pipe, f)); err != nil {
			t.Error(err)
		}
		if len(told) < 10 || len(told) > 30 {
			t.Errorf("in 5 s it was told of bytes %d times: %v", len(told), told)
		}
	})
}
