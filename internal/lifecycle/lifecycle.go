// Package lifecycle brings an environment up in both clouds and takes it down. It
// runs the commands that a person would type, cdk deploy, pulumi up, pulumi destroy
// and cdk destroy, in the right order, and knows what to do when one of them was
// cut off: locks that a dead process left, stacks that are still at work, and
// whatever an engine does not remember. Running it again goes on where it stopped.
package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Lifecycle is that of one environment.
type Lifecycle struct {
	Root     string // the project's
	Env      environment.Environment
	CDK      engine.CDK
	Pulumi   engine.Pulumi
	Clouds   clouds.Pair
	Progress *progress.Reporter
}

// New makes a lifecycle whose engines have the given executables and variables,
// and tell the progress what they print.
func New(root string, env environment.Environment, cdk, pulumi string, environ []string, both clouds.Pair, p *progress.Reporter) Lifecycle {
	return Lifecycle{
		Root: root, Env: env, Clouds: both, Progress: p,
		CDK:    engine.CDK{Path: cdk, Root: root, Env: env, Environ: environ, Each: p.Say},
		Pulumi: engine.Pulumi{Path: pulumi, Root: root, Env: env, Environ: environ, Each: p.Say},
	}
}

// Step is one step that was done.
type Step struct {
	Name    string  `json:"name"`
	Detail  string  `json:"detail,omitempty"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
}

// act is one step to do.
type act struct {
	name string
	run  func(context.Context) (detail string, err error)
}

// perform does one step after the other, up to the first that fails. Its error is
// a *StepError.
func (l Lifecycle) perform(ctx context.Context, acts []act) ([]Step, error) {
	var steps []Step
	for _, a := range acts {
		var detail string
		took, err := l.Progress.Step(a.name, func() (string, error) {
			var err error
			detail, err = a.run(ctx)
			return detail, err
		})
		step := Step{Name: a.name, Detail: detail, Seconds: took.Seconds()}
		if err != nil {
			step.Error = err.Error()
			return append(steps, step), &StepError{a.name, hint(err, l.Env), err}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// StepError is a step that failed.
type StepError struct {
	Step string
	Hint string // what to do about it; may be empty
	Err  error
}

func (e *StepError) Error() string {
	s := fmt.Sprintf("%s: %v", e.Step, e.Err)
	if e.Hint != "" {
		s += "\nhint: " + e.Hint
	}
	return s
}

func (e *StepError) Unwrap() error { return e.Err }

// Up brings the environment up: the role, the federation that trusts it by name,
// and the function with the credential configuration that the federation gave.
func (l Lifecycle) Up(ctx context.Context) ([]Step, error) {
	return l.perform(ctx, []act{
		{"cdk deploy: the role", l.deployRole},
		{"pulumi up: the federation", l.upFederation},
		{"cdk deploy: the function", l.deployFunction},
	})
}

func (l Lifecycle) deployRole(ctx context.Context) (string, error) {
	return l.Env.RoleARN(), l.onStack(ctx, l.Env.RoleStack(), l.CDK.Deploy)
}

func (l Lifecycle) deployFunction(ctx context.Context) (string, error) {
	return l.Env.Function, l.onStack(ctx, l.Env.FunctionStack(), l.CDK.Deploy)
}

func (l Lifecycle) upFederation(ctx context.Context) (string, error) {
	if err := l.Pulumi.Select(ctx); err != nil {
		return "", err
	}
	if err := l.unlocked(ctx, func() error { return l.Pulumi.Up(ctx) }); err != nil {
		return "", err
	}
	held, err := l.Pulumi.Resources(ctx)
	return fmt.Sprintf("%d resources", len(custom(held))), err
}

// custom are the resources of clouds, without Pulumi's own.
func custom(held []engine.Resource) []engine.Resource {
	var out []engine.Resource
	for _, r := range held {
		if r.Custom && !isProvider(r) {
			out = append(out, r)
		}
	}
	return out
}

// unlocked does something with Pulumi's state. A lock that a process of this
// machine left which is no more is removed; any other is an error that names who
// holds it.
func (l Lifecycle) unlocked(ctx context.Context, do func() error) error {
	err := do()
	locked, ok := engine.Locked(err)
	if !ok {
		return err
	}
	// A process that was killed with its parent may be about to end.
	for deadline := time.Now().Add(ending); locked.Lock.Here() && !locked.Lock.Abandoned() && time.Now().Before(deadline); {
		if err := clouds.Pause(ctx, soon); err != nil {
			return err
		}
	}
	if !locked.Lock.Abandoned() {
		return locked
	}
	l.Progress.Say(fmt.Sprintf("removing the lock of process %d, which is no more", locked.Lock.PID))
	if err := l.Pulumi.Cancel(ctx); err != nil {
		return err
	}
	return do()
}

// onStack runs a command of the CDK on a stack that is not at work.
func (l Lifecycle) onStack(ctx context.Context, stack string, do func(context.Context, string) error) error {
	if err := l.settled(ctx, stack); err != nil {
		return err
	}
	return do(ctx, stack)
}

// ending is how long a process that was killed may still be there.
const ending = 3 * time.Second

// How often a stack that is at work is looked at.
const (
	soon  = 200 * time.Millisecond
	later = 5 * time.Second
)
