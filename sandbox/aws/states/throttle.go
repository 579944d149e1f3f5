package states

import (
	"context"
	"slices"
	"sync"
	"time"
)

// bucket is a token bucket on the cloud's clock.
type bucket struct {
	size, refill float64 // tokens, and tokens a second
	left         float64
	at           time.Time
}

func (b *bucket) fill(now time.Time) {
	if b.at.IsZero() {
		b.left = b.size
	} else if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = min(b.size, b.left+passed*b.refill)
	}
	b.at = now
}

// throttles are the quotas of calls and of state transitions, for the account in the
// region. "Step Functions service quotas", in its tables of throttling.
type throttles struct {
	mu          sync.Mutex
	calls       map[string]*bucket
	transitions bucket
}

// largeRegions have larger quotas than the others.
var largeRegions = []string{"us-east-1", "us-west-2", "eu-west-1"}

func newThrottles(region string) throttles {
	large := slices.Contains(largeRegions, region)
	pick := func(size, refill, otherSize, otherRefill float64) *bucket {
		if large {
			return &bucket{size: size, refill: refill}
		}
		return &bucket{size: otherSize, refill: otherRefill}
	}
	return throttles{transitions: *pick(5000, 5000, 800, 800), calls: map[string]*bucket{
		"CreateStateMachine":               pick(100, 1, 100, 1),
		"DeleteStateMachine":               pick(100, 1, 100, 1),
		"DescribeExecution":                pick(300, 15, 250, 10),
		"DescribeMapRun":                   pick(200, 1, 200, 1),
		"DescribeStateMachine":             pick(200, 20, 200, 20),
		"DescribeStateMachineForExecution": pick(200, 1, 200, 1),
		"GetExecutionHistory":              pick(400, 20, 400, 20),
		"ListExecutions":                   pick(200, 5, 100, 2),
		"ListMapRuns":                      pick(100, 1, 100, 1),
		"ListStateMachines":                pick(100, 5, 100, 5),
		"ListTagsForResource":              pick(100, 1, 100, 1),
		"RedriveExecution":                 pick(1300, 300, 800, 150),
		"StartExecution":                   pick(1300, 300, 800, 150),
		"StopExecution":                    pick(1000, 200, 500, 25),
		"TagResource":                      pick(200, 1, 200, 1),
		"UntagResource":                    pick(200, 1, 200, 1),
		"UpdateMapRun":                     pick(100, 1, 100, 1),
		"UpdateStateMachine":               pick(100, 1, 100, 1),
		"ValidateStateMachineDefinition":   pick(100, 1, 100, 1), // believed
	}}
}

// allow takes a token of an operation, if there is one.
func (t *throttles) allow(operation string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.calls[operation]
	b.fill(now)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// transit takes the token of a state transition, and waits for it: an execution that
// is throttled goes on later.
func (s *Server) transit(ctx context.Context) error {
	t := &s.throttles
	t.mu.Lock()
	now := s.Now()
	t.transitions.fill(now)
	t.transitions.left--
	until := now
	if left := t.transitions.left; left < 0 {
		until = now.Add(time.Duration(-left / t.transitions.refill * float64(time.Second)))
	}
	t.mu.Unlock()
	return s.clock.wait(ctx, until)
}
