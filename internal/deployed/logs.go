package deployed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Line is one line of a function's log.
type Line struct {
	Time    time.Time `json:"time"`
	Stream  string    `json:"stream"`
	Message string    `json:"message"`
}

// between is the poll interval when following a log.
const between = 2 * time.Second

// Logs calls each with the lines of the log of one of the environment's functions since a
// time, in order; with follow it continues with new lines until ctx ends, which is then not
// an error.
func (f Function) Logs(ctx context.Context, function string, since time.Time, follow bool, each func(Line) error) error {
	group := environment.LogGroupOf(function)
	seen := map[string]bool{} // ids of lines with the latest timestamp
	for {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(f.logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli())})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if ctx.Err() != nil && follow {
				return nil
			}
			if err != nil {
				var missing *types.ResourceNotFoundException
				if errors.As(err, &missing) {
					err = fmt.Errorf("%w; hint: the function's stack, %s, creates it", err, f.env.FunctionStack())
				}
				return fmt.Errorf("reading the log group %s: %w", group, err)
			}
			for _, e := range page.Events {
				at := time.UnixMilli(aws.ToInt64(e.Timestamp))
				id := aws.ToString(e.EventId)
				if seen[id] {
					continue
				}
				if at.After(since) {
					since, seen = at, map[string]bool{}
				}
				seen[id] = true
				if err := each(Line{at, aws.ToString(e.LogStreamName), aws.ToString(e.Message)}); err != nil {
					return err
				}
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(between):
		}
	}
}
