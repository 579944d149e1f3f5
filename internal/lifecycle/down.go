package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
)

// Survey is what an environment has before a command changes anything: in both clouds,
// and in the state of its Pulumi stack.
type Survey struct {
	Items []inventory.Item

	held  []engine.Resource
	stack bool // Pulumi has a stack, even if it is empty
}

// Survey asks both clouds and Pulumi. It fails if something cannot be seen, if Pulumi's
// stack is that of another environment of the same name, and if the caller lacks a right
// that a tear-down needs, as far as that can be known.
func (l Lifecycle) Survey(ctx context.Context) (Survey, error) {
	var s Survey
	var err error
	if s.held, s.stack, err = l.Pulumi.Resources(ctx); err != nil {
		return s, err
	}
	if err := inventory.CheckRecords(l.Env, s.held); err != nil {
		return s, err
	}
	if s.Items, err = inventory.Of(ctx, l.Clouds, l.Env, s.held...); err != nil {
		return s, fmt.Errorf("listing what %s has in both clouds: %w", l.Env.Name, err)
	}
	return s, rights.Check(ctx, l.Clouds, rights.Down, inventory.Scope(l.Env, s.Items), l.Progress.Say)
}

// Down takes the environment down, bindings first: from then on no one can use
// the rest. It removes what the survey lists as the environment's, which the user has
// seen, and nothing else; resources that are already gone are skipped.
func (l Lifecycle) Down(ctx context.Context, s Survey) ([]progress.Step, error) {
	if err := inventory.Unprotected(s.Items); err != nil {
		return nil, err
	}
	var first []progress.Act
	if urns := s.foreign(); len(urns) > 0 {
		first = append(
			first,
			l.act(
				"pulumi state delete: what is not the environment's",
				func(ctx context.Context) (string, error) { return l.forget(ctx, urns) },
			),
		)
	}
	steps, err := l.Progress.Perform(ctx,
		first,
		[]progress.Act{l.act("pulumi destroy: the bindings", l.destroyBindings)},
		[]progress.Act{
			l.act("cdk destroy: the function and the role", func(ctx context.Context) (string, error) { return l.destroyStacks(ctx, s) }),
			l.act("pulumi destroy: the federation", l.destroyFederation),
		},
		[]progress.Act{
			l.act("remove leftovers that neither engine tracks", func(ctx context.Context) (string, error) { return l.sweep(ctx, s) }),
		},
	)
	if err == nil {
		err = os.RemoveAll(l.Env.OutputDir(l.Root))
	}
	return steps, err
}

// foreign are the records in Pulumi's state of what is not the environment's any more:
// destroying them would remove what somebody else made under the same name.
func (s Survey) foreign() []string {
	var urns []string
	for _, i := range inventory.Foreign(s.Items) {
		urns = append(urns, i.URNs...)
	}
	slices.Sort(urns)
	return slices.Compact(urns)
}

func (l Lifecycle) forget(ctx context.Context, urns []string) (string, error) {
	return fmt.Sprintf("%d resources", len(urns)), l.unlocked(ctx, func() error {
		for _, urn := range urns {
			held, _, err := l.Pulumi.Resources(ctx)
			if err != nil {
				return err
			}
			// What depended on an earlier one went with it.
			if !slices.ContainsFunc(held, func(r engine.Resource) bool { return r.URN == urn }) {
				continue
			}
			if err := l.Pulumi.Forget(ctx, urn); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetState removes Pulumi's stack of an environment that was taken down without it, if
// there is one and it is not that of another environment of its name: otherwise the next
// environment of the name would begin with a state that the clouds have outlived.
func (l Lifecycle) ForgetState(ctx context.Context, mark environment.Mark) (string, error) {
	held, stack, err := l.Pulumi.Resources(ctx)
	if err != nil || !stack {
		return "Pulumi has no stack " + l.Env.Name, err
	}
	for _, r := range held {
		if of, ok := environment.FindMark(r.Text("description")); ok && !of.Same(mark) {
			return "Pulumi's stack " + l.Env.Name + " is that of another environment", nil
		}
	}
	return "Pulumi's stack " + l.Env.Name, l.unlocked(ctx, func() error { return l.Pulumi.RemoveAll(ctx) })
}

func isProvider(r engine.Resource) bool { return strings.HasPrefix(r.Type, "pulumi:providers:") }

// isBinding reports whether a resource is a grant:
// gcp:serviceaccount/iAMMember:IAMMember.
func isBinding(r engine.Resource) bool { return strings.HasSuffix(r.Type, "IAMMember") }

func (l Lifecycle) destroyBindings(ctx context.Context) (string, error) {
	held, _, err := l.Pulumi.Resources(ctx)
	if err != nil {
		return "", err
	}
	var urns []string
	for _, r := range held {
		if isBinding(r) {
			urns = append(urns, r.URN)
		}
	}
	if len(urns) == 0 {
		return "none in Pulumi's state", nil
	}
	return fmt.Sprintf("%d bindings", len(urns)), l.unlocked(ctx, func() error { return l.Pulumi.Destroy(ctx, urns...) })
}

func (l Lifecycle) destroyStacks(ctx context.Context, s Survey) (string, error) {
	var stacks []string
	for _, i := range inventory.Doomed(s.Items) {
		if i.Kind == inventory.KindStack {
			stacks = append(stacks, i.Name)
		}
	}
	if len(stacks) == 0 {
		return "no stack in AWS", nil
	}
	if err := l.settled(ctx, stacks...); err != nil {
		return "", err
	}
	return strings.Join(stacks, ", "), l.CDK.Destroy(ctx, stacks...)
}

func (l Lifecycle) destroyFederation(ctx context.Context) (string, error) {
	held, stack, err := l.Pulumi.Resources(ctx)
	if err != nil {
		return "", err
	}
	if !stack {
		return "Pulumi has no stack " + l.Env.Name, nil
	}
	if err := l.unlocked(ctx, func() error { return l.Pulumi.Destroy(ctx) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d resources", len(custom(held))), l.Pulumi.Remove(ctx)
}

// sweep removes the environment's leftovers after both engines are done: files in
// the CDK's bucket, resources of a lost state, and grants to deleted members. What was
// not there to be shown before is not touched.
func (l Lifecycle) sweep(ctx context.Context, s Survey) (string, error) {
	left, err := inventory.Of(ctx, l.Clouds, l.Env, s.held...)
	if err != nil {
		return "", err
	}
	for _, i := range s.Items {
		if i.Kind == inventory.KindAsset {
			left = append(left, i)
		}
	}
	removed := 0
	var errs []error
	for _, i := range inventory.Remaining(left, s.Items) {
		if i.OfStack() || i.Kind == inventory.KindStack {
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
