package copy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// directive declares to CloudWatch which members of a log line are metrics:
// Amazon CloudWatch User Guide, "Specification: Embedded metric format".
func directive(at time.Time, metrics string) json.RawMessage {
	return fmt.Appendf(nil, `{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"gcs-to-s3","Dimensions":[["Function"]],"Metrics":[%s]}]}`, at.UnixMilli(), metrics)
}

// The metrics of a copy, of which Objects, Failures and Interrupted are 0 or 1, and that
// of an invocation whose work is not complete.
const (
	copyMetrics = `{"Name":"Objects","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"Interrupted","Unit":"Count"},` +
		`{"Name":"Bytes","Unit":"Bytes"},{"Name":"Duration","Unit":"Milliseconds"},{"Name":"Throughput","Unit":"Bytes/Second"},` +
		`{"Name":"Retries","Unit":"Count"},{"Name":"BytesReread","Unit":"Bytes"},{"Name":"UploadsLeft","Unit":"Count"}`
	unfinishedMetrics = `{"Name":"Unfinished","Unit":"Count"}`
)

// Tallied declares the members Objects and Bytes of a log line to be metrics, for the caller
// of Batch, which itself logs no copy that succeeds. The line needs a member Function.
func Tallied(at time.Time) slog.Attr {
	return slog.Any("_aws", directive(at, `{"Name":"Objects","Unit":"Count"},{"Name":"Bytes","Unit":"Bytes"}`))
}

// logger writes an invocation's log. What all lines share is formatted once.
type logger struct {
	at     time.Time
	base   *slog.Logger
	copies *slog.Logger // with the directive of a copy
	brief  bool         // leave out copies that succeeded
}

func newLogger(ctx context.Context, h *Handler) *logger {
	l := &logger{at: h.now(), base: h.log.With("project", h.settings.project, "Function", h.settings.function)}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		l.base = l.base.With("requestId", lc.AwsRequestID)
	}
	l.copies = l.base.With("_aws", directive(l.at, copyMetrics))
	return l
}

// unfinished writes the line of an invocation whose work is not complete: its caller must
// continue from the cursor.
func (l *logger) unfinished(r invocation.ManyResult) {
	l.base.LogAttrs(context.Background(), slog.LevelWarn, "unfinished", slog.Any("_aws", directive(l.at, unfinishedMetrics)), slog.Int("Unfinished", 1),
		slog.Int("copied", r.Copied), slog.Int("failed", r.Failed), slog.Int("interrupted", r.Interrupted))
}

// copied writes the single line of a copy.
func (l *logger) copied(t *transfer, done copied, elapsed time.Duration, err error) {
	var objects, failures, interrupted, bytes int64
	attrs := make([]slog.Attr, 0, 15)
	attrs = append(attrs, slog.String("source", t.source()), slog.String("destination", t.destination()))
	level, message := slog.LevelInfo, done.outcome
	var failed *TransferError
	switch {
	case errors.As(err, &failed):
		outcome := invocation.OutcomeFailed
		if level, message, failures = slog.LevelError, "copy failed", 1; t.interrupted {
			level, message, failures, interrupted = slog.LevelWarn, "copy interrupted", 0, 1
			outcome = invocation.OutcomeInterrupted
		}
		attrs = append(attrs, slog.String("outcome", outcome), slog.String("operation", failed.Operation), slog.Int64("reached", failed.Reached), slog.String("error", failed.Err.Error()))
	case done.outcome == invocation.OutcomeCopied:
		objects, bytes = 1, done.size
		fallthrough
	default:
		attrs = append(attrs, slog.String("outcome", done.outcome), slog.Int64("size", done.size), slog.Int64("generation", done.generation), slog.String("crc32c", done.crc32c.String()))
	}
	if len(t.leftOut) > 0 {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, slog.Any("leftOut", t.leftOut))
	}
	if t.warning != nil {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, slog.String("warning", t.warning.Error()))
	}
	if l.brief && level < slog.LevelWarn {
		return
	}
	throughput := float64(bytes) / max(elapsed.Seconds(), 1e-6)
	l.copies.LogAttrs(context.Background(), level, message, append(attrs,
		slog.Int64("Objects", objects), slog.Int64("Failures", failures), slog.Int64("Interrupted", interrupted), slog.Int("UploadsLeft", len(t.left)), slog.Int64("Bytes", bytes), slog.Int64("Duration", elapsed.Milliseconds()),
		slog.Int64("Throughput", int64(throughput)), slog.Int64("Retries", t.tally.retries.Load()), slog.Int64("BytesReread", t.tally.reread.Load()))...)
}
