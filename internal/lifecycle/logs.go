package lifecycle

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// takeOverLogs prepares a log group that exists outside of the function's stack, which
// cannot be created again, and reports whether the stack is to import it. One that the
// settings kept is taken over with its logs. An import changes nothing, so the log group
// is first made what the template says.
func (l Lifecycle) takeOverLogs(ctx context.Context) (bool, error) {
	name := l.Env.LogGroup()
	existing, err := inventory.ExistingLogs(ctx, l.Clouds.AWS, l.Env)
	if existing == nil || err != nil {
		return false, err
	}
	if existing.Foreign != "" {
		return false, fmt.Errorf(
			"the log group %s exists, and %s; hint: gcs-to-s3 doctor %s says what to do",
			name,
			existing.Foreign,
			l.Env.Name,
		)
	}
	// Whatever else has a name of the stack would be imported, too.
	if queue, err := inventory.ExistingQueue(ctx, l.Clouds.AWS, l.Env); queue != nil || err != nil {
		if err != nil {
			return false, err
		}
		return false, fmt.Errorf(
			"the queue %s exists, and %s; hint: gcs-to-s3 doctor %s says what to do",
			l.Env.DeadLetters(),
			queue.Foreign,
			l.Env.Name,
		)
	}
	l.Progress.Say("taking over the log group " + name)
	client := cloudwatchlogs.NewFromConfig(l.Clouds.AWS)
	if _, err := client.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &existing.ARN, Tags: l.Env.AWSTags()}); err != nil {
		return false, fmt.Errorf("marking the log group %s: %w", name, err)
	}
	if _, err := client.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: aws.Int32(int32(l.Env.LogRetentionDays))}); err != nil {
		return false, fmt.Errorf("setting the retention of the log group %s: %w", name, err)
	}
	return true, nil
}
