package copy

import (
	"context"
	"errors"
	"time"
)

// within returns a context with the deadline for the work itself, early enough
// before the invocation's end to clean up and answer, and a function that makes
// contexts for the cleanup. These outlive the work. Without a deadline in ctx,
// the work has none either.
func within(ctx context.Context, now time.Time) (work context.Context, cancel context.CancelFunc, tidy func(context.Context) (context.Context, context.CancelFunc)) {
	deadline, ok := ctx.Deadline()
	if !ok {
		work, cancel = context.WithCancel(ctx)
		return work, cancel, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.WithoutCancel(ctx), maxMargin)
		}
	}
	margin := min(maxMargin, deadline.Sub(now)/5)
	work, cancel = context.WithDeadlineCause(ctx, deadline.Add(-margin), ErrDeadline)
	return work, cancel, func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(-margin/5))
	}
}

// maxMargin is the most time reserved for cleanup.
const maxMargin = 5 * time.Second

// ErrDeadline is the cause of a context that ends because the invocation does: what is
// unfinished is then interrupted, and has not failed.
var ErrDeadline = errors.New("the invocation's deadline is near")
