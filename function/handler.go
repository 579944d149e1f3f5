package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// handler serves invocations. Its clients keep their connections and tokens
// from one invocation to the next.
type handler struct {
	settings settings
	source   *gcs
	target   *s3api
	large    large
	patience *patience
	log      *slog.Logger
	now      func() time.Time
	room     int // for the results of one invocation, in bytes of JSON
}

// What is copied in parts, and in which; docs/performance.md has the measurements.
const (
	defaultThreshold = 64 << 20
	defaultPart      = 32 << 20
)

func newHandler(getenv func(string) string, log *slog.Logger) (*handler, error) {
	s, err := readSettings(getenv)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	p := &patience{}
	source, err := newGCS(s, p)
	if err != nil {
		return nil, err
	}
	return &handler{
		settings: s,
		source:   source,
		target:   newS3(s, p),
		large:    large{threshold: defaultThreshold, part: defaultPart, streams: s.streams, turn: make(chan struct{}, 1)},
		patience: p,
		log:      log,
		now:      time.Now,
		room:     maxResults,
	}, nil
}

// Handle copies one object and answers a Result or, with trace, a TraceResult; or
// it copies many and answers a ManyResult. Its error is a *TransferError.
func (h *handler) Handle(ctx context.Context, event Event) (any, error) {
	// What all lines of an invocation share is formatted once.
	log := h.log.With("project", h.settings.project, "Function", h.settings.function, "_aws", embedded{h.now()})
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With("requestId", lc.AwsRequestID)
	}
	if event.Trace {
		return h.trace(ctx, event, log)
	}
	if event.Prefix != nil || event.Objects != nil {
		return h.copyMany(ctx, event, log)
	}
	return h.copyOne(ctx, event, log)
}

func (h *handler) copyOne(ctx context.Context, event Event, log *slog.Logger) (Result, error) {
	start := h.now()
	ctx, cancel, tidying := within(ctx, start)
	defer cancel()
	t := h.plan(event, Item{event.Object, event.Key, event.Generation}, start)
	t.tidying = tidying
	done, elapsed, err := h.transfer(ctx, t, log)
	if err != nil {
		return Result{}, err
	}
	return Result{
		StatusCode:  200,
		Body:        "File transferred successfully",
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
func (h *handler) transfer(ctx context.Context, t *transfer, log *slog.Logger) (copied, time.Duration, error) {
	start := h.now()
	done, err := t.run(ctx)
	elapsed := h.now().Sub(start)
	h.report(log, t, done, elapsed, err)
	return done, elapsed, err
}

// plan fills in what the event leaves out. start is when the invocation began: its
// day is that of all its keys.
func (h *handler) plan(event Event, item Item, start time.Time) *transfer {
	d := h.settings.defaults
	t := &transfer{
		from:         h.source,
		to:           h.target,
		large:        h.large,
		sourceBucket: cmp.Or(event.SourceBucket, d.SourceBucket),
		object:       cmp.Or(item.Object, d.Object),
		targetBucket: cmp.Or(event.DestinationBucket, d.DestinationBucket),
		generation:   item.Generation,
		overwrite:    cmp.Or(event.Overwrite, d.Overwrite),
		sourceChange: cmp.Or(event.SourceChange, d.SourceChange),
	}
	t.kmsKey = h.settings.kmsKey
	if t.key = item.Key; t.key == "" {
		t.makeKey = func(generation int64) string {
			return h.settings.prefix + h.settings.keys.Key(objectkey.Object{Name: t.object, Generation: generation, Day: start})
		}
		t.key = t.makeKey(t.generation)
	}
	return t
}
