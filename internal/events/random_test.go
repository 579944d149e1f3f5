package events

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

var (
	randomRuns    = flag.Int("events-runs", 3, "how many runs TestBothBucketsAgree makes")
	randomChanges = flag.Int("events-changes", 120, "how many changes of the source each run makes")
	randomSeed    = flag.Uint64("events-seed", 0, "of the first run of TestBothBucketsAgree; 0 takes a new one")
)

// run is one run of TestBothBucketsAgree.
type run struct {
	*stand
	t *testing.T

	deletes, metadata, versioned, keeps bool // versioned is the destination, keeps the source

	writing  sync.Mutex // changes are made one after the other
	mu       sync.Mutex
	chance   *rand.Rand
	left     int                         // changes to make
	contents map[string]map[int64]string // by name and generation
	requests int                         // of the product, in this round
	killAt   int                         // from this request on, none arrives
	stopAt   int                         // at this one, the deadline comes
	stop     context.CancelCauseFunc
	quiet    bool           // nothing fails any more
	inARow   map[string]int // how often a request has failed; the product gives up what never succeeds, and leaves uploads
	counts   map[string]int
}

func (r *run) draw(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.chance.IntN(n)
}

func (r *run) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what]++
}

const randomObjects = 4

// change changes an object of the source.
func (r *run) change() {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	if r.left == 0 {
		r.mu.Unlock()
		return
	}
	r.left--
	name := fmt.Sprint("dir/", r.chance.IntN(randomObjects))
	kind, size := r.chance.IntN(10), r.chance.IntN(200)
	if r.chance.IntN(8) == 0 {
		size = 70_000 + r.chance.IntN(150_000)
	}
	// The bytes of every generation are others: TestSameBytesOfTwoGenerations is about equal ones.
	content := string(binary.BigEndian.AppendUint64(nil, r.chance.Uint64())) + strings.Repeat("x", size)
	r.mu.Unlock()
	exists := slices.Contains(r.names(), name)
	switch {
	case exists && kind < 3:
		r.remove(r.t, name)
		r.count("removed")
	case exists && kind == 3:
		r.Call(r.t, "PATCH", r.object(name), map[string]any{"metadata": map[string]string{"k": fmt.Sprint("ü", size)}}, nil)
		r.count("described")
	default:
		n := r.upload(r.t, name, content)
		if r.contents[name] == nil {
			r.contents[name] = map[int64]string{}
		}
		r.contents[name][n] = content
		r.count("written")
	}
}

// names returns the objects of the source.
func (r *run) names() (names []string) {
	var list struct{ Items []struct{ Name string } }
	r.Call(r.t, "GET", "/storage/v1/b/"+r.Env.SourceBucket+"/o?prefix=dir/", nil, &list)
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	return names
}

// choose makes the product's requests fail, and changes the source while they are made.
func (r *run) choose(service string, req *http.Request) *faults.Fault {
	if req.Header.Get("User-Agent") != "gcs-to-s3" {
		return nil
	}
	r.mu.Lock()
	r.requests++
	n := r.requests
	killed, stopped, quiet := r.killAt > 0 && n >= r.killAt, n == r.stopAt, r.quiet
	r.mu.Unlock()
	switch {
	case quiet:
		return nil
	case killed:
		return &faults.Fault{DropRequest: faults.At(0)}
	case stopped:
		r.stop(copy.ErrDeadline)
	}
	if r.draw(10) == 0 {
		r.change()
	}
	pubsub := strings.Contains(service, "pubsub")
	if pubsub && r.draw(3) == 0 {
		r.count("disorder")
		r.mu.Lock()
		defer r.mu.Unlock()
		return &faults.Fault{Delivery: &faults.Delivery{Duplicate: r.chance.IntN(2) == 0, Shuffle: r.chance.Uint64(), Forget: r.chance.IntN(4) == 0}}
	}
	if !pubsub && service != "aws/s3" && service != "google/storage" {
		return nil
	}
	f := r.fault(service, req)
	id := req.Method + req.URL.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	if f == nil || f.Delay > 0 {
		r.inARow[id] = 0
		return f
	}
	if r.inARow[id] == mostInARow {
		r.inARow[id] = 0
		return nil
	}
	r.inARow[id]++
	return f
}

// mostInARow is how often a request fails before it succeeds, less often than it is made.
const mostInARow = 3

// fault draws a fault of one of both buckets, or of the queue.
func (r *run) fault(service string, req *http.Request) *faults.Fault {
	switch r.draw(24) {
	default: // so that others overtake
		return &faults.Fault{Delay: time.Duration(1+r.draw(3)) * time.Millisecond}
	case 0:
		r.count("refused")
		return &faults.Fault{Refuse: &faults.Refusal{Status: []int{500, 503, 429}[r.draw(3)]}}
	case 1:
		r.count("lost")
		return &faults.Fault{LoseAnswer: true}
	case 2:
		return &faults.Fault{DropRequest: faults.At(0)}
	case 3:
		if service == "aws/s3" && req.Method != http.MethodHead && req.Method != http.MethodGet && !req.URL.Query().Has("uploads") && !req.URL.Query().Has("partNumber") {
			r.count("conflict")
			return &faults.Fault{Refuse: &faults.Refusal{Status: 409, Code: "ConditionalRequestConflict", After: faults.WholeBody}}
		}
	case 4:
		if service == "aws/s3" && req.Method == http.MethodPut {
			r.count("denied")
			return &faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "AccessDenied", After: faults.WholeBody}}
		}
	}
	return nil
}

// round lets one or two drains run, which may be stopped or killed.
func (r *run) round(workers []*Worker) {
	ctx, cancel := context.WithCancelCause(r.t.Context())
	defer cancel(nil)
	how := r.draw(6)
	after := 3 + r.draw(60)
	r.mu.Lock()
	r.requests, r.killAt, r.stopAt, r.stop = 0, 0, 0, cancel
	switch {
	case r.quiet:
	case how == 0:
		r.killAt = after
		r.counts["killed"]++
	case how < 3:
		r.stopAt = after
		r.counts["stopped"]++
	}
	r.mu.Unlock()
	var drains sync.WaitGroup
	for _, w := range workers[min(1, r.draw(3)):] {
		drains.Go(func() {
			result, _ := w.Handle(ctx, nil) // pulling may have failed
			r.mu.Lock()
			defer r.mu.Unlock()
			for what, n := range map[string]int{"events": result.Events, "copied": result.Copied, "unchanged": result.Unchanged, "deleted": result.Deleted, "failed": result.Failed, "interrupted": result.Interrupted} {
				r.counts[what] += n
			}
		})
	}
	drains.Wait()
	r.mu.Lock()
	killed := r.killAt > 0 && r.requests >= r.killAt
	r.killAt = 0
	r.mu.Unlock()
	if killed {
		r.Advance(deadline)
	} else {
		r.Advance(10 * time.Second)
	}
}

// compare holds the destination against the source.
func (r *run) compare() {
	t := r.t
	source := map[string]string{}
	kept := map[string]string{} // the custom metadata
	for _, name := range r.names() {
		var o struct {
			Generation int64 `json:",string"`
			Metadata   map[string]string
		}
		r.Call(t, "GET", r.object(name), nil, &o)
		source[name] = r.contents[name][o.Generation]
		kept[name] = fmt.Sprint(o.Generation, " ", o.Metadata["k"])
	}
	stored, found := r.stored(t), map[string]string{}
	for _, o := range r.AWS.S3().Objects(r.Env.DestinationBucket) {
		if _, live := source[o.Key]; !live && !r.deletes {
			delete(stored, o.Key)
			continue
		}
		k := ""
		if r.metadata { // without, it is that of the time of the copy
			k = o.Metadata["k"]
		} else if _, k, _ = strings.Cut(kept[o.Key], " "); k != "" && o.Metadata["k"] == "" {
			k = ""
		}
		found[o.Key] = fmt.Sprint(o.Metadata["gcs-generation"], " ", k)
	}
	if !r.metadata {
		for name, text := range kept {
			generation, _, _ := strings.Cut(text, " ")
			kept[name] = generation
		}
		for name, text := range found {
			generation, _, _ := strings.Cut(text, " ")
			found[name] = generation
		}
	}
	if diff := cmp.Diff(source, stored); diff != "" {
		t.Errorf("contents (-source +destination):\n%s", diff)
	}
	if diff := cmp.Diff(kept, found); diff != "" {
		t.Errorf("generations and metadata (-source +destination):\n%s", diff)
	}
	if !r.versioned {
		return
	}
	for name := range r.contents {
		last := int64(0)
		for _, v := range r.AWS.S3().Versions(r.Env.DestinationBucket, name) {
			if v.DeleteMarker {
				last = 0
				continue
			}
			n, err := strconv.ParseInt(v.Metadata["gcs-generation"], 10, 64)
			if err != nil || n < last || n == last && !r.metadata {
				t.Errorf("%s: generation %d replaced %d, %v", name, n, last, err)
			}
			last = n
			r.count("versions")
		}
	}
}

// TestBothBucketsAgree changes a bucket while its messages are duplicated, swapped and late,
// requests of both clouds fail, and drains are stopped, killed, or run side by side: in the end
// both buckets have the same, and at no time an older generation replaced a newer one. Pass
// -events-runs=100 for the long run, and -events-seed to repeat one.
func TestBothBucketsAgree(t *testing.T) {
	seed := *randomSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	total := map[string]int{}
	for i := range uint64(*randomRuns) {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed+i, 1))
			flip := func() bool { return chance.IntN(2) == 0 }
			r := &run{t: t, chance: chance, left: *randomChanges, contents: map[string]map[int64]string{}, inARow: map[string]int{}, counts: map[string]int{}}
			r.deletes, r.metadata, r.versioned = i%3 < 2, flip(), i%2 == 0
			r.stand = newStand(t, map[string]string{"attempts": "100",
				invocation.EnvEventDeletes: strconv.FormatBool(r.deletes), invocation.EnvEventMetadata: strconv.FormatBool(r.metadata)})
			r.mayDelete(t)
			if r.versioned {
				r.stand.versioned(t)
			}
			if r.keeps = flip(); r.keeps {
				r.keepsVersions(t)
			}
			var workers []*Worker
			var handlers []*copy.Handler
			for range 2 {
				w, h := r.start(t)
				workers, handlers = append(workers, w), append(handlers, h)
			}
			r.FailAs(r.choose)
			rounds := 0
			for ; r.left > 0 && rounds < 40; rounds++ {
				for range 3 {
					r.change()
				}
				r.round(workers)
			}
			r.mu.Lock()
			r.quiet = true
			r.mu.Unlock()
			r.Advance(deadline)
			for range 8 {
				r.round(workers)
			}
			if left := r.backlog(); len(left) > 0 {
				t.Errorf("not acknowledged: %v", left)
			}
			r.compare()
			for _, id := range r.AWS.S3().Uploads(r.Env.DestinationBucket) {
				// What could not be removed in time is in the log, unless its drain was killed.
				logged := r.logged()
				if r.counts["killed"] == 0 && !strings.Contains(logged, id) && !strings.Contains(logged, "looking for uploads that may be left behind") {
					t.Errorf("the upload %s is left behind, and nothing says so", id)
				}
			}
			for _, h := range handlers {
				h.CloseIdle()
			}
			if left := working(); left != "" {
				t.Errorf("goroutines are left:\n%s", left)
			}
			t.Logf("deletes %v, metadata %v, destination versioned %v, source versioned %v, %d rounds: %v", r.deletes, r.metadata, r.versioned, r.keeps, rounds, r.counts)
			for what, n := range r.counts {
				total[what] += n
			}
		})
	}
	for _, what := range []string{"written", "removed", "described", "events", "copied", "unchanged", "deleted", "failed", "interrupted", "killed", "stopped", "lost", "conflict", "denied", "disorder", "versions"} {
		if total[what] == 0 {
			t.Errorf("%s: that has not happened, which proves too little", what)
		}
	}
	t.Logf("all runs: %v", total)
}

// working returns the stacks of the product's goroutines that do not end.
func working() (left string) {
	buf := make([]byte, 8<<20)
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); runtime.Gosched() {
		left = ""
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if (strings.Contains(stack, "/internal/events.") || strings.Contains(stack, "/internal/copy.")) && !strings.Contains(stack, "testing.tRunner") {
				left += stack + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
	}
	return left
}
