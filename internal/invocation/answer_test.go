package invocation

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnswersOnTheWire pins the JSON that callers of the function rely on.
func TestAnswersOnTheWire(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]any{
		`{"statusCode":200,"body":"File transferred successfully","complete":true,"source":"gs://b/o","destination":"s3://b/o","outcome":"copied","bytes":3,"generation":"1587627537231057","crc32c":"mzimmw==","durationMs":2}`: Result{StatusCode: 200, Body: Transferred, Complete: true,
			Source: "gs://b/o", Destination: "s3://b/o", Outcome: OutcomeCopied, Bytes: 3, Generation: 1587627537231057, CRC32C: "mzimmw==", DurationMS: 2},
		`{"statusCode":207,"body":"","complete":false,"source":"gs://b/","destination":"s3://b/","copied":0,"unchanged":0,"skipped":0,"failed":1,"interrupted":0,"bytes":0,"reached":0,"durationMs":0,"cursor":"c","objects":[{"object":"o","key":"k","outcome":"failed","bytes":0,"error":"why"}]}`: ManyResult{
			StatusCode: 207, Source: "gs://b/", Destination: "s3://b/", Failed: 1, Cursor: "c", Objects: []ObjectResult{{Object: "o", Key: "k", Outcome: OutcomeFailed, Error: "why"}}},
		`{"statusCode":502,"body":"","source":"","destination":"","outcome":"failed","bytes":0,"durationMs":0,"trace":[{"hop":"object read","identity":"gs://b/o","durationMs":1,"attempts":1,"status":403,"code":"AccessDenied","error":"no"}]}`: TraceResult{
			StatusCode: 502, Outcome: OutcomeFailed, Trace: []Hop{{Hop: HopRead, Identity: "gs://b/o", DurationMS: 1, Attempts: 1, Status: 403, Code: "AccessDenied", Error: "no"}}},
	} {
		got, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", answer, diff)
		}
	}
	if diff := cmp.Diff([]string{"role session", "federated principal", "service account", "object read", "object written"}, Hops()); diff != "" {
		t.Errorf("hops (-want +got):\n%s", diff)
	}
}
