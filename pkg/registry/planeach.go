package registry

import (
	"context"
	"errors"
	"sync"
)

// defaultParallel is what 0 means in options.
const defaultParallel = 4

// parallelOr is the number that an option gives, else the default.
func parallelOr(n int) int {
	if n <= 0 {
		return defaultParallel
	}
	return n
}

// isFatal reports whether an error makes every further step pointless, as a
// refused password or a full disk does: its type has a method Fatal that says so.
func isFatal(err error) bool {
	var f interface{ Fatal() bool }
	return errors.As(err, &f) && f.Fatal()
}

// each calls do for 0…n-1, in that order and at most parallel at a time, and gives what
// each of them returned. The second value is why it ended early, if it did: the context
// is done, or an error was fatal. A fatal error ends only what comes behind it, so that of
// several it is always the first that is given.
func each(ctx context.Context, n, parallel int, do func(context.Context, int) error) ([]error, error) {
	all := turns{end: n, running: map[int]context.CancelCauseFunc{}}
	errs := make([]error, n)
	var group sync.WaitGroup
	for range min(n, parallel) {
		group.Go(func() {
			for {
				i, own := all.begin(ctx)
				if own == nil {
					return
				}
				errs[i] = do(own, i)
				all.finish(i, errs[i])
			}
		})
	}
	group.Wait()
	if all.end < n {
		return errs, errs[all.end]
	}
	return errs, context.Cause(ctx)
}

// turns are 0…end-1 as they are taken.
type turns struct {
	lock    sync.Mutex
	next    int
	end     int // goes down to the first turn that ended with a fatal error
	running map[int]context.CancelCauseFunc
}

// begin gives the next turn and its context, nil if there is none.
func (t *turns) begin(ctx context.Context) (int, context.Context) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if ctx.Err() != nil || t.next >= t.end {
		return 0, nil
	}
	i := t.next
	t.next++
	own, stop := context.WithCancelCause(ctx)
	t.running[i] = stop
	return i, own
}

// finish takes what became of a turn.
func (t *turns) finish(i int, err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.running[i](nil)
	delete(t.running, i)
	if i >= t.end || !isFatal(err) {
		return
	}
	t.end = i
	for behind, stop := range t.running {
		if behind > i {
			stop(err)
		}
	}
}

// slots bound how many of something run at a time.
type slots chan struct{}

// take waits for a slot. Who got one gives it back.
func (s slots) take(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slots) give() { <-s }
