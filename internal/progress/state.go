package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

const (
	window  = 5 * time.Second  // what the rate is the mean of
	settled = 2 * time.Second  // how long a rate is too young for a forecast
	stalled = 5 * time.Second  // how long nothing comes until a person is told
	forgets = 60 * time.Second // how long a wait is shown that nothing follows
)

// A state is where a transfer is.
type state struct {
	bytes, moved, skipped  int64 // expected, transferred, and there already
	images, planned, ready int   // expected, looked at, and complete
	flights                []*flight
	waits                  []wait
	samples                []sample
}

// A flight is a blob or a file that is being transferred.
type flight struct {
	name, image string
	size, got   int64 // size is -1 where it is not known
	last        time.Time
}

// A wait is why something does not go on.
type wait struct {
	name, note string
	since      time.Time
}

// about says that the wait is over when name goes on. A blob waits under the name of its
// repository, and goes on under its digest alone.
func (w wait) about(name string) bool { return w.name == name || strings.HasSuffix(w.name, "@"+name) }

// A sample is how much had been transferred at a time.
type sample struct {
	at    time.Time
	moved int64
}

func newState(now time.Time) state { return state{samples: []sample{{at: now}}} }

// take changes s as e says.
func (s *state) take(e registry.Event, now time.Time) {
	switch e.Kind {
	case registry.ImagePlanned:
		s.planned++
	case registry.ImageDone:
		s.ready++
	case registry.BlobBegin:
		s.land(e.Name, false)
		s.flights = append(s.flights, &flight{name: e.Name, image: e.Image, size: e.Bytes, last: now})
	case registry.Advance:
		if s.moved == 0 {
			s.samples = []sample{{at: now}} // making the plan was another thing
		}
		s.moved += e.Bytes
		if f := s.flight(e.Name); f != nil {
			f.got += e.Bytes
			f.last = now
		}
	case registry.BlobEnd:
		s.land(e.Name, true)
	case registry.BlobSkipped:
		s.skipped += e.Bytes
	case registry.Waiting:
		s.wait(e, now)
		return
	}
	if len(s.waits) > 0 {
		s.waits = slices.DeleteFunc(s.waits, func(w wait) bool { return w.about(e.Name) })
	}
}

// restart forgets what has come.
func (s *state) restart(now time.Time) {
	s.moved, s.samples = 0, []sample{{at: now}}
	for _, f := range s.flights {
		s.moved += f.got
	}
}

func (s *state) flight(name string) *flight {
	for _, f := range s.flights {
		if f.name == name {
			return f
		}
	}
	return nil
}

// whole says that e ends a flight of which nothing is missing.
func (s *state) whole(e registry.Event) bool {
	if e.Kind != registry.BlobEnd {
		return false
	}
	f := s.flight(e.Name)
	return f != nil && f.got >= f.size
}

// land takes a flight out. What came of it counts if it is over; if it begins anew,
// or more came than it is long, because it was tried again, that does not count.
func (s *state) land(name string, over bool) {
	f := s.flight(name)
	if f == nil {
		return
	}
	surplus := f.got
	if over {
		surplus = 0
		if f.size >= 0 {
			surplus = max(0, f.got-f.size)
		}
	}
	s.moved -= surplus
	s.flights = slices.DeleteFunc(s.flights, func(other *flight) bool { return other == f })
}

// wait notes why e.Name does not go on.
func (s *state) wait(e registry.Event, now time.Time) {
	for i := range s.waits {
		if s.waits[i].name == e.Name {
			s.waits[i].note, s.waits[i].since = e.Note, now
			return
		}
	}
	s.waits = append(s.waits, wait{name: e.Name, note: e.Note, since: now})
}

// sample notes how much has come, and forgets what is too old to tell the rate.
func (s *state) sample(now time.Time) {
	s.samples = append(s.samples, sample{now, s.moved})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= window {
		s.samples = s.samples[1:]
	}
	s.waits = slices.DeleteFunc(s.waits, func(w wait) bool { return now.Sub(w.since) >= forgets })
}

// rate is bytes a second, 0 where it is not known yet.
func (s *state) rate() int64 {
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	if d := last.at.Sub(first.at); d > 0 && last.moved > first.moved {
		return int64(float64(last.moved-first.moved) / d.Seconds())
	}
	return 0
}

// got is how much of what was expected is where it should be.
func (s *state) got() int64 {
	if n := s.moved + s.skipped; s.bytes == 0 || n < s.bytes {
		return n
	}
	return s.bytes
}

// eta is how long it will take, 0 where that cannot be told.
func (s *state) eta() time.Duration {
	rate := s.rate()
	span := s.samples[len(s.samples)-1].at.Sub(s.samples[0].at)
	if rate == 0 || s.bytes == 0 || span < settled {
		return 0
	}
	return time.Duration(float64(s.bytes-s.got()) / float64(rate) * float64(time.Second))
}

// begun says that there is something to tell.
func (s *state) begun() bool {
	return s.bytes+s.moved+s.skipped > 0 || s.images+s.planned+s.ready > 0 || len(s.flights)+len(s.waits) > 0
}

// planning says that the images are still looked at.
func (s *state) planning() bool {
	return s.bytes+s.moved+s.skipped == 0 && s.ready == 0 && len(s.flights) == 0
}

// counts are the images and bytes so far: 3 of 40, 12 MB.
func (s *state) counts() string { return of(s.ready, s.images) + ", " + Size(s.got()) }

// of is n of m, or n where m is not known.
func of(n, m int) string {
	if m == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d of %d", n, max(n, m))
}

// amount is how many of its bytes a thing has: 12 of 30 MB, 800 kB of 1.5 GB.
func amount(got, size int64) string {
	if size <= 0 {
		return Size(got)
	}
	total := Size(size)
	done, unit, _ := strings.Cut(Size(min(got, size)), " ")
	if strings.HasSuffix(total, " "+unit) {
		return done + " of " + total
	}
	return done + " " + unit + " of " + total
}

// summary is the state on one line.
func (s *state) summary(now time.Time) string {
	if s.planning() {
		return "looked at " + of(s.planned, s.images) + " images" + s.waiting()
	}
	parts := []string{of(s.ready, s.images) + " images", amount(s.got(), s.bytes)}
	if rate := s.rate(); rate > 0 {
		parts = append(parts, Size(rate)+"/s")
	}
	for i, f := range s.flights {
		if i == shown {
			parts = append(parts, fmt.Sprintf("%d more", len(s.flights)-shown))
			break
		}
		parts = append(parts, f.title()+" "+f.amount(now))
	}
	return strings.Join(parts, ", ") + s.waiting()
}

func (s *state) waiting() string {
	var text strings.Builder
	for _, w := range s.waits[:min(len(s.waits), shown)] {
		text.WriteString("; " + printable(w.name) + ": " + printable(w.note))
	}
	return text.String()
}

// title is what a person calls a flight: the image, or the beginning of a digest.
func (f *flight) title() string {
	name := f.name
	switch {
	case f.image != "":
		name, _, _ = strings.Cut(f.image, "@")
	case !isFile(name):
		name = strings.Replace(strings.TrimPrefix(name, blobs), "/", ":", 1)
		name = name[:min(len(name), len("sha256:")+12)]
	}
	return printable(name)
}

// amount is how much of f came, or that nothing comes.
func (f *flight) amount(now time.Time) string {
	text := amount(f.got, f.size)
	if idle := now.Sub(f.last); idle >= stalled {
		text += ", stalled for " + left(idle)
	}
	return text
}

// isFile says that name is no digest, nor where an archive has one: it names a file
// that belongs to no image.
func isFile(name string) bool {
	return !strings.HasPrefix(name, "sha256:") && !strings.HasPrefix(name, "sha512:") && !strings.HasPrefix(name, blobs)
}

const blobs = "blobs/" // of an OCI image layout: blobs/sha256/HEX
