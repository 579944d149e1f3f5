package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// settled waits for a stack whose operation is in progress, for example because
// its deployment was cut off: CloudFormation continues on its own.
func (l Lifecycle) settled(ctx context.Context, name string) error {
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
