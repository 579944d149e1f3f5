// Package jobs runs an environment's bulk jobs from the command line: it writes what is
// asked into the jobs bucket, starts executions of the state machine, and reads how far
// they have come, with whatever AWS credentials the caller's shell has. Nothing depends on
// it once an execution runs.
package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Jobs are the bulk jobs of an environment.
type Jobs struct {
	env   environment.Environment
	sfn   *sfn.Client
	s3    *s3.Client
	Files bulk.Files
	now   func() time.Time
}

// Open returns the jobs of an environment, which must have them.
func Open(ctx context.Context, env environment.Environment) (Jobs, error) {
	if !env.Bulk {
		return Jobs{}, fmt.Errorf("bulk: the environment %s has no bulk jobs; hint: set bulk to true and jobsBucket to a bucket in %s, and run `gcs-to-s3 up %s`", env.Name, environment.FileName(env.Name), env.Name)
	}
	cfg, err := clouds.OpenAWS(ctx, env)
	if err != nil {
		return Jobs{}, err
	}
	return New(env, cfg), nil
}

// New is like Open with an existing configuration for AWS's clients.
func New(env environment.Environment, cfg aws.Config) Jobs {
	store := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
	return Jobs{env, sfn.NewFromConfig(cfg), store, files{store, env.JobsBucket}, time.Now}
}

// Request returns the request of a new job of the environment.
func (j Jobs) Request(job string) bulk.Request {
	return bulk.Request{
		Version: bulk.Version, Job: job, Created: j.now().UTC().Truncate(time.Second), Compare: bulk.CompareNone,
		SourceBucket: j.env.SourceBucket, DestinationBucket: j.env.DestinationBucket,
		DestinationPrefix: j.env.DestinationPrefix, KeyTemplate: j.env.KeyTemplate,
	}
}

// Names are the objects that a new job plans instead of the whole bucket.
type Names struct {
	Lists       []string // files with a name on each line, or with JSON lines
	Inventories []string // inventory reports
}

// Plan begins to plan a new job. Names may be empty.
func (j Jobs) Plan(ctx context.Context, r bulk.Request, names Names, concurrency int) error {
	if err := r.Check(); err != nil {
		return err
	}
	if len(names.Lists)+len(names.Inventories) > 0 {
		if _, there, err := j.Files.Get(ctx, bulk.Folder+r.Job+"/request.json"); err != nil || there {
			return cmp.Or(err, existing(r.Job))
		}
		var err error
		if r.List, err = j.list(ctx, r, names); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	created, err := j.Files.Create(ctx, bulk.Folder+r.Job+"/request.json", data)
	if err != nil {
		return err
	}
	if !created {
		return existing(r.Job)
	}
	_, err = j.start(ctx, bulk.PhasePlan, r.Job, bulk.Limits{Concurrency: concurrency})
	return err
}

func existing(job string) error {
	return fmt.Errorf("job: %q: exists already; hint: choose another name, or run it with `gcs-to-s3 bulk run`", job)
}

// Run begins to copy what a job has planned, or goes on with it, within limits.
func (j Jobs) Run(ctx context.Context, job string, limits bulk.Limits) error {
	if _, err := j.plan(ctx, job); err != nil {
		return err
	}
	_, err := j.start(ctx, bulk.PhaseRun, job, limits)
	return err
}

// Verify begins to check what a job has copied; the execution has the returned number.
func (j Jobs) Verify(ctx context.Context, job string, concurrency int) (run int, err error) {
	if _, err := j.plan(ctx, job); err != nil {
		return 0, err
	}
	return j.start(ctx, bulk.PhaseVerify, job, bulk.Limits{Concurrency: concurrency})
}

func (j Jobs) plan(ctx context.Context, job string) (bulk.Plan, error) {
	p, there, err := bulk.LoadPlan(ctx, j.Files, job)
	if err == nil && !there {
		err = fmt.Errorf("job: %q: has no plan yet; hint: `gcs-to-s3 bulk status` says how far it is, and `gcs-to-s3 bulk list` lists the jobs", job)
	}
	return p, err
}

// start starts an execution unless one is running.
func (j Jobs) start(ctx context.Context, phase, job string, limits bulk.Limits) (run int, err error) {
	if err := limits.Check(); err != nil {
		return 0, err
	}
	n, last, err := j.last(ctx, job)
	if err != nil {
		return 0, err
	}
	if n > 0 {
		switch described, err := j.describe(ctx, last.ARN); {
		case err != nil:
			return 0, err
		case described != nil && described.Status == types.ExecutionStatusRunning:
			return 0, fmt.Errorf("job: %q: is running; hint: `gcs-to-s3 bulk status --watch` follows it, `gcs-to-s3 bulk stop` stops it", job)
		}
	}
	input := bulk.Input{Phase: phase, Job: job, Run: n + 1, Concurrency: limits.Concurrency}
	name := fmt.Sprintf("%s-%s-%d", job, phase, input.Run)
	text, err := json.Marshal(input)
	if err != nil {
		return 0, err
	}
	arn := strings.Replace(j.env.JobsARN(), ":stateMachine:", ":execution:", 1) + ":" + name
	started := bulk.Execution{Phase: phase, ARN: arn, Started: j.now().UTC()}
	if phase == bulk.PhaseRun {
		started.Limits = &limits
	}
	record, err := json.Marshal(started)
	if err != nil {
		return 0, err
	}
	created, err := j.Files.Create(ctx, bulk.RunKey(job, input.Run), record)
	if err != nil {
		return 0, err
	}
	if !created {
		return 0, fmt.Errorf("job: %q: somebody else has just started it", job)
	}
	if started.Limits != nil {
		if err := bulk.SetLimits(ctx, j.Files, job, limits); err != nil {
			return 0, err
		}
	}
	if _, err := j.sfn.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(j.env.JobsARN()), Name: &name, Input: aws.String(string(text))}); err != nil {
		var missing *types.StateMachineDoesNotExist
		if errors.As(err, &missing) {
			err = fmt.Errorf("%w; hint: `gcs-to-s3 up %s` deploys it", err, j.env.Name)
		}
		return 0, fmt.Errorf("starting %s: %w", name, err)
	}
	return input.Run, nil
}

// last returns the number of the last execution of a job, 0 for none.
func (j Jobs) last(ctx context.Context, job string) (n int, e bulk.Execution, err error) {
	for key, err := range j.Files.Keys(ctx, bulk.RunsFolder(job)) {
		if err != nil {
			return 0, bulk.Execution{}, err
		}
		if i, err := strconv.Atoi(strings.TrimSuffix(path.Base(key), ".json")); err == nil {
			n = max(n, i)
		}
	}
	if n == 0 {
		return 0, bulk.Execution{}, nil
	}
	data, _, err := j.Files.Get(ctx, bulk.RunKey(job, n))
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	return n, e, err
}

// describe describes an execution; nil means that there is none, or none any more.
func (j Jobs) describe(ctx context.Context, arn string) (*sfn.DescribeExecutionOutput, error) {
	out, err := j.sfn.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var missing *types.ExecutionDoesNotExist
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describing %s: %w", arn, err)
	}
	return out, nil
}

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

// Change is what Set changes of a job's limits; nil leaves a limit as it is.
type Change struct {
	Concurrency *int
	MaxRate     *int64 // bytes a second; 0 is no limit
}

// Set changes the limits of a running job. New shards keep to them at once, those that are
// being copied to a new rate within seconds.
func (j Jobs) Set(ctx context.Context, job string, change Change) error {
	s, err := j.Status(ctx, job)
	if err != nil {
		return err
	}
	if s.Map == nil {
		return fmt.Errorf("job: %q: copies nothing at the moment; hint: give `gcs-to-s3 bulk run` its limits", job)
	}
	limits := bulk.Limits{Concurrency: s.Map.Concurrency}
	if s.State == StateRunning {
		var there bool
		if limits, there, err = bulk.LoadLimits(ctx, j.Files, job); err != nil {
			return err
		} else if !there {
			limits.Concurrency = s.Map.Concurrency
		}
	} else if change.MaxRate != nil {
		return fmt.Errorf("max-rate: the job is %s, and copies nothing; hint: give `gcs-to-s3 bulk run` the rate", s.State)
	}
	if change.Concurrency != nil {
		limits.Concurrency = *change.Concurrency
	}
	if change.MaxRate != nil {
		limits.MaxRate = *change.MaxRate
	}
	if err := limits.Check(); err != nil {
		return err
	}
	if s.State == StateRunning {
		if err := bulk.SetLimits(ctx, j.Files, job, limits); err != nil {
			return err
		}
	}
	if change.Concurrency == nil {
		return nil
	}
	_, err = j.sfn.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: &s.Map.ARN, MaxConcurrency: aws.Int32(int32(limits.Concurrency))})
	if err != nil {
		return fmt.Errorf("updating %s: %w", s.Map.ARN, err)
	}
	return nil
}

// Stop stops a running job. Shards that are being copied end without a result; what they
// copied is found when the job goes on.
func (j Jobs) Stop(ctx context.Context, job string) error {
	n, last, err := j.last(ctx, job)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("job: %q: there is none that was started", job)
	}
	if err := bulk.Halt(ctx, j.Files, job, n, "stopped by hand", j.now()); err != nil {
		return err
	}
	_, err = j.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &last.ARN, Cause: aws.String("stopped by hand")})
	var missing *types.ExecutionDoesNotExist
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("stopping %s: %w", last.ARN, err)
	}
	return nil
}

// Abort aborts the uploads of a job that is not running, of objects that several invocations
// copy. S3 bills their parts until they are complete or aborted. It returns how many there
// were.
func (j Jobs) Abort(ctx context.Context, job string) (aborted int, err error) {
	s, err := j.Status(ctx, job)
	if err != nil {
		return 0, err
	}
	if s.State == StateRunning || s.State == StatePlanning {
		return 0, fmt.Errorf("job: %q: is running; hint: wait until its execution has ended", job)
	}
	for u, err := range bulk.Abandoned(ctx, j.Files, job) {
		if err != nil {
			return aborted, err
		}
		id, err := url.QueryUnescape(u.ID)
		if err != nil {
			return aborted, fmt.Errorf("upload %q: %w", u.ID, err)
		}
		_, err = j.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.DestinationBucket, Key: &u.Key, UploadId: &id})
		var missing *s3types.NoSuchUpload
		if err != nil && !errors.As(err, &missing) {
			return aborted, fmt.Errorf("aborting the upload of s3://%s/%s: %w", u.DestinationBucket, u.Key, err)
		}
		if err == nil {
			aborted++
		}
	}
	return aborted, nil
}

// List returns the names of all jobs.
func (j Jobs) List(ctx context.Context) ([]string, error) {
	var jobs []string
	in := &s3.ListObjectsV2Input{Bucket: &j.env.JobsBucket, Prefix: aws.String(bulk.Folder), Delimiter: aws.String("/")}
	for p := s3.NewListObjectsV2Paginator(j.s3, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, files{j.s3, j.env.JobsBucket}.explain("listing", bulk.Folder, err)
		}
		for _, folder := range page.CommonPrefixes {
			jobs = append(jobs, path.Base(aws.ToString(folder.Prefix)))
		}
	}
	return jobs, nil
}

// files are the files of jobs, with the caller's credentials.
type files struct {
	s3     *s3.Client
	bucket string
}

func (f files) Get(ctx context.Context, key string) ([]byte, bool, error) {
	out, err := f.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.bucket, Key: &key})
	var missing *s3types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, f.explain("reading", key, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, false, f.explain("reading", key, err)
	}
	return data, true, nil
}

func (f files) Put(ctx context.Context, key string, data []byte) error {
	_, err := f.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		return f.explain("writing", key, err)
	}
	return nil
}

func (f files) Create(ctx context.Context, key string, data []byte) (bool, error) {
	_, err := f.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(data), IfNoneMatch: aws.String("*")})
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "PreconditionFailed" {
		return false, nil
	}
	if err != nil {
		return false, f.explain("writing", key, err)
	}
	return true, nil
}

func (f files) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for p := s3.NewListObjectsV2Paginator(f.s3, &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				yield("", f.explain("listing", prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(aws.ToString(o.Key), nil) {
					return
				}
			}
		}
	}
}

func (f files) explain(what, key string, err error) error {
	var missing *s3types.NoSuchBucket
	hint := ""
	if errors.As(err, &missing) {
		hint = "; hint: jobsBucket names it, and `aws s3 mb` makes it"
	}
	return fmt.Errorf("%s s3://%s/%s: %w%s", what, f.bucket, key, err, hint)
}
