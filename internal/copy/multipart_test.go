package copy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// startSmall starts a handler that copies objects over 64 KiB in parts.
func (l *stand) startSmall(t *testing.T) *Handler {
	t.Helper()
	h := l.start(t)
	h.inSmallParts()
	return h
}

func TestLargeObjectsGoInParts(t *testing.T) {
	l := newStand(t)
	h := l.startSmall(t)
	for _, size := range []int{64<<10 + 1, 96 << 10, 300_000} {
		content := l.put(t, "large", size)
		from := len(l.Journal.Entries())
		got, err := copyOne(h, invocation.Event{Object: "large"})
		if err != nil {
			t.Fatal(err)
		}
		parts := (size + 24<<10 - 1) / (24 << 10)
		if diff := cmp.Diff(map[string]int{"CreateMultipartUpload": 1, "UploadPart": parts, "CompleteMultipartUpload": 1}, l.asked("s3", from)); diff != "" {
			t.Errorf("%d bytes: requests of S3 (-want +got):\n%s", size, diff)
		}
		if gets := l.asked("storage", from); gets["storage.objects.get"] != parts {
			t.Errorf("%d bytes: requests of Cloud Storage %v, want one a part", size, gets)
		}
		l.holds(t, "large", content)
		if got.Bytes != int64(size) || got.CRC32C != sumOf(content) {
			t.Errorf("result %+v", got)
		}
		o := l.AWS.S3().Objects(l.Env.DestinationBucket)[0]
		if o.ChecksumType != "FULL_OBJECT" || o.Checksum != sumOf(content) || o.Metadata["gcs-crc32c"] != sumOf(content) {
			t.Errorf("S3 says %+v", o)
		}
	}
}

func TestFaultsAreSurvived(t *testing.T) {
	const size = 200_000
	for _, tt := range []struct {
		name  string
		large bool
		rules []string
		tries int // total attempts that the copy needs
	}{
		{"reads refused for now", false, []string{"google/storage GET: status=503 times=2"}, 3},
		{"reads refused with 429 and Retry-After", true, []string{"google/storage GET: status=429 retry-after=2s skip=2 times=2"}, 3},
		{"reads time out", false, []string{"google/storage GET: status=408 times=1"}, 2},
		{"a read refused as of an expired token", true, []string{"google/storage GET: status=401 skip=3 times=1"}, 1},
		{"reads break before an answer", true, []string{"google/storage GET: drop=0 skip=1 times=4"}, 5},
		{"reads break off", true, []string{"google/storage GET: cut=4000 times=5"}, 6}, // all may hit one part, which is read six times at most
		{"a read stalls", false, []string{"google/storage GET: stall=1h@50000 times=1"}, 2},
		{"a read of a part stalls before its first byte", true, []string{"google/storage GET: stall=1h@0 skip=2 times=1"}, 2},
		{"a read that is delayed without end", false, []string{"google/storage GET: delay=1h times=1"}, 2},
		{"bytes change on the way here", false, []string{"google/storage GET: corrupt=7 times=1"}, 2},
		{"bytes of a part change on the way here", true, []string{"google/storage GET: corrupt=7 skip=2 times=1"}, 2},
		{"bytes change on the way to S3", false, []string{"aws/s3 PUT: garble=7 times=1"}, 2},
		{"bytes of a part change on the way to S3", true, []string{"aws/s3 PUT: garble=7 skip=2 times=1"}, 2},
		{"S3 asks to slow down", false, []string{"aws/s3 PUT: status=503 code=SlowDown retry-after=1s times=3"}, 4},
		{"S3 asks to slow down at every step", true, []string{"aws/s3 POST: status=503 code=SlowDown times=1", "aws/s3 PUT: status=503 code=SlowDown times=2", "aws/s3 POST: status=503 code=SlowDown skip=1 times=1"}, 5},
		{"writes break", false, []string{"aws/s3 PUT: drop=5000 times=2"}, 3},
		{"writes of parts break", true, []string{"aws/s3 PUT: drop=5000 times=4"}, 5},
		{"the answer to a write is lost", false, []string{"aws/s3 PUT: lose times=1"}, 2},
		{"the answer to a part is lost", true, []string{"aws/s3 PUT: lose times=1"}, 2},
		{"the answer that names the upload is lost", true, []string{"aws/s3 POST: lose times=1"}, 2},
		{"completing answers 200 and an error", true, []string{"aws/s3 POST: status=200 code=InternalError skip=1 times=1"}, 2},
		{"the answer to the completion is lost", true, []string{"aws/s3 POST: lose skip=1 times=1"}, 2},
		{"the answer to the completion breaks off", true, []string{"aws/s3 POST: cut=60 skip=1 times=1"}, 2},
		{"the upload vanishes", true, []string{"aws/s3 PUT: status=404 code=NoSuchUpload skip=2 times=1"}, 2},
		{"completing finds another sum", true, []string{"aws/s3 POST: status=400 code=BadDigest skip=1 times=1"}, 2},
		{"no token at first", false, []string{"google/sts: status=503 times=2"}, 3},
		{"the token exchange breaks", false, []string{"google/sts: drop=0 times=2"}, 3},
		{"no access token at first", false, []string{"google/iamcredentials: status=500 times=1"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			if strings.Contains(tt.rules[0], "1h") { // any other stall is due to the machine's load
				h.patience.stall = 200 * time.Millisecond
			}
			if tt.large {
				h.inSmallParts()
			}
			content := l.put(t, "object", size)
			l.fail(t, tt.rules...)
			got, err := copyOne(h, invocation.Event{Object: "object"})
			l.FailAs(nil)
			if err != nil {
				t.Fatal(err)
			}
			l.holds(t, "object", content)
			if got.CRC32C != sumOf(content) {
				t.Errorf("result %+v", got)
			}
			if retries := lines(t, l)[0]["Retries"]; retries != float64(tt.tries-1) {
				t.Errorf("%v retries, want %d", retries, tt.tries-1)
			}
		})
	}
}

// TestFaultsThatStay: a permanent fault must end in an error, with the previous
// object in place and no upload left behind.
func TestFaultsThatStay(t *testing.T) {
	for _, tt := range []struct {
		name, rule, operation, want string
		large                       bool
	}{
		{"reads fail", "google/storage GET: status=503", "reading", "6 attempts failed, the last: Cloud Storage answered 503", false},
		{"reads of parts fail", "google/storage GET: status=500 skip=1", "reading", "6 attempts failed, the last: Cloud Storage answered 500", true},
		{"reads are forbidden", "google/storage GET: status=403 code=AccessDenied", "reading", "Cloud Storage answered 403 AccessDenied", false},
		{"no byte comes", "google/storage GET: stall=1h@0", "reading", "nothing moved for too long", false},
		{"bytes always change here", "google/storage GET: corrupt=7", "verifying", "CRC32C of the bytes read is", false},
		{"bytes of parts always change here", "google/storage GET: corrupt=7", "verifying", "CRC32C of the parts read is", true},
		{"bytes always change there", "aws/s3 PUT: garble=7", "writing", "6 attempts failed, the last: S3 answered 400 BadDigest: The CRC32C you specified did not match the calculated checksum.", false},
		{"bytes of parts always change there", "aws/s3 PUT: garble=7", "writing", "6 attempts failed, the last: S3 answered 400 BadDigest: The CRC32C you specified did not match the calculated checksum.", true},
		{"writes fail", "aws/s3 PUT: status=500", "writing", "6 attempts failed, the last: S3 answered 500 InternalError", false},
		{"writes of parts fail", "aws/s3 PUT: status=503", "writing", "6 attempts failed, the last: S3 answered 503 SlowDown", true},
		{"writes are forbidden", "aws/s3 PUT: status=403 code=AccessDenied", "writing", "S3 answered 403 AccessDenied", true},
		{"completing fails", "aws/s3 POST: status=200 code=InternalError skip=1", "writing", "completing the upload: 6 attempts failed, the last: S3 answered 200 InternalError", true},
		{"creating fails", "aws/s3 POST: drop=0", "writing", "creating the upload: 6 attempts failed", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			if strings.Contains(tt.rule, "1h") {
				h.patience.stall = 50 * time.Millisecond
			}
			before := l.put(t, "object", 1000)
			if _, err := copyOne(h, invocation.Event{Object: "object"}); err != nil {
				t.Fatal(err)
			}
			l.put(t, "object", 100_000)
			if tt.large {
				h.inSmallParts()
			} else {
				h.large.threshold = 1 << 20
			}
			l.fail(t, tt.rule)
			_, err := copyOne(h, invocation.Event{Object: "object"})
			l.FailAs(nil)
			var failed *TransferError
			if !errors.As(err, &failed) || failed.Operation != tt.operation || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Handle() = %v\nwant %s with %q", err, tt.operation, tt.want)
			}
			l.holds(t, "object", before)
		})
	}
}

// TestChangedSources replaces the object while it is being read.
func TestChangedSources(t *testing.T) {
	for _, large := range []bool{false, true} {
		for policy, want := range map[string]string{"fail": "the object changed while it was read: generation", "restart": ""} {
			t.Run(policy, func(t *testing.T) {
				l := newStand(t)
				h := l.start(t)
				if large {
					h.inSmallParts()
				}
				l.put(t, "object", 100_000)
				l.fail(t, "google/storage GET: cut=10000 times=1")
				var content []byte
				h.patience.sleep = func(context.Context, time.Duration) error { // between the break and the resumption
					if content == nil {
						content = []byte("another")
						l.Upload(t, l.Env.SourceBucket, "object", "text/plain", strings.NewReader("another"))
					}
					return nil
				}
				_, err := copyOne(h, invocation.Event{Object: "object", SourceChange: policy})
				l.FailAs(nil)
				if want == "" {
					if err != nil {
						t.Fatal(err)
					}
					l.holds(t, "object", content)
					return
				}
				var changed *SourceChangedError
				if !errors.As(err, &changed) || !strings.Contains(err.Error(), want) {
					t.Errorf("Handle() = %v, want %q", err, want)
				}
				l.absent(t, "object")
			})
		}
	}
}

// TestDeadlines lets the deadline approach while bytes trickle in. What was begun in one
// request has failed; what was begun in parts is continued.
func TestDeadlines(t *testing.T) {
	for _, large := range []bool{false, true} {
		l := newStand(t)
		h := l.start(t)
		if large {
			h.inSmallParts()
		}
		content := l.put(t, "object", 600_000)
		l.fail(t, "google/storage GET: rate=50000")
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		got, err := h.Handle(ctx, invocation.Event{Object: "object"})
		if ctx.Err() != nil {
			t.Error("the answer came after the deadline")
		}
		l.FailAs(nil)
		l.absent(t, "object")
		if large {
			r, ok := got.(invocation.Result)
			if !ok || r.Complete || r.StatusCode != 206 || r.Cursor == "" || r.Reached == 0 || r.Bytes != 600_000 || r.Outcome != "interrupted" {
				t.Errorf("Handle() = %+v, %v, want it unfinished", got, err)
			}
			from := len(l.Journal.Entries())
			if r, err = copyOne(h, invocation.Event{Object: "object", Cursor: r.Cursor}); err != nil || !r.Complete || r.CRC32C != sumOf(content) {
				t.Errorf("continued: %+v, %v", r, err)
			}
			if asked := l.asked("s3", from); asked["CreateMultipartUpload"] != 0 || asked["UploadPart"] >= 25 {
				t.Errorf("continued: asked S3 %v, want only what was missing", asked)
			}
			l.holds(t, "object", content)
			continue
		}
		var failed *TransferError
		if !errors.As(err, &failed) || !errors.Is(err, ErrDeadline) || failed.Reached == 0 || failed.Reached >= 600_000 {
			t.Errorf("Handle() = %v, want how far it came", err)
		}
	}
}
