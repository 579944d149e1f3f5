package states

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// tick is how soon a jump of the cloud's clock is noticed.
const tick = 200 * time.Millisecond

// clock rings alarms when the cloud's clock says so.
type clock struct {
	now    func() time.Time
	woken  chan struct{}
	mu     sync.Mutex
	alarms alarms
}

type alarm struct {
	at    time.Time
	ring  func()
	index int // in the heap; -1 when it is no longer there
}

// run rings alarms until ctx ends.
func (c *clock) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(c.ring())
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-c.woken:
		}
	}
}

// ring rings what is due and returns how long to wait, by the machine's clock.
func (c *clock) ring() time.Duration {
	var due []*alarm
	wait := time.Hour
	c.mu.Lock()
	now := c.now()
	for len(c.alarms) > 0 {
		first := c.alarms[0]
		if left := first.at.Sub(now); left > 0 {
			wait = min(left, tick)
			break
		}
		due = append(due, heap.Pop(&c.alarms).(*alarm))
	}
	c.mu.Unlock()
	for _, a := range due {
		a.ring()
	}
	return wait
}

// at rings once, at a time. The function that it returns gives the alarm up.
func (c *clock) at(when time.Time, ring func()) (stop func()) {
	a := &alarm{at: when, ring: ring}
	c.mu.Lock()
	heap.Push(&c.alarms, a)
	first := a.index == 0
	c.mu.Unlock()
	if first {
		select {
		case c.woken <- struct{}{}:
		default:
		}
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if a.index >= 0 {
			heap.Remove(&c.alarms, a.index)
		}
	}
}

// wait waits for a time, or returns why ctx ended.
func (c *clock) wait(ctx context.Context, until time.Time) error {
	if !until.After(c.now()) {
		return context.Cause(ctx)
	}
	done := make(chan struct{})
	defer c.at(until, func() { close(done) })()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type alarms []*alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}
func (a *alarms) Push(x any) {
	x.(*alarm).index = len(*a)
	*a = append(*a, x.(*alarm))
}
func (a *alarms) Pop() any {
	last := (*a)[len(*a)-1]
	last.index = -1
	*a = (*a)[:len(*a)-1]
	return last
}
