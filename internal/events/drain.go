package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// held is how many messages a drain holds for each object that it copies in parallel. The
// more it holds, the less it waits for Pub/Sub, and the more come again when it ends.
const held = 8

const (
	// lastPull is how long before the end of the work no more messages are pulled.
	lastPull = 10 * time.Second
	// pause is how often new messages are looked for while objects are copied.
	pause = 2 * time.Second
	// empties is how many pulls in a row must find nothing: one may overlook a message.
	empties = 2
)

// drain is one invocation.
type drain struct {
	*Worker
	replicator *copy.Replicator
	work       context.Context // ends before the invocation's deadline
	cancel     context.CancelFunc
	tidying    func(context.Context) (context.Context, context.CancelFunc)
	leases     *leases

	mu           sync.Mutex
	tasks        map[string]*task // by object
	ready        []*task          // those that no worker has
	busy         int              // those that one has
	closed       bool             // no more will be ready
	changed      *sync.Cond       // ready or closed
	idle         chan struct{}    // has room for one signal: no task is left
	result       invocation.EventsResult
	failedEvents int
	peeked       bool // the dead letters were counted
}

// task is an object, with all events of it that came before a worker took it.
type task struct {
	key    string // in tasks
	events []event
	taken  bool
	next   *task // of events that came while a worker had it
}

func newDrain(ctx context.Context, w *Worker) *drain {
	d := &drain{Worker: w, tasks: map[string]*task{}, idle: make(chan struct{}, 1)}
	d.replicator, d.work, d.cancel, d.tidying = w.handler.Replicator(ctx)
	d.changed = sync.NewCond(&d.mu)
	d.leases = &leases{
		queue: w.queue, subscription: w.settings.subscription, log: w.log,
		tidying: func() (context.Context, context.CancelFunc) { return d.tidying(d.work) },
		held:    map[string]bool{}, changed: make(chan struct{}, 1), fewer: make(chan struct{}),
	}
	return d
}

// run pulls and copies until the subscription is empty or the time is over.
func (d *drain) run() error {
	defer d.cancel()
	ticks, stop := d.tick(prolong)
	defer stop()
	end := make(chan struct{})
	var leasing, workers sync.WaitGroup
	leasing.Go(func() { d.leases.keep(ticks, end) })
	for range d.handler.Concurrency() {
		workers.Go(d.copyAll)
	}
	err := d.pullAll()
	d.mu.Lock()
	d.closed = true
	d.changed.Broadcast()
	d.mu.Unlock()
	workers.Wait()
	close(end)
	leasing.Wait()
	d.peek()
	return err
}

// pullAll pulls until there is nothing left, or the time is over.
func (d *drain) pullAll() error {
	ctx, cancel := d.work, context.CancelFunc(func() {})
	if at, ok := d.work.Deadline(); ok {
		ctx, cancel = context.WithDeadlineCause(d.work, at.Add(-min(lastPull, at.Sub(d.now())/4)), copy.ErrDeadline)
	}
	defer cancel()
	for found := 0; ; { // pulls in a row that found nothing
		room := d.room(ctx)
		if room == 0 {
			return nil
		}
		asked := d.now()
		messages, err := d.queue.pull(ctx, d.settings.subscription, room, d.settings.continuous)
		d.receive(messages)
		switch {
		case ctx.Err() != nil:
			d.result.Complete = d.settings.continuous && found > 0
			return nil
		case err != nil:
			return err
		case len(messages) > 0:
			found = 0
			continue
		}
		if found++; d.settings.continuous {
			if d.now().Sub(asked) < pause { // Pub/Sub need not wait
				d.wait(ctx)
			}
			continue
		}
		if d.isIdle() {
			if found >= empties {
				d.result.Complete = true
				return nil
			}
			continue
		}
		found = 0
		d.wait(ctx)
	}
}

// room waits until messages can be taken, and returns how many; 0 is that ctx has ended.
func (d *drain) room(ctx context.Context) int {
	for {
		if ctx.Err() != nil {
			return 0
		}
		n, fewer := d.leases.count()
		if room := held*d.handler.Concurrency() - n; room > 0 {
			return room
		}
		select {
		case <-fewer:
		case <-ctx.Done():
		}
	}
}

func (d *drain) isIdle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.tasks) == 0
}

// wait waits until no task is left, or for a while.
func (d *drain) wait(ctx context.Context) {
	ticks, stop := d.tick(pause)
	defer stop()
	select {
	case <-d.idle:
	case <-ticks:
	case <-ctx.Done():
	}
}

// receive takes messages that came together, before a worker takes the first of them: those
// of one object are one task.
func (d *drain) receive(messages []received) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range messages {
		d.leases.take(m.AckID)
		d.sort(m)
	}
}

// sort puts a message to the task of its object. The caller holds the lock.
func (d *drain) sort(r received) {
	e, err := read(r, d.handler.Source())
	d.result.Events++
	if !e.at.IsZero() {
		d.result.OldestEventAgeSeconds = max(d.result.OldestEventAgeSeconds, int64(d.now().Sub(e.at).Seconds()))
	}
	switch {
	case err != nil:
		// It must not vanish: it comes again, and is a dead letter after some attempts.
		d.result.Failed++
		d.failedEvents++
		d.log.Error("message not understood", "messageId", r.Message.MessageID, "error", err.Error())
		d.leases.settle([]string{r.AckID}, false)
		return
	case e.cursor == "" && (e.kind == typeMetadata && !d.settings.metadata || (e.kind == typeDelete || e.kind == typeArchive) && !d.settings.deletes):
		d.result.Skipped++
		d.leases.settle([]string{r.AckID}, true)
		return
	}
	key := e.object
	if d.handler.ByGeneration() {
		key = fmt.Sprint(e.generation, "/", e.object)
	}
	t := d.tasks[key]
	switch {
	case t == nil:
		t = &task{key: key}
		d.tasks[key] = t
		d.ready = append(d.ready, t)
		d.changed.Signal()
	case t.taken && t.next == nil:
		t.next = &task{key: key}
		t = t.next
	case t.taken:
		t = t.next
	}
	t.events = append(t.events, e)
}

// copyAll works on tasks until there are none.
func (d *drain) copyAll() {
	for {
		d.mu.Lock()
		for len(d.ready) == 0 && (!d.closed || d.busy > 0) {
			d.changed.Wait()
		}
		if len(d.ready) == 0 {
			d.mu.Unlock()
			return
		}
		t := d.ready[0]
		d.ready = d.ready[1:]
		t.taken = true
		d.busy++
		d.mu.Unlock()
		d.apply(t)
	}
}

// change is what the events of a task say together.
func (d *drain) change(t *task) copy.Change {
	c := copy.Change{Object: t.events[0].object, Fresh: len(t.events) == 1 && t.events[0].fresh, Deletes: d.settings.deletes}
	for _, e := range t.events {
		c.Generation = max(c.Generation, e.generation)
		c.Metadata = c.Metadata || e.kind == typeMetadata
		if e.cursor != "" {
			c.Cursors = append(c.Cursors, e.cursor)
		}
	}
	return c
}

// apply brings the object of a task up to date, and settles its messages.
func (d *drain) apply(t *task) {
	c := d.change(t)
	r := invocation.ObjectResult{Outcome: invocation.OutcomeInterrupted}
	done := false
	if d.work.Err() == nil {
		var cursor string
		r, cursor = d.replicator.Apply(d.work, c)
		switch r.Outcome {
		case invocation.OutcomeInterrupted:
			done = cursor != "" && d.continues(t, c, cursor)
		case invocation.OutcomeFailed:
		default:
			done = true
		}
	}
	if r.Outcome == invocation.OutcomeDeleted {
		d.log.Info("copy removed", "object", c.Object, "key", r.Key, "generation", c.Generation)
	}
	var ids []string
	for _, e := range t.events {
		ids = append(ids, e.ackID)
	}
	d.leases.settle(ids, done)
	d.finish(t, r)
}

// continues publishes the message that continues a copy, and reports whether it is published:
// only then the messages that it stands for are done. If the drain dies in between, both come.
func (d *drain) continues(t *task, c copy.Change, cursor string) bool {
	ctx, cancel := d.tidying(d.work)
	defer cancel()
	newest := t.events[0]
	for _, e := range t.events {
		if e.generation > newest.generation {
			newest = e
		}
	}
	data, attributes := newest.continued(cursor)
	err := d.queue.publish(ctx, d.settings.topic, data, attributes)
	if err == nil {
		return true
	}
	c.Cursors = []string{cursor}
	d.log.Error("copy not continued", "object", c.Object, "error", errors.Join(err, d.replicator.Abandon(ctx, c)).Error())
	return false
}

// finish counts the outcome of a task, and makes the one ready that waited for it.
func (d *drain) finish(t *task, r invocation.ObjectResult) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := &d.result
	switch r.Outcome {
	case invocation.OutcomeCopied:
		a.Copied++
		a.Bytes += r.Bytes
	case invocation.OutcomeUnchanged:
		a.Unchanged++
	case invocation.OutcomeSkipped:
		a.Skipped++
	case invocation.OutcomeDeleted:
		a.Deleted++
	case invocation.OutcomeInterrupted:
		a.Interrupted++
	default:
		a.Failed++
		d.failedEvents += len(t.events)
	}
	d.busy--
	delete(d.tasks, t.key)
	if t.next != nil {
		d.tasks[t.key] = t.next
		d.ready = append(d.ready, t.next)
	}
	d.changed.Broadcast()
	if len(d.tasks) == 0 {
		select {
		case d.idle <- struct{}{}:
		default:
		}
	}
}

// peek counts the dead letters, and gives them back at once.
func (d *drain) peek() {
	if d.settings.deadLetters == "" {
		return
	}
	ctx, cancel := d.tidying(d.work)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, lastPull) // the invocation does not wait for a number
	defer stop()
	messages, err := d.queue.pull(ctx, d.settings.deadLetters, maxPull, false)
	if err == nil && len(messages) > 0 {
		var ids []string
		for _, m := range messages {
			ids = append(ids, m.AckID)
		}
		err = d.queue.extend(ctx, d.settings.deadLetters, ids, 0)
	}
	if err != nil {
		d.log.Warn("dead letters not counted", "error", err.Error())
	}
	d.result.DeadLetters, d.peeked = len(messages), err == nil || len(messages) > 0
}
