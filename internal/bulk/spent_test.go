package bulk

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// What a job has done and used is known in the middle of a round: exactly of few shards, and
// from a sample of many.
func TestProgressIsKnownInTheMiddleOfARound(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 3000, numbered)
	s.plan(Request{ShardObjects: 10})
	a, err := s.invoke(Step{Step: StepAdvance, Job: "j", Run: 1, Concurrency: 10})
	if err != nil {
		t.Fatal(err)
	}
	index, _, _ := s.files.Get(t.Context(), a.Index)
	n := 0
	for line := range bytes.Lines(index) {
		if n++; n > 120 {
			break
		}
		if _, err := s.invoke(Step{Step: StepCopy, Job: "j", Run: 1, Round: a.Round, Of: a.Items, Item: json.RawMessage(line)}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := LastProgress(t.Context(), s.files, "j")
	if err != nil || p.Copied.Objects != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	for most, want := range map[int]bool{120: true, 50: false} {
		now, counted, err := meanwhile(t.Context(), s.files, "j", p, most)
		if err != nil || counted != want || now.Copied != (Count{1200, 12_000_000}) || now.Shards != 120 {
			t.Errorf("of %d results: %+v, %v, %v", most, now, counted, err)
		}
	}
}

// What was counted decides what was spent, also more than was estimated.
func TestSpentIsWhatWasCounted(t *testing.T) {
	t.Parallel()
	tally := NewTally()
	tally.ToCopy = Count{1000, 1 << 30}
	tally.Classes.Add("STANDARD", tally.ToCopy)
	p := Progress{Copied: tally.ToCopy, Shards: 1, Used: copy.Used{Reads: 2500, Bytes: 3 << 30, Writes: 1100, Looks: 700}}
	c := Spent(ListPrices(), p, tally, Options{})
	got := map[string]float64{}
	sum := 0.0
	for _, item := range c.Items {
		got[item.Name] = item.Spent
		sum += item.Spent
	}
	for name, want := range map[string]float64{
		"egress to the Internet": 0.36, "reads of STANDARD (class B)": 2.5 * 0.0004, "writes to S3 (PUT, POST)": 1.1 * 0.005,
		"checksums of the destination (HEAD)": 0.7 * 0.0004,
	} {
		if math.Abs(got[name]-want) > 1e-9 {
			t.Errorf("%s: spent %v, want %v", name, got[name], want)
		}
	}
	if math.Abs(sum-c.Spent) > 1e-9 || c.Spent <= c.Estimated {
		t.Errorf("spent %v of %v, the items %v", c.Spent, c.Estimated, sum)
	}
}

// A job stops when it has spent what it may, though nobody watches, and goes on when it may
// spend more.
func TestJobsStopAtTheirCost(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 20_000, numbered)
	p := s.plan(Request{ShardObjects: 250}) // 80 shards
	whole := Estimate(ListPrices(), p.Tally, Options{Shards: p.Shards}).Estimated
	limit := func(cost float64) {
		t.Helper()
		if err := SetLimits(t.Context(), s.files, "j", Limits{Concurrency: 1, MaxCost: cost, Terms: Options{Shards: p.Shards}}); err != nil {
			t.Fatal(err)
		}
	}
	limit(whole / 2)
	a := s.phase(PhaseRun, "j", 1)
	r := s.report()
	if !strings.Contains(a.Stopped, "which is more than its --max-cost of") || r.Complete || r.Progress.Copied.Objects < 8000 || r.Progress.Copied.Objects > 12_000 {
		t.Errorf("got %+v after %d objects", a, r.Progress.Copied.Objects)
	}
	// At once, if it is run again with the same limit.
	before := r.Progress.Copied.Objects
	if a := s.phase(PhaseRun, "j", 2); a.Stopped == "" || s.report().Progress.Copied.Objects != before {
		t.Errorf("run again: %+v", a)
	}
	limit(2 * whole)
	if a := s.phase(PhaseRun, "j", 3); !a.Proven || s.report().Progress.Copied.Objects != 20_000 {
		t.Errorf("with a higher limit: %+v", a)
	}
}
