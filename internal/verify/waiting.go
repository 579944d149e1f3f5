package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// The back-off between invocations is exponential.
const (
	firstWait = 2 * time.Second
	maxWait   = 30 * time.Second

	// busy limits the wait for a service that is temporarily unavailable; the function
	// has retried it already.
	busy = time.Minute
)

// waiting waits until what is granted takes effect.
type waiting struct {
	sleep    func(context.Context, time.Duration) error
	progress *progress.Reporter
	now      func() time.Time
	patience time.Duration

	next   time.Duration
	waited time.Duration
	since  map[string]time.Time // when a reason was seen first
	ended  bool                 // patience
}

func newWaiting(o Options) *waiting {
	return &waiting{sleep: o.Sleep, progress: o.Progress, now: o.Now, patience: o.Patience, next: firstWait, since: map[string]time.Time{}}
}

// again reports whether another invocation makes sense, shows why, and waits before
// it.
func (w *waiting) again(ctx context.Context, p problem, found verdict) bool {
	limit := w.patience
	switch found.state {
	case missing:
		return false
	case passing:
		limit = min(limit, busy)
	}
	if w.waited >= limit {
		w.ended = limit > 0
		return false
	}
	seen, ok := w.since[p.hop+found.reason]
	if !ok {
		seen = w.now()
		w.since[p.hop+found.reason] = seen
	}
	wait := min(w.next, limit-w.waited)
	w.next = min(2*w.next, maxWait)
	w.progress.Note("  %s: %s", p.hop, found.explain(p, seen))
	_, err := w.progress.Step(fmt.Sprintf("wait %s, at most %s in all", wait, limit), func() (string, error) { return "", w.sleep(ctx, wait) })
	w.waited += wait
	return err == nil && ctx.Err() == nil
}

// explain says why waiting makes sense.
func (v verdict) explain(p problem, since time.Time) string {
	at := since.UTC().Format(time.TimeOnly) + " UTC"
	switch v.state {
	case granted:
		return fmt.Sprintf("%s (seen at %s); %s", v.reason, at, v.delay())
	case passing:
		return fmt.Sprintf("answered %s, which is temporary", p.short())
	}
	return fmt.Sprintf("answered %s; it is unclear whether that is a mistake or a change on its way: %s", p.short(), v.reason)
}

func (v verdict) delay() string {
	if v.aws {
		return "according to AWS such changes take seconds, at worst minutes"
	}
	return "according to Google such changes take about 2 minutes, at worst 7"
}
