package copy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

var (
	faultedCopies = flag.Int("faulted-copies", 300, "how many copies TestFaultedCopies makes")
	faultedSeed   = flag.Uint64("seed", 0, "of TestFaultedCopies; 0 takes a new one")
)

// inSmallParts makes the handler copy objects over 64 KiB in parts.
func (h *Handler) inSmallParts() {
	h.large.threshold, h.large.part = 64<<10, 24<<10
}

func TestPartsFitTheirNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ size, want int64 }{
		{65 << 20, defaultPart},
		{maxParts * defaultPart, defaultPart},
		{maxParts*defaultPart + 1, defaultPart + 1<<20},
		{5 << 40, 525 << 20},
	} {
		got := large{part: defaultPart}.partSize(tt.size)
		if n := (tt.size + got - 1) / got; got != tt.want || n > maxParts || got < minPart {
			t.Errorf("partSize(%d) = %d, which makes %d parts; want %d", tt.size, got, n, tt.want)
		}
	}
}

// run is a randomised run of copies by several workers. Each worker copies only
// its own objects, one after the other, so a path identifies its worker.
type run struct {
	*stand
	h       *Handler
	workers []*worker
}

// worker makes copies. Its random source, chance, decides which
// faults hit its requests.
type worker struct {
	run    *run
	name   string
	mu     sync.Mutex
	chance *rand.Rand
	inARow map[string]int // consecutive faults of one request, capped so that none fails forever

	uploading sync.Mutex                  // held from an upload until its generation is known
	contents  map[string]map[int64][]byte // of each object, by generation
	orphans   map[string]bool             // keys whose uploads a killed invocation may have left
	counts    counts
	// stop ends the invocation of now once that many more of its requests have come. A number of requests is the
	// same on a slow machine, a time is not.
	stop    context.CancelCauseFunc
	stopFor error
	stopIn  int
}

type counts struct{ copied, inParts, failed, unknown, continued, killed, faults, refused, replaced int }

var sizes = []int{0, 1, 33, 1 << 10, 30_000, 64 << 10, 64<<10 + 1, 100_000, 300_000}

func (w *worker) object(i int) string { return fmt.Sprintf("%s/%d", w.name, i) }

// upload uploads new content and remembers it for comparison.
func (w *worker) upload(t *testing.T, name string, size int) {
	w.uploading.Lock()
	defer w.uploading.Unlock()
	content := make([]byte, size)
	w.mu.Lock()
	for i := range content {
		content[i] = byte(w.chance.Uint32())
	}
	w.mu.Unlock()
	w.run.Upload(t, w.run.Env.SourceBucket, name, "application/octet-stream", bytes.NewReader(content))
	var resource struct {
		Generation int64 `json:",string"`
	}
	w.run.Call(t, "GET", "/storage/v1/b/"+w.run.Env.SourceBucket+"/o/"+strings.ReplaceAll(name, "/", "%2F"), nil, &resource)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.contents[name] == nil {
		w.contents[name] = map[int64][]byte{}
	}
	w.contents[name][resource.Generation] = content
}

// choose injects a fault into one in four of the copies' requests.
func (r *run) choose(t *testing.T) faults.Chooser {
	return func(service string, req *http.Request) *faults.Fault {
		if service != "google/storage" && service != "aws/s3" || strings.HasPrefix(req.URL.Path, "/upload/") || strings.HasPrefix(req.URL.Path, "/storage/") {
			return nil // including the test's own requests
		}
		for _, w := range r.workers {
			if strings.Contains(req.URL.Path+req.URL.Query().Get("prefix"), w.name+"/") {
				return w.choose(t, service, req)
			}
		}
		return nil
	}
}

func (w *worker) choose(t *testing.T, service string, req *http.Request) *faults.Fault {
	w.mu.Lock()
	if w.stopIn--; w.stopIn == 0 {
		w.stop(w.stopFor)
	}
	id := req.Method + req.URL.String() + req.Header.Get("Range")
	if w.chance.IntN(4) > 0 || w.inARow[id] == maxAttempts-2 {
		w.inARow[id] = 0
		w.mu.Unlock()
		return nil
	}
	w.inARow[id]++
	w.counts.faults++
	at := func() *int64 { return faults.At(w.chance.Int64N(40_000)) }
	f := &faults.Fault{}
	if service == "aws/s3" && (req.Method == http.MethodPut || req.Method == http.MethodPost) && w.chance.IntN(15) == 0 {
		w.counts.refused++
		w.mu.Unlock()
		refusal := w.refusal(req)
		return &faults.Fault{Refuse: &refusal}
	}
	switch w.chance.IntN(10) {
	case 0, 1:
		f.Refuse = &faults.Refusal{Status: []int{408, 429, 500, 502, 503, 504}[w.chance.IntN(6)], RetryAfter: time.Duration(w.chance.IntN(2)) * time.Second}
		if service == "aws/s3" && req.Method == http.MethodPost && w.chance.IntN(2) == 0 {
			f.Refuse = &faults.Refusal{Status: 200, Code: "InternalError"}
		}
		if service == "google/storage" && w.chance.IntN(8) == 0 {
			f.Refuse = &faults.Refusal{Status: 401}
		}
	case 2:
		f.DropRequest = faults.At(0)
	case 3:
		f.DropRequest = at()
	case 4:
		f.LoseAnswer = true
	case 5:
		f.CutAnswer = at()
	case 6:
		f.CorruptAnswer = at()
	case 7:
		f.CorruptRequest = at()
		if service == "google/storage" || req.Method != http.MethodPut {
			f = &faults.Fault{Delay: time.Millisecond}
		}
	case 8:
		f.AnswerRate = 4 << 20
	case 9:
		f.Delay = time.Duration(w.chance.IntN(5)) * time.Millisecond
		if w.chance.IntN(10) == 0 {
			f.StallAnswer = &faults.Stall{At: *at(), For: time.Hour}
		}
	}
	if f.CorruptAnswer != nil && service != "google/storage" {
		f = &faults.Fault{CutAnswer: f.CorruptAnswer} // documents have no checksum; TLS protects them
	}
	replace := service == "google/storage" && w.chance.IntN(6) == 0
	w.mu.Unlock()
	if replace {
		name := strings.TrimPrefix(req.URL.Path, "/"+w.run.Env.SourceBucket+"/")
		var size int
		w.mu.Lock()
		w.counts.replaced++
		size = sizes[w.chance.IntN(len(sizes))]
		w.mu.Unlock()
		w.upload(t, name, size)
	}
	return f
}

// refusal is a permanent one before, within or after the body.
func (w *worker) refusal(req *http.Request) faults.Refusal {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := []faults.Refusal{{Status: 403, Code: "AccessDenied"}, {Status: 400, Code: "ExpiredToken"}, {Status: 301, Code: "PermanentRedirect"}}[w.chance.IntN(3)]
	r.Close = w.chance.IntN(2) == 0
	switch w.chance.IntN(3) {
	case 0:
		r.After = 1 + w.chance.Int64N(max(1, req.ContentLength))
	case 1:
		r.After, r.Close = faults.WholeBody, false
	}
	return r
}

// copies makes n copies, each of one object or of all of the worker's, in as many
// invocations as it takes, and checks every answer.
func (w *worker) copies(t *testing.T, n int) {
	for i := range n {
		w.mu.Lock()
		name := w.object(w.chance.IntN(len(sizes)))
		e := invocation.Event{
			Object:       name,
			Overwrite:    invocation.Overwrites()[w.chance.IntN(len(invocation.Overwrites()))],
			SourceChange: invocation.SourceChanges()[w.chance.IntN(2)],
		}
		if w.chance.IntN(8) == 0 {
			prefix := w.name + "/"
			e.Object, e.Prefix, e.Results = "", &prefix, invocation.ResultsChoices()[w.chance.IntN(2)]
		}
		fresh, size := w.chance.IntN(3) == 0, sizes[w.chance.IntN(len(sizes))]
		w.mu.Unlock()
		if fresh { // so that there is something to copy
			w.upload(t, name, size)
		}
		for invocations := 1; ; invocations++ {
			ctx, cancel := context.WithCancelCause(t.Context())
			w.mu.Lock()
			// A deadline comes in the middle of some, and some are killed: nobody gets their answer.
			hurried, killed := w.chance.IntN(8) == 0, w.chance.IntN(40) == 0
			w.stop, w.stopIn = cancel, 0
			switch after := 1 + w.chance.IntN(24); {
			case killed:
				w.stopFor, w.stopIn = context.Canceled, after
			case hurried:
				w.stopFor, w.stopIn = ErrDeadline, after
			}
			w.mu.Unlock()
			if killed {
				w.kills(e)
			}
			before := w.look(t)
			got, err := w.run.h.Handle(ctx, e)
			cancel(nil)
			if killed {
				break
			}
			cursor := w.check(t, fmt.Sprintf("%s, copy %d, invocation %d of %+v", w.name, i, invocations, e), before, got, err)
			if e.Cursor = cursor; cursor == "" {
				break
			}
			w.count(func(c *counts) { c.continued++ })
		}
	}
}

// kills remembers the keys whose uploads a killed invocation may leave behind.
func (w *worker) kills(e invocation.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.killed++
	for i := range sizes {
		if e.Object == "" || e.Object == w.object(i) {
			w.orphans[w.object(i)] = true
		}
	}
}

func (w *worker) count(add func(*counts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add(&w.counts)
}

// look returns the sums of what is stored of the worker's objects.
func (w *worker) look(t *testing.T) map[string][sha256.Size]byte {
	stored := map[string][sha256.Size]byte{}
	for i := range sizes {
		body, exists := w.run.AWS.S3().Read(w.run.Env.DestinationBucket, w.object(i))
		if !exists {
			continue
		}
		data, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			t.Fatal(err)
		}
		stored[w.object(i)] = sha256.Sum256(data)
	}
	return stored
}

// check holds an answer against what is stored and what was stored before, and returns its
// cursor.
func (w *worker) check(t *testing.T, what string, before map[string][sha256.Size]byte, got any, err error) (cursor string) {
	after := w.look(t)
	changed := map[string]bool{}
	for i := range sizes {
		old, was := before[w.object(i)]
		now, is := after[w.object(i)]
		changed[w.object(i)] = was != is || old != now
	}
	w.uploading.Lock()
	defer w.uploading.Unlock()
	wrong := func(format string, args ...any) {
		t.Errorf("%s: %s\nanswer %+v, %v", what, fmt.Sprintf(format, args...), got, err)
	}
	holds := func(name string, generation int64) bool {
		content, known := w.contents[name][generation]
		sum, exists := after[name]
		return known && exists && sum == sha256.Sum256(content)
	}
	one := func(o invocation.ObjectResult) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch o.Outcome {
		case invocation.OutcomeCopied, invocation.OutcomeUnchanged:
			w.counts.copied++
			if o.Outcome == invocation.OutcomeCopied && o.Bytes > w.run.h.large.threshold {
				w.counts.inParts++
			}
			if !holds(o.Object, o.Generation) {
				wrong("%s is %s at generation %d, and something else is stored", o.Object, o.Outcome, o.Generation)
			}
			if o.Outcome == invocation.OutcomeUnchanged && changed[o.Object] {
				wrong("%s is unchanged, and was written", o.Object)
			}
		case invocation.OutcomeFailed, invocation.OutcomeInterrupted:
			if o.Outcome == invocation.OutcomeFailed {
				w.counts.failed++
			}
			unknown := strings.Contains(o.Error, "the answer to a write was lost") || strings.Contains(o.Error, " was written, and whether it is still the live one is not known")
			if changed[o.Object] && !unknown {
				wrong("%s is %s, and was written: %s", o.Object, o.Outcome, o.Error)
			}
			if unknown {
				w.counts.unknown++
			}
			for _, consequence := range []string{"finished", "context canceled", "EOF; "} {
				if strings.Contains(o.Error, consequence) {
					wrong("%s: the error is a consequence, not the cause: %s", o.Object, o.Error)
				}
			}
		default:
			wrong("%s has the outcome %q", o.Object, o.Outcome)
		}
	}
	var failed *TransferError
	switch r := got.(type) {
	case invocation.ManyResult:
		if err != nil {
			break
		}
		listed := 0
		for _, o := range r.Objects {
			listed++
			one(o)
		}
		told := r.Copied + r.Unchanged + r.Skipped + r.Failed + r.Interrupted
		if r.Complete != (r.Cursor == "") || r.StatusCode == invocation.StatusDone && (!r.Complete || r.Failed > 0) || r.Complete && r.Interrupted > 0 || listed > told {
			wrong("the answer contradicts itself")
		}
		for name := range changed {
			if changed[name] && told == 0 {
				wrong("%s was written, and the answer counts nothing", name)
			}
		}
		return r.Cursor
	case invocation.Result:
		if err != nil {
			break
		}
		o := invocation.ObjectResult{Object: strings.TrimPrefix(r.Source, "gs://"+w.run.Env.SourceBucket+"/"), Outcome: r.Outcome, Bytes: r.Bytes, Generation: r.Generation}
		if r.Outcome == invocation.OutcomeInterrupted && holds(o.Object, r.Generation) {
			o.Error = "the answer to a write was lost" // the answer has no room for it
		}
		one(o)
		if r.Complete != (r.Cursor == "") || r.Complete != (r.StatusCode == invocation.StatusDone) || r.Reached > r.Bytes {
			wrong("the answer contradicts itself")
		}
		return r.Cursor
	}
	if !errors.As(err, &failed) {
		wrong("the error is no *TransferError")
		return ""
	}
	if operations := []string{"reading", "verifying", "writing"}; !slices.Contains(operations, failed.Operation) || failed.Attempts < 1 {
		wrong("operation %s, %d attempts", failed.Operation, failed.Attempts)
	}
	for _, refusal := range []string{"S3 answered 403", "S3 answered 400 ExpiredToken", "S3 answered 301"} {
		if strings.Contains(failed.Err.Error(), refusal) && failed.Operation != "writing" {
			wrong("S3's refusal is of %s", failed.Operation)
		}
	}
	if name := strings.TrimPrefix(failed.Source, "gs://"+w.run.Env.SourceBucket+"/"); slices.Contains(slices.Collect(maps.Keys(changed)), name) {
		one(invocation.ObjectResult{Object: name, Outcome: invocation.OutcomeFailed, Error: failed.Err.Error()})
	}
	return ""
}

// closeIdleConnections closes those of the test's own clients.
func closeIdleConnections() {
	http.DefaultClient.CloseIdleConnections()
	awshttp.Client().CloseIdleConnections()
}

// TestFaultedCopies makes many copies with frequent faults: no object may be
// wrong, no upload left behind, no goroutine leaked. Pass -faulted-copies=10000
// for the long run, and -seed to repeat a run.
func TestFaultedCopies(t *testing.T) {
	seed := *faultedSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	l := newStand(t)
	h := l.start(t)
	h.inSmallParts()
	h.patience.stall = 200 * time.Millisecond
	h.large.turn = make(chan struct{}, 8)
	r := &run{stand: l, h: h}
	const workers = 8
	for i := range workers {
		w := &worker{run: r, name: fmt.Sprintf("worker-%d", i), chance: rand.New(rand.NewPCG(seed, uint64(i))), inARow: map[string]int{}, contents: map[string]map[int64][]byte{}, orphans: map[string]bool{}}
		for n, size := range sizes {
			w.upload(t, w.object(n), size)
		}
		r.workers = append(r.workers, w)
	}
	closeIdleConnections()
	before := goroutines()
	l.FailAs(r.choose(t))
	// What is rare has perhaps not happened yet: then there are more copies.
	for sum, rounds := (counts{}), 0; rounds == 0 || rounds < 10 && (sum.continued == 0 || sum.killed == 0 || sum.refused == 0); rounds++ {
		var wg sync.WaitGroup
		for i, w := range r.workers {
			wg.Go(func() { w.copies(t, (*faultedCopies+i)/workers) })
		}
		wg.Wait()
		sum = r.sum()
	}
	l.FailAs(nil)

	l.findOrphans(t, r.workers)
	h.CloseIdle()
	closeIdleConnections()
	if stacks := leaked(before); stacks != "" {
		t.Errorf("goroutines are left:\n%s", stacks)
	}
	sum := r.sum()
	t.Logf("%+v", sum)
	if sum.copied < *faultedCopies/2 || sum.inParts < *faultedCopies/20 || sum.faults < *faultedCopies/2 || sum.continued == 0 || sum.killed == 0 || sum.refused == 0 {
		t.Error("that is too little to prove anything")
	}
}

// sum adds up what all workers have counted.
func (r *run) sum() (sum counts) {
	for _, w := range r.workers {
		c := w.counts
		sum = counts{sum.copied + c.copied, sum.inParts + c.inParts, sum.failed + c.failed, sum.unknown + c.unknown, sum.continued + c.continued, sum.killed + c.killed, sum.faults + c.faults, sum.refused + c.refused, sum.replaced + c.replaced}
	}
	return sum
}

// findOrphans finds uploads as the product does: only killed invocations leave some, and
// all of them are of the function's role.
func (l *stand) findOrphans(t *testing.T, workers []*worker) {
	t.Helper()
	allowed := map[string]bool{}
	for _, w := range workers {
		maps.Copy(allowed, w.orphans)
	}
	found := inventory.Uploads(t.Context(), l.AWSConfig(l.AWS.Admin()), l.Env)
	for _, u := range found.Thing {
		if !allowed[u.Key] {
			t.Errorf("the upload %s of %s is left behind", u.ID, u.Key)
		}
	}
	if all := l.AWS.S3().Uploads(l.Env.DestinationBucket); found.Err() != nil || len(all) != len(found.Thing) {
		t.Errorf("the product finds %d of %d uploads, %v", len(found.Thing), len(all), found.Err())
	}
	t.Logf("%d uploads of killed invocations are found", len(found.Thing))
}

// goroutines returns the stacks of all goroutines, by number.
func goroutines() map[string]string {
	buf := make([]byte, 8<<20)
	stacks := map[string]string{}
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		number, _, _ := strings.Cut(stack, " [")
		stacks[number] = stack
	}
	return stacks
}

// leaked returns the stacks of the function's goroutines and connections that do
// not end, except those in before.
func leaked(before map[string]string) string {
	var left []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		left = nil
		for number, stack := range goroutines() {
			if _, old := before[number]; !old && !strings.Contains(stack, "/gcs-to-s3/sandbox") && !strings.Contains(stack, "http.(*conn).serve") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
	}
	return strings.Join(left, "\n\n")
}
