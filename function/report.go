package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// directive tells CloudWatch which members of a log line are metrics: Amazon
// CloudWatch User Guide, "Specification: Embedded metric format". Objects and
// Failures are 0 or 1.
const directive = `"CloudWatchMetrics":[{"Namespace":"gcs-to-s3","Dimensions":[["Function"]],"Metrics":[` +
	`{"Name":"Objects","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"Bytes","Unit":"Bytes"},{"Name":"Duration","Unit":"Milliseconds"},` +
	`{"Name":"Throughput","Unit":"Bytes/Second"},{"Name":"Retries","Unit":"Count"},{"Name":"BytesReread","Unit":"Bytes"}]}]`

// embedded is the directive at the time of an invocation.
type embedded struct{ at time.Time }

func (e embedded) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"Timestamp":%d,%s}`, e.at.UnixMilli(), directive), nil
}

// report writes the one log line of a copy. The log has the directive already.
func (h *handler) report(log *slog.Logger, t *transfer, done copied, elapsed time.Duration, err error) {
	var objects, failures, bytes int64
	attrs := []any{"source", t.source(), "destination", t.destination()}
	level, message := slog.LevelInfo, done.outcome
	var failed *TransferError
	switch {
	case errors.As(err, &failed):
		level, message, failures = slog.LevelError, "copy failed", 1
		attrs = append(attrs, "outcome", outcomeFailed, "operation", failed.Operation, "reached", failed.Reached, "error", failed.Err.Error())
	case done.outcome == outcomeCopied:
		objects, bytes = 1, done.size
		fallthrough
	default:
		attrs = append(attrs, "outcome", done.outcome, "size", done.size, "generation", done.generation, "crc32c", done.crc32c.String())
	}
	if t.warning != nil {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, "warning", t.warning.Error())
	}
	throughput := float64(bytes) / max(elapsed.Seconds(), 1e-6)
	log.Log(context.Background(), level, message, append(attrs,
		"Objects", objects, "Failures", failures, "Bytes", bytes, "Duration", elapsed.Milliseconds(),
		"Throughput", int64(throughput), "Retries", t.tally.retries.Load(), "BytesReread", t.tally.reread.Load())...)
}
