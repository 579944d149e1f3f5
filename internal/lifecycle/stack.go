package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// settledStacks returns the environment's stacks that exist, the role's first, once
// neither has an operation in progress.
func (l Lifecycle) settledStacks(ctx context.Context) ([]string, error) {
	var stacks []string
	for _, name := range []string{l.Env.RoleStack(), l.Env.FunctionStack()} {
		exists, err := l.settled(ctx, name)
		if err != nil {
			return nil, err
		}
		if exists {
			stacks = append(stacks, name)
		}
	}
	return stacks, nil
}

// settled waits for a stack whose operation is in progress, for example because
// its deployment was cut off: CloudFormation continues on its own. It reports
// whether the stack exists.
func (l Lifecycle) settled(ctx context.Context, name string) (exists bool, err error) {
	for wait := soon; ; wait = min(2*wait, later) {
		stack := clouds.Stack(ctx, l.Clouds.AWS, name)
		if !stack.There() {
			return false, stack.Err()
		}
		status := stack.Thing.StackStatus
		// A stack in review has a change set that was never executed: no
		// operation is in progress.
		if !strings.HasSuffix(string(status), "_IN_PROGRESS") || status == types.StackStatusReviewInProgress {
			return true, nil
		}
		l.Progress.Say(fmt.Sprintf("waiting for the stack %s: %s", name, status))
		if err := clouds.Pause(ctx, wait); err != nil {
			return false, err
		}
	}
}
