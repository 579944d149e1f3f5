// Package jobs runs an environment's bulk jobs from the command line: it writes what is
// asked into the jobs bucket, starts executions of the state machine, and reads how far
// they have come, with whatever AWS credentials the caller's shell has. Nothing depends on
// it once an execution runs.
package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
