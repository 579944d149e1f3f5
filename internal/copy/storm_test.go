package copy

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// clock is a clock that only pauses advance.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pause(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return ctx.Err()
}

// storm makes one service refuse every request for a while, by the clock, and counts
// the refusals.
func (l *stand) storm(h *Handler, service string, lasts time.Duration) (refused func() int) {
	c := &clock{at: time.Now()}
	h.patience.now, h.patience.sleep = c.now, c.pause
	end := c.now().Add(lasts)
	var mu sync.Mutex
	n := 0
	l.FailAs(func(name string, r *http.Request) *faults.Fault {
		if name != service || r.Method == http.MethodDelete || !c.now().Before(end) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		return &faults.Fault{Refuse: &faults.Refusal{Status: 503}}
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// Case C16: a minute of SlowDown fails nobody while there is time, and is not answered
// with more requests than a few for each doubling of the wait.
func TestAStormFailsNobody(t *testing.T) {
	for _, service := range []string{"aws/s3", "google/storage"} {
		for objects, most := range map[int]int{1: 20, 60: 60} {
			t.Run(fmt.Sprintf("%s, %d objects", service, objects), func(t *testing.T) {
				l := newStand(t)
				h := l.start(t)
				for i := range objects {
					l.put(t, fmt.Sprintf("many/%02d", i), 100)
				}
				refused := l.storm(h, service, time.Minute)
				ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
				defer cancel()
				got := copyMany(t, h, ctx, event(t, `{"prefix":"many/"}`))
				if got.Copied != objects || got.StatusCode != 200 {
					t.Errorf("result %+v, want all copied", got)
				}
				if n := refused(); n == 0 || n > most {
					t.Errorf("%d requests were refused, want at most %d", n, most)
				}
			})
		}
	}
}

// A storm that lasts beyond the deadline interrupts, and says what the service said.
func TestAStormBeyondTheDeadline(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	l.put(t, "many/0", 100)
	l.storm(h, "aws/s3", time.Hour)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	got := copyMany(t, h, ctx, event(t, `{"prefix":"many/"}`))
	if got.Interrupted != 1 || got.StatusCode != invocation.StatusPartial || got.Cursor == "" {
		t.Errorf("result %+v, want it interrupted", got)
	}
}

// The pace recovers: after a storm, requests are made side by side again.
func TestThePaceRecovers(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(1000, 0)}
	p := (&patience{now: c.now, sleep: c.pause}).pace("S3")
	enter := func() {
		t.Helper()
		if err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		enter()
	}
	refusal := &AnswerError{Status: http.StatusServiceUnavailable}
	first := p.slow(refusal)
	if p.window != 5 || p.slow(refusal) > first {
		t.Errorf("window %d, want half of ten, and a burst of refusals to count once", p.window)
	}
	for range 10 {
		p.leave(refusal)
	}
	waits := []time.Duration{first}
	for range 12 {
		enter()
		p.leave(refusal)
		waits = append(waits, p.slow(refusal))
	}
	if last := waits[len(waits)-1]; p.window != 1 || last < maxStorm/2 || last > maxStorm {
		t.Errorf("waits %v, window %d, want up to %v and one request at a time", waits, p.window, maxStorm)
	}
	for n := 1; p.window > 0; n++ {
		enter()
		p.leave(nil)
		if n > maxWindow {
			t.Fatalf("the storm is not over after %d requests", n)
		}
	}
	if refusal.RetryAfter = 7 * time.Second; p.slow(refusal) != 7*time.Second {
		t.Errorf("Retry-After was not heeded")
	}
}

// TestSporadicRefusals: a service that now and then refuses one of many requests is not in a
// storm, and is not waited for as if it were.
func TestSporadicRefusals(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := (&patience{now: func() time.Time { return now }}).pace("S3")
	refusal := &AnswerError{Service: "S3", Status: http.StatusServiceUnavailable}
	var waited time.Duration
	for n := range 3600 {
		if err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n%36 != 35 {
			p.leave(nil)
			continue
		}
		wait := p.slow(refusal)
		p.leave(refusal)
		now, waited = now.Add(wait), waited+wait
	}
	if most := 100 * 2 * firstBackOff; waited > most {
		t.Errorf("100 refusals of 3600 requests cost %v, want at most %v", waited, most)
	}
}
