package copy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
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
	stored    map[string][sha256.Size]byte
	counts    struct{ copied, inParts, failed, faults, replaced int }
}

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

// copies makes n copies and checks what is stored after each.
func (w *worker) copies(t *testing.T, n int) {
	for i := range n {
		w.mu.Lock()
		item := invocation.Item{Object: w.object(w.chance.IntN(len(sizes)))}
		event := invocation.Event{
			Overwrite:    invocation.Overwrites()[w.chance.IntN(3)],
			SourceChange: invocation.SourceChanges()[w.chance.IntN(2)],
		}
		fresh, size := w.chance.IntN(3) == 0, sizes[w.chance.IntN(len(sizes))]
		hurried, patience := w.chance.IntN(20) == 0, time.Duration(w.chance.IntN(10_000))*time.Microsecond
		w.mu.Unlock()
		if fresh { // so that there is something to copy
			w.upload(t, item.Object, size)
		}
		tr := w.run.h.plan(event, item, time.Now())
		tr.tidying = func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if hurried { // the deadline is near
			ctx, cancel = context.WithTimeoutCause(ctx, patience, errDeadline)
		}
		done, err := tr.run(ctx)
		cancel()
		w.check(t, i, item.Object, done, err, tr)
	}
}

// check compares what is stored with what was stored before and what should be.
func (w *worker) check(t *testing.T, i int, name string, done copied, err error, tr *transfer) {
	var failed *TransferError
	if err != nil && !errors.As(err, &failed) {
		t.Errorf("%s, copy %d of %s: %v is no *TransferError", w.name, i, name, err)
	}
	if tr.warning != nil {
		t.Errorf("%s, copy %d of %s: left something behind: %v", w.name, i, name, tr.warning)
	}
	var sum [sha256.Size]byte
	before, existed := w.stored[name]
	body, exists := w.run.AWS.S3().Read(w.run.Env.DestinationBucket, name)
	if exists {
		data, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			t.Fatal(err)
		}
		sum = sha256.Sum256(data)
		w.stored[name] = sum
	}
	w.uploading.Lock()
	defer w.uploading.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.counts.copied++
		if done.outcome == invocation.OutcomeCopied && done.size > w.run.h.large.threshold {
			w.counts.inParts++
		}
		content, known := w.contents[name][done.generation]
		if !exists || !known || sum != sha256.Sum256(content) {
			t.Errorf("%s, copy %d of %s succeeded with generation %d (known: %v), but something else is stored (there: %v)", w.name, i, name, done.generation, known, exists)
		}
		return
	}
	w.counts.failed++
	if exists == existed && sum == before {
		return // untouched
	}
	for _, content := range w.contents[name] {
		if exists && sum == sha256.Sum256(content) {
			return // the write succeeded after all, but could no longer be confirmed
		}
	}
	t.Errorf("%s, copy %d of %s failed and left something wrong: %v", w.name, i, name, err)
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
		w := &worker{run: r, name: fmt.Sprintf("worker-%d", i), chance: rand.New(rand.NewPCG(seed, uint64(i))), inARow: map[string]int{}, contents: map[string]map[int64][]byte{}, stored: map[string][sha256.Size]byte{}}
		for n, size := range sizes {
			w.upload(t, w.object(n), size)
		}
		r.workers = append(r.workers, w)
	}
	http.DefaultClient.CloseIdleConnections() // the test's own
	before := goroutines()
	l.FailAs(r.choose(t))
	var wg sync.WaitGroup
	for i, w := range r.workers {
		wg.Go(func() { w.copies(t, (*faultedCopies+i)/workers) })
	}
	wg.Wait()
	l.FailAs(nil)

	if left := l.AWS.S3().Uploads(l.Env.DestinationBucket); len(left) > 0 {
		t.Errorf("%d uploads are left behind", len(left))
	}
	h.closeIdle()
	http.DefaultClient.CloseIdleConnections() // the test's own
	if stacks := leaked(before); stacks != "" {
		t.Errorf("goroutines are left:\n%s", stacks)
	}
	sum := r.workers[0].counts
	for _, w := range r.workers[1:] {
		sum.copied, sum.inParts, sum.failed, sum.faults, sum.replaced = sum.copied+w.counts.copied, sum.inParts+w.counts.inParts, sum.failed+w.counts.failed, sum.faults+w.counts.faults, sum.replaced+w.counts.replaced
	}
	t.Logf("%d copies: %d succeeded, %d of them in parts, %d failed; %d faults, and %d changes of a source while it was read", sum.copied+sum.failed, sum.copied, sum.inParts, sum.failed, sum.faults, sum.replaced)
	if sum.copied < *faultedCopies/2 || sum.inParts < *faultedCopies/20 || sum.faults < *faultedCopies/2 {
		t.Error("that is too few copies or too few faults to prove anything")
	}
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
