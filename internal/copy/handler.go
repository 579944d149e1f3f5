package copy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// Handler serves invocations. Its clients keep their connections and tokens
// from one invocation to the next.
type Handler struct {
	settings settings
	source   *gcs
	target   *s3api
	large    large
	patience *patience
	log      *slog.Logger
	now      func() time.Time
	room     int // for the results of one invocation, in bytes of JSON
}

// Size above which objects are copied in parts, and the size of a part;
// docs/performance.md has the measurements.
const (
	defaultThreshold = 64 << 20
	defaultPart      = 32 << 20
)

// NewHandler returns a handler with the settings in environment variables: those
// of package invocation, and those that Lambda sets. Its error names every
// invalid variable.
func NewHandler(getenv func(string) string, log *slog.Logger) (*Handler, error) {
	s, err := readSettings(getenv)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	p := &patience{}
	source, err := newGCS(s, p)
	if err != nil {
		return nil, err
	}
	return &Handler{
		settings: s,
		source:   source,
		target:   newS3(s, p),
		large:    large{threshold: defaultThreshold, part: defaultPart, smallest: minPart, streams: s.streams, turn: make(chan struct{}, 1)},
		patience: p,
		log:      log,
		now:      time.Now,
		room:     maxResults,
	}, nil
}

// Handle copies one object and returns an invocation.Result or, with trace, an
// invocation.TraceResult; or it copies many and returns an invocation.ManyResult.
// Its error is a *TransferError.
func (h *Handler) Handle(ctx context.Context, event invocation.Event) (any, error) {
	log := newLogger(ctx, h)
	if err := event.Check(); err != nil {
		t := h.plan(event, single(event), h.now())
		t.refused = err
		_, _, err := h.transfer(ctx, t, log)
		return nil, err
	}
	if event.Trace {
		return h.trace(ctx, event, log)
	}
	if event.Many() {
		return h.copyMany(ctx, event, log, nil)
	}
	return h.copyOne(ctx, event, log)
}

func (h *Handler) copyOne(ctx context.Context, event invocation.Event, log *logger) (invocation.Result, error) {
	start := h.now()
	ctx, cancel, tidying := within(ctx, start)
	defer cancel()
	t := h.plan(event, single(event), start)
	t.tidying, t.keeps = tidying, true
	position, err := parseCursor(event.Cursor, h.fingerprint(event, t))
	if err != nil {
		t.refused = err
	}
	if len(position.Pending) > 0 {
		t.upload, t.idle = position.Pending[0].Upload, position.Pending[0].Idle
	}
	done, elapsed, err := h.transfer(ctx, t, log)
	if t.interrupted {
		position.Pending = []due{{Object: t.object, Idle: t.idle, Upload: t.kept}}
		log.unfinished(invocation.ManyResult{Interrupted: 1})
		return invocation.Result{
			StatusCode:  invocation.StatusPartial,
			Body:        fmt.Sprintf("File not yet transferred: S3 has %d bytes of it; there is more to do: see the cursor", t.kept.reached()),
			Source:      t.source(),
			Destination: t.destination(),
			Outcome:     invocation.OutcomeInterrupted,
			Reached:     t.kept.reached(),
			Bytes:       done.size,
			Generation:  done.generation,
			CRC32C:      done.crc32c.String(),
			DurationMS:  elapsed.Milliseconds(),
			LeftOut:     t.leftOut,
			Cursor:      position.String(),
		}, nil
	}
	if err != nil {
		return invocation.Result{}, err
	}
	return invocation.Result{
		StatusCode:  invocation.StatusDone,
		Body:        invocation.Transferred,
		Complete:    true,
		LeftOut:     t.leftOut,
		Source:      t.source(),
		Destination: t.destination(),
		Outcome:     done.outcome,
		Bytes:       done.size,
		Generation:  done.generation,
		CRC32C:      done.crc32c.String(),
		DurationMS:  elapsed.Milliseconds(),
	}, nil
}

// transfer runs one copy and logs it.
func (h *Handler) transfer(ctx context.Context, t *transfer, log *logger) (copied, time.Duration, error) {
	start := h.now()
	done, err := t.run(ctx)
	var failed *TransferError
	if errors.As(err, &failed) {
		t.judge(ctx, failed)
	}
	elapsed := h.now().Sub(start)
	log.copied(t, done, elapsed, err)
	return done, elapsed, err
}

// single returns the object of an event that names one.
func single(e invocation.Event) invocation.Item {
	return invocation.Item{Object: e.Object, Key: e.Key, Generation: e.Generation}
}

// plan fills in what the event leaves out. start is when the invocation began:
// all its keys use that day.
func (h *Handler) plan(event invocation.Event, item invocation.Item, start time.Time) *transfer {
	d := h.settings
	t := &transfer{
		from:         h.source,
		to:           h.target,
		large:        h.large,
		sourceBucket: cmp.Or(event.SourceBucket, d.sourceBucket),
		object:       cmp.Or(item.Object, d.object),
		targetBucket: cmp.Or(event.DestinationBucket, d.destinationBucket),
		generation:   item.Generation,
		overwrite:    cmp.Or(event.Overwrite, d.overwrite),
		sourceChange: cmp.Or(event.SourceChange, d.sourceChange),
	}
	t.kmsKey = h.settings.kmsKey
	if t.key = item.Key; t.key == "" {
		t.makeKey = func(generation int64) string {
			return h.settings.prefix + h.settings.keys.Key(objectkey.Object{Name: t.object, Generation: generation, Day: start})
		}
		t.needsGeneration = h.settings.keys.NeedsGeneration()
		t.key = t.makeKey(t.generation)
		if !h.settings.keys.Names(t.object) {
			t.refused = fmt.Errorf(
				"key: %s gives the object no name; hint: give the event a key, or use a template with {object} or {directory}",
				h.settings.keys,
			)
		}
	}
	return t
}
