package bulk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// Buckets lists both clouds' buckets.
type Buckets interface {
	List(ctx context.Context, bucket string, r copy.Range) iter.Seq2[copy.Listed, error]
	Stored(ctx context.Context, bucket string, r copy.Range) iter.Seq2[copy.Stored, error]
}

// span is a range that one item of the listing covers.
type span struct {
	ID string `json:"id"`
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
// did not get to; without any, the plan is finished.
func (w *Worker) divide(ctx context.Context, job string) (Answer, error) {
	request, err := w.request(ctx, job)
	if err != nil {
		return Answer{}, err
	}
	if _, there, err := w.Files.Get(ctx, planKey(job)); there || err != nil {
		return Answer{}, err
	}
	spans := []span{{ID: "0", Range: copy.Range{Prefix: request.Prefix}}}
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
				spans = append(spans, span{ID: fmt.Sprintf("%s.%d", s.ID, i), Range: r})
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
func (w *Worker) list(ctx context.Context, job string, round int, s span) error {
	request, err := w.request(ctx, job)
	if err != nil {
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
		if round == 1 {
			// A small bucket is done by then; of a larger one it shows where to divide.
			until = earliest(until, w.Now().Add(firstRound))
		}
	}
	after := s.After
	for o, err := range w.Buckets.List(ctx, request.SourceBucket, s.Range) {
		if err != nil {
			return err
		}
		if err := p.add(ctx, o); err != nil {
			return err
		}
		after = o.Name
		if p.seen%1000 == 0 && (!until.IsZero() && w.Now().After(until) || len(p.marks) >= maxMarks) {
			rest := s.Range
			rest.After = after
			if p.found.Rest, err = w.split(ctx, request.SourceBucket, rest, pieces); err != nil {
				return err
			}
			break
		}
	}
	if err := errors.Join(p.flush(ctx), p.flushFailing(ctx), w.writeMarks(ctx, job, fmt.Sprintf("%d-%s", round, s.ID), p.marks)); err != nil {
		return err
	}
	p.found.Tally.SourcePages, p.found.Tally.DestinationPages = (p.seen+999)/1000, (p.looked+999)/1000
	return write(ctx, w.Files, key, p.found)
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

// planner sorts the objects of a span, in the order of their names.
type planner struct {
	worker  *Worker
	request Request
	span    span
	found   listed
	seen    int64

	shard   *lines
	entry   shardEntry
	failing *lines
	failed  int64
	marks   []mark // of all keys, if objects may have the same

	keys     objectkey.Template
	next     func() (copy.Stored, error, bool) // of the destination, in the order of keys; nil: it is not compared
	stop     func()
	stored   copy.Stored // the next of the destination
	looked   int64
	ended    bool
	examples map[string]int
}

func (w *Worker) newPlanner(ctx context.Context, request Request, s span) (*planner, error) {
	p := &planner{worker: w, request: request, span: s, found: listed{Tally: NewTally()}, examples: map[string]int{}}
	if request.KeyTemplate != "" {
		var err error
		if p.keys, err = objectkey.Parse(request.KeyTemplate); err != nil {
			return nil, fmt.Errorf("keyTemplate: %q: %w", request.KeyTemplate, err)
		}
	}
	if request.Compare != CompareNone && ordered(request) {
		key := func(name string) string {
			if name == "" {
				return ""
			}
			return p.key(copy.Listed{Name: name})
		}
		r := copy.Range{Prefix: request.DestinationPrefix + p.keys.Key(objectkey.Object{Name: s.Prefix}), After: key(s.After), Before: key(s.Before)}
		p.next, p.stop = iter.Pull2(w.Buckets.Stored(ctx, request.DestinationBucket, r))
	}
	return p, nil
}

// ordered reports whether the keys of a request are in the order of their objects' names, so
// that both listings can be merged.
func ordered(r Request) bool {
	literal, ok := strings.CutSuffix(cmp.Or(r.KeyTemplate, objectkey.Default), objectkey.Default)
	return ok && !strings.Contains(literal, "{")
}

func (p *planner) close() {
	if p.stop != nil {
		p.stop()
	}
}

func (p *planner) key(o copy.Listed) string {
	return p.request.DestinationPrefix + p.keys.Key(objectkey.Object{Name: o.Name, Generation: o.Generation, Day: p.request.Created})
}

// add sorts an object.
func (p *planner) add(ctx context.Context, o copy.Listed) error {
	p.seen++
	t, one := &p.found.Tally, Count{1, o.Size}
	if reason := p.request.skips(o); reason != "" {
		t.Skipped.Add(reason, one)
		return nil
	}
	if o.Size == 0 && !p.keys.Names(o.Name) {
		t.Skipped.Add(SkippedPlaceholder, one)
		return nil
	}
	key := p.key(o)
	if reason := fails(o, key, p.keys.Names(o.Name)); reason != "" {
		return p.fail(ctx, o, key, reason)
	}
	if p.next != nil {
		there, err := p.at(key)
		if err != nil {
			return err
		}
		if there && p.stored.Size == o.Size && p.request.Compare == CompareSize {
			t.Unchanged.add(one)
			return nil
		}
	}
	switch leftOut, err := copy.CheckMetadata(o); {
	case err != nil:
		return p.fail(ctx, o, key, "more custom metadata than S3 takes")
	case len(leftOut) > 0:
		t.LeftOut++
		p.example(o.Name, "loses metadata that S3 cannot hold")
	}
	t.toCopy(o)
	if !p.keys.Distinct() {
		p.marks = append(p.marks, markOf(key))
	}
	if o.Size > cmp.Or(p.request.GroupBytes, DefaultGroupBytes) && copy.Parts(o.Size) > 1 {
		return p.group(ctx, o)
	}
	if p.shard != nil && (p.entry.Objects >= int64(cmp.Or(p.request.ShardObjects, DefaultShardObjects)) ||
		p.entry.Bytes+o.Size > cmp.Or(p.request.ShardBytes, DefaultShardBytes)) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	if p.shard == nil {
		p.shard = newLines(true)
		p.entry = shardEntry{Shard: fmt.Sprintf("%s-%05d", p.span.ID, len(p.found.Shards))}
	}
	p.shard.add(entryOf(o))
	p.entry.Objects++
	p.entry.Bytes += o.Size
	return nil
}

// at advances the destination's listing to a key and reports whether it is there.
func (p *planner) at(key string) (bool, error) {
	for !p.ended && p.stored.Key < key {
		stored, err, ok := p.next()
		if err != nil {
			return false, err
		}
		if !ok {
			p.ended = true
			break
		}
		p.stored = stored
		p.looked++
	}
	return p.stored.Key == key && key != "", nil
}

func entryOf(o copy.Listed) entry {
	return entry{Name: o.Name, Generation: o.Generation, Size: o.Size, CRC32C: o.CRC32C}
}

// flush writes the shard that was begun.
func (p *planner) flush(ctx context.Context) error {
	if p.shard == nil {
		return nil
	}
	shard := p.shard
	p.shard = nil
	return p.write(ctx, p.entry, shard)
}

// write writes a shard.
func (p *planner) write(ctx context.Context, e shardEntry, shard *lines) error {
	data := shard.bytes()
	sum := sha256.Sum256(data)
	e.Hash = hex.EncodeToString(sum[:])
	if err := p.worker.Files.Put(ctx, shardKey(p.request.Job, e.Shard), data); err != nil {
		return err
	}
	p.found.Shards = append(p.found.Shards, e)
	return nil
}

// fail notes an object that cannot be copied.
func (p *planner) fail(ctx context.Context, o copy.Listed, key, reason string) error {
	p.found.Tally.Failing.Add(reason, Count{1, o.Size})
	p.example(o.Name, reason)
	if p.failing == nil {
		p.failing = newLines(true)
	}
	p.failing.add(Failure{Object: o.Name, Key: key, Bytes: o.Size, Cause: reason})
	if p.failed++; p.failed%DefaultShardObjects == 0 {
		return p.flushFailing(ctx)
	}
	return nil
}

// flushFailing writes the objects that cannot be copied.
func (p *planner) flushFailing(ctx context.Context) error {
	if p.failing == nil {
		return nil
	}
	key := fmt.Sprintf("%s%s-%05d.jsonl.gz", failingFolder(p.request.Job), p.span.ID, (p.failed-1)/DefaultShardObjects)
	if err := p.worker.Files.Put(ctx, key, p.failing.bytes()); err != nil {
		return err
	}
	p.failing = nil
	return nil
}

func (p *planner) example(object, reason string) {
	if p.examples[reason]++; p.examples[reason] <= maxExamples {
		p.found.Examples = append(p.found.Examples, Example{object, reason})
	}
}

// fails returns why an object cannot be copied, as far as a listing shows, or nothing.
func fails(o copy.Listed, key string, named bool) string {
	switch {
	case !named:
		return "the key template gives it no name"
	case len(key) > copy.MaxKey:
		return fmt.Sprintf("the key has more than %d bytes", copy.MaxKey)
	case o.CustomerKey:
		return "encrypted with a customer-supplied key"
	case o.CRC32C == "":
		return "has no CRC32C"
	}
	return ""
}

// split divides a range at names that exist, into at most n ranges that together are the
// range. Where they lie is not known, so it looks in the middle of what names could be.
func (w *Worker) split(ctx context.Context, bucket string, r copy.Range, n int) ([]copy.Range, error) {
	done := []copy.Range{}
	todo := []copy.Range{r}
	for probes := 0; len(todo) > 0 && len(done)+len(todo) < n && probes < 20*n; probes++ {
		// The one that was divided least often is likely the largest.
		r := todo[0]
		todo = todo[1:]
		middle, ok := between(r.Prefix, r.After, r.Before)
		if !ok {
			done = append(done, r)
			continue
		}
		first, found, err := w.first(ctx, bucket, copy.Range{Prefix: r.Prefix, After: middle, Before: r.Before})
		switch {
		case err != nil:
			return nil, err
		case !found: // all of it lies before the middle
			r.Before = middle + " "
			todo = slices.Insert(todo, 0, r)
			continue
		}
		left, right := r, r
		left.Before, right.After = first, middle
		todo = append(todo, left, right)
	}
	all := append(done, todo...)
	slices.SortFunc(all, func(a, b copy.Range) int { return strings.Compare(a.After, b.After) })
	return all, nil
}

// first returns the first name of a range.
func (w *Worker) first(ctx context.Context, bucket string, r copy.Range) (name string, found bool, err error) {
	for o, err := range w.Buckets.List(ctx, bucket, r) {
		return o.Name, err == nil, err
	}
	return "", false, nil
}

// between returns a name in the middle of what names with a prefix can be after one and
// before another: in valid UTF-8, with printable ASCII after what the bounds share.
func between(prefix, after, before string) (string, bool) {
	const low, high = 0x20, 0x7f
	shared := len(prefix)
	if before != "" {
		for shared < len(after) && shared < len(before) && after[shared] == before[shared] {
			shared++
		}
	}
	stem := after[:min(shared, len(after))]
	if len(stem) < len(prefix) {
		stem = prefix
	}
	for !utf8.ValidString(stem) && len(stem) > 0 {
		stem = stem[:len(stem)-1]
	}
	// What follows the stem is read as digits of a number.
	const digits = 6
	value := func(text string, none uint64) (v uint64) {
		rest := text[min(len(stem), len(text)):]
		for i := range digits {
			d := none
			if i < len(rest) {
				d = uint64(max(low, min(high, int(rest[i])))) - low
			}
			v = v*(high-low+1) + d
		}
		return v
	}
	from, to := value(after, 0), value(before, 0)
	if before == "" {
		to = value("", high-low)
	}
	if to <= from+1 {
		return "", false
	}
	middle := make([]byte, digits)
	v := from + (to-from)/2
	for i := digits - 1; i >= 0; i-- {
		middle[i] = byte(low + v%(high-low+1))
		v /= high - low + 1
	}
	name := stem + strings.TrimRight(string(middle), " ")
	return name, name > after && (before == "" || name < before)
}

// shuffled returns the shards of a plan in random order: in the order of their names they
// would all write to the same part of S3's key space (Amazon S3 User Guide, "Best practices
// design patterns: optimizing Amazon S3 performance").
func shuffled[T any](items []T) []T {
	rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items
}

var errNoPlan = errors.New("the job has no plan yet; hint: `gcs-to-s3 bulk plan` makes one")
