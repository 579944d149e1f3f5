package copy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// directive declares to CloudWatch which members of a log line are metrics:
// Amazon CloudWatch User Guide, "Specification: Embedded metric format". Objects
// and Failures are 0 or 1.
const directive = `"CloudWatchMetrics":[{"Namespace":"gcs-to-s3","Dimensions":[["Function"]],"Metrics":[` +
	`{"Name":"Objects","Unit":"Count"},{"Name":"Failures","Unit":"Count"},{"Name":"Bytes","Unit":"Bytes"},{"Name":"Duration","Unit":"Milliseconds"},` +
	`{"Name":"Throughput","Unit":"Bytes/Second"},{"Name":"Retries","Unit":"Count"},{"Name":"BytesReread","Unit":"Bytes"}]}]`

// embedded is the directive with the time of an invocation.
type embedded struct{ at time.Time }

func (e embedded) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"Timestamp":%d,%s}`, e.at.UnixMilli(), directive), nil
}

// report writes the single log line of a copy. The logger already has the directive.
func (h *Handler) report(log *slog.Logger, t *transfer, done copied, elapsed time.Duration, err error) {
	var objects, failures, bytes int64
	attrs := make([]slog.Attr, 0, 15)
	attrs = append(attrs, slog.String("source", t.source()), slog.String("destination", t.destination()))
	level, message := slog.LevelInfo, done.outcome
	var failed *TransferError
	switch {
	case errors.As(err, &failed):
		level, message, failures = slog.LevelError, "copy failed", 1
		attrs = append(attrs, slog.String("outcome", invocation.OutcomeFailed), slog.String("operation", failed.Operation), slog.Int64("reached", failed.Reached), slog.String("error", failed.Err.Error()))
	case done.outcome == invocation.OutcomeCopied:
		objects, bytes = 1, done.size
		fallthrough
	default:
		attrs = append(attrs, slog.String("outcome", done.outcome), slog.Int64("size", done.size), slog.Int64("generation", done.generation), slog.String("crc32c", done.crc32c.String()))
	}
	if t.warning != nil {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, slog.String("warning", t.warning.Error()))
	}
	throughput := float64(bytes) / max(elapsed.Seconds(), 1e-6)
	log.LogAttrs(context.Background(), level, message, append(attrs,
		slog.Int64("Objects", objects), slog.Int64("Failures", failures), slog.Int64("Bytes", bytes), slog.Int64("Duration", elapsed.Milliseconds()),
		slog.Int64("Throughput", int64(throughput)), slog.Int64("Retries", t.tally.retries.Load()), slog.Int64("BytesReread", t.tally.reread.Load()))...)
}
