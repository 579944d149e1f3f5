package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Work is what a series of invocations did that a cursor connects.
type Work struct {
	Invocations int
	Last        Invocation            // its payload is the answer, or the error
	Many        bool                  // the event names many objects
	Sum         invocation.ManyResult // of all invocations, if it does; its objects are those that the answers listed
	One         invocation.Result     // the last answer otherwise
	Cursor      string                // where to continue; empty if the work is complete
	Started     time.Time
}

// Complete reports whether everything is done.
func (w Work) Complete() bool { return !w.Last.Failed && w.Cursor == "" && w.Invocations > 0 }

// maxRepeats is how often in a row an invocation is repeated that died before it answered.
const maxRepeats = 2

// Follow invokes the function with an event until its work is complete, continuing from
// each answer's cursor, and calls seen after each answer. With once it stops after the
// first. An invocation that fails ends it: see Work.Last. When ctx ends, the error is
// its cause, and the Work says where to continue.
func (f Function) Follow(ctx context.Context, event invocation.Event, once bool, seen func(Work)) (Work, error) {
	w := Work{Many: event.Many(), Cursor: event.Cursor, Started: time.Now()}
	if w.Many && event.Results == "" && !once {
		event.Results = invocation.ResultsFailed
	}
	for repeats := 0; ; {
		event.Cursor = w.Cursor
		payload, err := json.Marshal(event)
		if err != nil {
			return w, err
		}
		got, err := f.Invoke(ctx, payload)
		if err != nil {
			return w, err
		}
		w.Last = got
		w.Invocations++
		if got.Failed {
			if died(got.Payload) && repeats < maxRepeats && !once {
				repeats++
				continue
			}
			return w, nil
		}
		repeats = 0
		if err := w.add(got.Payload); err != nil {
			return w, err
		}
		seen(w)
		if w.Cursor == "" || once || w.Sum.Error != "" {
			return w, nil
		}
	}
}

// died reports whether an invocation ended before the function could answer: Lambda
// Developer Guide, "Understanding and visualizing error responses from Lambda".
func died(payload []byte) bool {
	var problem struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(payload, &problem) != nil {
		return false
	}
	return strings.HasPrefix(problem.ErrorType, "Runtime.") || strings.HasPrefix(problem.ErrorType, "Sandbox.") ||
		strings.Contains(problem.ErrorMessage, "Task timed out")
}

// add adds an answer up.
func (w *Work) add(payload []byte) error {
	read := func(answer any) error {
		if err := json.Unmarshal(payload, answer); err != nil {
			return fmt.Errorf(
				"reading the function's answer %.200q: %w; hint: is the function of the same version as this command? `gcs-to-s3 up %s` deploys it",
				payload,
				err,
				w.Last.Environment,
			)
		}
		return nil
	}
	if !w.Many {
		w.One = invocation.Result{}
		err := read(&w.One)
		w.Cursor = w.One.Cursor
		return err
	}
	var r invocation.ManyResult
	if err := read(&r); err != nil {
		return err
	}
	s := &w.Sum
	kept := []invocation.ObjectResult{}
	for _, o := range s.Objects {
		if o.Outcome != invocation.OutcomeInterrupted { // they have another outcome by now, or are listed again
			kept = append(kept, o)
		}
	}
	r.Objects = append(kept, r.Objects...)
	r.Copied, r.Unchanged, r.Skipped, r.Failed = r.Copied+s.Copied, r.Unchanged+s.Unchanged, r.Skipped+s.Skipped, r.Failed+s.Failed
	r.Bytes, r.DurationMS = r.Bytes+s.Bytes, r.DurationMS+s.DurationMS
	if r.Failed > 0 || r.Error != "" {
		r.StatusCode = invocation.StatusFailed
	}
	r.Body = r.Summary()
	w.Sum, w.Cursor = r, r.Cursor
	return nil
}
