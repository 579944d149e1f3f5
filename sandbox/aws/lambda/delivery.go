package lambda

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda/runner"
)

// deliveryLimit bounds the delivery of one invocation's log.
const deliveryLimit = 10 * time.Second

// deliver writes log lines to CloudWatch Logs as the function's role, so that a
// role without the right to write logs has none. Like the real service it
// reports no error; the refusals are in the journal.
func (s *Server) deliver(b runner.LogBatch) bool {
	ctx, cancel := context.WithTimeout(s.ctx, deliveryLimit)
	defer cancel()
	client := cloudwatchlogs.NewFromConfig(s.Config(b.Credentials))
	if b.New && !createStream(ctx, client, b) {
		return false
	}
	put := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &b.Group, LogStreamName: &b.Stream}
	for _, l := range b.Lines {
		at := l.Time.UnixMilli()
		put.LogEvents = append(put.LogEvents, types.InputLogEvent{Timestamp: &at, Message: &l.Message})
	}
	_, err := client.PutLogEvents(ctx, put)
	return err == nil
}

// createStream makes the stream, and if need be its group.
func createStream(ctx context.Context, client *cloudwatchlogs.Client, b runner.LogBatch) bool {
	stream := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &b.Group, LogStreamName: &b.Stream}
	_, err := client.CreateLogStream(ctx, stream)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		if _, err = client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &b.Group}); err == nil {
			_, err = client.CreateLogStream(ctx, stream)
		}
	}
	if _, exists := errors.AsType[*types.ResourceAlreadyExistsException](err); exists {
		return true // its lines did not arrive the last time
	}
	return err == nil
}
