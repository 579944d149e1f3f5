package bulk

import (
	"context"
	"fmt"
	"math/rand/v2"
)

const (
	// countedResults is how many results of a round that is under way are read to know what
	// it has used so far. Of more, as many are a sample.
	countedResults = 1000
	// costChecks is about how many shards of a round look at what the job has spent, and
	// costSample how many results they read.
	costChecks = 100
	costSample = 200
)

// Meanwhile returns how far a job has come with the results of the round that is under way,
// in which p ended the one before. counted reports whether all of them were read; otherwise
// they are estimated from a sample.
func Meanwhile(ctx context.Context, files Files, job string, p Progress) (now Progress, counted bool, err error) {
	return meanwhile(ctx, files, job, p, countedResults)
}

func meanwhile(ctx context.Context, files Files, job string, p Progress, most int) (now Progress, counted bool, err error) {
	failed := Counts{}
	failed.join(p.Failed)
	p.Failed = failed
	if p.Next == "" {
		return p, true, nil
	}
	var keys []string
	for key, err := range files.Keys(ctx, resultFolder(job, p.Round+1)) {
		if err != nil {
			return p, false, err
		}
		keys = append(keys, key)
	}
	all := len(keys)
	if counted = all <= most; !counted {
		for i := range most {
			keys[i] = keys[i*all/most]
		}
		keys = keys[:most]
	}
	sample := Progress{Failed: Counts{}}
	for r, err := range readKeys[result](ctx, files, func(yield func(string, error) bool) {
		for _, key := range keys {
			if !yield(key, nil) {
				return
			}
		}
	}) {
		if err != nil {
			return p, false, err
		}
		sample.join(r.progress())
	}
	if !counted {
		sample.scale(float64(all) / float64(most))
	}
	p.join(sample)
	return p, counted, nil
}

// progress is what a shard has brought.
func (r result) progress() Progress {
	return Progress{
		Copied: r.Copied, Unchanged: r.Unchanged, Newer: r.Newer, Failed: r.Failed, Digest: r.Digest, Lost: r.Lost,
		LeftOut: r.LeftOut, Seconds: r.Seconds, Used: r.Used, Shards: 1,
	}
}

// join adds what further shards have brought.
func (p *Progress) join(other Progress) {
	p.Copied.add(other.Copied)
	p.Unchanged.add(other.Unchanged)
	p.Newer.add(other.Newer)
	p.Failed.join(other.Failed)
	p.Digest.Join(other.Digest)
	p.Lost.Join(other.Lost)
	p.LeftOut += other.LeftOut
	p.Seconds += other.Seconds
	p.Used.Add(other.Used)
	p.Shards += other.Shards
}

// scale estimates from a sample what all have brought. Digests cannot be estimated.
func (p *Progress) scale(by float64) {
	scaled := func(n int64) int64 { return int64(float64(n) * by) }
	count := func(c Count) Count { return Count{scaled(c.Objects), scaled(c.Bytes)} }
	p.Copied, p.Unchanged, p.Newer = count(p.Copied), count(p.Unchanged), count(p.Newer)
	for cause, c := range p.Failed {
		p.Failed[cause] = count(c)
	}
	p.LeftOut, p.Shards, p.Seconds = scaled(p.LeftOut), scaled(p.Shards), p.Seconds*by
	p.Used.Reads, p.Used.Bytes = scaled(p.Used.Reads), scaled(p.Used.Bytes)
	p.Used.Writes, p.Used.Looks = scaled(p.Used.Writes), scaled(p.Used.Looks)
	p.Digest, p.Lost = Digest{}, Digest{}
}

// overspent stops an execution of a job that has spent more than it may, and reports whether
// it has. shards is how many the round has: of many, each looks only now and then.
func (w *Worker) overspent(ctx context.Context, s Step, limits Limits) (bool, error) {
	if limits.MaxCost == 0 || rand.Float64()*float64(s.Of) > costChecks {
		return false, nil
	}
	plan, there, err := LoadPlan(ctx, w.Files, s.Job)
	if err != nil || !there {
		return false, err
	}
	p, err := LastProgress(ctx, w.Files, s.Job)
	if err != nil {
		return false, err
	}
	if p, _, err = meanwhile(ctx, w.Files, s.Job, p, costSample); err != nil {
		return false, err
	}
	prices := ListPrices()
	if limits.Prices != nil {
		prices = *limits.Prices
	}
	cost := Spent(prices, p, plan.Tally, limits.Terms)
	if cost.Spent <= limits.MaxCost {
		return false, nil
	}
	reason := fmt.Sprintf("it has spent about USD %.2f, which is more than its --max-cost of %.2f; hint: run it with a higher one", cost.Spent, limits.MaxCost)
	return true, Halt(ctx, w.Files, s.Job, s.Run, reason, w.Now())
}
