package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// settled waits for a stack that is still at work, as one is whose deployment was
// cut off: CloudFormation goes on by itself.
func (l Lifecycle) settled(ctx context.Context, name string) error {
	for wait := soon; ; wait = min(2*wait, later) {
		stack := clouds.Stack(ctx, l.Clouds.AWS, name)
		if !stack.There() {
			return stack.Err()
		}
		status := stack.Thing.StackStatus
		// One in review has a change set that was never executed: it is not at work.
		if !strings.HasSuffix(string(status), "_IN_PROGRESS") || status == types.StackStatusReviewInProgress {
			return nil
		}
		l.Progress.Say(fmt.Sprintf("waiting for the stack %s, which is %s", name, status))
		if err := clouds.Pause(ctx, wait); err != nil {
			return err
		}
	}
}
