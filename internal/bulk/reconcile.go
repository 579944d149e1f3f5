package bulk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Reconcile is what a schedule asks for: a job that looks for what continuous replication has
// missed, and copies it. It is planned and run in one execution. The zero value compares the
// checksums of all objects, with DefaultConcurrency.
type Reconcile struct {
	Prefix      string  `json:"prefix,omitempty"`
	Compare     string  `json:"compare,omitempty"` // CompareChecksum, or CompareSize
	Concurrency int     `json:"concurrency,omitempty"`
	MaxRate     int64   `json:"maxRate,omitempty"` // bytes a second
	MaxCost     float64 `json:"maxCost,omitempty"` // US dollars
}

// DefaultConcurrency is how many shards are copied at a time if nobody says otherwise.
const DefaultConcurrency = 100

// ReconcileInput returns the input, as JSON, of an execution of the state machine that makes,
// plans and runs a job.
func ReconcileInput(r Reconcile) string {
	text, err := json.Marshal(struct {
		Phase string `json:"phase"`
		Reconcile
	}{PhaseReconcile, r})
	if err != nil {
		panic(err) // it has only texts and numbers
	}
	return string(text)
}

// Execution is what a job's folder says of an execution of the state machine.
type Execution struct {
	Phase   string    `json:"phase"`
	ARN     string    `json:"arn"`
	Started time.Time `json:"started"`
	Limits  *Limits   `json:"limits,omitempty"` // of a run, as it began
}

// RunKey returns the key of what a job's folder says of one of its executions, from 1.
func RunKey(job string, run int) string { return fmt.Sprintf("%s%d.json", RunsFolder(job), run) }

// RunsFolder returns the folder of what is said of a job's executions.
func RunsFolder(job string) string { return Folder + job + "/runs/" }

// make makes the job of an execution that a schedule has started. Its name is that of the
// time at which the execution began.
func (w *Worker) make(ctx context.Context, s Step) (Answer, error) {
	var r Reconcile
	if err := json.Unmarshal(s.Item, &r); err != nil {
		return Answer{}, fmt.Errorf("item: %w", err)
	}
	started, err := time.Parse(time.RFC3339, s.Started)
	if err != nil {
		return Answer{}, fmt.Errorf("started: %w", err)
	}
	started = started.UTC()
	request := Request{
		Version: Version, Job: "reconcile-" + strings.Replace(started.Format("20060102-150405.000"), ".", "-", 1), Created: started,
		SourceBucket: w.Settings.SourceBucket, DestinationBucket: w.Settings.DestinationBucket,
		DestinationPrefix: w.Settings.DestinationPrefix, KeyTemplate: w.Settings.KeyTemplate,
		Prefix: r.Prefix, Compare: cmp.Or(r.Compare, CompareChecksum), Reconcile: true,
	}
	limits := Limits{Concurrency: cmp.Or(r.Concurrency, DefaultConcurrency), MaxRate: r.MaxRate, MaxCost: r.MaxCost}
	limits.Terms = Options{Region: w.Region, Compare: request.Compare, Concurrency: limits.Concurrency, MaxRate: limits.MaxRate}
	if r.Concurrency == 0 && r.MaxRate > 0 {
		limits.Concurrency = limits.Narrowest()
	}
	if err := cmp.Or(request.Check(), limits.Check()); err != nil {
		return Answer{}, err
	}
	data, err := json.Marshal(request)
	if err != nil {
		return Answer{}, err
	}
	created, err := w.Files.Create(ctx, requestKey(request.Job), data)
	if err != nil {
		return Answer{}, err
	}
	if !created {
		// An earlier attempt has made it, or an execution that began in the same millisecond.
		e, there, err := find[Execution](ctx, w.Files, RunKey(request.Job, 1))
		if err != nil {
			return Answer{}, err
		}
		if there && e.ARN != s.Execution {
			return Answer{}, fmt.Errorf("job: %q: exists already, of %s", request.Job, e.ARN)
		}
	}
	if err := write(ctx, w.Files, limitsKey(request.Job), limits); err != nil {
		return Answer{}, err
	}
	e := Execution{Phase: PhaseReconcile, ARN: s.Execution, Started: started, Limits: &limits}
	return Answer{Job: request.Job, Concurrency: limits.Concurrency}, write(ctx, w.Files, RunKey(request.Job, 1), e)
}

// Why an object of a reconciliation was not at the destination as it should have been.
const (
	MissedAbsent    = "absent"    // there was no object
	MissedOlder     = "older"     // of an older generation
	MissedDifferent = "different" // of other bytes, and of no recorded generation or the same
)

// outcomeNewer is the outcome of an object of which the destination has a newer generation
// than was planned: events have brought it since.
const outcomeNewer = "newer"

// Miss is an object that was not at the destination as it should have been.
type Miss struct {
	Object     string `json:"object"`
	Key        string `json:"key"`
	Bytes      int64  `json:"bytes"`
	Generation int64  `json:"generation,string"`      // in the source
	Found      int64  `json:"found,string,omitempty"` // recorded at the destination; 0 is none
	Reason     string `json:"reason"`                 // absent, older or different
}

// Missed is what a reconciliation found.
type Missed struct {
	Counts  Counts `json:"counts"`  // by reason
	Objects []Miss `json:"objects"` // the first maxFailures of them
}

func missedFolder(job string) string     { return Folder + job + "/missed/" }
func missedKey(job, shard string) string { return missedFolder(job) + shard + ".jsonl.gz" }

// miss compares an object with the destination.
func (c *shardCopy) miss(ctx context.Context, e entry) (m Miss, missed bool, err error) {
	m = Miss{Object: e.Name, Key: c.key(e), Bytes: e.Size, Generation: e.Generation}
	size, sum, generation, there, err := c.worker.Checker.Checksum(ctx, c.request.DestinationBucket, m.Key)
	m.Found = generation
	switch {
	case err != nil:
		return m, false, err
	case generation > e.Generation:
		m.Reason = outcomeNewer
	case !there:
		m.Reason = MissedAbsent
	case size == e.Size && sum == e.CRC32C:
		return m, false, nil
	case generation > 0 && generation < e.Generation:
		m.Reason = MissedOlder
	default:
		m.Reason = MissedDifferent
	}
	return m, true, nil
}

// compare returns which objects of a shard are not at the destination as they were planned, by
// their place. They are written down before the first is copied, so that they are known also
// if the invocation dies.
func (c *shardCopy) compare(ctx context.Context, shard string) (missed map[int]Miss, err error) {
	missed = map[int]Miss{}
	place := make(map[string]int, len(c.entries))
	for i, e := range c.entries {
		place[e.Name] = i
	}
	key := missedKey(c.step.Job, shard)
	if _, there, err := c.worker.Files.Get(ctx, key); err != nil {
		return nil, err
	} else if there {
		for m, err := range linesOf[Miss](ctx, c.worker.Files, key) {
			if err != nil {
				return nil, err
			}
			missed[place[m.Object]] = m
		}
		return missed, nil
	}
	var mu sync.Mutex
	err = inParallel(ctx, len(c.entries), checksAtOnce, func(ctx context.Context, i int) error {
		m, is, err := c.miss(ctx, c.entries[i])
		if is {
			mu.Lock()
			defer mu.Unlock()
			missed[i] = m
		}
		return err
	})
	if err != nil || len(missed) == 0 {
		return missed, err
	}
	list := newLines(true)
	for i := range c.entries {
		if m, is := missed[i]; is {
			list.add(m)
		}
	}
	return missed, c.worker.Files.Put(ctx, key, list.bytes())
}

// reconcile copies what is missing of the shard. The rest is unchanged.
func (c *shardCopy) reconcile(ctx context.Context) error {
	items := []int{}
	for i, e := range c.entries {
		switch m, is := c.missed[i]; {
		case !is:
			c.note(i, unchanged(e, c.key(e)))
		case m.Reason == outcomeNewer:
			c.note(i, invocation.ObjectResult{Object: e.Name, Key: m.Key, Outcome: outcomeNewer, Generation: m.Found})
		default:
			items = append(items, i)
		}
	}
	if len(items) == 0 {
		return nil
	}
	return c.copy(ctx, items, "", "")
}

// loadMissed returns what a job has missed; nil for one that is no reconciliation.
func loadMissed(ctx context.Context, files Files, r Request) (*Missed, error) {
	if !r.Reconcile {
		return nil, nil
	}
	all := &Missed{Counts: Counts{}, Objects: []Miss{}}
	for key, err := range files.Keys(ctx, missedFolder(r.Job)) {
		if err != nil {
			return nil, err
		}
		for m, err := range linesOf[Miss](ctx, files, key) {
			if err != nil {
				return nil, err
			}
			if m.Reason == outcomeNewer {
				continue
			}
			all.Counts.Add(m.Reason, Count{1, m.Bytes})
			if len(all.Objects) < maxFailures {
				all.Objects = append(all.Objects, m)
			}
		}
	}
	slices.SortFunc(all.Objects, func(a, b Miss) int { return strings.Compare(a.Object, b.Object) })
	return all, nil
}
