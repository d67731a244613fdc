package registry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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

// each calls do for 0…n-1, at most parallel at a time, and gives what each of
// them returned. The second value is why it ended early, if it did: the context
// is done, or an error was fatal.
func each(ctx context.Context, n, parallel int, do func(context.Context, int) error) ([]error, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	errs := make([]error, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, parallel) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = do(ctx, i); isFatal(errs[i]) {
					stop(errs[i])
				}
			}
		})
	}
	group.Wait()
	return errs, context.Cause(ctx)
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
