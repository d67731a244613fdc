package resume

import (
	"context"
	"time"
)

// A Watch ends a context when nothing has happened for too long.
type Watch struct {
	stall time.Duration
	timer *time.Timer
	end   context.CancelCauseFunc
}

// NewWatch gives a context that ends with ErrStalled as its cause when the watch
// has been waiting for stall (0 means 60 s). It waits from the start.
func NewWatch(ctx context.Context, stall time.Duration) (context.Context, *Watch) {
	if stall == 0 {
		stall = time.Minute
	}
	ctx, end := context.WithCancelCause(ctx)
	return ctx, &Watch{stall: stall, end: end, timer: time.AfterFunc(stall, func() { end(ErrStalled) })}
}

// Wait begins to wait, or begins anew: something has happened.
func (w *Watch) Wait() { w.timer.Reset(w.stall) }

// WaitFor is Wait with another time, for a step that may take long.
func (w *Watch) WaitFor(stall time.Duration) { w.timer.Reset(stall) }

// Pause stops waiting: it is not the other side that is slow.
func (w *Watch) Pause() { w.timer.Stop() }

// End ends the context and the watch.
func (w *Watch) End() {
	w.timer.Stop()
	w.end(context.Canceled)
}
