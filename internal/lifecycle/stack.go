package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// settled waits for a stack whose operation is in progress, for example because
// its deployment was cut off: CloudFormation continues on its own.
func (l Lifecycle) settled(ctx context.Context, name string) error {
	client := cloudformation.NewFromConfig(l.Clouds.AWS)
	for wait := soon; ; wait = min(2*wait, later) {
		stack, err := inventory.Stack(ctx, client, name)
		if err != nil || stack == nil {
			return err
		}
		status := stack.StackStatus
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
