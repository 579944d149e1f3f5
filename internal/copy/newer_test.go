package copy

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

var (
	newerRuns = flag.Int("newer-runs", 4, "how many runs TestRacingCopiesOfGenerations makes")
	newerSeed = flag.Uint64("newer-seed", 0, "of TestRacingCopiesOfGenerations; 0 takes a new one")
)

var newer = invocation.Event{Object: "object", Overwrite: invocation.OverwriteNewer}

func (l *stand) admin() *s3.Client { return s3.NewFromConfig(l.AWSConfig(l.AWS.Admin())) }

// plant writes an object to the destination as somebody else would.
func (l *stand) plant(t *testing.T, key string, content []byte, metadata map[string]string) {
	t.Helper()
	if _, err := l.admin().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &l.Env.DestinationBucket, Key: &key, Body: bytes.NewReader(content), Metadata: metadata}); err != nil {
		t.Fatal(err)
	}
}

// versioned turns on versioning of the destination.
func (l *stand) versioned(t *testing.T) {
	t.Helper()
	if _, err := l.admin().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &l.Env.DestinationBucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
}

// generations returns the recorded generations of a key's versions, the oldest first; a
// delete marker is 0.
func (l *stand) generations(t *testing.T, key string) (recorded []int64) {
	t.Helper()
	out, err := l.admin().ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &l.Env.DestinationBucket, Prefix: &key})
	if err != nil || *out.IsTruncated {
		t.Fatalf("%v, more than a page: %v", err, out)
	}
	for _, v := range out.Versions {
		head, err := l.admin().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &l.Env.DestinationBucket, Key: v.Key, VersionId: v.VersionId})
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(head.Metadata["gcs-generation"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, n)
	}
	slices.Reverse(recorded)
	return recorded
}

// generation returns the live generation of a source object.
func (l *stand) generation(t *testing.T, name string) int64 {
	t.Helper()
	var resource struct {
		Generation int64 `json:",string"`
	}
	l.Call(t, http.MethodGet, "/storage/v1/b/"+l.Env.SourceBucket+"/o/"+strings.ReplaceAll(name, "/", "%2F"), nil, &resource)
	return resource.Generation
}

// during calls do once, before a request of S3 with this method is served; what do asks for
// is served at once.
func (l *stand) during(method string, do func()) {
	var done atomic.Bool
	l.FailAs(func(service string, req *http.Request) *faults.Fault {
		if service == "aws/s3" && req.Method == method && !req.URL.Query().Has("uploads") && done.CompareAndSwap(false, true) {
			do()
		}
		return nil
	})
}

func TestNewerGenerationsReplaceOlderOnes(t *testing.T) {
	const size = 100_000
	later := map[string]string{"gcs-generation": "9000000000000000000"}
	for _, tt := range []struct {
		name    string
		there   func(t *testing.T, l *stand, h *Handler)
		large   bool
		asked   map[string]int // successful requests of S3
		outcome string
	}{
		{"nothing", func(*testing.T, *stand, *Handler) {}, false, map[string]int{"PutObject": 1}, "copied"},
		{"nothing, in parts", func(*testing.T, *stand, *Handler) {}, true, map[string]int{"CreateMultipartUpload": 1, "UploadPart": 5, "CompleteMultipartUpload": 1}, "copied"},
		{"the same generation", func(t *testing.T, l *stand, h *Handler) { l.copied(t, h) }, false, map[string]int{"HeadObject": 1}, "unchanged"},
		{"an older one", func(t *testing.T, l *stand, h *Handler) {
			l.put(t, "object", 10)
			l.copied(t, h)
			l.put(t, "object", size)
		}, false, map[string]int{"HeadObject": 1, "PutObject": 1}, "copied"},
		{"an older one, in parts", func(t *testing.T, l *stand, h *Handler) {
			l.put(t, "object", 10)
			l.copied(t, h)
			l.put(t, "object", size)
		}, true, map[string]int{"HeadObject": 1, "CreateMultipartUpload": 1, "UploadPart": 5, "CompleteMultipartUpload": 1}, "copied"},
		{"a newer one", func(t *testing.T, l *stand, h *Handler) { l.plant(t, "object", []byte("later"), later) }, false, map[string]int{"HeadObject": 1}, "unchanged"},
		{"one without a record", func(t *testing.T, l *stand, h *Handler) { l.plant(t, "object", []byte("by hand"), nil) }, false, map[string]int{"HeadObject": 1, "PutObject": 1}, "copied"},
		{"other bytes with this generation's record", func(t *testing.T, l *stand, h *Handler) {
			l.plant(t, "object", []byte("edited"), map[string]string{"gcs-generation": strconv.FormatInt(l.generation(t, "object"), 10)})
		}, false, map[string]int{"HeadObject": 1, "PutObject": 1}, "copied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			content := l.put(t, "object", size)
			tt.there(t, l, h)
			if tt.large {
				h.inSmallParts()
			}
			from := len(l.Journal.Entries())
			got, err := copyOne(h, newer)
			if err != nil || got.Outcome != tt.outcome || got.Generation != l.generation(t, "object") {
				t.Fatalf("Handle() = %+v, %v", got, err)
			}
			if diff := cmp.Diff(tt.asked, l.asked("s3", from)); diff != "" {
				t.Errorf("requests of S3 (-want +got):\n%s", diff)
			}
			if tt.name == "a newer one" {
				content = []byte("later")
			}
			l.holds(t, "object", content)
		})
	}
}

// copied copies the object.
func (l *stand) copied(t *testing.T, h *Handler) {
	t.Helper()
	if _, err := copyOne(h, newer); err != nil {
		t.Fatal(err)
	}
}

// The destination changes between the look at it and the write.
func TestWritesNameWhatTheyReplace(t *testing.T) {
	for _, large := range []bool{false, true} {
		for _, tt := range []struct {
			name   string
			before int // generations at the destination
			change func(t *testing.T, l *stand, other *Handler)
			want   []int // generations that are written, by the order in which they were made; 0 is somebody else's object
			got    string
		}{
			{"a newer generation arrives where nothing was", 0, func(t *testing.T, l *stand, other *Handler) { l.put(t, "object", 90_001); l.copied(t, other) }, []int{2}, "unchanged"},
			{"a newer generation arrives", 1, func(t *testing.T, l *stand, other *Handler) { l.put(t, "object", 90_001); l.copied(t, other) }, []int{1, 3}, "unchanged"},
			{"the same generation arrives", 1, func(t *testing.T, l *stand, other *Handler) { l.copied(t, other) }, []int{1, 2}, "unchanged"},
			{"somebody else's object arrives", 1, func(t *testing.T, l *stand, _ *Handler) {
				l.plant(t, "object", []byte("by hand"), map[string]string{"gcs-generation": "0"})
			}, []int{1, 0, 2}, "copied"},
			{"the object is removed", 1, func(t *testing.T, l *stand, _ *Handler) {
				if _, err := l.admin().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &l.Env.DestinationBucket, Key: &newer.Object}); err != nil {
					t.Fatal(err)
				}
			}, []int{1, 2}, "copied"},
		} {
			t.Run(fmt.Sprintf("%s, in parts: %v", tt.name, large), func(t *testing.T) {
				l := newStand(t)
				l.versioned(t)
				h, other := l.start(t), l.start(t)
				if large {
					h.inSmallParts()
				}
				made := []int64{0}
				make := func(size int) {
					l.put(t, "object", size)
					made = append(made, l.generation(t, "object"))
				}
				for range tt.before {
					make(80_000)
					l.copied(t, h)
				}
				make(100_000)
				method := http.MethodPut
				if large {
					method = http.MethodPost
				}
				l.during(method, func() {
					tt.change(t, l, other)
					if n := l.generation(t, "object"); n != made[len(made)-1] {
						made = append(made, n)
					}
				})
				// What is copied is pinned, so that the copy does not simply start over.
				event := newer
				event.Generation = made[len(made)-1]
				got, err := copyOne(h, event)
				var failed *TransferError
				if gone := errors.As(err, &failed) && strings.Contains(err.Error(), "is gone"); err != nil && !gone || err == nil && got.Outcome != tt.got {
					t.Errorf("Handle() = %+v, %v", got, err)
				}
				var want []int64
				for _, n := range tt.want {
					want = append(want, made[n])
				}
				if diff := cmp.Diff(want, l.generations(t, "object")); diff != "" {
					t.Errorf("generations at the destination (-want +got):\n%s", diff)
				}
				if left := l.AWS.S3().Uploads(l.Env.DestinationBucket); len(left) > 0 {
					t.Errorf("uploads are left behind: %v", left)
				}
			})
		}
	}
}

// An ETag is the same for the same bytes: a write that was to replace the first generation
// replaces the third, and is put right.
func TestSameBytesOfTwoGenerations(t *testing.T) {
	l := newStand(t)
	h, other := l.start(t), l.start(t)
	upload := func(content string) {
		l.Upload(t, l.Env.SourceBucket, "object", "text/plain", strings.NewReader(content))
	}
	upload("on")
	l.copied(t, h)
	upload("off")
	l.during(http.MethodPut, func() {
		upload("on")
		l.copied(t, other)
	})
	got, err := copyOne(h, newer)
	if err != nil || got.Outcome != "copied" || got.Generation != l.generation(t, "object") {
		t.Errorf("Handle() = %+v, %v", got, err)
	}
	l.holds(t, "object", []byte("on"))
}

// TestRacingCopiesOfGenerations copies an object from several invocations at once, while it
// is overwritten and requests fail: each version at the destination is newer than the one
// before. Pass -newer-runs=500 for the long run, and -newer-seed to repeat a run.
func TestRacingCopiesOfGenerations(t *testing.T) {
	seed := *newerSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	l := newStand(t)
	l.versioned(t)
	var handlers []*Handler
	for i := range 4 {
		h := l.start(t)
		if i%2 == 1 {
			h.inSmallParts()
		}
		handlers = append(handlers, h)
	}
	total := map[string]int{}
	enough := func() bool { // to prove something
		return total["copied"] >= *newerRuns && total["unchanged"] > 0 && total["lost"] > 0 && total["conflict"] > 0 && total["versions"] >= 2**newerRuns
	}
	for run := 0; run < *newerRuns || !enough() && run < 10**newerRuns; run++ {
		chance := rand.New(rand.NewPCG(seed, uint64(run)))
		name := fmt.Sprintf("object-%d", run)
		var mu sync.Mutex
		draw := func(n int) int { mu.Lock(); defer mu.Unlock(); return chance.IntN(n) }
		upload := func() {
			size := 8 + draw(3)*60_000
			content := make([]byte, size)
			mu.Lock()
			for i := range content {
				content[i] = byte(chance.Uint32())
			}
			mu.Unlock()
			l.Upload(t, l.Env.SourceBucket, name, "text/plain", bytes.NewReader(content))
		}
		upload()
		count := func(what string) { mu.Lock(); defer mu.Unlock(); total[what]++ }
		uploads, over := 0, false
		var asked sync.RWMutex // a request may be asked about after its sender has gone
		l.FailAs(func(service string, req *http.Request) *faults.Fault {
			asked.RLock()
			defer asked.RUnlock()
			if over || service != "aws/s3" || !strings.Contains(req.URL.Path, name) {
				return nil
			}
			mu.Lock()
			fresh := uploads < 12 && chance.IntN(6) == 0
			if fresh {
				uploads++
			}
			mu.Unlock()
			if fresh {
				upload()
			}
			switch draw(12) {
			case 0:
				count("lost")
				return &faults.Fault{LoseAnswer: true}
			case 1:
				if req.Method == http.MethodPut || req.Method == http.MethodPost {
					count("conflict")
					return &faults.Fault{Refuse: &faults.Refusal{Status: 409, Code: "ConditionalRequestConflict", After: faults.WholeBody}}
				}
			case 2:
				return &faults.Fault{Refuse: &faults.Refusal{Status: 503}}
			}
			return nil
		})
		var copies sync.WaitGroup
		for _, h := range handlers {
			copies.Go(func() {
				for range 4 {
					event := invocation.Event{Object: name, Overwrite: invocation.OverwriteNewer, SourceChange: []string{"fail", "restart"}[draw(2)]}
					got, err := h.Handle(context.Background(), event)
					if result, ok := got.(invocation.Result); ok && err == nil {
						count(result.Outcome)
					} else {
						count("failed")
					}
				}
			})
		}
		copies.Wait()
		l.FailAs(nil)
		asked.Lock()
		over = true
		asked.Unlock()
		if _, err := copyOne(handlers[0], invocation.Event{Object: name, Overwrite: invocation.OverwriteNewer}); err != nil {
			t.Fatal(err)
		}
		recorded := l.generations(t, name)
		if !slices.IsSorted(recorded) || len(slices.Compact(slices.Clone(recorded))) != len(recorded) {
			t.Errorf("run %d: the destination had the generations %v, in this order", run, recorded)
		}
		if live := l.generation(t, name); recorded[len(recorded)-1] != live {
			t.Errorf("run %d: the destination has generation %d, and the source %d", run, recorded[len(recorded)-1], live)
		}
		total["versions"] += len(recorded)
	}
	t.Logf("%v", total)
	if !enough() {
		t.Error("that is too little to prove anything")
	}
}
