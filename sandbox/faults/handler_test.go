package faults

import (
	"testing"
	"time"
)

// TestAhead: an answer of a limited rate makes up for waits that took too long.
func TestAhead(t *testing.T) {
	t.Parallel()
	const rate = 1000
	var in time.Duration
	sent := int64(0)
	for range 100 {
		sent += 10
		if d := ahead(in, sent, rate); d > 0 {
			in += d + 7*time.Millisecond // each wait takes longer than was asked for
		}
		in += time.Millisecond // as does sending
	}
	if low, high := time.Second, time.Second+20*time.Millisecond; in < low || in > high {
		t.Errorf("%d bytes at %d bytes a second took %v", sent, rate, in)
	}
}
