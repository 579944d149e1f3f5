package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Down takes the environment down, bindings first: from then on no one can use
// the rest. Resources that are already gone are skipped. found is what the clouds
// had when the user was asked for confirmation; it includes the files that only
// the stacks' templates name.
func (l Lifecycle) Down(ctx context.Context, found []inventory.Item) ([]progress.Step, error) {
	var rest federation
	steps, err := l.Progress.Perform(ctx,
		[]progress.Act{l.act("pulumi destroy: the bindings", func(ctx context.Context) (detail string, err error) {
			rest, detail, err = l.destroyBindings(ctx)
			return detail, err
		})},
		[]progress.Act{l.act("cdk destroy: the function and the role", l.destroyStacks),
			l.act("pulumi destroy: the federation", func(ctx context.Context) (string, error) { return l.destroyFederation(ctx, rest) })},
		[]progress.Act{l.act("remove leftovers that neither engine tracks", func(ctx context.Context) (string, error) { return l.sweep(ctx, found) })},
	)
	if err == nil {
		err = os.RemoveAll(l.Env.OutputDir(l.Root))
	}
	return steps, err
}

// federation is what Pulumi's state has of the environment without the bindings.
type federation struct {
	stack     bool // without one there are no resources
	resources int  // of the cloud
}

func isProvider(r engine.Resource) bool { return strings.HasPrefix(r.Type, "pulumi:providers:") }

// isBinding reports whether a resource is a grant:
// gcp:serviceaccount/iAMMember:IAMMember.
func isBinding(r engine.Resource) bool { return strings.HasSuffix(r.Type, "IAMMember") }

func (l Lifecycle) destroyBindings(ctx context.Context) (rest federation, detail string, err error) {
	const none = "none in Pulumi's state"
	if rest.stack, err = l.Pulumi.Exists(ctx); err != nil || !rest.stack {
		return rest, none, err
	}
	held, err := l.Pulumi.Resources(ctx)
	if err != nil {
		return rest, "", err
	}
	var urns []string
	for _, r := range custom(held) {
		if isBinding(r) {
			urns = append(urns, r.URN)
		} else {
			rest.resources++
		}
	}
	if len(urns) == 0 {
		return rest, none, nil
	}
	return rest, fmt.Sprintf("%d bindings", len(urns)), l.unlocked(ctx, func() error { return l.Pulumi.Destroy(ctx, urns...) })
}

func (l Lifecycle) destroyStacks(ctx context.Context) (string, error) {
	stacks, err := l.settledStacks(ctx)
	if err != nil || len(stacks) == 0 {
		return "CloudFormation has no stack of " + l.Env.Name, err
	}
	return strings.Join(stacks, ", "), l.CDK.Destroy(ctx, stacks...)
}

func (l Lifecycle) destroyFederation(ctx context.Context, rest federation) (string, error) {
	if !rest.stack {
		return "Pulumi has no stack " + l.Env.Name, nil
	}
	if err := l.unlocked(ctx, func() error { return l.Pulumi.Destroy(ctx) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d resources", rest.resources), l.Pulumi.Remove(ctx)
}

// sweep removes the environment's leftovers after both engines are done: files in
// the CDK's bucket, resources of a lost state, and grants to deleted members.
func (l Lifecycle) sweep(ctx context.Context, found []inventory.Item) (string, error) {
	left, err := inventory.Of(ctx, l.Clouds, l.Env)
	if err != nil {
		return "", err
	}
	for _, i := range found {
		if i.Kind == inventory.KindAsset {
			left = append(left, i)
		}
	}
	removed := 0
	var errs []error
	for _, i := range inventory.Left(left) {
		if i.OfStack() || l.Keeps(i) {
			continue
		}
		l.Progress.Say("removing the " + i.String())
		if err := inventory.Remove(ctx, l.Clouds, i); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return fmt.Sprintf("%d", removed), errors.Join(errs...)
}

// Keeps reports whether an item outlives the environment because its settings say so.
func (l Lifecycle) Keeps(i inventory.Item) bool {
	return i.Kind == inventory.KindLogGroup && l.Env.LogRemoval == environment.RetainLogs
}
