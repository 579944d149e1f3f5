package copy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Change says that an object of the source has changed: what it is now, the source is asked.
type Change struct {
	Object     string
	Generation int64    // the newest one that is known of
	Fresh      bool     // it is the first that is known of the object
	Deletes    bool     // if the source has no such object, its copy is removed
	Metadata   bool     // if only the metadata differ, the object is copied again
	Cursors    []string // of the invocations that interrupted the copy, of which one is continued
}

// Replicator brings the destination up to date with changes, within one invocation. Its
// methods may be called in parallel, but not for one object.
type Replicator struct {
	handler *Handler
	log     *logger
	start   time.Time
	tidying func(context.Context) (context.Context, context.CancelFunc)

	mu   sync.Mutex
	keys map[string]string // made so far, and their objects; only if names are not kept
}

// Replicator returns a replicator, the context of its work, which ends early enough before
// the invocation's deadline to clean up, and a function that makes the context for that.
func (h *Handler) Replicator(ctx context.Context) (
	r *Replicator, work context.Context, cancel context.CancelFunc, tidying func(context.Context) (context.Context, context.CancelFunc),
) {
	start := h.now()
	work, cancel, tidying = within(ctx, start)
	log := newLogger(ctx, h)
	log.brief = true
	return &Replicator{handler: h, log: log, start: start, tidying: tidying, keys: map[string]string{}}, work, cancel, tidying
}

// Concurrency returns how many objects are copied in parallel.
func (h *Handler) Concurrency() int { return h.settings.concurrency }

// Source returns the bucket that is copied.
func (h *Handler) Source() string { return h.settings.sourceBucket }

// ByGeneration reports whether every generation has a key of its own. Then each change is
// of its generation, and else of the live one.
func (h *Handler) ByGeneration() bool { return h.settings.keys.NeedsGeneration() }

// replicated is the event for which the copy of a change is made.
func replicated(c Change) invocation.Event {
	return invocation.Event{Object: c.Object, Overwrite: invocation.OverwriteNewer, SourceChange: invocation.ChangeRestarts}
}

// Apply copies the object, or removes its copy, by the policy invocation.OverwriteNewer. An
// object that is gone is skipped. The cursor is empty unless another invocation can continue
// what this one interrupted.
func (r *Replicator) Apply(ctx context.Context, c Change) (result invocation.ObjectResult, cursor string) {
	h := r.handler
	t, position := r.plan(c)
	start := h.now()
	for _, u := range t.superfluous {
		t.warning = errors.Join(t.warning, t.abandon(ctx, u))
	}
	if !h.settings.keys.Names(c.Object) {
		// As in a listing, a folder's placeholder is an empty object.
		live, err := t.live(ctx)
		t.skipped = err == nil && (live == nil || live.size == 0)
	}
	done, err := t.run(ctx)
	for looks := 0; t.absent(err) && looks <= maxRestarts; looks++ {
		if done, err = t.vanish(ctx, c, !h.settings.keys.KeepsNames()); errors.As(err, new(*overtakenError)) {
			done, err = t.run(ctx)
		}
	}
	var failed *TransferError
	if errors.As(err, &failed) {
		t.judge(ctx, failed)
	}
	r.log.copied(t, done, h.now().Sub(start), err)
	if t.interrupted && t.kept != nil {
		position.Pending = []due{{Object: t.object, Idle: t.idle, Upload: t.kept}}
		cursor = position.String()
	}
	return t.result(done, err), cursor
}

// Abandon removes the upload of a change that is not to be continued after all.
func (r *Replicator) Abandon(ctx context.Context, c Change) error {
	t, _ := r.plan(c)
	return t.abandon(ctx, t.upload)
}

// abandon removes an upload, if there is one.
func (t *transfer) abandon(ctx context.Context, u *upload) error {
	if u == nil {
		return nil
	}
	m := &multipart{transfer: t, id: u.ID}
	key := t.key
	t.key = u.Key
	defer func() { t.key = key }()
	return m.tidy(ctx, true)
}

// plan returns the copy of a change, and where its cursor continues. With a cursor of other
// settings the copy starts from the beginning.
func (r *Replicator) plan(c Change) (*transfer, cursor) {
	h, event := r.handler, replicated(c)
	item := single(event)
	if h.ByGeneration() {
		item.Generation = c.Generation
	}
	t := h.plan(event, item, r.start)
	t.tidying, t.keeps, t.returns, t.rewrites, t.rechecks = r.tidying, true, true, c.Metadata, c.Deletes
	t.fresh = c.Fresh && !c.Metadata && len(c.Cursors) == 0
	fingerprint := h.fingerprint(event, t)
	for _, text := range c.Cursors {
		position, err := parseCursor(text, fingerprint)
		if err != nil || len(position.Pending) != 1 || position.Pending[0].Upload == nil {
			t.warning = err
			continue
		}
		d := position.Pending[0]
		if t.upload == nil || t.upload.reached() < d.Upload.reached() {
			d.Upload, t.upload = t.upload, d.Upload
			t.idle = d.Idle
		}
		if d.Upload != nil && d.Upload.ID != t.upload.ID {
			t.superfluous = append(t.superfluous, d.Upload)
		}
	}
	if !h.settings.keys.KeepsNames() && !t.open() && t.refused == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if twin, ok := r.keys[t.key]; ok && twin != t.object {
			t.twin = twin
		} else {
			r.keys[t.key] = t.object
		}
	}
	return t, cursor{Event: fingerprint}
}

// absent reports whether a copy failed because the source has no such object, or no longer
// the generation that was asked for.
func (t *transfer) absent(err error) bool {
	var failed *TransferError
	if !errors.As(err, &failed) || failed.Operation != "reading" || t.generation == 0 && errors.As(err, new(*SourceChangedError)) {
		return false
	}
	var answer *AnswerError
	return errors.As(failed.Err, &answer) && answer.Service == storageService && answer.Status == http.StatusNotFound && answer.Code == "NoSuchKey"
}

// vanish removes the copy of an object that the source no longer has, if that is asked for,
// on condition that it is still there (Amazon S3 User Guide, "How to perform conditional
// deletes"). What records no generation was not copied, and what records a newer one than
// the change's is of a later change: both stay. If other objects can have the key, which is
// then shared, an older generation is perhaps another object's, and stays, too. Its error is an *overtakenError if the source
// has the object again, or a *TransferError.
func (t *transfer) vanish(ctx context.Context, c Change, shared bool) (copied, error) {
	gone := copied{outcome: invocation.OutcomeSkipped}
	if !c.Deletes {
		return gone, nil
	}
	if t.generation != 0 { // the generation is gone; the object may not be
		if live, err := t.live(ctx); err != nil {
			return copied{}, t.fail(&OperationError{"reading", err})
		} else if live != nil {
			return gone, nil
		}
	}
	removed := false
	err := t.attempt(ctx, func() error {
		f, err := t.find(ctx)
		if err == nil && f == nil && t.denied != nil { // there may be a copy
			return fmt.Errorf("looking at the copy: %w", t.denied)
		}
		if err != nil || f == nil || f.generation == 0 || f.generation > c.Generation || shared && f.generation != c.Generation {
			return err
		}
		_, err = t.to.do(ctx, request{method: http.MethodDelete, bucket: t.targetBucket, key: t.key, header: http.Header{"If-Match": {f.etag}}})
		t.replaces = f
		var answer *AnswerError
		refused := errors.As(err, &answer)
		if refused && t.contested(answer) {
			return &contestedError{err}
		}
		removed = removed || err == nil || !refused || answer.Status >= http.StatusInternalServerError
		return err
	})
	if err != nil {
		return copied{}, t.fail(&OperationError{"deleting", err})
	}
	if !removed {
		return gone, nil
	}
	// The same bytes may have been copied again in the meantime, with the same ETag.
	live, err := t.live(ctx)
	switch {
	case err != nil:
		return copied{}, t.fail(&OperationError{"reading", fmt.Errorf("the copy was removed, and whether the source has the object again is not known: %w", err)})
	case live != nil:
		return copied{}, &overtakenError{generation: c.Generation}
	}
	return copied{outcome: invocation.OutcomeDeleted, generation: c.Generation}, nil
}
