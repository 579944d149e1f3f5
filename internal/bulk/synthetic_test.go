package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// memory keeps files in memory. Each of its requests may kill the invocation.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	keys  []string // in order
	death func() error
}

func (m *memory) at(key string) (int, bool) {
	i := sort.SearchStrings(m.keys, key)
	return i, i < len(m.keys) && m.keys[i] == key
}

func (m *memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, there := m.files[key]
	return data, there, m.death()
}

func (m *memory) Put(_ context.Context, key string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, there := m.at(key); !there {
		m.keys = slices.Insert(m.keys, i, key)
	}
	m.files[key] = slices.Clone(data)
	return m.death() // the write may have been the last thing that the invocation did
}

func (m *memory) Create(ctx context.Context, key string, data []byte) (bool, error) {
	m.mu.Lock()
	_, there := m.files[key]
	m.mu.Unlock()
	if there {
		return false, nil
	}
	return true, m.Put(ctx, key, data)
}

func (m *memory) Keys(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		i, _ := m.at(prefix)
		keys := slices.Clone(m.keys[i:])
		m.mu.Unlock()
		for _, key := range keys {
			if !strings.HasPrefix(key, prefix) || !yield(key, nil) {
				return
			}
		}
	}
}

// buckets are a source of objects that are made as they are asked for, and a destination.
type buckets struct {
	count int                 // of objects
	name  func(i int) string  // in their order
	sizes func(i int) int64   // of objects
	there map[string]struct{} // keys at the destination, with the right sizes
	older map[string]struct{} // of these, of an older generation with other bytes
	newer map[string]struct{} // of these, of a newer one
	clock *clock
	page  time.Duration // how long a page of a listing takes

	pages, looks atomic.Int64      // requests
	refusal      *copy.AnswerError // of every listing of the source
}

// clock is a clock that only moves when something takes time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func sumOf(name string) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name)
	return fmt.Sprintf("%08x", h.Sum32())
}

func (b *buckets) object(i int) copy.Listed {
	name := b.name(i)
	return copy.Listed{Name: name, Generation: int64(i) + 1, Size: b.sizes(i), CRC32C: sumOf(name), Class: "STANDARD"}
}

func (b *buckets) List(_ context.Context, _ string, r copy.Range) iter.Seq2[copy.Listed, error] {
	return func(yield func(copy.Listed, error) bool) {
		if b.refusal != nil {
			b.pages.Add(1)
			yield(copy.Listed{}, fmt.Errorf("listing: %w", b.refusal))
			return
		}
		first := sort.Search(b.count, func(i int) bool { n := b.name(i); return n > r.After && n >= r.Prefix && n >= r.From })
		for i := first; i < b.count; i++ {
			if (i-first)%1000 == 0 {
				b.clock.Add(b.page)
				b.pages.Add(1)
			}
			o := b.object(i)
			if !strings.HasPrefix(o.Name, r.Prefix) || r.Before != "" && o.Name >= r.Before || !yield(o, nil) {
				return
			}
		}
	}
}

func (b *buckets) Look(_ context.Context, _, name string, generation int64) (copy.Listed, bool, error) {
	b.looks.Add(1)
	i := sort.Search(b.count, func(i int) bool { return b.name(i) >= name })
	if i == b.count || b.name(i) != name || generation != 0 && generation != int64(i)+1 {
		return copy.Listed{}, false, nil
	}
	return b.object(i), true, nil
}

func (b *buckets) Stored(_ context.Context, _ string, r copy.Range) iter.Seq2[copy.Stored, error] {
	return func(yield func(copy.Stored, error) bool) {
		for o := range b.List(context.Background(), "", r) {
			if _, ok := b.there[o.Name]; ok && !yield(copy.Stored{Key: o.Name, Size: o.Size}, nil) {
				return
			}
		}
	}
}

// copier copies in no time, or fails as it is told to.
type copier struct {
	*buckets
	mu     sync.Mutex
	copies map[string]int  // by object
	policy map[string]bool // what overwrite was
	fail   func(object string, attempt int) (cause string, transient bool)
	gone   map[string]bool // objects whose generation is not in the source any more
	limit  int             // objects of one invocation; 0: all
	death  func() error
	during func(rate int64) // called for each copy with the rate that it is held to

	uploads uploads
}

func (c *copier) Batch(ctx context.Context, event invocation.Event, each func(invocation.ObjectResult) bool) (invocation.ManyResult, error) {
	var answer invocation.ManyResult
	fingerprint := fmt.Sprint(len(event.Objects), event.Overwrite)
	start := 0
	if event.Cursor != "" {
		var of string
		if _, err := fmt.Sscanf(event.Cursor, "%d %s", &start, &of); err != nil || of != strings.ReplaceAll(fingerprint, " ", "/") {
			return answer, fmt.Errorf("cursor %q: belongs to another event than %q", event.Cursor, fingerprint)
		}
	}
	for i, item := range event.Objects[start:] {
		if c.limit > 0 && i == c.limit {
			answer.Cursor = fmt.Sprint(start+i, " ", strings.ReplaceAll(fingerprint, " ", "/"))
			break
		}
		if err := c.death(); err != nil {
			return answer, err
		}
		if c.during != nil {
			c.during(copy.MeterOf(ctx).Rate())
		}
		o := c.object(int(item.Generation - 1))
		r := invocation.ObjectResult{Object: item.Object, Key: item.Key, Outcome: invocation.OutcomeCopied, Bytes: o.Size, Generation: o.Generation, CRC32C: o.CRC32C}
		c.mu.Lock()
		c.copies[item.Object]++
		if c.policy == nil {
			c.policy = map[string]bool{}
		}
		c.policy[event.Overwrite] = true
		attempt := c.copies[item.Object]
		_, there := c.there[item.Key]
		if _, older := c.older[item.Key]; older {
			there = false
		}
		c.mu.Unlock()
		cause, transient := "", false
		if c.fail != nil {
			cause, transient = c.fail(item.Object, attempt)
		}
		switch {
		case c.gone[item.Object]:
			r = invocation.ObjectResult{Object: item.Object, Key: item.Key, Outcome: invocation.OutcomeFailed, Cause: "source changed", Error: "gone"}
		case there && (event.Overwrite == invocation.OverwriteDifferent || event.Overwrite == invocation.OverwriteNewer):
			r.Outcome = invocation.OutcomeUnchanged
			c.mu.Lock()
			c.copies[item.Object]--
			c.mu.Unlock()
		case cause != "":
			r = invocation.ObjectResult{Object: item.Object, Key: item.Key, Outcome: invocation.OutcomeFailed, Cause: cause, Error: cause, Transient: transient}
		default:
			c.mu.Lock()
			c.there[item.Key] = struct{}{}
			delete(c.older, item.Key)
			c.mu.Unlock()
		}
		answer.Objects = append(answer.Objects, r)
		if !each(r) {
			answer.Cursor = fmt.Sprint(start+i+1, " ", strings.ReplaceAll(fingerprint, " ", "/"))
			break
		}
	}
	return answer, nil
}

// uploads are what the destination has of uploads, by their ids.
type uploads struct {
	mu    sync.Mutex
	parts map[string]map[int]bool
	begun int
	sent  int // parts
}

func (c *copier) BeginUpload(_ context.Context, event invocation.Event) (copy.Upload, error) {
	if err := c.death(); err != nil {
		return copy.Upload{}, err
	}
	o := c.object(int(event.Generation - 1))
	c.uploads.mu.Lock()
	defer c.uploads.mu.Unlock()
	c.uploads.begun++
	id := fmt.Sprint("upload-", c.uploads.begun)
	c.uploads.parts[id] = map[int]bool{}
	return copy.Upload{ID: id, Object: event.Object, Key: event.Key, Generation: o.Generation, Size: o.Size, CRC32C: o.CRC32C}, nil
}

func (c *copier) CopyParts(_ context.Context, u copy.Upload, from, to int, have map[int]copy.Part) (map[int]copy.Part, error) {
	done := maps.Clone(have)
	if done == nil {
		done = map[int]copy.Part{}
	}
	for i := from; i < to; i++ {
		if _, there := have[i]; there {
			continue
		}
		if err := c.death(); err != nil {
			return done, err
		}
		if c.fail != nil {
			if cause, transient := c.fail(fmt.Sprint(u.Object, "#", i), 1); cause != "" {
				err := error(&copy.AnswerError{Service: "S3", Status: 403, Code: cause})
				if transient {
					err = &copy.AnswerError{Service: "S3", Status: 503, Code: cause}
				}
				return done, &copy.TransferError{Operation: "writing", Err: err}
			}
		}
		c.uploads.mu.Lock()
		if c.uploads.parts[u.ID] == nil {
			c.uploads.mu.Unlock()
			return done, &copy.TransferError{Operation: "writing", Err: &copy.AnswerError{Service: "S3", Status: 404, Code: "NoSuchUpload"}}
		}
		c.uploads.parts[u.ID][i] = true
		c.uploads.sent++
		c.uploads.mu.Unlock()
		done[i] = copy.Part{ETag: fmt.Sprint(u.ID, "/", i)}
	}
	return done, nil
}

func (c *copier) CompleteUpload(_ context.Context, u copy.Upload, parts []copy.Part) error {
	if err := c.death(); err != nil {
		return err
	}
	for i, p := range parts {
		if p.ETag != fmt.Sprint(u.ID, "/", i) {
			return fmt.Errorf("part %d is %q of %s", i, p.ETag, u.ID)
		}
	}
	c.uploads.mu.Lock()
	defer c.uploads.mu.Unlock()
	if have, there := c.uploads.parts[u.ID]; there && len(have) != len(parts) {
		return fmt.Errorf("%s has %d parts, not %d", u.ID, len(have), len(parts))
	}
	delete(c.uploads.parts, u.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there[u.Key] = struct{}{}
	return nil
}

// Checksum implements Checker.
func (c *copier) Checksum(_ context.Context, _, key string) (size int64, crc32c string, generation int64, there bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := sort.Search(c.count, func(i int) bool { return c.name(i) >= key })
	if _, there := c.there[key]; !there || i == c.count {
		return 0, "", 0, false, nil
	}
	o := c.object(i)
	if _, newer := c.newer[key]; newer {
		return o.Size + 1, "newer", o.Generation + 1, true, nil
	}
	if _, older := c.older[key]; older {
		return o.Size, "older", o.Generation - 1, true, nil
	}
	return o.Size, o.CRC32C, o.Generation, true, nil
}

func (c *copier) AbortUpload(_ context.Context, u copy.Upload) error {
	c.uploads.mu.Lock()
	defer c.uploads.mu.Unlock()
	delete(c.uploads.parts, u.ID)
	return nil
}

// synthetic is a job on synthetic buckets, with an engine that follows the definition.
type synthetic struct {
	t       *testing.T
	files   *memory
	buckets *buckets
	copier  *copier
	worker  *Worker
	clock   *clock
	dying   bool
	chance  *rand.Rand
	odds    float64 // that a request is the last of its invocation
	timeout time.Duration
}

var errDeath = errors.New("the invocation died")

func newSynthetic(t *testing.T, count int, name func(int) string) *synthetic {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	// The clock of a context is the machine's, so it must be behind that of the job.
	s := &synthetic{t: t, clock: &clock{now: time.Date(2126, 11, 27, 0, 0, 0, 0, time.UTC)}, chance: rand.New(rand.NewPCG(seed, 0)), timeout: 900 * time.Second}
	var mu sync.Mutex
	death := func() error {
		mu.Lock()
		defer mu.Unlock()
		if s.odds > 0 && s.chance.Float64() < s.odds {
			return errDeath
		}
		return nil
	}
	s.files = &memory{files: map[string][]byte{}, death: death}
	s.buckets = &buckets{count: count, name: name, sizes: func(int) int64 { return 10_000 }, there: map[string]struct{}{}, clock: s.clock, page: 150 * time.Millisecond}
	s.copier = &copier{buckets: s.buckets, copies: map[string]int{}, death: death, uploads: uploads{parts: map[string]map[int]bool{}}}
	s.worker = &Worker{Files: s.files, Buckets: s.buckets, Copier: s.copier, Checker: s.copier, Settings: Settings{SourceBucket: "from", DestinationBucket: "to"},
		Log: slog.New(slog.DiscardHandler), Now: s.clock.Now}
	return s
}

// request writes the request of a job.
func (s *synthetic) request(r Request) string {
	s.t.Helper()
	r.Version, r.Job, r.Created, r.SourceBucket, r.DestinationBucket = Version, "j", s.clock.Now(), "from", "to"
	if r.Compare == "" {
		r.Compare = CompareNone
	}
	odds := s.odds
	s.odds = 0
	defer func() { s.odds = odds }()
	if err := write(s.t.Context(), s.files, requestKey(r.Job), r); err != nil {
		s.t.Fatal(err)
	}
	return r.Job
}

// invoke makes an invocation as the engine does: as JSON, and again if it died, up to six
// times.
func (s *synthetic) invoke(step Step) (Answer, error) {
	s.t.Helper()
	for step.Retry = 0; ; step.Retry++ {
		data, err := json.Marshal(step)
		if err != nil {
			s.t.Fatal(err)
		}
		var event Step
		if err := json.Unmarshal(data, &event); err != nil {
			s.t.Fatal(err)
		}
		ctx, cancel := context.WithDeadline(s.t.Context(), s.clock.Now().Add(s.timeout))
		a, err := s.worker.Handle(ctx, event)
		cancel()
		if !errors.Is(err, errDeath) || step.Retry == 6 {
			return a, err
		}
	}
}

// phase runs an execution to its end; the engine itself may die after a state, and another
// execution goes on.
func (s *synthetic) phase(phase, job string, run int) (last Answer) {
	s.t.Helper()
	first, each, again := StepDivide, StepList, StepDivide
	switch phase {
	case PhaseRun:
		first, each, again = StepAdvance, StepCopy, StepAdvance
	case PhaseVerify:
		first, each, again = StepRecheck, StepCheck, StepVerified
	}
	a, err := s.invoke(Step{Step: first, Job: job, Run: run, Concurrency: 100})
	for {
		if err != nil {
			s.t.Fatalf("%s: %v", again, err)
		}
		if !a.More {
			break
		}
		data, there, _ := s.worker.Files.Get(s.t.Context(), a.Index)
		if !there {
			s.t.Fatalf("%s is not there", a.Index)
		}
		for item, err := range parse[json.RawMessage](bytes.NewReader(data)) {
			if err != nil {
				s.t.Fatal(err)
			}
			if _, err := s.invoke(Step{Step: each, Job: job, Run: run, Round: a.Round, Of: a.Items, Item: item}); err != nil && !errors.Is(err, errDeath) {
				s.t.Fatalf("%s: %v", each, err)
			}
		}
		if s.dying && s.chance.Float64() < 0.3 { // the engine dies, and somebody starts another execution
			run++
			a.Round = 0
		}
		a, err = s.invoke(Step{Step: again, Job: job, Run: run, Round: a.Round, Concurrency: 100})
		if phase == PhaseVerify && err == nil {
			return a
		}
	}
	if phase == PhaseRun {
		err = errDeath
		for errors.Is(err, errDeath) { // somebody runs the job again
			a, err = s.invoke(Step{Step: StepReport, Job: job, Run: run})
		}
		if err != nil {
			s.t.Fatalf("%s: %v", StepReport, err)
		}
	}
	return a
}
