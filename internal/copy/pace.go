package copy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// pace slows down all requests to one service together while it asks for that: as
// each answer says so, fewer requests are made at a time and the wait grows; as
// they succeed, more are. So a storm costs every object time, and none its attempts.
type pace struct {
	patience *patience

	mu      sync.Mutex
	flying  int           // requests under way
	window  int           // how many may be; 0: any number, since there is no storm
	wait    time.Duration // before the first request after the last refusal
	until   time.Time     // the end of that wait
	last    error         // the last refusal
	changed chan struct{} // closed when a request may be made that might not before; nil: nobody waits
}

// maxStorm is the longest wait between two refusals of a storm.
const maxStorm = 30 * time.Second

// maxWindow is how many requests are under way when a storm counts as over.
const maxWindow = 2 * invocation.MaxConcurrency

// enter waits until the service may be asked; leave must follow.
func (p *pace) enter(ctx context.Context) error {
	waited := time.Time{} // the until that has been waited for
	for {
		p.mu.Lock()
		if p.window == 0 {
			p.flying++
			p.mu.Unlock()
			return nil
		}
		last, until := p.last, p.until
		wait := until.Sub(p.patience.clock())
		if p.flying < p.window && (wait <= 0 || until.Equal(waited)) {
			p.flying++
			p.mu.Unlock()
			return nil
		}
		if p.flying < p.window {
			p.mu.Unlock()
			if p.patience.pause(ctx, wait) != nil {
				return ended(ctx, last)
			}
			waited = until
			continue
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ended(ctx, fmt.Errorf("waiting for the service: %w", last))
		}
	}
}

// leave ends what enter began. Any answer but a refusal to serve more shows that the
// service can.
func (p *pace) leave(err error) {
	var answer *AnswerError
	served := err == nil || errors.As(err, &answer) && !answer.throttles()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	if p.window == 0 {
		return
	}
	if served {
		// A refusal now and then is no storm: the wait grows only where most are refused.
		p.wait -= p.wait / 4
		if p.window++; p.window > maxWindow {
			p.window, p.wait = 0, 0
		}
	}
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// slow takes a refusal into account and returns how long to wait. Refusals during
// the wait are of requests that were under way, and do not prolong it.
func (p *pace) slow(refusal *AnswerError) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.patience.clock()
	p.last = refusal
	if left := p.until.Sub(now); left > 0 {
		return left
	}
	if p.window == 0 {
		p.wait = 0
	}
	p.wait = min(max(firstBackOff, 2*p.wait), maxStorm)
	wait := p.wait/2 + rand.N(p.wait/2)
	if refusal.RetryAfter > wait {
		wait = min(refusal.RetryAfter, maxRetryAfter)
	}
	p.until = now.Add(wait)
	p.window = max(1, min(p.flying, maxWindow)/2)
	return wait
}
