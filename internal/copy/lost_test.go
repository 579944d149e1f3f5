package copy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// Case C25: the answer to a write is lost, however the copy then ends. What is at the
// destination is looked at before anything is said.
func TestLostAnswers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		large bool
		event invocation.Event
		rules []string
		act   func(t *testing.T, l *stand) // after the write has succeeded without an answer
		want  string                       // a part of the error; empty for success
	}{
		{"lost for good", false, invocation.Event{}, []string{"aws/s3 PUT: lose"}, nil, ""},
		{"lost for good, in parts", true, invocation.Event{}, []string{"aws/s3 POST: lose skip=1"}, nil, ""},
		{"lost for good, if absent", false, invocation.Event{Overwrite: "if-absent"}, []string{"aws/s3 PUT: lose"}, nil, ""},
		{"answered 500 though it was written", false, invocation.Event{}, []string{"aws/s3 PUT: lose times=1", "aws/s3 PUT: status=500"}, nil, ""},
		{"lost, while the source is overwritten", false, invocation.Event{}, []string{"aws/s3 PUT: lose times=1"},
			func(t *testing.T, l *stand) {
				l.Upload(t, l.Env.SourceBucket, "object", "text/plain", strings.NewReader("another"))
			}, ""},
		{"lost, and forbidden from then on", false, invocation.Event{}, []string{"aws/s3 PUT: lose times=1", "aws/s3 PUT: status=403 code=AccessDenied"}, nil, ""},
		{"not written, and then forbidden", false, invocation.Event{}, []string{"aws/s3 PUT: drop=0 times=1", "aws/s3 PUT: status=403 code=AccessDenied"}, nil,
			"was not at the destination right after it, and may still arrive"},
		{"lost, and the destination cannot be looked at", false, invocation.Event{}, []string{"aws/s3 PUT: lose", "aws/s3 HEAD: status=500"}, nil,
			"may be at the destination or not, and looking at it failed: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			if tt.large {
				h.inSmallParts()
			}
			content := l.put(t, "object", 100_000)
			l.fail(t, tt.rules...)
			if tt.act != nil {
				acted := false
				h.patience.sleep = func(context.Context, time.Duration) error {
					if !acted {
						acted = true
						tt.act(t, l)
					}
					return nil
				}
			}
			tt.event.Object = "object"
			got, err := copyOne(h, tt.event)
			l.FailAs(nil)
			if tt.want != "" {
				var unknown *UnknownError
				if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, &unknown) {
					t.Errorf("Handle() = %+v, %v, want %q", got, err, tt.want)
				}
				return
			}
			if err != nil || got.Outcome != "copied" || got.CRC32C != sumOf(content) {
				t.Fatalf("Handle() = %+v, %v, want the copy that is there", got, err)
			}
			l.holds(t, "object", content)
		})
	}
}

// Case C26: tidying up has the time that is left; what stays behind is named.
func TestUploadsThatCannotBeAborted(t *testing.T) {
	for _, status := range []int{503, 500} {
		for _, lasts := range []time.Duration{20 * time.Second, time.Hour} {
			t.Run(fmt.Sprintf("%d for %v", status, lasts), func(t *testing.T) {
				l := newStand(t)
				h := l.startSmall(t)
				c := &clock{at: time.Now()}
				h.patience.now, h.patience.sleep = c.now, c.pause
				l.put(t, "object", 100_000)
				var end atomic.Int64 // of the storm of deletions, which begins with the first
				l.FailAs(func(service string, r *http.Request) *faults.Fault {
					switch {
					case service != "aws/s3":
						return nil
					case r.Method == http.MethodPut:
						return &faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "AccessDenied"}}
					case r.Method == http.MethodDelete:
						end.CompareAndSwap(0, c.now().Add(lasts).UnixNano())
						if c.now().UnixNano() < end.Load() {
							return &faults.Fault{Refuse: &faults.Refusal{Status: status}}
						}
					}
					return nil
				})
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_, err := h.Handle(ctx, invocation.Event{Object: "object"})
				l.FailAs(nil)
				left := l.AWS.S3().Uploads(l.Env.DestinationBucket)
				line := lines(t, l)[0]
				if err == nil || !strings.Contains(err.Error(), "S3 answered 403 AccessDenied") {
					t.Fatalf("Handle() = %v", err)
				}
				if lasts < time.Minute {
					if len(left) != 0 || line["UploadsLeft"] != float64(0) {
						t.Errorf("uploads %v are left behind, metric %v; error %v", left, line["UploadsLeft"], err)
					}
					return
				}
				if len(left) != 1 || line["UploadsLeft"] != float64(1) || !strings.Contains(err.Error(), "which is left behind") {
					t.Errorf("uploads %v are left behind, metric %v; error %v", left, line["UploadsLeft"], err)
				}
			})
		}
	}
}

// Case C28: two functions copy the same object at the same time, and S3 takes one.
func TestTheLoserFindsItUnchanged(t *testing.T) {
	for _, large := range []bool{false, true} {
		l := newStand(t)
		first, second := l.start(t), l.start(t)
		if large {
			first.inSmallParts()
			second.inSmallParts()
		}
		content := l.put(t, "object", 100_000)
		e := invocation.Event{Object: "object", Overwrite: "if-absent"}
		raced := false
		l.FailAs(func(service string, r *http.Request) *faults.Fault {
			writes := r.Method == http.MethodPut && !large || r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "uploadId=")
			if service != "aws/s3" || !writes || raced {
				return nil
			}
			raced = true
			if got, err := copyOne(second, e); err != nil || got.Outcome != "copied" {
				t.Errorf("the second copy: %+v, %v", got, err)
			}
			return nil
		})
		got, err := copyOne(first, e)
		l.FailAs(nil)
		if err != nil || got.Outcome != "unchanged" || !raced {
			t.Errorf("in parts %v: Handle() = %+v, %v, want the loser to find it unchanged", large, got, err)
		}
		l.holds(t, "object", content)
	}
}

// Case C18: another tool put the same bytes without a CRC32C.
func TestWhatCannotBeKnown(t *testing.T) {
	f := &found{size: 5}
	if got := f.exists().Error(); !strings.Contains(got, "the destination exists and may be different (5 bytes, CRC32C unknown)") {
		t.Errorf("exists() = %q", got)
	}
}
