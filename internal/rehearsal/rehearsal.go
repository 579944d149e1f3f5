// Package rehearsal performs the whole deployment in the sandbox, with the real
// engines: CDK and Pulumi bring the article's resources up in the local clouds,
// the deployed function copies the sample, every claim is proven from the clouds'
// own responses, and both engines take everything down again.
//
// It runs the same commands and the same programs as a deployment to the real
// clouds; only the environment's endpoints and the credentials are the sandbox's.
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// Rehearsal is one run. Root and Progress are required.
type Rehearsal struct {
	Root     string // the project's root
	Progress *progress.Reporter
	// Clouds configures the clouds' behaviour: faults and delays.
	// The folder is set here.
	Clouds sandbox.Options
	// Audit puts every request and decision of the run into its summary.
	Audit bool
	// Of names the environment whose settings are used, except for account, region,
	// project and endpoints, which are the local clouds'. Empty means the article's.
	Of string
	// Empty leaves the clouds as they start: nothing is brought up.
	Empty bool
	// Bulk is how many objects a bulk job copies while everything is up; 0 for none.
	Bulk int
	// Events is how often objects are changed while events tell of them; 0 for never.
	Events int
	// Hold is called once the function is proven to work, while everything is up;
	// the tear-down starts when it returns. It may be nil.
	Hold func(ctx context.Context, s *Stand) error
}

// Stand is everything that is up while a rehearsal runs.
type Stand struct {
	Env     environment.Environment
	Environ []string // points aws, cdk, pulumi and gcloud at the sandbox: NAME=value
	Dir     string   // the run's own folder, removed with it
	Sandbox *sandbox.Sandbox

	root        string
	disorder    *disorder
	ahead       *atomic.Int64 // nanoseconds that the clouds' clock is ahead of the machine's
	delay       time.Duration // until a policy change takes effect
	enableDelay time.Duration // until an API that was enabled answers
	tools       toolchain.Set
	progress    *progress.Reporter
	written     []environment.Environment // their files are removed at the end
}

// Summary is what a run did and proved.
type Summary struct {
	Environment string          `json:"environment"`
	Plugin      string          `json:"gcpPlugin"` // which Google Cloud plugin Pulumi ran
	Enforced    []string        `json:"enforced"`  // what the clouds were seen to reject
	Steps       []progress.Step `json:"steps"`
	Proofs      []Proof         `json:"proofs"`
	Bulk        *BulkSummary    `json:"bulk,omitempty"`
	Events      *EventsSummary  `json:"events,omitempty"`
	Seconds     float64         `json:"seconds"`

	Audit []journal.Entry `json:"audit,omitempty"`
}

// Proof is a claim with its evidence.
type Proof struct {
	Claim string `json:"claim"`
	Seen  string `json:"seen"`
	Holds bool   `json:"holds"`
}

// Run performs the rehearsal. It leaves no process and no file behind, however it
// ends. The summary shows how far it got; the error is the first failed step or proof.
func (r Rehearsal) Run(ctx context.Context) (summary Summary, err error) {
	start := time.Now()
	defer func() { summary.Seconds = time.Since(start).Seconds() }()

	s, err := r.Open(ctx, &summary)
	if s != nil {
		defer func() {
			if r.Audit {
				summary.Audit = s.Sandbox.Journal.Entries()
			}
			err = errors.Join(err, s.Close())
		}()
	}
	if err != nil {
		return summary, err
	}
	if !r.Empty {
		if err := r.raise(ctx, s, &summary); err != nil {
			return summary, err
		}
	}
	if r.Bulk > 0 {
		if err := r.bulk(ctx, &summary, s); err != nil {
			return summary, err
		}
	}
	if r.Events > 0 {
		if err := r.events(ctx, &summary, s); err != nil {
			return summary, err
		}
	}
	if r.Hold != nil {
		if err := r.Hold(ctx, s); err != nil {
			return summary, err
		}
	}
	steps, err := s.down(ctx)
	if summary.Steps = append(summary.Steps, steps...); err != nil {
		return summary, err
	}
	return summary, r.perform(ctx, &summary, []progress.Act{s.act(&summary, "check that nothing is left", proveGone)})
}

// Open starts the clouds in the state that a person would find: with the buckets,
// the object and a bootstrap for the CDK, but no environment. The result may be
// nil on error; otherwise it must be closed, even on error.
func (r Rehearsal) Open(ctx context.Context, summary *Summary) (*Stand, error) {
	chain, err := toolchain.New(r.Root)
	if err != nil {
		return nil, err
	}
	tools, err := r.tools(ctx, chain, summary)
	if err != nil {
		return nil, err
	}
	s, err := r.open(ctx, summary, tools)
	if err != nil {
		return s, err
	}
	act := func(name string, do action) progress.Act { return s.act(summary, name, do) }
	return s, r.perform(ctx, summary,
		[]progress.Act{act("create the buckets and upload "+s.Env.Object, prepare)},
		[]progress.Act{act("cdk bootstrap", bootstrap), {Name: "compile the CDK app, the Pulumi program and the function", Run: chain.Programs}},
	)
}

// raise brings the environment up and proves that it works.
func (r Rehearsal) raise(ctx context.Context, s *Stand, summary *Summary) error {
	steps, err := s.up(ctx)
	if summary.Steps = append(summary.Steps, steps...); err != nil {
		return err
	}
	return r.perform(ctx, summary,
		[]progress.Act{s.act(summary, "invoke the function", invoke)},
		[]progress.Act{s.act(summary, "check the copy", proveCopy)},
	)
}

// action is a step that uses the stand.
type action func(context.Context, *Stand, *Summary) (detail string, err error)

func (s *Stand) act(summary *Summary, name string, do action) progress.Act {
	return progress.Act{Name: name, Run: func(ctx context.Context) (string, error) { return do(ctx, s, summary) }}
}

// perform runs stages of steps and records them.
func (r Rehearsal) perform(ctx context.Context, summary *Summary, stages ...[]progress.Act) error {
	steps, err := r.Progress.Perform(ctx, stages...)
	summary.Steps = append(summary.Steps, steps...)
	return err
}

// tools gets the tools that are missing.
func (r Rehearsal) tools(ctx context.Context, chain toolchain.Toolchain, summary *Summary) (toolchain.Set, error) {
	set, err := chain.Sandbox()
	if err != nil {
		return toolchain.Set{}, err
	}
	summary.Plugin = "the real plugin " + toolchain.GCPVersion
	if set.StandIn {
		summary.Plugin = "this repository's stand-in for " + toolchain.GCPVersion
	}
	steps, err := set.Get(ctx, r.Progress, progress.Act{Name: "compile the CDK app and the function", Run: chain.AWSPrograms})
	summary.Steps = append(summary.Steps, steps...)
	return set, err
}

// open starts the clouds and writes the environment that describes them.
func (r Rehearsal) open(ctx context.Context, summary *Summary, t toolchain.Set) (*Stand, error) {
	settings := map[string]string{}
	if r.Of != "" {
		var err error
		if settings, err = environment.Values(r.Root, r.Of); err != nil {
			return nil, err
		}
	}
	if r.Bulk > 0 {
		maps.Copy(settings, bulkSettings())
	}
	if r.Events > 0 {
		maps.Copy(settings, eventsSettings())
	}
	dir, err := os.MkdirTemp("", "gcs-to-s3-sandbox-")
	if err != nil {
		return nil, fmt.Errorf("making the run's folder: %w", err)
	}
	s := &Stand{Dir: dir, root: r.Root, disorder: &disorder{}, ahead: &atomic.Int64{}, delay: r.Clouds.IAMDelay, enableDelay: r.Clouds.EnableDelay, tools: t, progress: r.Progress}
	start := progress.Act{Name: "start the local clouds", Run: func(context.Context) (string, error) {
		options := r.Clouds
		options.Dir = dir
		options.Services = google.NewProject // the program enables what it needs
		if r.Events > 0 {
			options.Now = func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
			options.Faults = faults.First(options.Faults, s.disorder.choose)
		}
		if s.Sandbox, err = sandbox.Start(options); err != nil {
			return "", err
		}
		if s.Env, err = s.writeEnvironment(settings); err != nil {
			return "", err
		}
		summary.Environment = s.Env.Name
		s.Environ = environ(s, t)
		err = preparePulumi(dir, t)
		return fmt.Sprintf("AWS at %s, Google at %s", s.Sandbox.AWSURL, s.Sandbox.GoogleURL), err
	}}
	check := progress.Act{Name: "check that bad credentials are rejected", Run: func(ctx context.Context) (string, error) {
		summary.Enforced, err = enforced(ctx, s)
		return fmt.Sprintf("%d of %d checks", len(summary.Enforced), len(checks)), err
	}}
	return s, r.perform(ctx, summary, []progress.Act{start}, []progress.Act{check})
}

// Close stops the clouds and removes every file of the run.
func (s *Stand) Close() error {
	_, err := s.progress.Step("stop the local clouds and remove their files", func() (string, error) {
		var errs []error
		if s.Sandbox != nil {
			errs = append(errs, s.Sandbox.Close())
		}
		for _, env := range s.written {
			errs = append(errs,
				os.RemoveAll(env.OutputDir(s.root)),
				os.RemoveAll(filepath.Join(s.root, environment.FileName(env.Name))))
		}
		_ = os.Remove(filepath.Join(s.root, "out")) // only if empty
		return "", errors.Join(append(errs, os.RemoveAll(s.Dir))...)
	})
	return err
}

// architecture returns the architecture of functions that can run on this machine.
func architecture() (environment.Architecture, error) {
	switch runtime.GOARCH {
	case "amd64":
		return environment.X8664, nil
	case "arm64":
		return environment.ARM64, nil
	}
	return "", fmt.Errorf("this machine's architecture, %s, is not supported by Lambda", runtime.GOARCH)
}
