// Package lifecycle brings an environment up in both clouds and takes it down. It runs
// the commands that a person would type, pulumi up, cdk deploy, cdk destroy and pulumi
// destroy, in the right order, and recovers from interrupted commands: locks left by a
// dead process, stacks with an operation in progress, and resources that neither
// engine tracks. Running it again continues where it stopped.
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

// Lifecycle manages one environment. The zero values of the options are the careful ones.
type Lifecycle struct {
	Root     string // of the project
	Env      environment.Environment
	CDK      engine.CDK
	Pulumi   engine.Pulumi
	Clouds   clouds.Pair
	Progress *progress.Reporter

	// UnlockAfter is the age from which a lock on Pulumi's state that a process on another
	// machine holds is taken for abandoned; 0 is never. Whoever sets it knows that no
	// operation lasts as long.
	UnlockAfter time.Duration
}

// New returns a lifecycle whose engines use the given executables and variables,
// and report their output to the progress.
func New(root string, env environment.Environment, cdk, pulumi string, environ []string, both clouds.Pair, p *progress.Reporter) Lifecycle {
	return Lifecycle{
		Root: root, Env: env, Clouds: both, Progress: p,
		CDK:    engine.CDK{Path: cdk, Root: root, Env: env, Environ: environ, Each: p.Say},
		Pulumi: engine.Pulumi{Path: pulumi, Root: root, Env: env, Environ: environ, Each: p.Say},
	}
}

// hintedError is a failure with advice.
type hintedError struct {
	hint string
	err  error
}

func (e *hintedError) Error() string { return e.err.Error() + "\nhint: " + e.hint }
func (e *hintedError) Unwrap() error { return e.err }

// act returns a step that adds advice to its error if there is any.
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

// Up brings the environment up: first the federation, which trusts the role by
// its name alone, then the role and the function, whose bundle includes the
// credential configuration from the federation.
func (l Lifecycle) Up(ctx context.Context) ([]progress.Step, error) {
	return l.Progress.Perform(ctx,
		[]progress.Act{l.act("pulumi up: the federation", l.upFederation)},
		[]progress.Act{l.act("cdk deploy: the role and the function", l.deployStacks)},
	)
}

func (l Lifecycle) upFederation(ctx context.Context) (string, error) {
	if err := l.Pulumi.Select(ctx); err != nil {
		return "", err
	}
	if err := l.tidyRecords(ctx); err != nil {
		return "", err
	}
	if err := l.answering(ctx, func() error { return l.unlocked(ctx, func() error { return l.Pulumi.Up(ctx) }) }); err != nil {
		return "", err
	}
	held, _, err := l.Pulumi.Resources(ctx)
	return fmt.Sprintf("%d resources", len(custom(held))), err
}

// tidyRecords checks that what Pulumi's state has is the environment's: an update would
// change what somebody else made again under the same name. It removes grants to a
// service account of the state that has been deleted: when the update has replaced the
// account, nothing knows any more whose they are.
func (l Lifecycle) tidyRecords(ctx context.Context) error {
	held, _, err := l.Pulumi.Resources(ctx)
	if err == nil {
		err = inventory.CheckRecords(l.Env, held)
	}
	if err != nil || len(custom(held)) == 0 {
		return err
	}
	items, _ := inventory.Of(ctx, l.Clouds, l.Env, held...) // what cannot be seen is in the update's own error
	for _, i := range inventory.Foreign(items) {
		if len(i.URNs) > 0 {
			return fmt.Errorf(
				"the %s %s, which Pulumi's state records, is not the environment's: it %s; hint: `gcs-to-s3 doctor %s` says what to do",
				i.Kind,
				i.Name,
				i.Foreign,
				l.Env.Name,
			)
		}
	}
	for _, i := range inventory.Doomed(items) {
		if i.State != inventory.Dangling {
			continue
		}
		l.Progress.Say("removing the " + i.String())
		if err := inventory.Remove(ctx, l.Clouds, i); err != nil {
			return err
		}
	}
	return nil
}

// custom returns the cloud resources, without Pulumi's own.
func custom(held []engine.Resource) []engine.Resource {
	var out []engine.Resource
	for _, r := range held {
		if r.Custom && !isProvider(r) {
			out = append(out, r)
		}
	}
	return out
}

// unlocked runs do, which uses Pulumi's state. It removes a lock left by a process of
// this machine that has ended, and one of another machine that is older than UnlockAfter;
// any other lock is an error that names its holder.
func (l Lifecycle) unlocked(ctx context.Context, do func() error) error {
	err := do()
	locked, ok := engine.Locked(err)
	if !ok {
		return err
	}
	// A process that was killed with its parent may still be about to end.
	for deadline := time.Now().Add(ending); locked.Lock.Here() && !locked.Lock.Abandoned() && time.Now().Before(deadline); {
		if err := clouds.Pause(ctx, soon); err != nil {
			return err
		}
	}
	switch lock := locked.Lock; {
	case lock.Abandoned():
		l.Progress.Say(fmt.Sprintf("removing the lock of process %d, which has ended", lock.PID))
	case !lock.Here() && l.UnlockAfter > 0 && lock.Age() >= l.UnlockAfter:
		l.Progress.Say(fmt.Sprintf("removing the lock of %s@%s, which is %s old", lock.User, lock.Host, lock.Age()))
	default:
		return locked
	}
	if err := l.Pulumi.Cancel(ctx); err != nil {
		return err
	}
	return do()
}

// ending is how long a killed process may take to disappear.
const ending = 3 * time.Second

// How often a stack with an operation in progress is polled.
const (
	soon  = 200 * time.Millisecond
	later = 5 * time.Second
)
