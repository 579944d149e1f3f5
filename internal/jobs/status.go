package jobs

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
)

// States of a job.
const (
	StatePlanning  = "planning"
	StatePlanned   = "planned"
	StateRunning   = "running"
	StateVerifying = "verifying"
	StateStopped   = "stopped" // it can go on
	StateFailed    = "failed"  // its execution failed; it can go on
	StateDone      = "done"    // everything has an outcome
)

// Status is how far a job has come.
type Status struct {
	Job       string        `json:"job"`
	State     string        `json:"state"` // one of the states
	Why       string        `json:"why,omitempty"`
	Run       int           `json:"run"` // executions so far
	Execution string        `json:"execution,omitempty"`
	Planned   bulk.Count    `json:"planned"` // to copy; empty until it is planned
	Progress  bulk.Progress `json:"progress"`
	// Of the map run that is under way.
	Map *MapStatus `json:"map,omitempty"`
	// Objects and bytes that are estimated to have an outcome, with those of the map run.
	Done    bulk.Count `json:"done"`
	Started time.Time  `json:"started,omitzero"` // of the execution
	Ended   time.Time  `json:"ended,omitzero"`
}

// MapStatus is how far a map run has come.
type MapStatus struct {
	ARN         string `json:"arn"`
	Label       string `json:"label"`
	Concurrency int    `json:"concurrency"`
	Total       int64  `json:"total"` // items
	Succeeded   int64  `json:"succeeded"`
	Failed      int64  `json:"failed"`
	Running     int64  `json:"running"`
	Pending     int64  `json:"pending"`
}

// Status returns how far a job has come.
func (j Jobs) Status(ctx context.Context, job string) (Status, error) {
	s := Status{Job: job}
	if _, there, err := j.Files.Get(ctx, bulk.Folder+job+"/request.json"); err != nil {
		return s, err
	} else if !there {
		return s, fmt.Errorf("job: %q: there is none; hint: `gcs-to-s3 bulk list` lists the jobs", job)
	}
	plan, planned, err := bulk.LoadPlan(ctx, j.Files, job)
	if err != nil {
		return s, err
	}
	s.Planned = plan.Tally.ToCopy
	if s.Progress, err = bulk.LastProgress(ctx, j.Files, job); err != nil {
		return s, err
	}
	s.Done = s.Progress.Outcomes()
	n, last, err := j.last(ctx, job)
	if err != nil {
		return s, err
	}
	s.Run = n
	complete := planned && s.Progress.Run > 0 && s.Done == s.Planned
	var out *sfn.DescribeExecutionOutput
	if n > 0 {
		if out, err = j.describe(ctx, last.ARN); err != nil {
			return s, err
		}
		s.Execution, s.Started = last.ARN, last.Started
	}
	switch {
	case out != nil && out.Status == types.ExecutionStatusRunning:
		s.State = map[string]string{bulk.PhasePlan: StatePlanning, bulk.PhaseRun: StateRunning, bulk.PhaseVerify: StateVerifying, bulk.PhaseReconcile: StatePlanning}[last.Phase]
		if last.Phase == bulk.PhaseReconcile && planned {
			s.State = StateRunning
		}
		if err := j.mapOf(ctx, &s, last.ARN); err != nil {
			return s, err
		}
	case complete:
		s.State = StateDone
		if out != nil && out.Status != types.ExecutionStatusSucceeded {
			s.Why = strings.TrimSuffix(aws.ToString(out.Error)+": "+aws.ToString(out.Cause), ": ")
		}
	case out != nil && out.Status == types.ExecutionStatusAborted:
		s.State, s.Why = StateStopped, aws.ToString(out.Cause)
	case out != nil && out.Status != types.ExecutionStatusSucceeded:
		s.State, s.Why = StateFailed, strings.TrimSuffix(aws.ToString(out.Error)+": "+aws.ToString(out.Cause), ": ")
	case planned && last.Phase != bulk.PhaseRun && last.Phase != bulk.PhaseReconcile:
		s.State = StatePlanned
	default:
		s.State = StateStopped
	}
	if s.State == StateStopped || s.State == StateFailed {
		why, err := bulk.Stopped(ctx, j.Files, job, n)
		if err != nil {
			return s, err
		}
		s.Why = cmp.Or(why, s.Progress.Stopped, s.Why)
	}
	if out != nil {
		s.Ended = aws.ToTime(out.StopDate)
	}
	return s, nil
}

// mapOf adds the map run that is under way.
func (j Jobs) mapOf(ctx context.Context, s *Status, arn string) error {
	runs, err := j.sfn.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil {
		return fmt.Errorf("listing the map runs of %s: %w", arn, err)
	}
	for _, r := range runs.MapRuns {
		if r.StopDate != nil {
			continue
		}
		m, err := j.sfn.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: r.MapRunArn})
		if err != nil {
			return fmt.Errorf("describing %s: %w", aws.ToString(r.MapRunArn), err)
		}
		label, _, _ := strings.Cut(path.Base(aws.ToString(r.MapRunArn)), ":")
		s.Map = &MapStatus{
			ARN: aws.ToString(r.MapRunArn), Label: label, Concurrency: int(m.MaxConcurrency), Total: m.ItemCounts.Total, Succeeded: m.ItemCounts.Succeeded,
			Failed: m.ItemCounts.Failed, Running: m.ItemCounts.Running, Pending: m.ItemCounts.Pending,
		}
		if left := s.Planned.Objects - s.Done.Objects; s.State == StateRunning && s.Map.Total > 0 && left > 0 {
			// Shards are about equally large.
			s.Done.Objects += left * s.Map.Succeeded / s.Map.Total
			s.Done.Bytes += int64(float64(s.Planned.Bytes-s.Done.Bytes) * float64(s.Map.Succeeded) / float64(s.Map.Total))
		}
		return nil
	}
	return nil
}
