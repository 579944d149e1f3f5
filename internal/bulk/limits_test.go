package bulk

import (
	"strings"
	"sync"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"50MB/s": 50_000_000, "400MiB/s": 400 << 20, "50000000": 50_000_000, " 1.5 GiB/s ": 3 << 29, "2TB": 2_000_000_000_000, "7B/s": 7, "0": 0, "10 kB/s": 10_000,
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB/s", "50Mb/s", "50Mbit/s", "-1", "50MB/min", "NaN", "Inf", "1e30"} {
		if got, err := ParseRate(text); err == nil || !strings.Contains(err.Error(), "bytes a second; hint: such as 50MB/s") {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}

func TestLimitsAreChecked(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]Limits{
		"": {Concurrency: 10, MaxRate: 10 << 20, MaxCost: 1},
		"concurrency: 0: must be from 1 to 10000":    {},
		"max-rate: 5 bytes/s: must be at least 1MiB": {Concurrency: 1, MaxRate: 5},
		"set concurrency to 47 or less":              {Concurrency: 100, MaxRate: 50_000_000},
		"max-cost: -1: must not be negative":         {Concurrency: 1, MaxCost: -1},
	} {
		if err := l.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", l, err, want)
		}
	}
}

// The rates of the shards that may be copied at a time are together the job's, also in a
// round with fewer shards, and also after somebody has changed it while a shard is copied.
func TestShardsShareTheJobsRate(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 1000, numbered)
	p := s.plan(Request{ShardObjects: 100})
	if p.Shards != 10 {
		t.Fatalf("%d shards", p.Shards)
	}
	const rate = 40 << 20
	set := func(concurrency int, rate int64) {
		t.Helper()
		if err := SetLimits(t.Context(), s.files, "j", Limits{Concurrency: concurrency, MaxRate: rate}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	seen := map[int64]int{}
	s.copier.during = func(now int64) {
		mu.Lock()
		defer mu.Unlock()
		seen[now]++
	}
	set(4, rate)
	s.phase(PhaseRun, "j", 1)
	if r := s.report(); !r.Proven || len(seen) != 1 || seen[rate/4] != 1000 || r.Limits.MaxRate != rate || r.Limits.Concurrency != 4 {
		t.Errorf("rates of the objects: %v, %+v", seen, r.Limits)
	}

	set(40, rate) // more than there are shards
	h, err := s.worker.hold(t.Context(), "j", 10)
	if err != nil || h.rate() != rate/10 {
		t.Errorf("a shard of ten has a rate of %d, %v", h.rate(), err)
	}
	set(2, rate/2)
	if got := h.rate(); got != rate/10 {
		t.Errorf("the file is read again at once: %d", got)
	}
	s.clock.Add(limitsFor)
	h.rate()
	h.work.Wait()
	if got := h.rate(); got != rate/4 {
		t.Errorf("%v later the shard has a rate of %d", limitsFor, got)
	}
	set(2, 0)
	s.clock.Add(limitsFor)
	h.rate()
	h.work.Wait()
	if got := h.rate(); got != 0 {
		t.Errorf("without a limit the shard has a rate of %d", got)
	}
}

// The concurrency that was set last holds for all rounds that follow, and not only for the
// one in which it was set.
func TestTheConcurrencyThatWasSetStays(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 300, numbered)
	s.plan(Request{ShardObjects: 100})
	begin := Step{Step: StepAdvance, Job: "j", Run: 1, Concurrency: 7}
	if a, err := s.invoke(begin); err != nil || a.Concurrency != 7 {
		t.Errorf("got %+v, %v", a, err)
	}
	if err := SetLimits(t.Context(), s.files, "j", Limits{Concurrency: 3}); err != nil {
		t.Fatal(err)
	}
	if a, err := s.invoke(begin); err != nil || a.Concurrency != 3 {
		t.Errorf("got %+v, %v", a, err)
	}
}

// At its rate a shard copies only as many objects at a time as arrive in one invocation.
func TestShardsCopyFewerObjectsAtALowRate(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 0, numbered)
	for _, test := range []struct {
		rate int64
		size int64 // of the largest object
		want int
	}{
		{0, 64 << 20, 0}, {1 << 20, 64 << 20, 4}, {1 << 20, 1000, invocation.MaxConcurrency}, {4 << 20, 64 << 20, 18}, {1 << 20, 1 << 40, invocation.MaxConcurrency},
	} {
		h := &held{worker: s.worker, limits: Limits{Concurrency: 1, MaxRate: test.rate}, shards: 1, read: s.clock.Now()}
		if m, _ := h.meter([]entry{{Size: 10}, {Size: test.size}}); m.AtATime != test.want {
			t.Errorf("%d objects of %d bytes at %d a second, want %d", m.AtATime, test.size, test.rate, test.want)
		}
	}
}
