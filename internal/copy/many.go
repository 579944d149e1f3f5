package copy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// maxResults limits the results of one invocation, in bytes of JSON before
// escaping, which turns a byte into six at most. Lambda allows 6 MB (Lambda
// Developer Guide, "Lambda quotas").
const maxResults = 1 << 20

// resultSize is the size of a result without its texts, in bytes of JSON.
const resultSize = 160

// many copies many objects, several in parallel, in the order of their names or
// of the event. When time or room for results runs out, it starts no more copies;
// the next invocation continues from the cursor: first with what was interrupted,
// then with what was not started.
type many struct {
	*Handler
	event   invocation.Event
	log     *logger
	start   time.Time
	tidying func(context.Context) (context.Context, context.CancelFunc)
	next    func(context.Context) (*transfer, error) // nil after the last
	again   func(due) *transfer                      // of an object that was interrupted

	mu       sync.Mutex
	position cursor
	pending  []due // interrupted by the last invocation, and not started by this one
	started  int
	answer   invocation.ManyResult
	listed   []*task           // what the answer lists
	returned []*task           // interrupted by this invocation
	keys     map[string]string // keys made so far, and their objects; only if names are not kept
	room     int               // left for results, in bytes
	longest  time.Duration     // duration of a copy so far
	quarter  time.Duration     // of the time available at the start
	err      error             // from finding the next object

	each    func(invocation.ObjectResult) bool // see Batch; may be nil
	stopped atomic.Bool                        // by each
}

// task is one of the objects.
type task struct {
	number int // in the order in which they were started
	due    due
	result invocation.ObjectResult
}

func (h *Handler) copyMany(ctx context.Context, event invocation.Event, log *logger, each func(invocation.ObjectResult) bool) (invocation.ManyResult, error) {
	start := h.now()
	ctx, cancel, tidying := within(ctx, start)
	defer cancel()
	m := &many{Handler: h, event: event, log: log, start: start, tidying: tidying, keys: map[string]string{}, room: h.room, each: each}
	if deadline, ok := ctx.Deadline(); ok {
		m.quarter = deadline.Sub(start) / 4
	}
	whole := h.plan(event, invocation.Item{Object: "-"}, start) // for what all copies share
	err := whole.check()
	prefix := ""
	if event.Prefix != nil {
		prefix = *event.Prefix
	}
	whole.object, whole.key = prefix, h.settings.prefix+prefix
	if !h.settings.keys.KeepsNames() {
		whole.key = h.settings.prefix + h.settings.keys.String()
	}
	if err == nil {
		err = m.begin(whole, prefix)
	}
	if err != nil {
		return invocation.ManyResult{}, whole.fail(&OperationError{"planning", err})
	}
	m.copyAll(ctx)
	if m.err != nil && m.started == 0 {
		return invocation.ManyResult{}, whole.fail(&OperationError{"reading", m.err})
	}
	m.conclude()
	m.answer.Source, m.answer.Destination, m.answer.DurationMS = whole.source(), whole.destination(), h.now().Sub(start).Milliseconds()
	if !m.answer.Complete {
		log.unfinished(m.answer)
	}
	return m.answer, nil
}

// begin chooses where the objects come from.
func (m *many) begin(whole *transfer, prefix string) (err error) {
	if m.position, err = parseCursor(m.event.Cursor, m.fingerprint(m.event, whole)); err != nil {
		return err
	}
	m.pending, m.position.Pending = m.position.Pending, nil
	if m.event.Prefix != nil {
		m.list(whole, prefix)
		return nil
	}
	return m.itemise()
}

// list takes the objects from a listing.
func (m *many) list(whole *transfer, prefix string) {
	l := &listing{from: m.source, attempt: whole.attempt, bucket: whole.sourceBucket, prefix: prefix, after: m.position.After, fields: neededFields}
	m.next = func(ctx context.Context) (*transfer, error) {
		o, err := l.next(ctx)
		if o == nil || err != nil {
			return nil, err
		}
		t := m.plan(m.event, invocation.Item{Object: o.name}, m.start)
		if o.generation != 0 && o.summed { // otherwise left to the request for the object itself
			t.listed = o
		}
		t.skipped = o.size == 0 && !m.settings.keys.Names(o.name)
		m.position.After = o.name
		return t, nil
	}
	m.again = func(d due) *transfer { return m.plan(m.event, invocation.Item{Object: d.Object}, m.start) }
}

// itemise takes the objects from the event's list. Two items with one key are an
// error of the second, in whichever invocation it is copied.
func (m *many) itemise() error {
	items := m.event.Objects
	if m.position.Next > len(items) {
		return fmt.Errorf("cursor: belongs to an event with more than %d objects", len(items))
	}
	plan := func(n int) *transfer {
		t := m.plan(m.event, items[n], m.start)
		if err := items[n].Check(); err != nil {
			t.object, t.refused = items[n].Object, fmt.Errorf("objects[%d]: %w", n, err)
		}
		return t
	}
	first, twins := map[string]int{}, map[int]int{}
	for n := range items {
		t := plan(n)
		if t.refused != nil || t.open() {
			continue
		}
		if other, ok := first[t.key]; !ok {
			first[t.key] = n
		} else if items[other] != items[n] {
			twins[n] = other
		}
	}
	planned := func(n int) *transfer {
		t := plan(n)
		if other, ok := twins[n]; ok {
			t.twin = items[other].Object
		}
		return t
	}
	m.next = func(context.Context) (*transfer, error) {
		n := m.position.Next
		if n == len(items) {
			return nil, nil
		}
		m.position.Next++
		return planned(n), nil
	}
	m.again = func(d due) *transfer { return planned(d.Item) }
	return nil
}

// copyAll copies first what made no progress in the last invocation: one object at a
// time, so that each has everything that there is. Then it copies the others.
func (m *many) copyAll(ctx context.Context) {
	careful := func(d due) bool { return d.Idle > 0 }
	for slices.ContainsFunc(m.pending, careful) && m.work(ctx, careful) {
	}
	var workers sync.WaitGroup
	for range MeterOf(ctx).objects(m.settings.concurrency) {
		workers.Go(func() {
			for m.work(ctx, nil) {
			}
		})
	}
	workers.Wait()
}

// work copies an object, an interrupted one that fits or any. It returns false if there is
// none to start.
func (m *many) work(ctx context.Context, fits func(due) bool) bool {
	t, task := m.take(ctx, fits)
	if t == nil {
		return false
	}
	t.tidying, t.keeps, t.returns = m.tidying, true, true
	done, elapsed, err := m.transfer(ctx, t, m.log)
	m.finish(t, task, done, elapsed, err)
	return true
}

func (m *many) take(ctx context.Context, fits func(due) bool) (*transfer, *task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.room <= 0 || m.stopped.Load() || m.late(ctx) {
		return nil, nil
	}
	for i, d := range m.pending {
		if fits == nil || fits(d) {
			m.pending = slices.Delete(m.pending, i, i+1)
			t := m.again(d)
			t.upload, t.idle = d.Upload, d.Idle
			return t, m.begun(t, d)
		}
	}
	if fits != nil || m.position.Ended || m.err != nil {
		return nil, nil
	}
	t, err := m.next(ctx)
	if t == nil || err != nil {
		m.err, m.position.Ended = err, err == nil
		return nil, nil
	}
	if m.event.Prefix == nil {
		return t, m.begun(t, due{Item: m.position.Next - 1})
	}
	if !m.settings.keys.KeepsNames() && !t.open() && !t.skipped {
		// Two parallel copies to one key could leave either object's bytes.
		if twin, ok := m.keys[t.key]; ok && twin != t.object {
			t.twin = twin
		} else {
			m.keys[t.key] = t.object
		}
	}
	return t, m.begun(t, due{Object: t.object})
}

func (m *many) begun(t *transfer, d due) *task {
	m.started++
	return &task{number: m.started, due: d, result: invocation.ObjectResult{Object: t.object}}
}

// late reports whether a copy started now might not finish in time: whether less time
// is left than the longest copy took, counting at most a quarter of the whole time.
func (m *many) late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Sub(m.now()) <= max(min(m.longest, m.quarter), lateness)
}

// lateness is how long before the deadline no more copies are started.
const lateness = time.Second

func (m *many) finish(t *transfer, task *task, done copied, elapsed time.Duration, err error) {
	task.result = t.result(done, err)
	r := &task.result
	task.due.Idle, task.due.Upload = t.idle, t.kept
	if m.each != nil && !m.each(*r) {
		m.stopped.Store(true)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := &m.answer
	switch r.Outcome {
	case invocation.OutcomeCopied:
		a.Copied++
		a.Bytes += r.Bytes
	case invocation.OutcomeUnchanged:
		a.Unchanged++
	case invocation.OutcomeSkipped:
		a.Skipped++
	case invocation.OutcomeInterrupted:
		a.Interrupted++
		a.Reached += r.Reached
		m.returned = append(m.returned, task)
	default:
		a.Failed++
	}
	m.longest = max(m.longest, elapsed)
	if m.event.Results == invocation.ResultsFailed && r.Outcome != invocation.OutcomeFailed && r.Outcome != invocation.OutcomeInterrupted &&
		len(r.LeftOut) == 0 {
		return
	}
	m.room -= resultSize + len(r.Object) + len(r.Key) + len(r.Error) + len(strings.Join(r.LeftOut, ""))
	m.listed = append(m.listed, task)
}

// result returns the outcome of a copy among others.
func (t *transfer) result(done copied, err error) invocation.ObjectResult {
	r := invocation.ObjectResult{
		Object: t.object, Key: t.key, // which may depend on the generation
		Outcome: done.outcome, Bytes: done.size, Generation: done.generation, LeftOut: t.leftOut,
	}
	var failed *TransferError
	switch {
	case errors.As(err, &failed):
		r.Error = failed.Operation + ": " + failed.Err.Error()
		r.Cause, r.Transient = failed.Cause()
		if t.interrupted {
			r.Outcome, r.Reached = invocation.OutcomeInterrupted, t.kept.reached()
		} else {
			r.Outcome, r.Bytes, r.Generation = invocation.OutcomeFailed, 0, 0
		}
	case r.Outcome != invocation.OutcomeSkipped && r.Outcome != invocation.OutcomeDeleted:
		r.CRC32C = done.crc32c.String()
	}
	return r
}

// conclude completes the answer: everything is done if all objects have been started
// and none was interrupted. Otherwise the cursor has the rest.
func (m *many) conclude() {
	a := &m.answer
	byNumber := func(x, y *task) int { return cmp.Compare(x.number, y.number) }
	slices.SortFunc(m.listed, byNumber)
	slices.SortFunc(m.returned, byNumber)
	a.Objects = make([]invocation.ObjectResult, len(m.listed))
	for i, t := range m.listed {
		a.Objects[i] = t.result
	}
	for _, t := range m.returned {
		m.position.Pending = append(m.position.Pending, t.due)
	}
	m.position.Pending = append(m.position.Pending, m.pending...)
	if a.Complete = m.position.Ended && len(m.position.Pending) == 0; !a.Complete {
		a.Cursor = m.position.String()
	}
	if m.err != nil {
		a.Error = m.err.Error()
	}
	switch {
	case a.Failed > 0 || m.err != nil:
		a.StatusCode = invocation.StatusFailed
	case !a.Complete:
		a.StatusCode = invocation.StatusPartial
	default:
		a.StatusCode = invocation.StatusDone
	}
	a.Body = a.Summary()
}
