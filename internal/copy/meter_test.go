package copy

import (
	"fmt"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Copies hold the rate of their context's meter together, small objects and parts alike,
// and it counts the requests that the clouds see and the bytes that leave Cloud Storage.
func TestMetersHoldRatesAndCount(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	h.large.threshold, h.large.part, h.large.smallest = 1<<20, 300_000, 1
	var event invocation.Event
	var bytes int64
	for i, size := range []int{0, 100, 32 << 10, 900_000, 3 << 20} {
		name := fmt.Sprintf("metered/%d", i)
		l.put(t, name, size)
		event.Objects = append(event.Objects, invocation.Item{Object: name, Key: name})
		bytes += int64(size)
	}
	c := &clock{at: time.Now()}
	start := c.now()
	const rate = 100_000
	m := &Meter{Rate: func() int64 { return rate }, Now: c.now, Sleep: c.pause}
	from := len(l.Journal.Entries())
	answer, err := h.Batch(Metered(t.Context(), m), event, func(invocation.ObjectResult) bool { return true })
	if err != nil || answer.Copied != 5 {
		t.Fatalf("%+v, %v", answer, err)
	}
	if took := c.now().Sub(start); took < time.Duration(bytes)*time.Second/rate {
		t.Errorf("%d bytes took %v at %d a second", bytes, took, rate)
	}
	want := Used{Bytes: bytes}
	for _, e := range l.Journal.Entries()[from:] {
		switch {
		case e.Service == "storage":
			want.Reads++
		case e.Service == "s3": // copies that look at nothing
			want.Writes++
		}
	}
	if got := m.Used(); got != want || want.Writes < 4+2+11 {
		t.Errorf("counted %+v, the clouds %+v", got, want)
	}
}

// A rate is held to the byte, and a change of it from the next read on.
func TestMetersFollowTheirRate(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	start, rate := c.now(), int64(1000)
	m := &Meter{Rate: func() int64 { return rate }, Now: c.now, Sleep: c.pause}
	for range 10 {
		m.read(t.Context(), 500)
	}
	if took := c.now().Sub(start); took != 5*time.Second {
		t.Errorf("5,000 bytes took %v at 1,000 a second", took)
	}
	rate = 10_000
	m.read(t.Context(), 10_000)
	rate = 0
	m.read(t.Context(), 1<<40)
	if took := c.now().Sub(start); took != 6*time.Second {
		t.Errorf("then 10,000 at 10,000 a second and the rest without a limit: %v in all", took)
	}
}

// At a low rate fewer parts and objects are copied at a time, so that some arrive before the
// deadline.
func TestMetersNarrowWhatIsCopiedAtATime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rate, size, want int64 }{
		{0, 525 << 20, 4}, {1 << 20, 525 << 20, 1}, {1 << 20, 32 << 20, 4}, {3 << 20, 525 << 20, 3}, {1, 32 << 20, 1}, {1 << 40, 1, 4},
	} {
		m := &Meter{Rate: func() int64 { return test.rate }}
		if got := m.streams(test.size, 4); int64(got) != test.want {
			t.Errorf("%d parts of %d bytes at %d a second, want %d", got, test.size, test.rate, test.want)
		}
	}
	var none *Meter
	if none.streams(1, 4) != 4 || none.objects(16) != 16 || (&Meter{}).objects(16) != 16 || (&Meter{AtATime: 3}).objects(16) != 3 || (&Meter{AtATime: 30}).objects(16) != 16 {
		t.Error("without a rate nothing is narrowed")
	}
}
