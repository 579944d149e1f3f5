package bulk

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
)

// advance collects the results of a round, and begins the next one with what is left. With
// round 0 an execution begins: it begins the job, or goes on where the last one died. A
// repeated advance changes nothing.
func (w *Worker) advance(ctx context.Context, s Step) (Answer, error) {
	job, run, round := s.Job, s.Run, s.Round
	_, there, err := LoadPlan(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	if !there {
		return Answer{}, errNoPlan
	}
	if _, err := w.request(ctx, job); err != nil {
		return Answer{}, err
	}
	progress, err := LastProgress(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	switch {
	case progress.Run == 0:
		all, err := w.shards(ctx, job)
		if err != nil {
			return Answer{}, err
		}
		if progress.Next, progress.Left, err = w.index(ctx, job, 1, all); err != nil {
			return Answer{}, err
		}
		progress.At, progress.Run = w.Now(), run
		if err := write(ctx, w.Files, roundKey(job, 0), progress); err != nil {
			return Answer{}, err
		}
	case progress.Next != "" && (round == progress.Round+1 || round == 0 && progress.Run != run):
		if progress, err = w.collect(ctx, job, progress, run, round == 0); err != nil {
			return Answer{}, err
		}
	}
	return w.next(ctx, s, progress)
}

// next answers with the next round, unless the job ends. Its concurrency is the one that was
// set last, or else that of the execution.
func (w *Worker) next(ctx context.Context, s Step, p Progress) (Answer, error) {
	job, run := s.Job, s.Run
	limits, _, err := LoadLimits(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{
		Round: p.Round + 1, Failed: p.Failed.Sum().Objects, Items: int(p.Left),
		Concurrency: cmp.Or(limits.Concurrency, s.Concurrency),
	}
	if a.Stopped, err = Stopped(ctx, w.Files, job, run); err != nil {
		return Answer{}, err
	}
	if a.Stopped == "" {
		a.Stopped = p.Stopped
	}
	if p.Next != "" && a.Stopped == "" {
		if over, err := w.overspent(ctx, s, limits); err != nil {
			return Answer{}, err
		} else if over {
			a.Stopped, err = Stopped(ctx, w.Files, job, run)
			return a, err
		}
		a.More, a.Index = true, p.Next
	}
	return a, nil
}

// LoadPlan returns a job's plan; there reports whether it is finished.
func LoadPlan(ctx context.Context, files Files, job string) (plan Plan, there bool, err error) {
	return find[Plan](ctx, files, planKey(job))
}

// LastProgress returns how far a job has come; before the first round it is empty.
func LastProgress(ctx context.Context, files Files, job string) (Progress, error) {
	last := Progress{Failed: Counts{}}
	for n := 0; ; n++ {
		p, there, err := find[Progress](ctx, files, roundKey(job, n))
		if err != nil || !there {
			return last, err
		}
		last = p
	}
}

// shards returns all shards of a plan, as the lines of an index.
func (w *Worker) shards(ctx context.Context, job string) ([]indexEntry, error) {
	data, there, err := w.Files.Get(ctx, shardsKey(job))
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, errNoPlan
	}
	var all []indexEntry
	for s, err := range parse[shardEntry](bytes.NewReader(data)) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shardsKey(job), err)
		}
		all = append(all, indexEntry{Shard: s.Shard, Objects: s.Objects, Bytes: s.Bytes})
	}
	return all, nil
}

// index writes the index of a round, if it has anything.
func (w *Worker) index(ctx context.Context, job string, round int, entries []indexEntry) (key string, shards int64, err error) {
	if len(entries) == 0 {
		return "", 0, nil
	}
	list := newLines(false)
	for _, e := range shuffled(entries) {
		list.add(e)
	}
	key = indexKey(job, round)
	return key, int64(len(entries)), w.Files.Put(ctx, key, list.bytes())
}

// collect adds the results of the round after p, and writes the index of the one after it. A
// round that was broken off need not have brought any.
func (w *Worker) collect(ctx context.Context, job string, p Progress, run int, brokenOff bool) (Progress, error) {
	round := p.Round + 1
	data, there, err := w.Files.Get(ctx, p.Next)
	if err != nil {
		return p, err
	}
	if !there {
		return p, fmt.Errorf("%s: there is no such file", p.Next)
	}
	pending := map[string]indexEntry{}
	for e, err := range parse[indexEntry](bytes.NewReader(data)) {
		if err != nil {
			return p, fmt.Errorf("%s: %w", p.Next, err)
		}
		pending[e.Shard] = e
	}
	p.Round, p.Run, p.At, p.Next, p.Left, p.Stopped = round, run, w.Now(), "", 0, ""
	var left []indexEntry
	moved := false
	for r, err := range readAll[result](ctx, w.Files, resultFolder(job, round)) {
		if err != nil {
			return p, err
		}
		e, ok := pending[r.Shard]
		if !ok {
			continue
		}
		delete(pending, r.Shard)
		p.join(r.progress())
		// A result without an outcome may still have parts of an object: the engine
		// itself gives up after two invocations without progress.
		moved = moved || !r.Waits
		if r.left() {
			e.From, e.Recheck = round, false
			left = append(left, e)
		}
	}
	for _, e := range pending { // without a result: the function died, or the engine gave up
		e.Recheck = true
		left = append(left, e)
	}
	if !moved && !brokenOff {
		p.Stopped = "a round brought no result; the executions of its map run say why"
	}
	slices.SortFunc(left, func(a, b indexEntry) int { return cmp.Compare(a.Shard, b.Shard) })
	if p.Next, p.Left, err = w.index(ctx, job, round+1, left); err != nil {
		return p, err
	}
	return p, write(ctx, w.Files, roundKey(job, round), p)
}

// shuffled returns the shards of a plan in random order: in the order of their names they
// would all write to the same part of S3's key space (Amazon S3 User Guide, "Best practices
// design patterns: optimizing Amazon S3 performance").
func shuffled[T any](items []T) []T {
	rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items
}
