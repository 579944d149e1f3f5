package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Event says what to copy. Every field may be left out, and fields of other
// names are ignored, so any test event copies the environment's object.
type Event struct {
	Object            string `json:"object"`            // name in the source bucket
	Key               string `json:"key"`               // S3 key; default: the prefix and the object's name
	SourceBucket      string `json:"sourceBucket"`      // on Cloud Storage
	DestinationBucket string `json:"destinationBucket"` // on S3
	Generation        int64  `json:"generation,string"` // copy this generation or fail; default: the live one
}

// Result is the answer to a copy that succeeded. There is no other answer: a
// copy that failed is an error of the invocation.
type Result struct {
	StatusCode  int    `json:"statusCode"`
	Body        string `json:"body"`
	Source      string `json:"source"`      // gs://BUCKET/OBJECT
	Destination string `json:"destination"` // s3://BUCKET/KEY
	Bytes       int64  `json:"bytes"`
	Generation  int64  `json:"generation,string"`
	CRC32C      string `json:"crc32c"` // base64 of the big-endian sum, as both clouds write it
	DurationMS  int64  `json:"durationMs"`
}

// handler serves invocations. Its clients keep their connections and tokens
// from one invocation to the next.
type handler struct {
	settings settings
	source   *gcs
	target   *s3Bucket
	log      *slog.Logger
	now      func() time.Time
}

func newHandler(getenv func(string) string, log *slog.Logger) (*handler, error) {
	s, err := readSettings(getenv)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	source, err := newGCS(s)
	if err != nil {
		return nil, err
	}
	return &handler{settings: s, source: source, target: newS3(s.aws), log: log, now: time.Now}, nil
}

// Handle copies one object. Its error is a *TransferError.
func (h *handler) Handle(ctx context.Context, event Event) (Result, error) {
	start := h.now()
	c := h.plan(event)
	log := h.log.With("source", c.source(), "destination", c.destination(), "project", h.settings.project)
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With("requestId", lc.AwsRequestID)
	}
	err := c.check()
	var done copied
	if err == nil {
		done, err = c.run(ctx)
	}
	elapsed := h.now().Sub(start)
	if err != nil {
		log.Error("copy failed", "operation", err.Operation, "error", err.Err.Error(), "durationMs", elapsed.Milliseconds())
		return Result{}, err
	}
	log.Info("copied", "bytes", done.size, "generation", done.generation, "crc32c", done.crc32c, "durationMs", elapsed.Milliseconds())
	return Result{
		StatusCode:  200,
		Body:        "File transferred successfully",
		Source:      c.source(),
		Destination: c.destination(),
		Bytes:       done.size,
		Generation:  done.generation,
		CRC32C:      done.crc32c,
		DurationMS:  elapsed.Milliseconds(),
	}, nil
}

// plan fills in what the event leaves out.
func (h *handler) plan(event Event) transfer {
	or := func(value, fallback string) string {
		if value == "" {
			return fallback
		}
		return value
	}
	t := transfer{
		from:         h.source,
		to:           h.target,
		sourceBucket: or(event.SourceBucket, h.settings.defaults.SourceBucket),
		object:       or(event.Object, h.settings.defaults.Object),
		targetBucket: or(event.DestinationBucket, h.settings.defaults.DestinationBucket),
		generation:   event.Generation,
	}
	t.key = or(event.Key, h.settings.prefix+t.object)
	return t
}
