package journal

import (
	"strconv"
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
	stop := j.Follow(0, func(e Entry) { seen = append(seen, e.RequestID) })
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

// Of many entries the newest are kept, and positions stay what they were.
func TestLimit(t *testing.T) {
	t.Parallel()
	j := Journal{Limit: 3}
	ids := func(entries []Entry) string {
		var out []string
		for _, e := range entries {
			out = append(out, e.RequestID)
		}
		return strings.Join(out, " ")
	}
	for n := range 20 {
		if j.Position() != n {
			t.Errorf("position %d, want %d", j.Position(), n)
		}
		j.Record(Entry{RequestID: strconv.Itoa(n)})
		want := make([]string, 0, 3)
		for kept := max(0, n-2); kept <= n; kept++ {
			want = append(want, strconv.Itoa(kept))
		}
		if got := ids(j.Entries()); got != strings.Join(want, " ") {
			t.Errorf("after %d: kept %s, want %s", n, got, want)
		}
		if got := ids(j.Since(n)); got != strconv.Itoa(n) {
			t.Errorf("since %d: got %s", n, got)
		}
		if got := j.Since(n + 1); len(got) != 0 {
			t.Errorf("since %d, which is to come: got %s", n+1, ids(got))
		}
	}
	if len(j.entries) > 6 || j.dropped+len(j.entries) != 20 {
		t.Errorf("%d entries are in memory, and %d were dropped", len(j.entries), j.dropped)
	}
	var followed []Entry
	j.Follow(18, func(e Entry) { followed = append(followed, e) })()
	if got := ids(followed); got != "18 19" {
		t.Errorf("followed from 18: got %s", got)
	}
	if got := ids(j.Since(0)); got != "17 18 19" {
		t.Errorf("since the beginning: got %s", got)
	}
	if (*Journal)(nil).Position() != 0 || (*Journal)(nil).Since(0) != nil {
		t.Error("no journal has entries")
	}
}
