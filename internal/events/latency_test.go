package events

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

var latencyObjects = flag.Int("latency-objects", 30, "how many objects TestLatency writes for each way of working events off; docs/events.md has the figures of 2000")

// arrivals are the times, by the clouds' clock, at which objects arrived at S3.
type arrivals struct {
	mu    sync.Mutex
	at    map[string]time.Time
	every chan struct{} // closed when the last that is awaited has
	want  int
}

func (a *arrivals) see(e journal.Entry) {
	if e.Service != "s3" || e.Operation != "PutObject" || e.Status != 200 || len(e.Decisions) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	name := e.Decisions[0].Resource[strings.LastIndex(e.Decisions[0].Resource, "/")+1:]
	if _, again := a.at[name]; again {
		return
	}
	if a.at[name] = e.Time; len(a.at) == a.want {
		close(a.every)
	}
}

// TestLatency measures how long it takes from the moment at which an object is written until
// it is in S3. It holds nothing against a time: what it tells is how the two ways compare.
func TestLatency(t *testing.T) {
	for _, continuous := range []bool{true, false} {
		t.Run(fmt.Sprintf("continuous=%v", continuous), func(t *testing.T) {
			s := newStand(t, map[string]string{invocation.EnvEventsContinuous: fmt.Sprint(continuous)})
			w, _ := s.start(t)
			a := &arrivals{at: map[string]time.Time{}, every: make(chan struct{}), want: *latencyObjects}
			stop := s.Journal.Follow(s.Journal.Position(), a.see)
			defer stop()
			written := map[string]time.Time{}
			write := func(n int) {
				name := fmt.Sprintf("object-%05d", n)
				written[name] = s.Now()
				s.Upload(t, s.Env.SourceBucket, name, "text/plain", strings.NewReader(name))
			}
			if continuous {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				var drain sync.WaitGroup
				drain.Go(func() { _, _ = w.Handle(ctx, nil) }) // it ends by being cancelled
				for n := range *latencyObjects {
					write(n)
				}
				<-a.every
				cancel()
				drain.Wait()
			} else {
				// The clock goes forward by a minute, in which objects are written, and then the
				// schedule is due. After a quarter of an hour no signature would be valid.
				inMinute := max(10, *latencyObjects/10)
				for n := range *latencyObjects {
					s.Advance(time.Minute / time.Duration(inMinute))
					write(n)
					if n%inMinute == inMinute-1 || n == *latencyObjects-1 {
						s.drains(t, w)
					}
				}
				<-a.every
			}
			var took []time.Duration
			for name, at := range written {
				took = append(took, a.at[name].Sub(at))
			}
			slices.Sort(took)
			t.Logf("%d objects: p50 %v, p99 %v", len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond))
			if took[0] < 0 {
				t.Errorf("an object arrived %v before it was written", -took[0])
			}
		})
	}
}
