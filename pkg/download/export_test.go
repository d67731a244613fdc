package download

import (
	"context"
	"time"
)

// Hasten makes c sleep no time between tries, and tell slept of it.
func (c *Client) Hasten(slept func(time.Duration)) {
	c.policy.Sleep = func(ctx context.Context, d time.Duration) error {
		slept(d)
		return ctx.Err()
	}
}
