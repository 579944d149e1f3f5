// Package events is the events function: it takes the messages with which Cloud Storage
// tells of changes from a Pub/Sub subscription, and brings the destination up to date.
//
// Messages come at least once and in any order, so none of them is believed: it names an
// object, and the source is asked what that is now. Package copy then copies the live
// generation, unless the destination has it or a newer one, or removes the copy of an object
// that is gone. Only what is done is acknowledged. What fails comes again, by the
// subscription's retry policy, and in the end becomes a dead letter; so does a message that
// is not about an object of the source bucket.
//
// A drain ends when there are no more messages or, if it is continuous, before the deadline.
// An object too large for the time that is left is continued by a message that the drain
// publishes to its own topic.
package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Worker serves the invocations of the events function.
type Worker struct {
	handler  *copy.Handler
	settings settings
	queue    *queue
	log      *slog.Logger
	now      func() time.Time
	tick     func(time.Duration) (ticks <-chan time.Time, stop func())
}

// NewWorker returns a worker with the settings in environment variables. Its error names
// every invalid one.
func NewWorker(handler *copy.Handler, getenv func(string) string, log *slog.Logger) (*Worker, error) {
	s, err := readSettings(getenv)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	return &Worker{
		handler: handler, settings: s, queue: &queue{handler.API("Pub/Sub", s.endpoint, longPoll)}, log: log.With("Function", s.function), now: time.Now,
		tick: func(d time.Duration) (<-chan time.Time, func()) {
			t := time.NewTicker(d)
			return t.C, t.Stop
		},
	}, nil
}

// Handle drains the subscription; what the event is does not matter. Its error is that no
// messages could be pulled; what was pulled before is done.
func (w *Worker) Handle(ctx context.Context, _ json.RawMessage) (invocation.EventsResult, error) {
	start := w.now()
	d := newDrain(ctx, w)
	err := d.run()
	d.result.Complete = d.result.Complete && d.result.Interrupted == 0
	d.result.DurationMS = w.now().Sub(start).Milliseconds()
	switch {
	case d.result.Failed > 0 || err != nil:
		d.result.StatusCode = invocation.StatusFailed
	case !d.result.Complete:
		d.result.StatusCode = invocation.StatusPartial
	default:
		d.result.StatusCode = invocation.StatusDone
	}
	d.result.Body = d.result.Summary()
	w.report(start, d.result, d.failedEvents, d.peeked)
	return d.result, err
}
