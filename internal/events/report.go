package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// report writes the line of an invocation, whose metrics CloudWatch reads (Amazon
// CloudWatch User Guide, "Specification: Embedded metric format"). Copies that fail or are
// interrupted have lines of their own, with the metrics of a copy.
func (w *Worker) report(at time.Time, r invocation.EventsResult, failed int, peeked bool) {
	metrics := []string{
		`{"Name":"Objects","Unit":"Count"}`, `{"Name":"Bytes","Unit":"Bytes"}`, `{"Name":"Events","Unit":"Count"}`,
		`{"Name":"EventsFailed","Unit":"Count"}`, `{"Name":"OldestEventAge","Unit":"Seconds"}`,
	}
	attrs := []slog.Attr{
		slog.Int("Objects", r.Copied), slog.Int64("Bytes", r.Bytes), slog.Int("Events", r.Events), slog.Int("EventsFailed", failed),
		slog.Int64("OldestEventAge", r.OldestEventAgeSeconds), slog.Int("unchanged", r.Unchanged), slog.Int("skipped", r.Skipped),
		slog.Int("deleted", r.Deleted), slog.Int("failed", r.Failed), slog.Int("interrupted", r.Interrupted), slog.Bool("complete", r.Complete),
		slog.Int64("durationMs", r.DurationMS),
	}
	if peeked {
		metrics = append(metrics, `{"Name":"DeadLetters","Unit":"Count"}`)
		attrs = append(attrs, slog.Int("DeadLetters", r.DeadLetters))
	}
	directive := fmt.Appendf(nil, `{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"gcs-to-s3","Dimensions":[["Function"]],"Metrics":[%s]}]}`,
		at.UnixMilli(), strings.Join(metrics, ","))
	w.log.LogAttrs(context.Background(), slog.LevelInfo, "events", append(attrs, slog.Any("_aws", json.RawMessage(directive)))...)
}
