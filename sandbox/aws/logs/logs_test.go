package logs_test

import (
	"testing"
	"time"

	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

func TestGroupsStreamsAndEvents(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := logs.NewFromConfig(s.Config(s.Admin())), t.Context()
	group, stream := ptr("/aws/lambda/copy"), ptr("2025/01/01/[$LATEST]abc")
	missing := func(err error, what string) {
		t.Helper()
		if diff := cmp.Diff(awstest.Refused(400, "ResourceNotFoundException", "The specified log "+what+" does not exist."), awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	_, err := c.CreateLogStream(ctx, &logs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream})
	missing(err, "group")
	if _, err := c.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: group, Tags: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateLogGroup(ctx, &logs.CreateLogGroupInput{LogGroupName: group})
	if diff := cmp.Diff(awstest.Refused(400, "ResourceAlreadyExistsException", "The specified log group already exists"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	now := time.Now().UnixMilli()
	events := []types.InputLogEvent{
		{Timestamp: ptr(now - 15*24*3600_000), Message: ptr("too old")},
	}
	send := func(events ...types.InputLogEvent) (*logs.PutLogEventsOutput, error) {
		return c.PutLogEvents(ctx, &logs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: events})
	}
	_, err = send(events...)
	missing(err, "stream")
	if _, err := c.CreateLogStream(ctx, &logs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}); err != nil {
		t.Fatal(err)
	}
	if out, err := send(events...); err != nil || *out.RejectedLogEventsInfo.TooOldLogEventEndIndex != 1 {
		t.Errorf("got %+v (%v)", out, err)
	}
	for i, m := range []string{"START", "copied 3 objects", "END"} {
		if _, err := send(types.InputLogEvent{Timestamp: ptr(now + int64(i)), Message: &m}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = send(types.InputLogEvent{Timestamp: ptr(now + 1), Message: ptr("b")}, types.InputLogEvent{Timestamp: ptr(now), Message: ptr("a")})
	if diff := cmp.Diff(awstest.Refused(400, "InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var got []string
	pages := logs.NewFilterLogEventsPaginator(c, &logs.FilterLogEventsInput{LogGroupName: group, LogStreamNames: []string{*stream}, Limit: ptr(int32(2))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			got = append(got, *e.Message)
		}
	}
	if diff := cmp.Diff([]string{"START", "copied 3 objects", "END"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	filtered, err := c.FilterLogEvents(ctx, &logs.FilterLogEventsInput{LogGroupName: group, FilterPattern: ptr(`copied "3 objects"`)})
	if err != nil || len(filtered.Events) != 1 || *filtered.Events[0].LogStreamName != *stream {
		t.Errorf("got %+v (%v)", filtered, err)
	}
	_, err = c.FilterLogEvents(ctx, &logs.FilterLogEventsInput{LogGroupName: group, FilterPattern: ptr(`{ $.a = 1 }`)})
	if got := awstest.RefusalOf(t, err); got.Code != "NotImplemented" {
		t.Errorf("got %v, want NotImplemented", got)
	}
	if _, err := c.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: ptr(int32(14))}); err != nil {
		t.Error(err)
	}
	groups, err := c.DescribeLogGroups(ctx, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: ptr("/aws/")})
	if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].RetentionInDays != 14 {
		t.Fatalf("got %+v (%v)", groups, err)
	}
	arn := groups.LogGroups[0].LogGroupArn
	if _, err := c.TagResource(ctx, &logs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"c": "d"}}); err != nil {
		t.Error(err)
	}
	tags, err := c.ListTagsForResource(ctx, &logs.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || len(tags.Tags) != 2 {
		t.Errorf("got %+v (%v)", tags, err)
	}
	streams, err := c.DescribeLogStreams(ctx, &logs.DescribeLogStreamsInput{LogGroupName: group, OrderBy: types.OrderByLastEventTime, Descending: ptr(true)})
	if err != nil || len(streams.LogStreams) != 1 || *streams.LogStreams[0].LastEventTimestamp != now+2 {
		t.Errorf("got %+v (%v)", streams, err)
	}
	if _, err := c.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: group}); err != nil {
		t.Error(err)
	}
	_, err = c.DescribeLogStreams(ctx, &logs.DescribeLogStreamsInput{LogGroupName: group})
	missing(err, "group")
}

func TestCallsAreAuthorized(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := logs.NewFromConfig(s.Config(awstest.Session(t, s, "fn", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:*:log-group:/aws/lambda/copy:*"}]}`, time.Hour)))
	if _, err := c.CreateLogGroup(t.Context(), &logs.CreateLogGroupInput{LogGroupName: ptr("/aws/lambda/copy")}); err != nil {
		t.Error(err)
	}
	_, err := c.CreateLogGroup(t.Context(), &logs.CreateLogGroupInput{LogGroupName: ptr("/aws/lambda/other")})
	want := awstest.Refused(400, "AccessDeniedException", "User: arn:aws:sts::111122223333:assumed-role/fn/session is not authorized to perform: logs:CreateLogGroup on resource: arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/other:log-stream: because no identity-based policy allows the logs:CreateLogGroup action")
	if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
