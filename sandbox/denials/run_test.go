package denials

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// lasting are local clouds in which a run can ask, with names that are not the table's.
func lasting(t *testing.T, opts sandbox.Options) (*sandbox.Sandbox, *Run) {
	t.Helper()
	opts.Dir = t.TempDir()
	s, err := sandbox.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	access := sandboxtest.AccessTo(s)
	access.Names = Names(access.Names, "x7k2")
	access.Names.SourceBucket, access.Names.DestinationBucket = "their-source", "their-destination"
	access.MakeBuckets(t)
	return s, &Run{Access: access, Mark: "x7k2", Between: 10 * time.Millisecond}
}

// TestRunFindsNoDifference asks every row in the same clouds, and leaves them as they were.
func TestRunFindsNoDifference(t *testing.T) {
	t.Parallel()
	_, run := lasting(t, sandbox.Options{})
	report := run.Ask(t.Context(), t)
	var out bytes.Buffer
	if err := report.Write(&out); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	if patch := report.Patch(time.Now()); patch != "" || len(report.Left) > 0 {
		t.Errorf("left %v, patch:\n%s", report.Left, patch)
	}
}

var _ = context.Background
var _ http.Handler
var _ faults.Rule
