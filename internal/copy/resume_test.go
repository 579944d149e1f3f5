package copy

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// until returns a context whose deadline comes with the nth part that reaches S3.
func (l *stand) until(t *testing.T, parts int64) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	var n atomic.Int64
	l.FailAs(func(service string, r *http.Request) *faults.Fault {
		if service == "aws/s3" && r.Method == http.MethodPut && n.Add(1) == parts {
			cancel(ErrDeadline)
			return &faults.Fault{DropRequest: faults.At(0)}
		}
		return nil
	})
	return ctx
}

// one runs an invocation that may end unfinished.
func one(t *testing.T, h *Handler, ctx context.Context, e invocation.Event) (invocation.Result, error) {
	t.Helper()
	got, err := h.Handle(ctx, e)
	r, _ := got.(invocation.Result)
	return r, err
}

// Case C2: an object that needs several invocations was read from its first byte by each
// of them, for ever.
func TestUploadsGoOn(t *testing.T) {
	for _, streams := range []int64{1, 4, 8} {
		t.Run(fmt.Sprint(streams), func(t *testing.T) {
			l := newStand(t)
			l.env["STREAMS"] = fmt.Sprint(streams)
			h := l.startSmall(t)
			content := l.put(t, "object", 1_000_000) // 41 parts
			e := invocation.Event{Object: "object"}
			reached, invocations := int64(0), 1
			for ; ; invocations++ {
				got, err := one(t, h, l.until(t, 8+2*streams), e)
				if err != nil {
					t.Fatal(err)
				}
				if got.Complete {
					if got.StatusCode != 200 || got.Outcome != "copied" || got.CRC32C != sumOf(content) || got.Cursor != "" || got.Bytes != int64(len(content)) {
						t.Errorf("result %+v", got)
					}
					break
				}
				if got.StatusCode != 206 || got.Outcome != "interrupted" || got.Reached <= reached || got.CRC32C != sumOf(content) || len(got.Cursor) > 4000 {
					t.Fatalf("invocation %d: result %+v after %d bytes", invocations, got, reached)
				}
				e.Cursor, reached = got.Cursor, got.Reached
				h = l.startSmall(t) // another execution environment
			}
			if invocations < 2 || invocations > 8 {
				t.Errorf("%d invocations", invocations)
			}
			l.holds(t, "object", content)
			read := 0.0
			for _, line := range lines(t, l) {
				if n, ok := line["BytesReread"].(float64); ok {
					read += n
				}
			}
			if read > 12*16*24<<10 {
				t.Errorf("%v bytes were read again", read)
			}
		})
	}
}

// What happens between two invocations.
func TestBetweenInvocations(t *testing.T) {
	abort := func(t *testing.T, l *stand, e *invocation.Event) {
		client := s3.NewFromConfig(l.AWSConfig(l.AWS.Admin()))
		for _, id := range l.AWS.S3().Uploads(l.Env.DestinationBucket) {
			key := "object"
			if _, err := client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &l.Env.DestinationBucket, Key: &key, UploadId: &id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name    string
		event   invocation.Event
		between func(t *testing.T, l *stand, e *invocation.Event)
		want    string // a part of the error; empty for success
		content string // what is then at the destination; empty for the object's first content
	}{
		{"nothing", invocation.Event{}, func(*testing.T, *stand, *invocation.Event) {}, "", ""},
		{"the upload is aborted, as by a lifecycle rule", invocation.Event{}, abort, "", ""},
		{"the source is replaced", invocation.Event{}, func(t *testing.T, l *stand, e *invocation.Event) {
			l.Upload(t, l.Env.SourceBucket, "object", "text/plain", strings.NewReader("another"))
		}, "the object changed while it was read: generation", "nothing"},
		{"the source is replaced, and restarts", invocation.Event{SourceChange: "restart"}, func(t *testing.T, l *stand, e *invocation.Event) {
			l.Upload(t, l.Env.SourceBucket, "object", "text/plain", strings.NewReader("another"))
		}, "", "another"},
		{"the event is another one", invocation.Event{}, func(t *testing.T, l *stand, e *invocation.Event) { e.Key = "elsewhere" }, "cursor: belongs to another event", "nothing"},
		{"somebody writes the destination, which is protected", invocation.Event{Overwrite: "if-absent"}, func(t *testing.T, l *stand, e *invocation.Event) {
			l.put(t, "other", 10)
			if _, err := copyOne(l.start(t), invocation.Event{Object: "other", Key: "object"}); err != nil {
				t.Fatal(err)
			}
		}, "the destination exists and is different", "other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.startSmall(t)
			content := l.put(t, "object", 1_000_000)
			e := tt.event
			e.Object = "object"
			first, err := one(t, h, l.until(t, 12), e)
			l.FailAs(nil)
			if err != nil || first.Complete {
				t.Fatalf("the first invocation: %+v, %v", first, err)
			}
			e.Cursor = first.Cursor
			tt.between(t, l, &e)
			got, err := copyOne(h, e)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Handle() = %+v, %v, want %q", got, err, tt.want)
				}
			} else if err != nil || !got.Complete {
				t.Fatalf("Handle() = %+v, %v", got, err)
			}
			switch tt.content {
			case "nothing":
				l.absent(t, "object")
			case "other":
				if data, _ := l.stored(t, "object"); len(data) != 10 {
					t.Errorf("the protected object was replaced by %d bytes", len(data))
				}
			case "":
				l.holds(t, "object", content)
			default:
				l.holds(t, "object", []byte(tt.content))
			}
			if left := l.AWS.S3().Uploads(l.Env.DestinationBucket); len(left) > 0 && !strings.Contains(tt.want, "cursor") {
				t.Errorf("uploads are left behind: %v", left)
			}
		})
	}
}

// The answer to the completion is lost with the deadline: the next invocation finds that
// the upload is gone, and the object there.
func TestCompletedBetweenInvocations(t *testing.T) {
	l := newStand(t)
	h := l.startSmall(t)
	content := l.put(t, "object", 200_000)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	l.FailAs(func(service string, r *http.Request) *faults.Fault {
		switch {
		case service == "aws/s3" && r.Method == http.MethodPost && strings.HasPrefix(r.URL.RawQuery, "uploadId="):
			cancel(ErrDeadline)
			return &faults.Fault{LoseAnswer: true}
		case service == "aws/s3" && r.Method == http.MethodHead:
			return &faults.Fault{Refuse: &faults.Refusal{Status: 403}} // it cannot be looked at now
		}
		return nil
	})
	e := invocation.Event{Object: "object"}
	first, err := one(t, h, ctx, e)
	l.FailAs(nil)
	if err != nil || first.Complete || first.Cursor == "" {
		t.Fatalf("the first invocation: %+v, %v", first, err)
	}
	e.Cursor = first.Cursor
	from := len(l.Journal.Entries())
	got, err := copyOne(h, e)
	if err != nil || got.Outcome != "copied" || got.CRC32C != sumOf(content) {
		t.Errorf("Handle() = %+v, %v", got, err)
	}
	if asked := l.asked("storage", from); asked["storage.objects.get"] != 0 {
		t.Errorf("the source was read again: %v", asked)
	}
	l.holds(t, "object", content)
}

// Two invocations in a row without a part are a failure that says why, and leave nothing
// behind; the second tries smaller steps.
func TestUploadsWithoutProgress(t *testing.T) {
	for _, parts := range []int64{1, 6} { // that reach S3 before progress ends
		l := newStand(t)
		l.env["STREAMS"] = "1"
		h := l.startSmall(t)
		l.put(t, "object", 1_000_000)
		e := invocation.Event{Object: "object"}
		var err error
		var invocations []string
		for err == nil && len(invocations) < 10 {
			var got invocation.Result
			got, err = one(t, h, l.until(t, parts), e)
			invocations = append(invocations, fmt.Sprint(got.Reached))
			e.Cursor, parts = got.Cursor, 1
		}
		if err == nil || !strings.Contains(err.Error(), "no progress in 2 invocations in a row: the invocation's deadline is near") {
			t.Errorf("invocations %v: Handle() = %v", invocations, err)
		}
		if left := l.AWS.S3().Uploads(l.Env.DestinationBucket); len(left) > 0 {
			t.Errorf("uploads are left behind: %v", left)
		}
	}
}

// A large object among many is continued, and the others are copied once.
func TestALargeObjectAmongMany(t *testing.T) {
	l := newStand(t)
	h := l.startSmall(t)
	contents := map[string][]byte{}
	for i := range 20 {
		name := fmt.Sprintf("many/%02d", i)
		contents[name] = l.put(t, name, 1000)
	}
	contents["many/00-large"] = l.put(t, "many/00-large", 1_000_000)
	e := event(t, `{"prefix":"many/"}`)
	times := map[string]int{}
	var last invocation.ManyResult
	for n := range 10 {
		got := copyMany(t, h, l.until(t, 30), e)
		for name, outcome := range outcomes(got) {
			if outcome == "copied" {
				times[name]++
			}
		}
		last = got
		if e.Cursor = got.Cursor; got.Complete {
			break
		}
		if got.Interrupted == 0 && n == 0 || got.StatusCode != 206 {
			t.Errorf("invocation %d: %+v", n, got)
		}
	}
	if !last.Complete || len(times) != len(contents) {
		t.Fatalf("copied %v, last answer %+v", times, last)
	}
	l.FailAs(nil)
	for name, content := range contents {
		if l.holds(t, name, content); times[name] != 1 {
			t.Errorf("%s was copied %d times", name, times[name])
		}
	}
}

// An object of which not even one part fits into the time is refused with the arithmetic.
func TestObjectsThatCannotMakeProgress(t *testing.T) {
	h := &Handler{target: &s3api{now: time.Now}}
	h.large = large{part: defaultPart}
	tr := &transfer{to: h.target, large: h.large}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	err := tr.feasible(ctx, &object{size: 5 << 40}, tr.partSize(5<<40))
	if err == nil {
		t.Fatal("5 TiB are begun with 3 s left")
	}
	for _, want := range []string{"size: 5497558138880 bytes cannot make progress", "at most 10000 parts", "a part has 550502400 bytes", "take 7s even at 75 MiB/s", "hint: increase the function's timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("feasible() = %v, want %q", err, want)
		}
	}
	if err := tr.feasible(ctx, &object{size: 1 << 30}, tr.partSize(1<<30)); err != nil {
		t.Errorf("1 GiB: %v", err)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"event":"e","pending":[{"object":"a","upload":{"id":"i","key":"k","generation":1,"size":9,"part":3,"done":1,"later":[{"i":2}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseCursor(cursorVersion+base64.RawURLEncoding.EncodeToString(data), "e")
		if err != nil {
			return
		}
		for _, d := range got.Pending {
			if u := d.Upload; u != nil && (u.reached() < 0 || u.reached() > u.Size) {
				t.Errorf("%s: %d of %d bytes are there", data, u.reached(), u.Size)
			}
		}
		if again, err := parseCursor(got.String(), "e"); err != nil || again.String() != got.String() {
			t.Errorf("%s: read as %v, then %v", got, again, err)
		}
	})
}

// What S3 cannot hold of an object is named by the answer that says that it is copied, too.
func TestWhatIsLeftOutIsNamedAtTheEnd(t *testing.T) {
	l := newStand(t)
	h := l.startSmall(t)
	l.put(t, "object", 1_000_000)
	l.patch(t, "object", map[string]any{"metadata": map[string]string{"my key": "x"}})
	e := invocation.Event{Object: "object"}
	first, err := one(t, h, l.until(t, 12), e)
	l.FailAs(nil)
	if err != nil || first.Complete || fmt.Sprint(first.LeftOut) != "[my key]" {
		t.Fatalf("the first invocation: %+v, %v", first, err)
	}
	e.Cursor = first.Cursor
	if got, err := copyOne(h, e); err != nil || !got.Complete || fmt.Sprint(got.LeftOut) != "[my key]" {
		t.Errorf("the last invocation: %+v, %v", got, err)
	}
}
