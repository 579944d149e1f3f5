package policy

import (
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	after := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	const delay = 7 * time.Minute
	one := Policy{Bindings: []Binding{grant(viewer, "user:a@example.com")}}
	two := Policy{Bindings: []Binding{grant(viewer, "user:a@example.com", "user:b@example.com")}}
	changed := Timeline{}.Set(one, after(0), delay).Set(two, after(2), delay).Set(Policy{}, after(6), delay)
	a, b := api.Principal{Member: "user:a@example.com"}, api.Principal{Member: "user:b@example.com"}
	for _, tt := range []struct {
		minute int
		who    api.Principal
		want   bool
		reason string
	}{
		{0, a, false, ""}, {6, a, false, ""},
		{7, a, true, "roles/storage.objectViewer for user:a@example.com, which was taken away and has effect until 2026-11-23T00:13:00Z"},
		{7, b, false, ""},
		{9, b, true, "roles/storage.objectViewer for user:b@example.com, which was taken away and has effect until 2026-11-23T00:13:00Z"},
		{12, a, true, "roles/storage.objectViewer for user:a@example.com, which was taken away and has effect until 2026-11-23T00:13:00Z"},
		{13, a, false, ""},
	} {
		reason, got := changed.Grants(tt.who, "storage.objects.get", api.Attributes{Time: after(tt.minute)})
		if got != tt.want || reason != tt.reason {
			t.Errorf("in minute %d, %s: %v by %q, want %v by %q", tt.minute, tt.who.Member, got, reason, tt.want, tt.reason)
		}
	}
	if len(changed.Bindings) != 0 {
		t.Errorf("what is read is %v, not the last policy", changed.Bindings)
	}
	coming := Timeline{}.Set(one, after(0), delay)
	const want = "roles/storage.objectViewer for user:a@example.com, which has effect from 2026-11-23T00:07:00Z"
	if reason, ok := coming.Grants(a, "storage.objects.get", api.Attributes{Time: after(1)}); ok || reason != want {
		t.Errorf("a grant to come: %v by %q, want %q", ok, reason, want)
	}
	renamed := coming.Rename("user:a@example.com", "user:c@example.com")
	if _, ok := renamed.Grants(api.Principal{Member: "user:c@example.com"}, "storage.objects.get", api.Attributes{Time: after(7)}); !ok {
		t.Error("a renamed member lost its grant")
	}
	if _, ok := (Timeline{}).Set(one, after(0), 0).Grants(a, "storage.objects.get", api.Attributes{Time: after(0)}); !ok {
		t.Error("without a delay, a grant has no effect at once")
	}
}
