package events

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	sandboxs3 "github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/s3"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestEventsAreWorkedOff(t *testing.T) {
	s := newStand(t, nil)
	w, _ := s.start(t)
	s.upload(t, "a", "one")
	s.upload(t, "a", "two") // whose event names an older generation
	s.upload(t, "dir/b", "three")
	s.tell(t, typeFinalize, "a", 1) // late
	s.tell(t, typeDelete, "a", 1)   // deletions are not asked for
	s.upload(t, "gone", "x")
	s.remove(t, "gone")
	from := len(s.Journal.Entries())
	// The notification also tells of generations that are overwritten or deleted.
	same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 8, Copied: 2, Skipped: 4}, s.drains(t, w))
	same(t, "destination", map[string]string{"a": "two", "dir/b": "three"}, s.stored(t))
	same(t, "backlog", []string(nil), s.backlog())
	same(t, "requests of S3", map[string]int{"PutObject": 2}, s.asked("s3", from))
	asked := s.asked("pubsub", from)
	if asked["pubsub.projects.subscriptions.acknowledge"] > 4 {
		t.Errorf("messages are not acknowledged in batches: %v", asked)
	}

	s.upload(t, "dir/b", "four")
	s.tell(t, typeFinalize, "a", s.generation(t, "a"))
	same(t, "second answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 3, Copied: 1, Unchanged: 1, Skipped: 1}, s.drains(t, w))
	same(t, "nothing", invocation.EventsResult{StatusCode: 200, Complete: true}, s.drains(t, w))
}

// The first event of a small object is copied without a look at the destination, which is
// looked at if S3 refuses that.
func TestFirstEvents(t *testing.T) {
	s := newStand(t, nil)
	w, _ := s.start(t)
	s.upload(t, "new", "x")
	s.upload(t, "copied", "y")
	s.copyNow(t, "copied")
	from := len(s.Journal.Entries())
	same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 2, Copied: 1, Unchanged: 1}, s.drains(t, w))
	same(t, "requests of S3", map[string]int{"PutObject": 1, "HeadObject": 1}, s.asked("s3", from))
	same(t, "destination", map[string]string{"new": "x", "copied": "y"}, s.stored(t))
}

// The log has one line for CloudWatch.
func TestMetrics(t *testing.T) {
	s := newStand(t, nil)
	w, _ := s.start(t)
	s.upload(t, "a", "one")
	s.publish(t, "", map[string]string{attributeType: typeFinalize})
	s.Advance(90 * time.Second)
	r, err := w.Handle(t.Context(), nil)
	if err != nil || r.OldestEventAgeSeconds < 90 || r.OldestEventAgeSeconds > 120 || r.Body != "2 events: 1 objects copied, 0 unchanged, 0 deleted, 1 failed" {
		t.Errorf("answer %+v, %v", r, err)
	}
	line := s.line(t, "events")
	for name, want := range map[string]float64{"Objects": 1, "Bytes": 3, "Events": 2, "EventsFailed": 1, "DeadLetters": 0, "OldestEventAge": float64(r.OldestEventAgeSeconds)} {
		same(t, name, want, line[name])
	}
	var declared []string
	for _, m := range line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)["Metrics"].([]any) {
		declared = append(declared, m.(map[string]any)["Name"].(string))
	}
	same(t, "metrics", []string{"Objects", "Bytes", "Events", "EventsFailed", "OldestEventAge", "DeadLetters"}, declared)
	same(t, "dimension", s.Env.Drain(), line["Function"])
}

// What no drain can understand becomes a dead letter, and so does what always fails.
func TestDeadLetters(t *testing.T) {
	s := newStand(t, nil)
	w, _ := s.start(t)
	good := map[string]string{attributeType: typeFinalize, attributeBucket: s.Env.SourceBucket, attributeObject: "x", attributeGeneration: "1"}
	for _, wrong := range [][2]string{{attributeType, "OBJECT_EXPLODE"}, {attributeBucket, "another-bucket"}, {attributeObject, ""}, {attributeGeneration, "one"}, {attributeCursor, "9"}} {
		attributes := map[string]string{}
		for k, v := range good {
			attributes[k] = v
		}
		if attributes[wrong[0]] = wrong[1]; wrong[1] == "" {
			delete(attributes, wrong[0])
		}
		s.publish(t, "", attributes)
	}
	s.publish(t, "no attributes", nil)
	s.upload(t, "refused", "x")
	s.FailAs(func(service string, r *http.Request) *faults.Fault {
		if service == "aws/s3" && r.Method == http.MethodPut {
			return &faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "AccessDenied"}}
		}
		return nil
	})
	want := invocation.EventsResult{StatusCode: 207, Complete: true, Events: 7, Failed: 7}
	for n := range attempts {
		if n == attempts-1 {
			want.DeadLetters = 7
		}
		same(t, "answer", want, s.drains(t, w))
		if s.line(t, "copy failed")["error"] != "S3 answered 403 AccessDenied: Access Denied" {
			t.Errorf("cause %v", s.line(t, "copy failed"))
		}
		s.Advance(10 * time.Second)
	}
	for _, looked := range []string{"first", "second"} { // looking takes nothing away
		same(t, looked+" look", invocation.EventsResult{StatusCode: 200, Complete: true, DeadLetters: 7}, s.drains(t, w))
	}
}

func TestDeletes(t *testing.T) {
	const eternal = "9000000000000000000"
	for _, versioned := range []bool{false, true} {
		s := newStand(t, map[string]string{invocation.EnvEventDeletes: "true"})
		if versioned {
			s.versioned(t)
		}
		s.mayDelete(t)
		w, _ := s.start(t)
		plant := func(key string, metadata map[string]string) {
			if _, err := s.admin().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Env.DestinationBucket, Key: &key, Body: strings.NewReader(key), Metadata: metadata}); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"removed", "again", "kept", "archived"} {
			s.upload(t, name, name)
		}
		s.drains(t, w)
		s.remove(t, "removed")
		s.remove(t, "again")
		s.upload(t, "again", "again") // the same bytes
		s.keepsVersions(t)
		s.remove(t, "archived")
		plant("by hand", nil)
		s.tell(t, typeDelete, "by hand", 1)
		plant("newer", map[string]string{"gcs-generation": eternal})
		s.tell(t, typeDelete, "newer", 1)
		s.tell(t, typeDelete, "never there", 1)
		same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 7, Deleted: 2, Copied: 1, Skipped: 3}, s.drains(t, w))
		same(t, "destination", map[string]string{"again": "again", "kept": "kept", "by hand": "by hand", "newer": "newer"}, s.stored(t))
		same(t, "backlog", []string(nil), s.backlog())
	}
}

// The policy of a role without the setting's right refuses.
func TestDeletesNeedTheRight(t *testing.T) {
	s := newStand(t, map[string]string{invocation.EnvEventDeletes: "true"})
	w, _ := s.start(t)
	s.upload(t, "a", "x")
	s.drains(t, w)
	s.remove(t, "a")
	same(t, "answer", invocation.EventsResult{StatusCode: 207, Complete: true, Events: 1, Failed: 1}, s.drains(t, w))
	line := s.line(t, "copy failed")
	if line["operation"] != "deleting" || !strings.Contains(line["error"].(string), "S3 answered 403 AccessDenied") {
		t.Errorf("%v", line)
	}
	same(t, "backlog", []string{"a"}, s.backlog())
}

// TestDeletesThatCannotLook: where S3 does not tell whether there is a copy, the deletion is
// not done.
func TestDeletesThatCannotLook(t *testing.T) {
	s := newStand(t, map[string]string{invocation.EnvEventDeletes: "true"})
	s.mayDelete(t)
	w, _ := s.start(t)
	s.upload(t, "a", "x")
	s.drains(t, w)
	s.remove(t, "a")
	s.FailAs(func(service string, r *http.Request) *faults.Fault {
		if service == "aws/s3" && r.Method == http.MethodHead {
			return &faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "AccessDenied"}}
		}
		return nil
	})
	same(t, "answer", invocation.EventsResult{StatusCode: 207, Complete: true, Events: 1, Failed: 1}, s.drains(t, w))
	same(t, "backlog", []string{"a"}, s.backlog())
	s.FailAs(nil)
	s.Advance(10 * time.Second)
	same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 1, Deleted: 1}, s.drains(t, w))
	same(t, "destination", map[string]string{}, s.stored(t))
}

// A deletion is overtaken by what happens while it is made.
func TestDeletesDecideAnew(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, s *stand)
		want   map[string]string
		marker bool // the copy was removed at some time
	}{
		{"the object is uploaded again, and copied", func(t *testing.T, s *stand) {
			s.upload(t, "a", "other bytes")
			s.copyNow(t, "a")
		}, map[string]string{"a": "other bytes"}, false},
		{"the same bytes are uploaded again, and copied", func(t *testing.T, s *stand) {
			s.upload(t, "a", "bytes")
			s.copyNow(t, "a")
		}, map[string]string{"a": "bytes"}, true},
		{"the object is uploaded again", func(t *testing.T, s *stand) { s.upload(t, "a", "bytes") }, map[string]string{"a": "bytes"}, true},
		{"the copy is removed", func(t *testing.T, s *stand) {
			key := "a"
			if _, err := s.admin().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &s.Env.DestinationBucket, Key: &key}); err != nil {
				t.Fatal(err)
			}
		}, map[string]string{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, map[string]string{invocation.EnvEventDeletes: "true"})
			s.versioned(t)
			s.mayDelete(t)
			w, _ := s.start(t)
			s.upload(t, "a", "bytes")
			s.drains(t, w)
			s.remove(t, "a")
			var done atomic.Bool
			s.FailAs(func(service string, r *http.Request) *faults.Fault {
				if service == "aws/s3" && r.Method == http.MethodDelete && done.CompareAndSwap(false, true) {
					tt.change(t, s)
				}
				return nil
			})
			if r := s.drains(t, w); r.Failed > 0 || !done.Load() {
				t.Errorf("answer %+v", r)
			}
			same(t, "destination", tt.want, s.stored(t))
			same(t, "backlog", []string(nil), s.backlog())
			marker := slices.ContainsFunc(s.AWS.S3().Versions(s.Env.DestinationBucket, "a"), func(o sandboxs3.Object) bool { return o.DeleteMarker })
			same(t, "the copy was removed", tt.marker, marker)
		})
	}
}

// copyNow copies an object as another invocation does.
func (s *stand) copyNow(t *testing.T, name string) {
	t.Helper()
	_, h := s.start(t)
	if _, err := h.Handle(t.Context(), invocation.Event{Object: name, Overwrite: invocation.OverwriteNewer}); err != nil {
		t.Fatal(err)
	}
}

func TestMetadata(t *testing.T) {
	for _, asked := range []bool{false, true} {
		s := newStand(t, map[string]string{invocation.EnvEventMetadata: strconv.FormatBool(asked)})
		w, _ := s.start(t)
		s.upload(t, "a", "one")
		s.drains(t, w)
		patch := func() {
			s.Call(t, "PATCH", s.object("a"), map[string]any{"contentType": "text/x-other", "cacheControl": "no-store", "metadata": map[string]string{"k": "ä", "plain": "v"}}, nil)
		}
		patch()
		want := invocation.EventsResult{StatusCode: 200, Complete: true, Events: 1, Skipped: 1}
		if asked {
			want.Skipped, want.Copied = 0, 1
		}
		same(t, "answer", want, s.drains(t, w))
		key := "a"
		head, err := s.admin().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.Env.DestinationBucket, Key: &key})
		if err != nil || (*head.ContentType == "text/x-other") != asked || (head.CacheControl != nil) != asked || (head.Metadata["plain"] == "v") != asked {
			t.Errorf("%+v, %v", head, err)
		}
		patch() // to what it is already
		if asked {
			want.Copied, want.Unchanged = 0, 1
		}
		same(t, "second answer", want, s.drains(t, w))
	}
}

// A change of metadata comes with the continuation of an upload that began before it.
func TestMetadataOfContinuedObjects(t *testing.T) {
	for _, copied := range []bool{false, true} { // by another invocation, before the change
		s := newStand(t, map[string]string{invocation.EnvEventMetadata: "true"})
		w, _ := s.start(t)
		s.upload(t, "large", strings.Repeat("x", 300_000))
		var parts atomic.Int64
		ctx, cancel := s.interrupt(t.Context(), func(service string, r *http.Request) bool {
			return service == "aws/s3" && r.URL.Query().Has("partNumber") && parts.Add(1) == 6
		})
		defer cancel(nil)
		if r, err := w.Handle(ctx, nil); err != nil || r.Interrupted != 1 {
			t.Fatalf("answer %+v, %v", r, err)
		}
		s.FailAs(nil)
		if copied {
			s.copyNow(t, "large")
		}
		s.Call(t, "PATCH", s.object("large"), map[string]any{"metadata": map[string]string{"k": "v"}}, nil)
		s.drainsAll(t, w)
		if got := s.AWS.S3().Objects(s.Env.DestinationBucket)[0].Metadata["k"]; got != "v" {
			t.Errorf("copied before: %v: the destination has the metadata %q", copied, got)
		}
		same(t, "backlog", []string(nil), s.backlog())
		same(t, "uploads", 0, len(s.AWS.S3().Uploads(s.Env.DestinationBucket)))
	}
}

// Another invocation copies the object with its old metadata while it is copied with the new.
func TestMetadataOfRacingCopies(t *testing.T) {
	for _, size := range []int{10, 300_000} { // with one request, and in parts
		s := newStand(t, map[string]string{invocation.EnvEventMetadata: "true"})
		w, _ := s.start(t)
		_, other := s.start(t)
		s.upload(t, "a", strings.Repeat("x", size))
		var writes atomic.Int64
		waiting, copied, drained := make(chan struct{}), make(chan struct{}), make(chan struct{})
		s.FailAs(func(service string, r *http.Request) *faults.Fault {
			if service != "aws/s3" || r.Method == http.MethodHead || r.URL.Query().Has("uploads") || r.URL.Query().Has("partNumber") {
				return nil
			}
			switch writes.Add(1) {
			case 1: // the other copy has the old metadata, and is written while the drain's is on its way
				s.Call(t, "PATCH", s.object("a"), map[string]any{"metadata": map[string]string{"k": "v"}}, nil)
				go func() {
					defer close(drained)
					if r, err := w.Handle(t.Context(), nil); err != nil || r.Failed+r.Interrupted > 0 {
						t.Errorf("answer %+v, %v", r, err)
					}
				}()
				<-waiting
			case 2:
				close(waiting)
				<-copied
			}
			return nil
		})
		_, err := other.Handle(t.Context(), invocation.Event{Object: "a", Overwrite: invocation.OverwriteNewer})
		close(copied)
		<-drained
		if err != nil {
			t.Fatal(err)
		}
		if got := s.AWS.S3().Objects(s.Env.DestinationBucket)[0].Metadata["k"]; got != "v" {
			t.Errorf("%d bytes: the destination has the metadata %q", size, got)
		}
	}
}

// interrupt ends ctx as the deadline does, before a request that fits is served.
func (s *stand) interrupt(ctx context.Context, fits func(service string, r *http.Request) bool) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.FailAs(func(service string, r *http.Request) *faults.Fault {
		if fits(service, r) {
			cancel(copy.ErrDeadline)
		}
		return nil
	})
	return ctx, cancel
}

// An object that does not fit into an invocation is continued by a message.
func TestLargeObjectsAreContinued(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 20_000) // 14 parts
	for _, tt := range []struct {
		name    string
		between func(t *testing.T, s *stand)
		want    string
		parts   int // that the second drain uploads; 0: any number
	}{
		{"as it is", func(*testing.T, *stand) {}, large, 7},
		{"with its first message again", func(t *testing.T, s *stand) { s.tell(t, typeFinalize, "large", s.generation(t, "large")) }, large, 7},
		{"with its continuation twice", func(t *testing.T, s *stand) {
			m := s.Google.PubSub().Messages(s.env[invocation.EnvEventsSubscription])[0]
			s.publish(t, string(m.Data), m.Attributes)
		}, large, 7},
		{"with a newer generation", func(t *testing.T, s *stand) { s.upload(t, "large", "small") }, "small", -1},
		{"with a newer generation beside which the old one stays", func(t *testing.T, s *stand) { s.upload(t, "large", "small") }, "small", -1},
		{"with another copy of it", func(t *testing.T, s *stand) { s.copyNow(t, "large") }, large, -1},
		{"deleted", func(t *testing.T, s *stand) { s.remove(t, "large") }, "", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			w, _ := s.start(t)
			if strings.Contains(tt.name, "stays") {
				s.keepsVersions(t)
			}
			s.upload(t, "large", large)
			var parts atomic.Int64
			ctx, cancel := s.interrupt(t.Context(), func(service string, r *http.Request) bool {
				return service == "aws/s3" && r.URL.Query().Has("partNumber") && parts.Add(1) == 8
			})
			defer cancel(nil)
			r, err := w.Handle(ctx, nil)
			if err != nil || r.StatusCode != 206 || r.Complete || r.Interrupted != 1 || r.Events != 1 {
				t.Fatalf("first answer %+v, %v", r, err)
			}
			s.FailAs(nil)
			messages := s.Google.PubSub().Messages(s.env[invocation.EnvEventsSubscription])
			if len(messages) != 1 || messages[0].Attributes[attributeCursor] == "" || messages[0].Attributes[attributeObject] != "large" {
				t.Fatalf("messages %+v", messages)
			}
			tt.between(t, s)
			from := len(s.Journal.Entries())
			s.drainsAll(t, w)
			asked := s.asked("s3", from)
			if n := asked["UploadPart"]; tt.parts > 0 && (n > tt.parts+4 || n < tt.parts-2) || tt.parts < 0 && n > 4 { // four may have been under way
				t.Errorf("the second drain uploaded %d parts", n)
			}
			want := map[string]string{"large": tt.want}
			if tt.want == "" {
				want = map[string]string{}
			}
			same(t, "destination", want, s.stored(t))
			same(t, "backlog", []string(nil), s.backlog())
			same(t, "uploads", 0, len(s.AWS.S3().Uploads(s.Env.DestinationBucket)))
		})
	}
}

// If the continuation cannot be published, the message itself comes again.
func TestContinuationsThatCannotBePublished(t *testing.T) {
	s := newStand(t, nil)
	w, _ := s.start(t)
	s.upload(t, "large", strings.Repeat("x", 300_000))
	s.Call(t, "POST", "/v1/"+s.env[invocation.EnvEventsTopic]+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
	var parts atomic.Int64
	ctx, cancel := s.interrupt(t.Context(), func(service string, r *http.Request) bool {
		return service == "aws/s3" && r.URL.Query().Has("partNumber") && parts.Add(1) == 6
	})
	defer cancel(nil)
	if r, err := w.Handle(ctx, nil); err != nil || r.Interrupted != 1 {
		t.Errorf("answer %+v, %v", r, err)
	}
	same(t, "backlog", []string{"large"}, s.backlog())
	same(t, "uploads", 0, len(s.AWS.S3().Uploads(s.Env.DestinationBucket)))
	if line := s.line(t, "copy not continued"); !strings.Contains(line["error"].(string), "publishing to projects/demo-project/topics/gcs-to-s3-events: Pub/Sub answered 403") {
		t.Errorf("%v", line)
	}
}

// Messages stay this drain's while their objects are copied.
func TestDeadlinesAreProlonged(t *testing.T) {
	s := newStand(t, nil)
	w, _ := s.start(t)
	ticks := make(chan time.Time)
	w.tick = func(d time.Duration) (<-chan time.Time, func()) {
		if d == prolong {
			return ticks, func() {}
		}
		return nil, func() {} // nothing is looked for while objects are copied
	}
	s.upload(t, "a", "x")
	extended, put := make(chan struct{}), make(chan struct{})
	s.FailAs(func(service string, r *http.Request) *faults.Fault {
		switch {
		case service == "aws/s3" && r.Method == http.MethodPut:
			for range 6 { // longer than the deadline of the subscription
				s.Advance(20 * time.Second)
				ticks <- time.Time{}
				<-extended
			}
			close(put)
		case strings.HasSuffix(r.URL.Path, ":modifyAckDeadline"):
			go func() { // after the answer, or before: the next tick asks again
				extended <- struct{}{}
			}()
		}
		return nil
	})
	same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 1, Copied: 1}, s.drains(t, w))
	<-put
	same(t, "backlog", []string(nil), s.backlog())
	if m := s.Google.PubSub().Backlog(s.env[invocation.EnvEventsSubscription]); m.Unacknowledged != 0 {
		t.Errorf("%+v", m)
	}
}

// A continuous drain waits for messages until the time is over.
func TestContinuous(t *testing.T) {
	s := newStand(t, map[string]string{invocation.EnvEventsContinuous: "true"})
	w, _ := s.start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var pulls atomic.Int64
	s.FailAs(func(_ string, r *http.Request) *faults.Fault {
		if !strings.HasSuffix(r.URL.Path, s.Env.Drain()+":pull") {
			return nil
		}
		upload := func(n int64) {
			s.Upload(t, s.Env.SourceBucket, "object-"+strconv.FormatInt(n, 10), "text/plain", strings.NewReader("x"))
		}
		switch n := pulls.Add(1); n {
		case 1, 3:
			upload(n)
		case 2: // the message comes while the drain waits
			go upload(n)
		case 4:
			cancel(copy.ErrDeadline)
		}
		return nil
	})
	r, err := w.Handle(ctx, nil)
	if err != nil || r.Events != 3 || r.Copied+r.Interrupted != 3 {
		t.Errorf("answer %+v, %v", r, err)
	}
	same(t, "messages that come again", r.Interrupted, len(s.backlog()))
}

// Templates give several objects one key, every generation a key, or folders none.
func TestKeys(t *testing.T) {
	t.Run("one key", func(t *testing.T) {
		s := newStand(t, map[string]string{invocation.EnvKeyTemplate: "{name}", invocation.EnvDestinationPrefix: "in/"})
		w, _ := s.start(t)
		s.upload(t, "x/a", "one")
		s.upload(t, "y/a", "two")
		s.upload(t, "y/", "")
		same(t, "answer", invocation.EventsResult{StatusCode: 207, Complete: true, Events: 3, Copied: 1, Failed: 1, Skipped: 1}, s.drains(t, w))
		if error := s.line(t, "copy failed")["error"].(string); !strings.Contains(error, "key: is also that of the object") {
			t.Error(error)
		}
	})
	t.Run("one key, of which one object is deleted", func(t *testing.T) {
		s := newStand(t, map[string]string{invocation.EnvKeyTemplate: "{name}", invocation.EnvEventDeletes: "true"})
		s.mayDelete(t)
		w, _ := s.start(t)
		s.upload(t, "x/a", "one")
		s.drains(t, w)
		s.remove(t, "x/a")
		s.drains(t, w)
		same(t, "its own copy is removed", map[string]string{}, s.stored(t))
		s.upload(t, "y/a", "two")
		s.drains(t, w)
		s.tell(t, typeDelete, "x/a", s.generation(t, "y/a")+1)
		same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 1, Skipped: 1}, s.drains(t, w))
		same(t, "the other's copy stays", map[string]string{"a": "two"}, s.stored(t))
	})
	t.Run("every generation", func(t *testing.T) {
		s := newStand(t, map[string]string{invocation.EnvKeyTemplate: "{generation}"})
		w, _ := s.start(t)
		first := s.upload(t, "a", "one")
		s.drains(t, w)
		second := s.upload(t, "a", "two")
		third := s.upload(t, "a", "three")
		key := func(n int64) string { return strconv.FormatInt(n, 10) }
		same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 4, Copied: 1, Skipped: 3}, s.drains(t, w))
		same(t, "destination", map[string]string{key(first): "one", key(third): "three"}, s.stored(t))
		if second == third {
			t.Error("two generations are the same")
		}
	})
	t.Run("every generation that the source keeps", func(t *testing.T) {
		s := newStand(t, map[string]string{invocation.EnvKeyTemplate: "{generation}", invocation.EnvEventDeletes: "true"})
		s.keepsVersions(t)
		s.mayDelete(t)
		w, _ := s.start(t)
		key := func(n int64) string { return strconv.FormatInt(n, 10) }
		first, second := s.upload(t, "a", "one"), s.upload(t, "a", "two")
		same(t, "answer", invocation.EventsResult{StatusCode: 200, Complete: true, Events: 3, Copied: 2}, s.drains(t, w))
		same(t, "destination", map[string]string{key(first): "one", key(second): "two"}, s.stored(t))
		s.remove(t, "a")
		s.drains(t, w)
		same(t, "destination after a deletion", map[string]string{key(first): "one", key(second): "two"}, s.stored(t))
	})
}

// The function says which variables are wrong.
func TestSettings(t *testing.T) {
	s := newStand(t, nil)
	_, h := s.start(t)
	wrong := map[string]string{invocation.EnvEventsSubscription: "sub", invocation.EnvPubSubEndpoint: "http://example.com", invocation.EnvEventDeletes: "perhaps"}
	_, err := NewWorker(h, func(k string) string { return wrong[k] }, slog.New(slog.DiscardHandler))
	for _, want := range []string{`EVENTS_SUBSCRIPTION: "sub": must be projects/P/subscriptions/S`, `EVENTS_TOPIC: "": must be projects/P/topics/T`, `EVENT_DELETES: "perhaps": must be true or false`, `PUBSUB_ENDPOINT: "http://example.com": must use https`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

// A subscription that cannot be pulled is an error of the invocation.
func TestPullingFails(t *testing.T) {
	s := newStand(t, nil)
	worker, _ := s.start(t)
	s.Call(t, "POST", "/v1/"+s.env[invocation.EnvEventsSubscription]+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
	_, err := worker.Handle(t.Context(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "pulling projects/demo-project/subscriptions/gcs-to-s3-events: Pub/Sub answered 403 PERMISSION_DENIED: ") {
		t.Error(err)
	}
	s.line(t, "events")
}
