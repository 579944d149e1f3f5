package copy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
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
// the next invocation continues from the cursor.
type many struct {
	*Handler
	event   invocation.Event
	log     *slog.Logger
	start   time.Time
	tidying func(context.Context) (context.Context, context.CancelFunc)
	next    func(context.Context) (*transfer, string, error) // also returns the cursor after the object; nil after the last

	mu      sync.Mutex
	tasks   []*task
	keys    map[string]string // keys made so far, and their objects
	room    int               // left for results, in bytes
	longest time.Duration     // duration of a copy so far
	quarter time.Duration     // of the time available at the start
	ended   bool              // no objects are left
	err     error             // from finding the next object
}

// task is one of the objects, in the order in which they were started.
type task struct {
	result invocation.ObjectResult
	after  string // the cursor after this object
	done   bool
}

func (h *Handler) copyMany(ctx context.Context, event invocation.Event, log *slog.Logger) (invocation.ManyResult, error) {
	start := h.now()
	ctx, cancel, tidying := within(ctx, start)
	defer cancel()
	m := &many{Handler: h, event: event, log: log, start: start, tidying: tidying, keys: map[string]string{}, room: h.room}
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
	var workers sync.WaitGroup
	for range h.settings.concurrency {
		workers.Go(func() { m.work(ctx) })
	}
	workers.Wait()
	if m.err != nil && len(m.tasks) == 0 {
		return invocation.ManyResult{}, whole.fail(&OperationError{"reading", m.err})
	}
	r := m.result()
	r.Source, r.Destination, r.DurationMS = whole.source(), whole.destination(), h.now().Sub(start).Milliseconds()
	return r, nil
}

// begin chooses where the objects come from.
func (m *many) begin(whole *transfer, prefix string) error {
	if m.event.Prefix != nil {
		l := &listing{from: m.source, attempt: whole.attempt, bucket: whole.sourceBucket, prefix: prefix, after: m.event.Cursor}
		m.next = func(ctx context.Context) (*transfer, string, error) {
			o, err := l.next(ctx)
			if o == nil || err != nil {
				return nil, "", err
			}
			t := m.plan(m.event, invocation.Item{Object: o.name}, m.start)
			if o.generation != 0 {
				t.listed = o
			}
			return t, o.name, nil
		}
		return nil
	}
	i, err := strconv.Atoi(cmp.Or(m.event.Cursor, "0"))
	if err != nil || i < 0 || i > len(m.event.Objects) {
		return fmt.Errorf("cursor: %q: must be one that an invocation with these objects answered", m.event.Cursor)
	}
	m.next = func(context.Context) (*transfer, string, error) {
		if i == len(m.event.Objects) {
			return nil, "", nil
		}
		item := m.event.Objects[i]
		t := m.plan(m.event, item, m.start)
		if err := item.Check(); err != nil {
			t.object, t.refused = item.Object, fmt.Errorf("objects[%d]: %w", i, err)
		}
		i++
		return t, strconv.Itoa(i), nil
	}
	return nil
}

// work copies objects until none are left to start.
func (m *many) work(ctx context.Context) {
	for {
		t, task := m.take(ctx)
		if t == nil {
			return
		}
		t.tidying = m.tidying
		done, elapsed, err := m.transfer(ctx, t, m.log)
		m.finish(task, t.key, done, elapsed, err)
	}
}

func (m *many) take(ctx context.Context) (*transfer, *task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended || m.err != nil || m.room <= 0 || m.late(ctx) {
		return nil, nil
	}
	t, after, err := m.next(ctx)
	if t == nil || err != nil {
		m.err, m.ended = err, err == nil
		return nil, nil
	}
	if t.makeKey != nil && (t.generation != 0 || !m.settings.keys.NeedsGeneration()) {
		// Two parallel copies to one key could leave either object's bytes.
		if twin, ok := m.keys[t.key]; ok && twin != t.object {
			t.twin = twin
		} else {
			m.keys[t.key] = t.object
		}
	}
	task := &task{result: invocation.ObjectResult{Object: t.object, Key: t.key}, after: after}
	m.tasks = append(m.tasks, task)
	return t, task
}

// late reports whether a copy started now might not finish in time: whether less time
// is left than the longest copy took, counting at most a quarter of the whole time.
func (m *many) late(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Sub(m.now()) <= max(min(m.longest, m.quarter), lateness)
}

// lateness is how long before the deadline no more copies are started.
const lateness = time.Second

func (m *many) finish(task *task, key string, done copied, elapsed time.Duration, err error) {
	r := &task.result
	r.Key = key // may depend on the generation
	r.Outcome, r.Bytes, r.Generation = done.outcome, done.size, done.generation
	var failed *TransferError
	switch {
	case errors.As(err, &failed):
		r.Outcome, r.Error = invocation.OutcomeFailed, failed.Operation+": "+failed.Err.Error()
		if errors.Is(err, errDeadline) {
			r.Outcome = invocation.OutcomeInterrupted
		}
	default:
		r.CRC32C = done.crc32c.String()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	task.done = r.Outcome != invocation.OutcomeInterrupted
	m.room -= resultSize + len(r.Object) + len(r.Key) + len(r.Error)
	m.longest = max(m.longest, elapsed)
}

// result adds up the outcomes and finds the cursor: it is after the last object
// up to which all are done. Objects after it that are done are processed again by
// the next invocation, because an earlier one is not.
func (m *many) result() invocation.ManyResult {
	r := invocation.ManyResult{StatusCode: 200, Cursor: m.event.Cursor, Objects: []invocation.ObjectResult{}}
	pending := !m.ended
	for _, t := range m.tasks {
		r.Objects = append(r.Objects, t.result)
		switch t.result.Outcome {
		case invocation.OutcomeCopied:
			r.Copied++
			r.Bytes += t.result.Bytes
		case invocation.OutcomeUnchanged:
			r.Unchanged++
		case invocation.OutcomeFailed:
			r.Failed++
		}
	}
	for _, t := range m.tasks {
		if !t.done {
			pending = true
			break
		}
		r.Cursor = t.after
	}
	if !pending {
		r.Cursor = ""
	}
	if m.err != nil {
		r.Error = m.err.Error()
	}
	if r.Failed > 0 || m.err != nil {
		r.StatusCode = 207
	}
	noun := "objects"
	if r.Copied == 1 {
		noun = "object"
	}
	r.Body = fmt.Sprintf("%d %s transferred, %d unchanged, %d failed", r.Copied, noun, r.Unchanged, r.Failed)
	return r
}
