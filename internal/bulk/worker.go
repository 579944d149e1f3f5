package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Copier copies the objects of an event: see copy.Handler.Batch.
type Copier interface {
	Batch(ctx context.Context, event invocation.Event, each func(invocation.ObjectResult) bool) (invocation.ManyResult, error)

	// Of an object that several invocations copy: see the methods of copy.Handler.
	BeginUpload(ctx context.Context, event invocation.Event) (copy.Upload, error)
	CopyParts(ctx context.Context, u copy.Upload, from, to int, have map[int]copy.Part) (map[int]copy.Part, error)
	CompleteUpload(ctx context.Context, u copy.Upload, parts []copy.Part) error
	AbortUpload(ctx context.Context, u copy.Upload) error
}

// Settings are those of the function that decide where objects go. They must be those of
// the request: a plan is frozen.
type Settings struct {
	SourceBucket, DestinationBucket, DestinationPrefix, KeyTemplate string
}

// Worker is the function's side of the steps of jobs.
type Worker struct {
	Files    Files
	Buckets  Buckets
	Copier   Copier
	Checker  Checker
	Settings Settings

	Overwrite string // the environment's policy: one of invocation.Overwrites
	Region    string // of AWS

	Log *slog.Logger
	Now func() time.Time
}

// NewWorker returns the worker of a function whose jobs are in a bucket of S3.
func NewWorker(h *copy.Handler, bucket string, settings Settings, log *slog.Logger) *Worker {
	return &Worker{Files: h.Files(bucket), Buckets: h, Copier: h, Checker: h, Settings: settings, Overwrite: h.Overwrite(), Region: h.Region(), Log: log, Now: time.Now}
}

// The steps of a job.
const (
	StepMake    = "make"    // make the job of an execution that has none
	StepDivide  = "divide"  // begin the listing, or another round of it
	StepList    = "list"    // list a range
	StepAdvance = "advance" // collect the results of a round, and begin the next
	StepCopy    = "copy"    // copy a shard
	StepReport  = "report"  // write the report

	StepRecheck  = "recheck"  // begin to check the destination again
	StepCheck    = "check"    // check a shard
	StepVerified = "verified" // join what was found
)

// Steps returns all steps.
func Steps() []string {
	return []string{StepMake, StepDivide, StepList, StepAdvance, StepCopy, StepReport, StepRecheck, StepCheck, StepVerified}
}

// Step is what the state machine asks the function to do.
type Step struct {
	Step  string          `json:"step"`
	Job   string          `json:"job"`
	Run   int             `json:"run"`             // which execution of the job this is
	Round int             `json:"round,omitempty"` // of an item, or the one to collect
	Retry int             `json:"retry,omitempty"` // how often the step has been tried before
	Of    int             `json:"of,omitempty"`    // how many items the round has
	Item  json.RawMessage `json:"item,omitempty"`  // a line of an index

	Concurrency int `json:"concurrency,omitempty"` // of the execution

	// Of StepMake, whose item is a Reconcile.
	Execution string `json:"execution,omitempty"` // ARN
	Started   string `json:"started,omitempty"`   // RFC 3339
}

// Answer is the answer to a step. It is small: a state has at most 256 KiB of output.
type Answer struct {
	Job         string `json:"job,omitempty"` // that was made
	More        bool   `json:"more"`          // there is an index to map over
	Index       string `json:"index,omitempty"`
	Round       int    `json:"round,omitempty"`
	Items       int    `json:"items,omitempty"`
	Concurrency int    `json:"concurrency,omitempty"` // of the map over the index
	Failed      int64  `json:"failed,omitempty"`
	Stopped     string `json:"stopped,omitempty"` // why the job does not go on
	Proven      bool   `json:"proven"`
}

// Handle does a step.
func (w *Worker) Handle(ctx context.Context, s Step) (a Answer, err error) {
	if s.Step == StepMake {
		return w.make(ctx, s)
	}
	if err := CheckJob(s.Job); err != nil {
		return Answer{}, err
	}
	switch s.Step {
	case StepDivide:
		return w.divide(ctx, s.Job, s.Run, s.Round)
	case StepList:
		var item span
		if err := json.Unmarshal(s.Item, &item); err != nil {
			return Answer{}, fmt.Errorf("item: %w", err)
		}
		return Answer{}, w.list(ctx, s, item)
	case StepAdvance:
		return w.advance(ctx, s)
	case StepCopy:
		var item indexEntry
		if err := json.Unmarshal(s.Item, &item); err != nil {
			return Answer{}, fmt.Errorf("item: %w", err)
		}
		return Answer{}, w.copy(ctx, s, item)
	case StepReport:
		return w.report(ctx, s.Job)
	case StepRecheck:
		return w.recheck(ctx, s.Job, s.Run)
	case StepCheck:
		var item indexEntry
		if err := json.Unmarshal(s.Item, &item); err != nil {
			return Answer{}, fmt.Errorf("item: %w", err)
		}
		return Answer{}, w.check(ctx, s, item)
	case StepVerified:
		return w.verified(ctx, s.Job, s.Run)
	}
	return Answer{}, fmt.Errorf("step: %q: must be one of %s", s.Step, strings.Join(Steps(), ", "))
}

// request reads the request of a job and holds it against the function's settings.
func (w *Worker) request(ctx context.Context, job string) (Request, error) {
	r, err := read[Request](ctx, w.Files, requestKey(job))
	if err != nil {
		return Request{}, err
	}
	if err := r.Check(); err != nil {
		return Request{}, fmt.Errorf("%s: %w", requestKey(job), err)
	}
	asked := Settings{r.SourceBucket, r.DestinationBucket, r.DestinationPrefix, r.KeyTemplate}
	if asked != w.Settings {
		return Request{}, fmt.Errorf("%s: the function's settings have changed since the job was planned, from %+v to %+v; hint: plan a new job", requestKey(job), asked, w.Settings)
	}
	return r, nil
}
