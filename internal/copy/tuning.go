package copy

import (
	"context"
	"time"
)

// Tuning changes sizes and waits that fit Lambda and the real clouds, for tests and
// measurements against local ones.
type Tuning struct {
	Threshold, Part int64                                      // see large, in bytes; 0 leaves it
	Sleep           func(context.Context, time.Duration) error // between attempts; nil leaves it
}

// Tune changes a handler before its first invocation.
func (h *Handler) Tune(t Tuning) {
	if t.Threshold > 0 {
		h.large.threshold = t.Threshold
	}
	if t.Part > 0 {
		h.large.part = t.Part
	}
	if t.Sleep != nil {
		h.patience.sleep = t.Sleep
	}
}

// CloseIdle closes the connections that are not in use.
func (h *Handler) CloseIdle() {
	for _, transport := range []any{h.source.transport, h.target.transport} {
		if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}
