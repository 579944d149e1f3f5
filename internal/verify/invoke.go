package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Codes of answers that are no trace.
const (
	codeNoTrace = "NoTrace"
	codeUnknown = "Unknown"
)

// invoke invokes the function once, and returns the hops that it reached and the
// problem that stopped it.
func (v *verification) invoke(ctx context.Context) ([]Hop, *problem) {
	data, err := json.Marshal(invocation.Event{Trace: true, Object: v.object, Key: v.key, Generation: v.generation, Overwrite: invocation.OverwriteAlways,
		SourceBucket: v.Environment.SourceBucket, DestinationBucket: v.Environment.DestinationBucket})
	if err != nil {
		return nil, &problem{hop: HopFunction, code: codeUnknown, message: err.Error()}
	}
	v.began, v.answer = true, invocation.TraceResult{}
	ctx, cancel := linger(ctx, v.Grace)
	defer cancel()
	got, err := v.function.Invoke(ctx, data)
	if err != nil {
		p := v.problemOf(ctx, HopFunction, err)
		return nil, &p
	}
	if got.Failed {
		var document struct{ ErrorType, ErrorMessage string }
		if json.Unmarshal(got.Payload, &document) != nil {
			document.ErrorMessage = string(got.Payload)
		}
		return nil, &problem{hop: HopFunction, status: 200, code: document.ErrorType, message: document.ErrorMessage}
	}
	if err := json.Unmarshal(got.Payload, &v.answer); err != nil || v.answer.Trace == nil {
		return nil, &problem{hop: HopFunction, status: 200, code: codeNoTrace, message: fmt.Sprintf("it answered %.200s", got.Payload)}
	}
	if v.generation == 0 {
		v.generation = v.answer.Generation
	}
	var hops []Hop
	var failed *problem
	for _, h := range v.answer.Trace {
		hop := Hop{Hop: h.Hop, Identity: h.Identity, Milliseconds: h.DurationMS, Attempts: h.Attempts, Outcome: outcomeOK}
		if h.Error != "" {
			p := problem{hop: h.Hop, status: h.Status, code: h.Code, message: h.Error}
			hop.fail(p)
			if h.Hop != invocation.HopSession || v.answer.StatusCode != 200 {
				failed = &p // the last one; earlier ones can help to understand it
			} else {
				hop.Outcome = outcomeNote // no copy needs it
			}
		}
		hops = append(hops, hop)
	}
	if failed == nil && v.answer.StatusCode != 200 {
		failed = &problem{hop: HopFunction, status: 200, code: codeUnknown, message: fmt.Sprintf("it answered %.200s", got.Payload)}
	}
	return hops, failed
}

// linger is ctx with a grace period after its end.
func linger(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { stop(); cancel() }
}
