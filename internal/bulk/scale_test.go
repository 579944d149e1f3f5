package bulk

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"
)

var (
	scaleObjects  = flag.Int("scale-objects", 30_000, "objects of TestPlannerAndLedgerAtScale")
	scaleBillions = flag.Int64("scale-simulated", 20_000_000, "objects of TestSimulatedJob")
)

// disk keeps files in a folder, so that they are no part of the heap that is measured.
type disk struct{ dir string }

func (d disk) path(key string) string { return filepath.Join(d.dir, filepath.FromSlash(key)) }

func (d disk) Get(_ context.Context, key string) ([]byte, bool, error) {
	data, err := os.ReadFile(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (d disk) Put(_ context.Context, key string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(d.path(key)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(d.path(key), data, 0o600)
}

func (d disk) Create(ctx context.Context, key string, data []byte) (bool, error) {
	if _, there, err := d.Get(ctx, key); there || err != nil {
		return false, err
	}
	return true, d.Put(ctx, key, data)
}

// Keys lists the files of one folder: what the package asks for never has folders in it.
func (d disk) Keys(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := os.ReadDir(d.path(prefix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", err)
			return
		}
		for _, e := range entries {
			if !yield(prefix+e.Name(), nil) {
				return
			}
		}
	}
}

// peak calls do and returns how much the heap grew meanwhile, in bytes, as seen every few
// milliseconds.
func peak(do func()) uint64 {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		var highest uint64
		for {
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
			select {
			case <-done:
				most <- highest
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	highest := <-most
	return highest - min(highest, before.HeapAlloc)
}

// maxHeap is what one invocation may need, in bytes.
const maxHeap = 64 << 20

// The real planner and ledger take a million objects (-scale-objects=1000000) without
// holding their list.
func TestPlannerAndLedgerAtScale(t *testing.T) {
	n := *scaleObjects
	s := newSynthetic(t, n, func(i int) string { return fmt.Sprintf("%02d/%09d.json", i*100/n, i) })
	s.worker.Files = disk{t.TempDir()}
	var planned, copied time.Duration
	start := time.Now()
	most := peak(func() {
		r := Request{Version: Version, Job: "j", Created: s.clock.Now(), SourceBucket: "from", DestinationBucket: "to", Compare: CompareNone}
		if err := write(t.Context(), s.worker.Files, requestKey("j"), r); err != nil {
			t.Fatal(err)
		}
		s.phase(PhasePlan, "j", 1)
		planned = time.Since(start)
	})
	start = time.Now()
	if a := s.phase(PhaseRun, "j", 1); !a.Proven {
		t.Errorf("got %+v", a)
	}
	copied = time.Since(start)
	r, err := MakeReport(t.Context(), s.worker.Files, "j")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Count{int64(n), int64(n) * 10_000}); r.Progress.Copied != want || !r.Proven {
		t.Errorf("got %+v", r.Progress)
	}
	t.Logf("%d objects: planned in %v, copied to nowhere in %v, heap of planning %.1f MiB", n, planned.Round(time.Millisecond), copied.Round(time.Millisecond), float64(most)/(1<<20))
	if most > maxHeap {
		t.Errorf("planning needed %d bytes of heap", most)
	}
}

// lanes are invocations under way, by their ends.
type lanes []time.Time

func (l lanes) Len() int           { return len(l) }
func (l lanes) Less(i, j int) bool { return l[i].Before(l[j]) }
func (l lanes) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lanes) Push(x any)        { *l = append(*l, x.(time.Time)) }
func (l *lanes) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// A job of a billion objects (-scale-simulated=1000000000) on a virtual clock: listing and
// copying are made up shard by shard, everything else is the real code. Invocations and the
// engine die at random.
func TestSimulatedJob(t *testing.T) {
	const (
		objectBytes, objectsOfPage  = 10_000, 1000
		pageSeconds, secondsOfShard = 0.15, 200
		concurrency                 = 1000
	)
	total := *scaleBillions
	s := newSynthetic(t, 0, nil)
	name := func(i int) string { return fmt.Sprintf("%012d", i) }
	s.buckets.count, s.buckets.name, s.buckets.sizes = int(total), name, func(int) int64 { return objectBytes }
	files := disk{t.TempDir()}
	s.worker.Files = files
	var heap64 uint64
	payload := 0
	measured := func(step Step) Answer {
		var a Answer
		var err error
		heap64 = max(heap64, peak(func() { a, err = s.worker.Handle(t.Context(), step) }))
		if err != nil {
			t.Fatalf("%s: %v", step.Step, err)
		}
		text, _ := json.Marshal(a)
		payload = max(payload, len(text))
		return a
	}
	request := Request{Version: Version, Job: "j", Created: s.clock.Now(), SourceBucket: "from", DestinationBucket: "to", Compare: CompareNone}
	if err := write(t.Context(), files, requestKey("j"), request); err != nil {
		t.Fatal(err)
	}

	// over runs a map: each item takes as long as do says, on as many lanes.
	over := func(index string, do func(line []byte) time.Duration) {
		data, _, err := files.Get(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		busy := lanes{}
		end := s.clock.Now()
		for line := range bytes.Lines(data) {
			begin := s.clock.Now()
			if len(busy) == concurrency {
				begin = heap.Pop(&busy).(time.Time)
			}
			done := begin.Add(do(line))
			heap.Push(&busy, done)
			if done.After(end) {
				end = done
			}
		}
		s.clock.Add(end.Sub(s.clock.Now()))
	}

	began := s.clock.Now()
	listings := 0
	for a := measured(Step{Step: StepDivide, Job: "j", Run: 1}); a.More; a = measured(Step{Step: StepDivide, Job: "j", Run: 1}) {
		over(a.Index, func(line []byte) time.Duration {
			var item span
			if err := json.Unmarshal(line, &item); err != nil {
				t.Fatal(err)
			}
			listings++
			if s.chance.Float64() < 0.02 && listings > 1 {
				return 900 * time.Second // it died
			}
			lo := int64(sort.Search(int(total), func(i int) bool { return name(i) > item.After }))
			hi := total
			if item.Before != "" {
				hi = int64(sort.Search(int(total), func(i int) bool { return name(i) >= item.Before }))
			}
			limit := int64(5_800 * objectsOfPage) // in 870 s
			if a.Round == 1 {
				limit = 133 * objectsOfPage // in 20 s
			}
			l := listed{Tally: NewTally()}
			to := min(hi, lo+limit)
			for i := lo; i < to; i += DefaultShardObjects {
				n := min(DefaultShardObjects, to-i)
				l.Shards = append(l.Shards, shardEntry{fmt.Sprintf("%s-%05d", item.ID, len(l.Shards)), n, n * objectBytes, fmt.Sprintf("%064d", i)})
				l.Tally.ToCopy.add(Count{n, n * objectBytes})
				l.Tally.Digest.Add(l.Shards[len(l.Shards)-1].Shard, n, "")
			}
			if to < hi {
				rest := item.Range
				rest.After = name(int(to - 1))
				var err error
				if l.Rest, err = s.worker.split(t.Context(), "from", rest, pieces); err != nil {
					t.Fatal(err)
				}
			}
			if err := write(t.Context(), files, listedFolder("j", a.Round)+item.ID+".json", l); err != nil {
				t.Fatal(err)
			}
			return time.Duration(float64(to-lo) / objectsOfPage * pageSeconds * float64(time.Second))
		})
	}
	listing := s.clock.Now().Sub(began)
	plan, there, err := LoadPlan(t.Context(), files, "j")
	if err != nil || !there {
		t.Fatalf("no plan: %v", err)
	}
	if want := (Count{total, total * objectBytes}); plan.Tally.ToCopy != want {
		t.Fatalf("planned %+v, want %+v", plan.Tally.ToCopy, want)
	}

	began = s.clock.Now()
	copies := map[string]int{}
	run, round, deaths := 1, 0, 0
	var busySeconds float64
	for {
		a := measured(Step{Step: StepAdvance, Job: "j", Run: run, Round: round})
		if !a.More {
			break
		}
		round = a.Round
		over(a.Index, func(line []byte) time.Duration {
			var item indexEntry
			if err := json.Unmarshal(line, &item); err != nil {
				t.Fatal(err)
			}
			busySeconds += secondsOfShard
			if s.chance.Float64() < 0.01 {
				deaths++
				return secondsOfShard * time.Second
			}
			copies[item.Shard]++
			r := result{Shard: item.Shard, Round: a.Round, Copied: Count{item.Objects, item.Bytes}, Seconds: secondsOfShard, Ledger: strings.Repeat("0", 64)}
			r.Digest.Add(item.Shard, item.Objects, "")
			if err := write(t.Context(), files, resultFolder("j", a.Round)+item.Shard+".json", r); err != nil {
				t.Fatal(err)
			}
			return secondsOfShard * time.Second
		})
		if s.chance.Float64() < 0.3 { // the engine dies
			run, round = run+1, 0
		}
	}
	copying := s.clock.Now().Sub(began)
	last := measured(Step{Step: StepReport, Job: "j", Run: run})
	report, err := read[Report](t.Context(), files, reportKey("j"))
	if err != nil {
		t.Fatal(err)
	}
	if !last.Proven || !report.Complete || report.Progress.Copied != plan.Tally.ToCopy {
		t.Errorf("got %+v", report.Progress)
	}
	for shard, n := range copies {
		if n != 1 {
			t.Errorf("the shard %s has %d results", shard, n)
		}
	}
	index, err := os.Stat(files.path(indexKey("j", 1)))
	if err != nil {
		t.Fatal(err)
	}
	bound := time.Duration(busySeconds / concurrency * float64(time.Second))
	t.Logf("%d objects in %d shards: listed in %v by %d invocations, copied in %v (bound %v) with %d deaths in %d rounds and %d executions; "+
		"peak heap %.1f MiB, answers of at most %d bytes, index %.1f MB",
		total, plan.Shards, listing, listings, copying, bound, deaths, report.Progress.Round, run, float64(heap64)/(1<<20), payload, float64(index.Size())/1e6)
	switch {
	case heap64 > maxHeap:
		t.Errorf("an invocation needed %d bytes of heap", heap64)
	case payload > 256<<10:
		t.Errorf("an answer has %d bytes", payload)
	case index.Size() > 10<<30:
		t.Errorf("the index has %d bytes", index.Size())
	case plan.Shards >= 100_000_000:
		t.Errorf("%d shards are more items than a map reads", plan.Shards)
	case float64(copying) > 1.1*float64(bound)+float64(time.Duration(report.Progress.Round)*secondsOfShard*time.Second):
		t.Errorf("copying took %v, the bound is %v", copying, bound)
	}
}
