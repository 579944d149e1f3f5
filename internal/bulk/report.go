package bulk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// report writes the report of a job that has ended, or stopped.
func (w *Worker) report(ctx context.Context, job string) (Answer, error) {
	r, err := MakeReport(ctx, w.Files, job)
	if err != nil {
		return Answer{}, err
	}
	r.Finished = w.Now()
	if err := write(ctx, w.Files, reportKey(job), r); err != nil {
		return Answer{}, err
	}
	return Answer{Failed: r.Progress.Failed.Sum().Objects + r.Plan.Tally.Failing.Sum().Objects, Stopped: r.Progress.Stopped, Proven: r.Proven}, nil
}

// MakeReport joins what a job's files say. Its Finished is not set.
func MakeReport(ctx context.Context, files Files, job string) (Report, error) {
	plan, there, err := LoadPlan(ctx, files, job)
	if err != nil {
		return Report{}, err
	}
	if !there {
		return Report{}, errNoPlan
	}
	r := Report{Plan: plan, Progress: Progress{Failed: Counts{}}}
	for n := 0; ; n++ {
		p, there, err := find[Progress](ctx, files, roundKey(job, n))
		if err != nil {
			return Report{}, err
		}
		if !there {
			break
		}
		if n == 0 {
			r.Started = p.At
		}
		done := p.Copied
		done.add(p.Unchanged)
		r.Progress = p
		r.Rounds = append(r.Rounds, Moment{p.At, done})
	}
	if r.Limits, _, err = LoadLimits(ctx, files, job); err != nil {
		return Report{}, err
	}
	if r.Missed, err = loadMissed(ctx, files, plan.Request); err != nil {
		return Report{}, err
	}
	ledger := sha256.New()
	for n := 1; n <= r.Progress.Round; n++ {
		for result, err := range readAll[result](ctx, files, resultFolder(job, n)) {
			if err != nil {
				return Report{}, err
			}
			ledger.Write([]byte(result.Ledger))
		}
	}
	r.Ledger = hex.EncodeToString(ledger.Sum(nil))
	for f, err := range Failures(ctx, files, job) {
		if err != nil {
			return Report{}, err
		}
		if r.Failures = append(r.Failures, f); len(r.Failures) == maxFailures {
			break
		}
	}
	r.Expected = plan.Tally.Digest.Without(r.Progress.Lost)
	if r.Complete = r.Progress.Run > 0 && r.Progress.Outcomes() == plan.Tally.ToCopy; !r.Complete {
		why, err := Stopped(ctx, files, job, r.Progress.Run)
		if err != nil {
			return Report{}, err
		}
		r.Progress.Stopped = cmp.Or(why, r.Progress.Stopped)
	}
	r.Proven = r.Complete && r.Expected == r.Progress.Digest
	return r, nil
}

// Failures iterates over the objects of a job that failed for good: those that its plan
// ruled out, and those that could not be copied.
func Failures(ctx context.Context, files Files, job string) iter.Seq2[Failure, error] {
	return func(yield func(Failure, error) bool) {
		stop := func(err error) { yield(Failure{}, err) }
		for key, err := range files.Keys(ctx, failingFolder(job)) {
			if err != nil {
				stop(err)
				return
			}
			for f, err := range linesOf[Failure](ctx, files, key) {
				if !yield(f, err) || err != nil {
					return
				}
			}
		}
		for n := 1; ; n++ {
			if _, there, err := files.Get(ctx, roundKey(job, n)); err != nil || !there {
				if err != nil {
					stop(err)
				}
				return
			}
			for r, err := range readAll[result](ctx, files, resultFolder(job, n)) {
				if err != nil {
					stop(err)
					return
				}
				if len(r.Failed) == 0 {
					continue
				}
				for e, err := range linesOf[record](ctx, files, ledgerKey(job, n, r.Shard)) {
					if err != nil {
						stop(err)
						return
					}
					if e.Outcome == invocation.OutcomeFailed && !yield(Failure{e.Name, e.Key, e.Size, e.Cause, e.Error}, nil) {
						return
					}
				}
			}
		}
	}
}
