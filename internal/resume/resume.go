// Package resume is how anything that fails on the network is tried again: when,
// how often, after which wait, and from which byte on. There is no other loop of
// that kind.
package resume

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Policy says how often and after which waits something is tried again. The
// zero value is what downloads want.
type Policy struct {
	// Tries is how often it is tried without getting further; 0 means 5.
	Tries int
	// First is the wait after the first failure, which doubles with each further
	// one up to Longest; 0 means 1 s and 30 s. A random part of up to a half is
	// taken off, so that those who failed together do not come back together.
	First, Longest time.Duration
	// LongestAsked is how long a server may make us wait by Retry-After; 0 means
	// 5 min.
	LongestAsked time.Duration
	// Waiting is told of each wait before it begins; may be nil.
	Waiting func(Wait)
	// Sleep waits for a time or until the context ends; nil means to do so.
	Sleep func(context.Context, time.Duration) error
}

// A Wait is a pause between two tries.
type Wait struct {
	What string        // what is tried
	Err  error         // why it failed
	For  time.Duration // how long the pause is
}

// Note is the sentence that tells a person of the wait.
func (w Wait) Note() string {
	pause := w.For.Round(time.Second)
	if w.For < time.Second {
		pause = w.For.Round(time.Millisecond)
	}
	if status := statusOf(w.Err); status != nil && status.Code == tooManyRequests {
		return fmt.Sprintf("rate limited by %s, trying again in %s", status.Host, pause)
	}
	return fmt.Sprintf("%v, trying again in %s", w.Err, pause)
}

// Do calls try until it succeeds, fails for a reason that will not go away, or has
// failed as often as policy allows. It gives the last error. what names the thing
// in Wait.
func Do(ctx context.Context, policy Policy, what string, try func(context.Context) error) error {
	tries := policy.Begin(what)
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if err := tries.Again(ctx, err); err != nil {
			return err
		}
	}
}

// Tries are the tries at one thing.
type Tries struct {
	policy Policy
	what   string
	failed int
}

// Begin begins to try something.
func (p Policy) Begin(what string) *Tries {
	if p.Tries == 0 {
		p.Tries = 5
	}
	if p.First == 0 {
		p.First = time.Second
	}
	if p.Longest == 0 {
		p.Longest = 30 * time.Second
	}
	if p.LongestAsked == 0 {
		p.LongestAsked = 5 * time.Minute
	}
	if p.Sleep == nil {
		p.Sleep = sleep
	}
	return &Tries{policy: p, what: what}
}

// Progress says that the last try has got further, so that failures before it do
// not count any more.
func (t *Tries) Progress() { t.failed = 0 }

// Again waits after a failure and returns nil if there is to be another try, else
// the error to give up with, which wraps err.
func (t *Tries) Again(ctx context.Context, err error) error {
	t.failed++
	if ctx.Err() != nil {
		return err
	}
	if most := min(t.policy.Tries, triesWorth(err)); t.failed >= most {
		if t.failed > 1 {
			return fmt.Errorf("%w (tried %d times)", err, t.failed)
		}
		return err
	}
	wait := t.pause(err)
	if t.policy.Waiting != nil {
		t.policy.Waiting(Wait{What: t.what, Err: err, For: wait})
	}
	if t.policy.Sleep(ctx, wait) != nil {
		return err
	}
	return nil
}

// pause is how long to wait after the failure err.
func (t *Tries) pause(err error) time.Duration {
	wait := t.policy.First
	status := statusOf(err)
	if status != nil && status.RetryAfter > 0 {
		return min(status.RetryAfter, t.policy.LongestAsked)
	}
	if status != nil && status.Code == tooManyRequests {
		wait *= 5 // limits are counted per minute at best
	}
	for range t.failed - 1 {
		wait = min(2*wait, t.policy.Longest)
	}
	return wait - rand.N(wait/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
