// Package lifecycle brings an environment up in both clouds and takes it down. It
// runs the commands that a person would type, pulumi up, cdk deploy, cdk destroy and
// pulumi destroy, in the right order, and knows what to do when one of them was
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
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Lifecycle is that of one environment.
type Lifecycle struct {
	Root     string // the project's
	Env      environment.Environment
	CDK      engine.CDK
	Pulumi   engine.Pulumi
	Clouds   inventory.Clouds
	Progress *progress.Reporter
}

// New makes a lifecycle whose engines have the given executables and variables,
// and tell the progress what they print.
func New(root string, env environment.Environment, cdk, pulumi string, environ []string, clouds inventory.Clouds, p *progress.Reporter) Lifecycle {
	return Lifecycle{
		Root: root, Env: env, Clouds: clouds, Progress: p,
		CDK:    engine.CDK{Path: cdk, Root: root, Env: env, Environ: environ, Each: p.Say},
		Pulumi: engine.Pulumi{Path: pulumi, Root: root, Env: env, Environ: environ, Each: p.Say},
	}
}

// hintedError is a failure with what to do about it.
type hintedError struct {
	hint string
	err  error
}

func (e *hintedError) Error() string { return e.err.Error() + "\nhint: " + e.hint }
func (e *hintedError) Unwrap() error { return e.err }

// act is a step whose error says what to do about it, where that is known.
func (l Lifecycle) act(name string, run func(context.Context) (detail string, err error)) progress.Act {
	return progress.Act{Name: name, Run: func(ctx context.Context) (string, error) {
		detail, err := run(ctx)
		if err != nil {
			if hint := hint(err, l.Env); hint != "" {
				err = &hintedError{hint, err}
			}
		}
		return detail, err
	}}
}

// Up brings the environment up: the federation, which trusts the role by its name
// alone, and then the role and the function, which carries the credential
// configuration that the federation gave.
func (l Lifecycle) Up(ctx context.Context) ([]progress.Step, error) {
	return l.Progress.Perform(ctx,
		[]progress.Act{l.act("pulumi up: the federation", l.upFederation)},
		[]progress.Act{l.act("cdk deploy: the role and the function", l.deployStacks)},
	)
}

func (l Lifecycle) deployStacks(ctx context.Context) (string, error) {
	return l.Env.Role + ", " + l.Env.Function, l.onStacks(ctx, l.CDK.Deploy)
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
	l.Progress.Say(fmt.Sprintf("removing the lock of process %d, which has ended", locked.Lock.PID))
	if err := l.Pulumi.Cancel(ctx); err != nil {
		return err
	}
	return do()
}

// onStacks runs a command of the CDK on both stacks, once neither has an operation
// in progress. The CDK keeps to the order that the function's stack needs the role's.
func (l Lifecycle) onStacks(ctx context.Context, do func(context.Context, ...string) error) error {
	stacks := []string{l.Env.RoleStack(), l.Env.FunctionStack()}
	for _, stack := range stacks {
		if err := l.settled(ctx, stack); err != nil {
			return err
		}
	}
	return do(ctx, stacks...)
}

// ending is how long a process that was killed may still be there.
const ending = 3 * time.Second

// How often a stack that is at work is looked at.
const (
	soon  = 200 * time.Millisecond
	later = 5 * time.Second
)
