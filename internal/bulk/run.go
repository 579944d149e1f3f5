package bulk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// indexEntry is a line of a round's index: a shard that has something left to do.
type indexEntry struct {
	Shard   string `json:"shard"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
	From    int    `json:"from,omitempty"`    // the round whose result says what is left; 0: everything
	Recheck bool   `json:"recheck,omitempty"` // some of it may have been copied without a result
}

// result is the outcome of a shard in a round.
type result struct {
	Shard     string  `json:"shard"`
	Round     int     `json:"round"`
	Copied    Count   `json:"copied"`
	Unchanged Count   `json:"unchanged"`
	Failed    Counts  `json:"failed,omitempty"` // for good, by cause
	Digest    Digest  `json:"digest"`           // of what is at the destination
	Lost      Digest  `json:"lost"`             // of what failed for good
	LeftOut   int64   `json:"leftOut,omitempty"`
	Seconds   float64 `json:"seconds"`
	Ledger    string  `json:"ledger,omitempty"` // SHA-256 of its file

	// What is left for the next round: the event of this one with the cursor, and
	// objects that may be copied another time.
	Items     []int       `json:"items,omitempty"` // of the shard, from 0; with a cursor, none means all
	Overwrite string      `json:"overwrite,omitempty"`
	Cursor    string      `json:"cursor,omitempty"`
	Again     map[int]int `json:"again,omitempty"` // how often each was tried

	Parts map[int]copy.Part `json:"parts,omitempty"` // of a slice, that S3 has
	Waits bool              `json:"waits,omitempty"` // what joins slices had nothing to do yet
}

func (r result) left() bool { return r.Cursor != "" || len(r.Again) > 0 || r.Waits }

// record is a line of a ledger: the outcome of an object.
type record struct {
	Index      int      `json:"i"` // in the shard
	Name       string   `json:"n"`
	Generation int64    `json:"g,string"`
	Size       int64    `json:"s"`
	CRC32C     string   `json:"c"`
	Key        string   `json:"k"`
	Outcome    string   `json:"o"`
	Cause      string   `json:"cause,omitempty"`
	Error      string   `json:"error,omitempty"`
	LeftOut    []string `json:"leftOut,omitempty"`
}

const (
	// maxTries is in how many rounds an object that failed for a reason that may pass is
	// tried, each time with the attempts of the copy engine.
	maxTries = 3
	// hopeless is how many objects in a row may fail for the same permanent reason before
	// the whole job stops: a missing right must not cost a billion requests.
	hopeless = 50
)

// stop says why a job does not go on.
type stop struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Stopped returns why an execution of a job does not go on, or nothing.
func Stopped(ctx context.Context, files Files, job string, run int) (string, error) {
	s, _, err := find[stop](ctx, files, stopKey(job, run))
	return s.Reason, err
}

// copy copies what is left of a shard. A round's result is written once.
func (w *Worker) copy(ctx context.Context, s Step, item indexEntry) error {
	began := w.Now()
	request, err := w.request(ctx, s.Job)
	if err != nil {
		return err
	}
	reason, err := Stopped(ctx, w.Files, s.Job, s.Run)
	if reason != "" || err != nil {
		return err
	}
	key := resultFolder(s.Job, s.Round) + item.Shard + ".json"
	if _, there, err := w.Files.Get(ctx, key); there || err != nil {
		return err
	}
	entries, err := w.shard(ctx, s.Job, item.Shard)
	if err != nil {
		return err
	}
	var before result
	if item.From > 0 {
		if before, err = read[result](ctx, w.Files, resultFolder(s.Job, item.From)+item.Shard+".json"); err != nil {
			return err
		}
	}
	c := &shardCopy{
		worker: w, request: request, step: s, entries: entries, ledger: newLines(true),
		recheck: item.Recheck || s.Retry > 0,
		result:  result{Shard: item.Shard, Round: s.Round, Failed: Counts{}, Again: map[int]int{}},
	}
	if request.KeyTemplate != "" {
		if c.keys, err = objectkey.Parse(request.KeyTemplate); err != nil {
			return fmt.Errorf("keyTemplate: %q: %w", request.KeyTemplate, err)
		}
	}
	if c.collisions, err = w.collisions(ctx, s.Job, c.keys); err != nil {
		return err
	}
	work, cancel := withReserve(ctx, w.Now())
	defer cancel()
	if len(entries) == 1 && entries[0].Group != "" {
		err = c.ofGroup(work, entries[0], before)
	} else if item.From == 0 || before.Cursor != "" {
		err = c.copy(work, before.Items, before.Overwrite, before.Cursor)
	}
	if err == nil && len(before.Again) > 0 && entries[0].Group == "" {
		if c.result.Cursor != "" {
			maps.Copy(c.result.Again, before.Again)
		} else {
			c.tries = before.Again
			err = c.copy(work, slices.Sorted(maps.Keys(before.Again)), "", "")
		}
	}
	if err != nil {
		return err
	}
	data := c.ledger.bytes()
	sum := sha256.Sum256(data)
	c.result.Ledger, c.result.Seconds = hex.EncodeToString(sum[:]), w.Now().Sub(began).Seconds()
	if err := w.Files.Put(ctx, ledgerKey(s.Job, s.Round, item.Shard), data); err != nil {
		return err
	}
	text, err := json.Marshal(c.result)
	if err != nil {
		return err
	}
	if _, err := w.Files.Create(ctx, key, text); err != nil {
		return err
	}
	if c.cause != "" {
		return Halt(ctx, w.Files, s.Job, s.Run, fmt.Sprintf("%d objects in a row failed: %s", hopeless, c.cause), w.Now())
	}
	w.Log.LogAttrs(ctx, slog.LevelInfo, "shard", copy.Tallied(began), slog.String("job", s.Job), slog.String("shard", item.Shard), slog.Int("round", s.Round),
		slog.Int64("Objects", c.result.Copied.Objects), slog.Int64("Bytes", c.result.Copied.Bytes), slog.Int64("failed", c.result.Failed.Sum().Objects),
		slog.Bool("left", c.result.left()), slog.Float64("seconds", c.result.Seconds))
	return nil
}

// withReserve returns a context that ends while there is time to write down the outcome.
func withReserve(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(reserve, deadline.Sub(now)/4)))
}

// Halt makes the shards of an execution of a job that have not begun end without copying.
func Halt(ctx context.Context, files Files, job string, run int, reason string, now time.Time) error {
	data, err := json.Marshal(stop{reason, now})
	if err != nil {
		return err
	}
	_, err = files.Create(ctx, stopKey(job, run), data)
	return err
}

// shard reads a shard.
func (w *Worker) shard(ctx context.Context, job, shard string) ([]entry, error) {
	var entries []entry
	for e, err := range linesOf[entry](ctx, w.Files, shardKey(job, shard)) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// shardCopy copies a shard in one invocation.
type shardCopy struct {
	worker     *Worker
	request    Request
	step       Step
	entries    []entry
	keys       objectkey.Template
	collisions map[mark]struct{}

	recheck bool        // look at the destination before each copy
	tries   map[int]int // of objects that failed before
	ledger  *lines
	result  result

	mu    sync.Mutex
	last  string // cause of the last failures in a row
	row   int
	cause string // for which the job stops
	stops bool   // for this cause, or for that of another shard
}

// copy copies some objects of the shard, all if there are none, and adds their outcomes. A
// cursor fits the event of its round only, so that has the same policy.
func (c *shardCopy) copy(ctx context.Context, items []int, overwrite, cursor string) error {
	event := invocation.Event{Objects: []invocation.Item{}, Overwrite: overwrite, Cursor: cursor}
	if cursor == "" {
		event.Overwrite = c.overwrite()
	}
	all := items == nil
	if all {
		items = make([]int, len(c.entries))
		for i := range items {
			items[i] = i
		}
	}
	index := make(map[string]int, len(items))
	var colliding []invocation.ObjectResult
	for _, i := range items {
		if i < 0 || i >= len(c.entries) {
			return fmt.Errorf("the shard has no object %d", i)
		}
		e := c.entries[i]
		key := c.key(e)
		if _, collides := c.collisions[markOf(key)]; collides {
			if cursor == "" {
				colliding = append(colliding, invocation.ObjectResult{Object: e.Name, Key: key, Outcome: invocation.OutcomeFailed, Cause: keyCollides})
				index[e.Name] = i
			}
			continue
		}
		event.Objects = append(event.Objects, invocation.Item{Object: e.Name, Key: key, Generation: e.Generation})
		index[e.Name] = i
	}
	answer, err := c.worker.Copier.Batch(ctx, event, c.each)
	if err != nil {
		return err
	}
	why, err := Stopped(ctx, c.worker.Files, c.step.Job, c.step.Run)
	if err != nil {
		return err
	}
	c.stops = c.cause != "" || why != ""
	for _, o := range append(colliding, answer.Objects...) {
		c.note(index[o.Object], o)
	}
	if c.result.Cursor = answer.Cursor; answer.Cursor != "" {
		c.result.Overwrite = event.Overwrite
		if !all {
			c.result.Items = items
		}
	}
	return nil
}

// overwrite returns the policy for objects that are at the destination; empty is that of
// the environment.
func (c *shardCopy) overwrite() string {
	if c.recheck || c.request.Compare == CompareChecksum || c.request.Compare == CompareSize && !ordered(c.request) {
		return invocation.OverwriteDifferent
	}
	return ""
}

func (c *shardCopy) key(e entry) string {
	return c.request.DestinationPrefix + c.keys.Key(objectkey.Object{Name: e.Name, Generation: e.Generation, Day: c.request.Created})
}

// note notes the outcome of an object of the shard.
func (c *shardCopy) note(i int, o invocation.ObjectResult) {
	e := c.entries[i]
	one := Count{1, e.Size}
	if o.Outcome == invocation.OutcomeCopied || o.Outcome == invocation.OutcomeUnchanged {
		if o.CRC32C != e.CRC32C || o.Bytes != e.Size {
			o.Outcome, o.Cause, o.Error = invocation.OutcomeFailed, "not what was planned",
				fmt.Sprintf("planned: %d bytes, CRC32C %s; copied: %d bytes, CRC32C %s", e.Size, e.CRC32C, o.Bytes, o.CRC32C)
		}
	}
	switch o.Outcome {
	case invocation.OutcomeInterrupted:
		return
	case invocation.OutcomeUnchanged:
		if c.recheck && c.request.Compare == CompareNone {
			// An earlier attempt of this job has copied it.
			o.Outcome = invocation.OutcomeCopied
			c.result.Copied.add(one)
		} else {
			c.result.Unchanged.add(one)
		}
		c.result.Digest.Add(e.Name, o.Bytes, o.CRC32C)
	case invocation.OutcomeCopied:
		c.result.Copied.add(one)
		c.result.Digest.Add(e.Name, o.Bytes, o.CRC32C)
	default:
		if c.stops && common(o.Cause) { // it is copied once the job goes on
			c.result.Again[i] = c.tries[i]
			return
		}
		if tries := c.tries[i] + 1; o.Transient && tries < maxTries {
			c.result.Again[i] = tries
			return
		}
		c.result.Failed.Add(cmp.Or(o.Cause, "unknown"), one)
		c.result.Lost.Add(e.Name, e.Size, e.CRC32C)
	}
	if len(o.LeftOut) > 0 {
		c.result.LeftOut++
	}
	c.ledger.add(record{i, e.Name, e.Generation, e.Size, e.CRC32C, o.Key, o.Outcome, o.Cause, o.Error, o.LeftOut})
}

// each watches for failures that every object will have.
func (c *shardCopy) each(o invocation.ObjectResult) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Outcome != invocation.OutcomeFailed || o.Transient || !common(o.Cause) {
		c.row = 0
		return c.cause == ""
	}
	if o.Cause != c.last {
		c.last, c.row = o.Cause, 0
	}
	if c.row++; c.row >= hopeless {
		c.cause = o.Cause
	}
	return c.cause == ""
}

// common reports whether a cause is more likely to be one of the whole job than of one
// object: a right, an identity or a bucket.
func common(cause string) bool {
	for _, sign := range []string{" 401 ", " 403 ", "NoSuchBucket", "invalid_grant", "unauthorized_client", "KMS."} {
		if bytes.Contains([]byte(cause), []byte(sign)) {
			return true
		}
	}
	return false
}

// advance collects the results of a round, and begins the next one with what is left. With
// round 0 an execution begins: it begins the job, or goes on where the last one died. A
// repeated advance changes nothing.
func (w *Worker) advance(ctx context.Context, job string, run, round int) (Answer, error) {
	plan, there, err := LoadPlan(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	if !there {
		return Answer{}, errNoPlan
	}
	if _, err := w.request(ctx, job); err != nil {
		return Answer{}, err
	}
	progress, err := LastProgress(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	switch {
	case progress.Run == 0:
		if progress.Next, progress.Left, err = w.firstIndex(ctx, plan); err != nil {
			return Answer{}, err
		}
		progress.At, progress.Run = w.Now(), run
		err = write(ctx, w.Files, roundKey(job, 0), progress)
	case progress.Next != "" && (round == progress.Round+1 || round == 0 && progress.Run != run):
		progress, err = w.collect(ctx, job, progress, run, round == 0)
	}
	if err != nil {
		return Answer{}, err
	}
	return w.next(ctx, job, run, progress)
}

// next answers with the next round, unless the job ends.
func (w *Worker) next(ctx context.Context, job string, run int, p Progress) (Answer, error) {
	a := Answer{Round: p.Round + 1, Failed: p.Failed.Sum().Objects, Items: int(p.Left)}
	var err error
	if a.Stopped, err = Stopped(ctx, w.Files, job, run); err != nil {
		return Answer{}, err
	}
	if a.Stopped == "" {
		a.Stopped = p.Stopped
	}
	if p.Next != "" && a.Stopped == "" {
		a.More, a.Index = true, p.Next
	}
	return a, nil
}

// LoadPlan returns a job's plan; there reports whether it is finished.
func LoadPlan(ctx context.Context, files Files, job string) (plan Plan, there bool, err error) {
	return find[Plan](ctx, files, planKey(job))
}

// LastProgress returns how far a job has come; before the first round it is empty.
func LastProgress(ctx context.Context, files Files, job string) (Progress, error) {
	last := Progress{Failed: Counts{}}
	for n := 0; ; n++ {
		p, there, err := find[Progress](ctx, files, roundKey(job, n))
		if err != nil || !there {
			return last, err
		}
		last = p
	}
}

// firstIndex writes the index of the first round: all shards.
func (w *Worker) firstIndex(ctx context.Context, plan Plan) (key string, shards int64, err error) {
	job := plan.Request.Job
	data, there, err := w.Files.Get(ctx, shardsKey(job))
	if err != nil {
		return "", 0, err
	}
	if !there {
		return "", 0, errNoPlan
	}
	var all []indexEntry
	for s, err := range parse[shardEntry](bytes.NewReader(data)) {
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", shardsKey(job), err)
		}
		all = append(all, indexEntry{Shard: s.Shard, Objects: s.Objects, Bytes: s.Bytes})
	}
	return w.index(ctx, job, 1, all)
}

// index writes the index of a round, if it has anything.
func (w *Worker) index(ctx context.Context, job string, round int, entries []indexEntry) (key string, shards int64, err error) {
	if len(entries) == 0 {
		return "", 0, nil
	}
	list := newLines(false)
	for _, e := range shuffled(entries) {
		list.add(e)
	}
	key = indexKey(job, round)
	return key, int64(len(entries)), w.Files.Put(ctx, key, list.bytes())
}

// collect adds the results of the round after p, and writes the index of the one after it. A
// round that was broken off need not have brought any.
func (w *Worker) collect(ctx context.Context, job string, p Progress, run int, brokenOff bool) (Progress, error) {
	round := p.Round + 1
	data, there, err := w.Files.Get(ctx, p.Next)
	if err != nil {
		return p, err
	}
	if !there {
		return p, fmt.Errorf("%s: there is no such file", p.Next)
	}
	pending := map[string]indexEntry{}
	for e, err := range parse[indexEntry](bytes.NewReader(data)) {
		if err != nil {
			return p, fmt.Errorf("%s: %w", p.Next, err)
		}
		pending[e.Shard] = e
	}
	p.Round, p.Run, p.At, p.Next, p.Left, p.Stopped = round, run, w.Now(), "", 0, ""
	var left []indexEntry
	moved := false
	for r, err := range w.results(ctx, job, round) {
		if err != nil {
			return p, err
		}
		e, ok := pending[r.Shard]
		if !ok {
			continue
		}
		delete(pending, r.Shard)
		p.Copied.add(r.Copied)
		p.Unchanged.add(r.Unchanged)
		p.Failed.join(r.Failed)
		p.Digest.Join(r.Digest)
		p.Lost.Join(r.Lost)
		p.LeftOut += r.LeftOut
		p.Seconds += r.Seconds
		p.Shards++
		// A result without an outcome may still have parts of an object: the engine
		// itself gives up after two invocations without progress.
		moved = moved || !r.Waits
		if r.left() {
			e.From, e.Recheck = round, false
			left = append(left, e)
		}
	}
	for _, e := range pending { // without a result: the function died, or the engine gave up
		e.Recheck = true
		left = append(left, e)
	}
	if !moved && !brokenOff {
		p.Stopped = "a round brought no result; the executions of its map run say why"
	}
	slices.SortFunc(left, func(a, b indexEntry) int { return cmp.Compare(a.Shard, b.Shard) })
	if p.Next, p.Left, err = w.index(ctx, job, round+1, left); err != nil {
		return p, err
	}
	return p, write(ctx, w.Files, roundKey(job, round), p)
}

// results reads the results of a round, several at a time.
func (w *Worker) results(ctx context.Context, job string, round int) iter.Seq2[result, error] {
	return readAll[result](ctx, w.Files, resultFolder(job, round))
}

// readAll reads all files with a prefix, several at a time and in their order.
func readAll[T any](ctx context.Context, files Files, prefix string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type answer struct {
			value T
			err   error
		}
		const most = 32
		var waiting []chan answer
		first := func() bool {
			a := <-waiting[0]
			waiting = waiting[1:]
			return yield(a.value, a.err) && a.err == nil
		}
		for key, err := range files.Keys(ctx, prefix) {
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			if len(waiting) == most && !first() {
				return
			}
			c := make(chan answer, 1)
			waiting = append(waiting, c)
			go func() {
				v, err := read[T](ctx, files, key)
				c <- answer{v, err}
			}()
		}
		for len(waiting) > 0 {
			if !first() {
				return
			}
		}
	}
}

// report writes the report of a job that has ended, or stopped.
func (w *Worker) report(ctx context.Context, job string) (Answer, error) {
	r, err := MakeReport(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	r.Finished = w.Now()
	if err := write(ctx, w.Files, reportKey(job), r); err != nil {
		return Answer{}, err
	}
	return Answer{Failed: r.Progress.Failed.Sum().Objects + r.Plan.Tally.Failing.Sum().Objects, Stopped: r.Progress.Stopped, Proven: r.Proven}, nil
}

// MakeReport joins what a job's files say. Its Finished is not set.
func MakeReport(ctx context.Context, files Files, job string) (Report, error) {
	plan, there, err := LoadPlan(ctx, files, job)
	if err != nil {
		return Report{}, err
	}
	if !there {
		return Report{}, errNoPlan
	}
	r := Report{Plan: plan, Progress: Progress{Failed: Counts{}}}
	for n := 0; ; n++ {
		p, there, err := find[Progress](ctx, files, roundKey(job, n))
		if err != nil {
			return Report{}, err
		}
		if !there {
			break
		}
		if n == 0 {
			r.Started = p.At
		}
		done := p.Copied
		done.add(p.Unchanged)
		r.Progress = p
		r.Rounds = append(r.Rounds, Moment{p.At, done})
	}
	ledger := sha256.New()
	for n := 1; n <= r.Progress.Round; n++ {
		for result, err := range readAll[result](ctx, files, resultFolder(job, n)) {
			if err != nil {
				return Report{}, err
			}
			ledger.Write([]byte(result.Ledger))
		}
	}
	r.Ledger = hex.EncodeToString(ledger.Sum(nil))
	for f, err := range Failures(ctx, files, job) {
		if err != nil {
			return Report{}, err
		}
		if r.Failures = append(r.Failures, f); len(r.Failures) == maxFailures {
			break
		}
	}
	r.Expected = plan.Tally.Digest.Without(r.Progress.Lost)
	if r.Complete = r.Progress.Run > 0 && r.Progress.Outcomes() == plan.Tally.ToCopy; !r.Complete {
		why, err := Stopped(ctx, files, job, r.Progress.Run)
		if err != nil {
			return Report{}, err
		}
		r.Progress.Stopped = cmp.Or(why, r.Progress.Stopped)
	}
	r.Proven = r.Complete && r.Expected == r.Progress.Digest
	return r, nil
}

// Failures iterates over the objects of a job that failed for good: those that its plan
// ruled out, and those that could not be copied.
func Failures(ctx context.Context, files Files, job string) iter.Seq2[Failure, error] {
	return func(yield func(Failure, error) bool) {
		stop := func(err error) { yield(Failure{}, err) }
		for key, err := range files.Keys(ctx, failingFolder(job)) {
			if err != nil {
				stop(err)
				return
			}
			for f, err := range linesOf[Failure](ctx, files, key) {
				if !yield(f, err) || err != nil {
					return
				}
			}
		}
		for n := 1; ; n++ {
			if _, there, err := files.Get(ctx, roundKey(job, n)); err != nil || !there {
				if err != nil {
					stop(err)
				}
				return
			}
			for r, err := range readAll[result](ctx, files, resultFolder(job, n)) {
				if err != nil {
					stop(err)
					return
				}
				if len(r.Failed) == 0 {
					continue
				}
				for e, err := range linesOf[record](ctx, files, ledgerKey(job, n, r.Shard)) {
					if err != nil {
						stop(err)
						return
					}
					if e.Outcome == invocation.OutcomeFailed && !yield(Failure{e.Name, e.Key, e.Size, e.Cause, e.Error}, nil) {
						return
					}
				}
			}
		}
	}
}

var _ Buckets = (*copy.Handler)(nil)
