package bulk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	Shard     string    `json:"shard"`
	Round     int       `json:"round"`
	Copied    Count     `json:"copied"`
	Unchanged Count     `json:"unchanged"`
	Newer     Count     `json:"newer,omitzero"`   // of which the destination has a newer generation
	Failed    Counts    `json:"failed,omitempty"` // for good, by cause
	Digest    Digest    `json:"digest"`           // of what is at the destination
	Lost      Digest    `json:"lost"`             // of what failed for good, and of Newer
	LeftOut   int64     `json:"leftOut,omitempty"`
	Seconds   float64   `json:"seconds"`
	Used      copy.Used `json:"used"`
	Ledger    string    `json:"ledger,omitempty"` // SHA-256 of its file

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
	// hopeless is how many objects in a row may fail for the same reason that is likely to be
	// that of the whole job, before it stops: a missing right must not cost a billion requests.
	hopeless = 50
	// strikes is in how many shards the last objects may fail for such a reason.
	strikes = 3
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
	if c.keys, err = request.template(); err != nil {
		return err
	}
	if c.collisions, err = w.collisions(ctx, s.Job, c.keys); err != nil {
		return err
	}
	limits, err := w.hold(ctx, s.Job, s.Of)
	if err != nil {
		return err
	}
	if over, err := w.overspent(ctx, s, limits.limits); over || err != nil {
		return err
	}
	meter, end := limits.meter(entries)
	work, cancel := withReserve(copy.Metered(ctx, meter), w.Now())
	defer cancel()
	defer end()
	if request.Reconcile && entries[0].Group == "" {
		if c.missed, err = c.compare(work, item.Shard); err != nil {
			return err
		}
	}
	if len(entries) == 1 && entries[0].Group != "" {
		err = c.ofGroup(work, entries[0], before)
	} else if request.Reconcile && item.From == 0 {
		err = c.reconcile(work)
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
	c.result.Ledger, c.result.Seconds, c.result.Used = hex.EncodeToString(sum[:]), w.Now().Sub(began).Seconds(), meter.Used()
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
	if c.row > 0 {
		if err := w.strike(ctx, s, cmp.Or(entries[0].Group, item.Shard), c.last); err != nil {
			return err
		}
	}
	w.Log.LogAttrs(ctx, slog.LevelInfo, "shard", copy.Tallied(began), slog.String("job", s.Job), slog.String("shard", item.Shard), slog.Int("round", s.Round),
		slog.Int64("Objects", c.result.Copied.Objects), slog.Int64("Bytes", c.result.Copied.Bytes), slog.Int64("failed", c.result.Failed.Sum().Objects),
		slog.Bool("left", c.result.left()), slog.Float64("seconds", c.result.Seconds))
	return nil
}

// strike notes that the last objects of a shard failed for a reason that is likely to be that
// of the whole job, which stops if several shards say so, or all of them.
func (w *Worker) strike(ctx context.Context, s Step, shard, cause string) error {
	if _, err := w.Files.Create(ctx, strikesFolder(s.Job, s.Run)+shard, []byte(cause)); err != nil {
		return err
	}
	n := 0
	for _, err := range w.Files.Keys(ctx, strikesFolder(s.Job, s.Run)) {
		if err != nil {
			return err
		}
		if n++; n >= min(strikes, max(1, s.Of)) {
			return Halt(ctx, w.Files, s.Job, s.Run, fmt.Sprintf("the last objects of %d shards failed: %s", n, cause), w.Now())
		}
	}
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

	recheck bool         // look at the destination before each copy
	tries   map[int]int  // of objects that failed before
	missed  map[int]Miss // that are copied since they are not as they should be
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
		if c.collides(key) {
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
		i := index[o.Object]
		c.note(i, c.settle(ctx, c.entries[i], o))
	}
	if c.result.Cursor = answer.Cursor; answer.Cursor != "" {
		c.result.Overwrite = event.Overwrite
		if !all {
			c.result.Items = items
		}
	}
	return nil
}

// collides reports whether a key is also that of another object.
func (c *shardCopy) collides(key string) bool {
	if len(c.collisions) == 0 { // without the sum of every key
		return false
	}
	_, collides := c.collisions[markOf(key)]
	return collides
}

// settle returns the outcome of an object. One that an earlier attempt may have copied, which
// died, can be at the destination though its generation is gone from the source since.
func (c *shardCopy) settle(ctx context.Context, e entry, o invocation.ObjectResult) invocation.ObjectResult {
	if !c.recheck || o.Outcome != invocation.OutcomeFailed || o.Transient || common(o.Cause) || o.Cause == keyCollides {
		return o
	}
	size, sum, generation, there, err := c.worker.Checker.Checksum(ctx, c.request.DestinationBucket, c.key(e))
	switch {
	case err != nil:
		o.Error += "; an earlier attempt may have copied it, and looking at the destination failed: " + err.Error()
	case there && size == e.Size && sum == e.CRC32C && generation == e.Generation:
		return unchanged(e, o.Key)
	}
	return o
}

// overwrite returns the policy for objects that are at the destination; empty is that of
// the environment.
func (c *shardCopy) overwrite() string {
	if c.request.Reconcile { // events may have brought a newer generation since the plan was made
		return invocation.OverwriteNewer
	}
	if p := c.worker.Overwrite; p == invocation.OverwriteAbsent || p == invocation.OverwriteNewer {
		return "" // which looks at the destination itself
	}
	if c.recheck || c.request.Compare == CompareChecksum || c.request.Compare == CompareSize && !ordered(c.request) {
		return invocation.OverwriteDifferent
	}
	return ""
}

func (c *shardCopy) key(e entry) string {
	return c.request.key(c.keys, e.Name, e.Generation)
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
		_, missed := c.missed[i]
		if missed || c.recheck && c.request.Compare == CompareNone {
			// An earlier attempt of this job has copied it.
			o.Outcome = invocation.OutcomeCopied
			c.result.Copied.add(one)
		} else {
			c.result.Unchanged.add(one)
		}
		c.result.Digest.Add(e.Name, o.Bytes, o.CRC32C)
	case outcomeNewer:
		c.result.Newer.add(one)
		c.result.Lost.Add(e.Name, e.Size, e.CRC32C)
	case invocation.OutcomeCopied:
		c.result.Copied.add(one)
		c.result.Digest.Add(e.Name, o.Bytes, o.CRC32C)
	default:
		if c.stops && common(o.Cause) { // it is copied once the job goes on
			c.result.Again[i] = c.tries[i]
			return
		}
		if tries := c.tries[i] + 1; (o.Transient || common(o.Cause) && e.Group == "") && tries < maxTries {
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

// unchanged is the outcome of an object that is at the destination as it was planned.
func unchanged(e entry, key string) invocation.ObjectResult {
	return invocation.ObjectResult{Object: e.Name, Key: key, Outcome: invocation.OutcomeUnchanged, Bytes: e.Size, Generation: e.Generation, CRC32C: e.CRC32C}
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
