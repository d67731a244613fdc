// Package progress shows a person what a long transfer does: on a terminal a few
// lines that are redrawn in place, elsewhere one line for each image.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/registry"
)

// Options say how progress is shown.
type Options struct {
	Quiet    bool       // show nothing
	Terminal bool       // the writer is a terminal that obeys ECMA-48: redraw in place
	Width    func() int // columns of the terminal, asked before each redraw; nil or 0 means 80
	Color    bool       // waits may be coloured
}

const (
	redraw    = 100 * time.Millisecond // how often a terminal is redrawn
	heartbeat = 15 * time.Second       // how long plain lines may be silent
)

// A Progress takes the events of transfers and shows where they are. It must be
// closed.
type Progress struct {
	w    io.Writer
	opts Options

	mu       sync.Mutex
	state    state
	drawn    []int     // columns of the lines of the block that is on the terminal
	spoken   time.Time // of the last plain line
	noted    map[string]time.Time
	finished bool

	done    chan struct{}
	stopped chan struct{}
}

// New shows progress on w. Errors of w are ignored: no transfer fails because
// nobody can see it.
func New(w io.Writer, opts Options) *Progress {
	now := time.Now()
	p := &Progress{
		w: w, opts: opts, state: newState(now), spoken: now, noted: map[string]time.Time{},
		done: make(chan struct{}), stopped: make(chan struct{}),
	}
	if opts.Quiet {
		close(p.stopped)
	} else {
		go p.run()
	}
	return p
}

// Expect adds to what will be transferred: bytes, and images that will be complete.
// It may be called whenever more becomes known. What came before the first bytes were
// expected served to find out, and does not count.
func (p *Progress) Expect(bytes int64, images int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.bytes == 0 && bytes > 0 {
		p.state.restart(time.Now())
	}
	p.state.bytes += bytes
	p.state.images += images
}

// Report takes an event. It is cheap, and safe from many goroutines at once: it is
// what the Report fields of packages registry and download want.
func (p *Progress) Report(e registry.Event) {
	if p.opts.Quiet {
		return
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return
	}
	whole := p.state.whole(e)
	p.state.take(e, now)
	if !p.opts.Terminal {
		p.say(e, whole, now)
	}
}

// Write writes text of others, whole lines, so that it does not run into what is
// drawn. It is for everything that shares the writer while a transfer runs.
func (p *Progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	n, err := p.w.Write(text)
	if err != nil {
		return n, fmt.Errorf("writing: %w", err)
	}
	return n, nil
}

// Close ends it. What was drawn is gone afterwards. It may be called twice.
func (p *Progress) Close() {
	p.mu.Lock()
	first := !p.finished
	p.finished = true
	if first {
		close(p.done)
	}
	p.mu.Unlock()
	<-p.stopped
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

// run redraws until Close.
func (p *Progress) run() {
	defer close(p.stopped)
	pace := time.Second
	if p.opts.Terminal {
		pace = redraw
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			p.tick(time.Now())
		}
	}
}

func (p *Progress) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.sample(now)
	switch {
	case p.finished:
	case p.opts.Terminal:
		p.draw(now)
	case now.Sub(p.spoken) >= heartbeat && p.state.begun():
		p.printf(now, "%s", p.state.summary(now))
	}
}

// say prints what is worth a line of its own. whole says that all of a flight came.
func (p *Progress) say(e registry.Event, whole bool, now time.Time) {
	switch {
	case e.Kind == registry.ImageDone:
		p.printf(now, "%s: done (%s)", printable(e.Name), p.state.counts())
	case whole && isFile(e.Name):
		p.printf(now, "%s: done (%s)", printable(e.Name), Size(e.Bytes))
	case e.Kind == registry.Waiting:
		// A registry that limits its rate limits all that is in flight.
		if last, ok := p.noted[e.Note]; ok && now.Sub(last) < heartbeat {
			return
		}
		p.noted[e.Note] = now
		p.printf(now, "%s: %s", printable(e.Name), printable(e.Note))
	}
}

// printf prints a plain line.
func (p *Progress) printf(now time.Time, format string, args ...any) {
	p.spoken = now
	_, _ = fmt.Fprintf(p.w, format+"\n", args...)
}
