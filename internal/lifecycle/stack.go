package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// deployStacks deploys both stacks, the role's first: the function's needs it. A stack that
// was deployed before is compared with what its resources are, since CloudFormation sees
// no drift by itself. A log group that exists already is imported.
func (l Lifecycle) deployStacks(ctx context.Context) (string, error) {
	names := []string{l.Env.RoleStack(), l.Env.FunctionStack()}
	if err := l.settled(ctx, names...); err != nil {
		return "", err
	}
	items, err := inventory.Stacks(ctx, l.Clouds.AWS, l.Env)
	if err != nil {
		return "", err
	}
	for _, i := range inventory.Foreign(items) {
		return "", fmt.Errorf(
			"the stack %s is not the environment's: it %s; hint: `gcs-to-s3 doctor %s` says what to do",
			i.Name,
			i.Foreign,
			l.Env.Name,
		)
	}
	done, modes := l.Env.Role+", "+l.Env.Function, map[string]engine.Mode{}
	for _, i := range items {
		if deployed(i.State) {
			modes[i.Name] = engine.Revert
		}
	}
	imports, err := l.takeOverLogs(ctx)
	if err != nil {
		return "", err
	}
	if imports { // the deployment brings it to what the stack says
		modes[l.Env.FunctionStack()] = engine.Revert
		done += ", and its existing log group"
	}
	if modes[names[0]] == modes[names[1]] {
		err = l.CDK.Deploy(ctx, modes[names[0]], names...)
	} else if err = l.CDK.Deploy(ctx, modes[names[0]], names[0]); err == nil {
		err = l.CDK.Deploy(ctx, modes[names[1]], names[1])
	}
	if err == nil && modes[l.Env.FunctionStack()] == engine.Revert {
		err = l.setCode(ctx)
	}
	if err != nil {
		return done, err
	}
	// Once a role was made again, every update sets it: that it was set is recorded nowhere.
	rights := diagnosis.Rights{Environment: l.Env, AWS: l.Clouds.AWS, Google: l.Clouds.Google}
	if after, err := rights.Regranted(ctx); err != nil || !after {
		return done, err
	}
	return done, l.setRole(ctx)
}

// deployed reports whether the resources of a stack in a state are those of a template.
func deployed(state string) bool {
	return slices.Contains(
		[]types.StackStatus{types.StackStatusCreateComplete, types.StackStatusUpdateComplete, types.StackStatusUpdateRollbackComplete,
			types.StackStatusImportComplete, types.StackStatusImportRollbackComplete},
		types.StackStatus(state),
	)
}

// setRole gives the environment's functions their role again, which was made again under
// its name. Lambda's grant on the key of a function's variables is for the old role's id,
// until the function's role is set (AWS re:Post, "KMSAccessDeniedException from Lambda").
func (l Lifecycle) setRole(ctx context.Context) error {
	for _, name := range l.Env.Functions() {
		l.Progress.Say("giving the function " + name + " its new role")
		_, err := lambda.NewFromConfig(l.Clouds.AWS).
			UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &name, Role: aws.String(l.Env.RoleARN())})
		if err != nil {
			return fmt.Errorf("giving the function %s its new role: %w", name, err)
		}
	}
	return nil
}

// settled waits for stacks whose operation is in progress, for example because their
// deployment was cut off: CloudFormation continues on its own.
func (l Lifecycle) settled(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := l.settle(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (l Lifecycle) settle(ctx context.Context, name string) error {
	for wait := soon; ; wait = min(2*wait, later) {
		stack := clouds.Stack(ctx, l.Clouds.AWS, name)
		if !stack.There() {
			return stack.Err()
		}
		status := stack.Thing.StackStatus
		// A stack in review has a change set that was never executed: no
		// operation is in progress.
		if !strings.HasSuffix(string(status), "_IN_PROGRESS") || status == types.StackStatusReviewInProgress {
			return nil
		}
		l.Progress.Say(fmt.Sprintf("waiting for the stack %s: %s", name, status))
		if err := clouds.Pause(ctx, wait); err != nil {
			return err
		}
	}
}
