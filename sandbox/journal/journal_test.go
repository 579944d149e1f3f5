package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		entry Entry
		want  string
	}{
		{Entry{
			Time: time.Date(2026, 11, 23, 9, 30, 0, 5e6, time.UTC), Cloud: "google", Service: "storage", Operation: "storage.objects.get",
			Principal: "serviceAccount:a@p.iam.gserviceaccount.com", Through: []string{"principal://x", "arn:aws:sts::1:assumed-role/r/s"},
			Status: 403, Code: "forbidden", RequestID: "R1",
			Decisions: []Decision{
				{Action: "storage.objects.get", Resource: "//storage.googleapis.com/projects/_/buckets/b/objects/o", Reason: "no binding grants it"},
				{Action: "storage.objects.list", Resource: "//storage.googleapis.com/projects/_/buckets/b", Allowed: true, Reason: "roles/storage.objectViewer for user:a"},
			},
		}, `09:30:00.005 google storage storage.objects.get: 403 forbidden
             by serviceAccount:a@p.iam.gserviceaccount.com ← principal://x ← arn:aws:sts::1:assumed-role/r/s, request R1
             deny  storage.objects.get on //storage.googleapis.com/projects/_/buckets/b/objects/o: no binding grants it
             allow storage.objects.list on //storage.googleapis.com/projects/_/buckets/b: roles/storage.objectViewer for user:a
`},
		{Entry{Cloud: "aws", Service: "s3", Operation: "PutObject", Status: 503, Code: "SlowDown", Injected: true, RequestID: "R2"}, `00:00:00.000 aws    s3 PutObject: 503 SlowDown (injected)
             by an anonymous caller, request R2
`},
	} {
		var out strings.Builder
		if err := tt.entry.Write(&out); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(tt.want, out.String()); diff != "" {
			t.Errorf("Write (-want +got):\n%s", diff)
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	var j Journal
	j.Record(Entry{RequestID: "1"})
	var seen []string
	stop := j.Follow(func(e Entry) { seen = append(seen, e.RequestID) })
	j.Record(Entry{RequestID: "2"})
	j.Record(Entry{RequestID: "3"})
	stop()
	j.Record(Entry{RequestID: "4"})
	if diff := cmp.Diff([]string{"1", "2", "3"}, seen); diff != "" {
		t.Errorf("Follow (-want +got):\n%s", diff)
	}
	if n := len(j.Entries()); n != 4 {
		t.Errorf("%d entries, want 4", n)
	}
	(*Journal)(nil).Record(Entry{})
	if (*Journal)(nil).Entries() != nil {
		t.Error("no journal has entries")
	}
}
