package bulk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// Buckets lists both clouds' buckets.
type Buckets interface {
	List(ctx context.Context, bucket string, r copy.Range) iter.Seq2[copy.Listed, error]
	Stored(ctx context.Context, bucket string, r copy.Range) iter.Seq2[copy.Stored, error]
	// Look returns an object of the source; generation 0 is the live one.
	Look(ctx context.Context, bucket, name string, generation int64) (o copy.Listed, there bool, err error)
}

// span is a range that one item of the listing covers.
type span struct {
	ID    string `json:"id"`
	Chunk int    `json:"chunk,omitempty"` // of the job's list, from 1; the range is of its names
	copy.Range
}

// listed is what the listing of a span found.
type listed struct {
	Tally    Tally        `json:"tally"`
	Shards   []shardEntry `json:"shards"`
	Rest     []copy.Range `json:"rest,omitempty"` // what it did not get to
	Examples []Example    `json:"examples,omitempty"`
}

// shardEntry is a line of the list of a plan's shards.
type shardEntry struct {
	Shard   string `json:"shard"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
	Hash    string `json:"hash"` // SHA-256 of its file
}

// entry is a line of a shard: an object and what it must be.
type entry struct {
	Name       string `json:"n"`
	Generation int64  `json:"g,string"`
	Size       int64  `json:"s"`
	CRC32C     string `json:"c"`

	// Of an object that several invocations copy.
	Group  string `json:"group,omitempty"`
	From   int    `json:"from,omitempty"`   // a slice: its parts, from 0
	To     int    `json:"to,omitempty"`     // up to here
	Slices int    `json:"slices,omitempty"` // what joins all slices
}

// divide begins the listing, or a further round of it with the ranges that the last one
// did not get to; without any, the plan is finished. round is the one that this execution has
// just listed, or 0: a later one was perhaps never listed, because the answer that named it
// was lost, or the execution.
func (w *Worker) divide(ctx context.Context, job string, run, round int) (Answer, error) {
	request, err := w.request(ctx, job)
	if err != nil {
		return Answer{}, err
	}
	if reason, err := Stopped(ctx, w.Files, job, run); err != nil {
		return Answer{}, err
	} else if reason != "" {
		return Answer{}, errors.New(reason)
	}
	if _, there, err := w.Files.Get(ctx, planKey(job)); there || err != nil {
		return Answer{}, err
	}
	spans := []span{{ID: "0", Range: copy.Range{Prefix: request.Prefix}}}
	if request.List != nil {
		spans = make([]span, request.List.Chunks)
		for i := range spans {
			spans[i] = span{ID: strconv.Itoa(i + 1), Chunk: i + 1}
		}
	}
	for n := 1; ; n++ {
		key := rangesKey(job, n)
		data, there, err := w.Files.Get(ctx, key)
		if err != nil {
			return Answer{}, err
		}
		if !there {
			list := newLines(false)
			for _, s := range spans {
				list.add(s)
			}
			if err := w.Files.Put(ctx, key, list.bytes()); err != nil {
				return Answer{}, err
			}
			return Answer{More: true, Index: key, Round: n, Items: len(spans)}, nil
		}
		spans = nil
		lost, all := 0, 0
		for s, err := range parse[span](bytes.NewReader(data)) {
			if err != nil {
				return Answer{}, fmt.Errorf("%s: %w", key, err)
			}
			l, there, err := find[listed](ctx, w.Files, listedFolder(job, n)+s.ID+".json")
			switch {
			case err != nil:
				return Answer{}, err
			case !there:
				// The engine gave up on it: its ranges are listed once more.
				l.Rest = []copy.Range{s.Range}
				lost++
			}
			all++
			for i, r := range l.Rest {
				spans = append(spans, span{ID: fmt.Sprintf("%s.%d", s.ID, i), Chunk: s.Chunk, Range: r})
			}
		}
		if lost > 0 && round < n {
			_, further, err := w.Files.Get(ctx, rangesKey(job, n+1))
			if err != nil {
				return Answer{}, err
			}
			if !further { // what was listed of it is not listed again
				return Answer{More: true, Index: key, Round: n, Items: all}, nil
			}
		}
		if lost == all {
			return Answer{}, errors.New("listing: no range of the last round could be listed; hint: the executions of the map run say why")
		}
		if len(spans) == 0 {
			return Answer{}, w.conclude(ctx, request, n)
		}
	}
}

// conclude joins what all rounds of the listing found, and writes the plan.
func (w *Worker) conclude(ctx context.Context, request Request, rounds int) error {
	plan := Plan{Request: request, Tally: NewTally(), Finished: w.Now()}
	examples := map[string][]Example{}
	list, hash := newLines(false), sha256.New()
	for n := 1; n <= rounds; n++ {
		for key, err := range w.Files.Keys(ctx, listedFolder(request.Job, n)) {
			if err != nil {
				return err
			}
			l, err := read[listed](ctx, w.Files, key)
			if err != nil {
				return err
			}
			plan.Tally.Join(l.Tally)
			for _, s := range l.Shards {
				list.add(s)
				hash.Write([]byte(s.Hash))
			}
			plan.Shards += len(l.Shards)
			for _, e := range l.Examples {
				if len(examples[e.Reason]) < maxExamples {
					examples[e.Reason] = append(examples[e.Reason], e)
				}
			}
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(examples)) {
		plan.Examples = append(plan.Examples, examples[reason]...)
	}
	plan.Hash = hex.EncodeToString(hash.Sum(nil))
	var err error
	if plan.Colliding, err = w.findCollisions(ctx, request.Job); err != nil {
		return err
	}
	if err := w.Files.Put(ctx, shardsKey(request.Job), list.bytes()); err != nil {
		return err
	}
	return write(ctx, w.Files, planKey(request.Job), plan)
}

// list lists a span until there is no more time, and writes its shards.
func (w *Worker) list(ctx context.Context, step Step, s span) error {
	job, round := step.Job, step.Round
	request, err := w.request(ctx, job)
	if err != nil {
		return err
	}
	if reason, err := Stopped(ctx, w.Files, job, step.Run); reason != "" || err != nil {
		return err
	}
	key := listedFolder(job, round) + s.ID + ".json"
	if _, there, err := w.Files.Get(ctx, key); there || err != nil {
		return err
	}
	p, err := w.newPlanner(ctx, request, s)
	if err != nil {
		return err
	}
	defer p.close()
	until := time.Time{}
	if deadline, ok := ctx.Deadline(); ok {
		until = deadline.Add(-min(reserve, deadline.Sub(w.Now())/4))
		if round == 1 && s.Chunk == 0 {
			// A small bucket is done by then; of a larger one it shows where to divide.
			until = earliest(until, w.Now().Add(firstRound))
		}
	}
	late := func() bool { return !until.IsZero() && w.Now().After(until) || len(p.marks) >= maxMarks }
	if s.Chunk > 0 {
		err = w.listNamed(ctx, p, late)
	} else {
		err = w.listRange(ctx, p, late)
	}
	var refused *copy.AnswerError
	if errors.As(err, &refused) && refused.Permanent() {
		return Halt(ctx, w.Files, job, step.Run, cannotList(err), w.Now())
	}
	if err != nil {
		return err
	}
	if err := errors.Join(p.flush(ctx), p.flushFailing(ctx), w.writeMarks(ctx, job, fmt.Sprintf("%d-%s", round, s.ID), p.marks)); err != nil {
		return err
	}
	p.found.Tally.DestinationPages = (p.looked + copy.PageObjects - 1) / copy.PageObjects
	return write(ctx, w.Files, key, p.found)
}

// cannotList says why a bucket cannot be listed, and what to do about it.
func cannotList(err error) string {
	hint := ""
	switch text := strings.ToLower(err.Error()); {
	case strings.Contains(text, "requester pays"):
		hint = "; hint: whoever asks pays for this bucket: set billingProject to the project that does, and run `gcs-to-s3 up`"
	case strings.Contains(text, "403"):
		hint = "; hint: `gcs-to-s3 doctor` and `gcs-to-s3 verify` say which right is missing"
	}
	return err.Error() + hint
}

// listRange plans a range of the source until there is no more time.
func (w *Worker) listRange(ctx context.Context, p *planner, late func() bool) error {
	for o, err := range w.Buckets.List(ctx, p.request.SourceBucket, p.span.Range) {
		if err != nil {
			return err
		}
		if err := p.add(ctx, o); err != nil {
			return err
		}
		if p.seen%copy.PageObjects == 0 && late() {
			rest := p.span.Range
			rest.After = o.Name
			if p.found.Rest, err = w.split(ctx, p.request.SourceBucket, rest, pieces); err != nil {
				return err
			}
			break
		}
	}
	p.found.Tally.SourcePages = (p.seen + copy.PageObjects - 1) / copy.PageObjects
	return nil
}

const (
	// reserve is the time kept for writing down what was found.
	reserve = 20 * time.Second
	// firstRound is how long the first listing of a bucket takes at most.
	firstRound = 20 * time.Second
	// pieces is into how many ranges the rest of a range is divided.
	pieces = 16
)

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

var errNoPlan = errors.New("the job has no plan yet; hint: `gcs-to-s3 bulk plan` makes one")
