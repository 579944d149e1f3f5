package events

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// deadline is for how long messages are this drain's, and the clock on which that is
// prolonged while their objects are copied. The subscription's own deadline is as long.
const (
	deadline = 60 * time.Second
	prolong  = 20 * time.Second
)

// leases are the messages that the drain holds. What was decided about them is sent in
// batches: while one request is under way, the next batch grows.
type leases struct {
	queue        *queue
	subscription string
	log          *slog.Logger
	tidying      func() (context.Context, context.CancelFunc) // for requests that outlive the work

	mu      sync.Mutex
	held    map[string]bool // by ackID
	done    []string        // to acknowledge
	back    []string        // to give back
	changed chan struct{}   // has room for one signal
	fewer   chan struct{}   // closed when messages are let go, and renewed
}

func (l *leases) take(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[id] = true
}

// settle lets messages go: they are done, or come back.
func (l *leases) settle(ids []string, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		delete(l.held, id)
	}
	if done {
		l.done = append(l.done, ids...)
	} else {
		l.back = append(l.back, ids...)
	}
	close(l.fewer)
	l.fewer = make(chan struct{})
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// count returns how many messages are held, and a channel that is closed when it shrinks.
func (l *leases) count() (int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held), l.fewer
}

// keep sends what is decided, and prolongs what is held, until end is closed; then it sends
// the rest. tick gives the clock.
func (l *leases) keep(tick <-chan time.Time, end <-chan struct{}) {
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		for {
			select {
			case <-l.changed:
				l.send()
			case <-end:
				l.send()
				return
			}
		}
	})
	for {
		select {
		case <-tick:
			l.mu.Lock()
			ids := slices.Collect(maps.Keys(l.held))
			l.mu.Unlock()
			l.each(ids, func(ctx context.Context, ids []string) error {
				return l.queue.extend(ctx, l.subscription, ids, deadline)
			})
		case <-end:
			return
		}
	}
}

// send sends what is decided so far.
func (l *leases) send() {
	l.mu.Lock()
	done, back := l.done, l.back
	l.done, l.back = nil, nil
	l.mu.Unlock()
	l.each(done, func(ctx context.Context, ids []string) error { return l.queue.acknowledge(ctx, l.subscription, ids) })
	l.each(back, func(ctx context.Context, ids []string) error { return l.queue.extend(ctx, l.subscription, ids, 0) })
}

// each makes a request for every batch of messages. One that fails is no failure of the
// drain: its messages come again, and find that their work is done.
func (l *leases) each(ids []string, do func(context.Context, []string) error) {
	for batch := range slices.Chunk(ids, maxSettle) {
		ctx, cancel := l.tidying()
		if err := do(ctx, batch); err != nil {
			l.log.Warn("messages come again", "error", err.Error())
		}
		cancel()
	}
}
