package aws_test

import (
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestCLIOperatesFunctions is for what surrounds a function: a queue, a key, a
// schedule and a boundary. Version 1 of the command line has an address of
// its own for queues, unless it is told another by its option.
func TestCLIOperatesFunctions(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := newTool(t, s, "aws")
	url := s.URL + "/111122223333/dead"
	c.prints(url, "sqs", "create-queue", "--endpoint-url", s.URL, "--queue-name", "dead", "--attributes", "MessageRetentionPeriod=1209600", "--tags", "team=data", "--query", "QueueUrl")
	c.aws("sqs", "send-message", "--endpoint-url", s.URL, "--queue-url", url, "--message-body", "an event", "--message-attributes", "ErrorCode={DataType=Number,StringValue=200}")
	c.prints("1209600\t1", "sqs", "get-queue-attributes", "--endpoint-url", s.URL, "--queue-url", url, "--attribute-names", "All", "--query", "Attributes.[MessageRetentionPeriod,ApproximateNumberOfMessages]")
	c.prints("an event\t200", "sqs", "receive-message", "--endpoint-url", s.URL, "--queue-url", url, "--message-attribute-names", "All", "--query", "Messages[0].[Body,MessageAttributes.ErrorCode.StringValue]")

	key := c.aws("kms", "create-key", "--description", "of a test", "--query", "KeyMetadata.Arn", "--output", "text")
	c.prints("Enabled", "kms", "describe-key", "--key-id", key, "--query", "KeyMetadata.KeyState")
	c.aws("s3", "mb", "s3://files")
	c.write("secret", []byte("content"))
	c.aws("s3", "cp", "--only-show-errors", "secret", "s3://files/secret", "--sse", "aws:kms", "--sse-kms-key-id", key)
	c.prints("aws:kms\t"+key, "s3api", "head-object", "--bucket", "files", "--key", "secret", "--query", "[ServerSideEncryption,SSEKMSKeyId]")

	c.write("scheduler.json", []byte(strings.ReplaceAll(lambdaTrust, "lambda.amazonaws.com", "scheduler.amazonaws.com")))
	role := c.aws("iam", "create-role", "--role-name", "invoker", "--assume-role-policy-document", "file://scheduler.json", "--permissions-boundary", "arn:aws:iam::aws:policy/AdministratorAccess", "--query", "Role.Arn", "--output", "text")
	c.prints("arn:aws:scheduler:us-east-1:111122223333:schedule/default/nightly", "scheduler", "create-schedule", "--name", "nightly", "--schedule-expression", "cron(0 3 * * ? *)", "--flexible-time-window", "Mode=OFF",
		"--target", `{"Arn":"arn:aws:lambda:us-east-1:111122223333:function:f","RoleArn":"`+role+`","Input":"{}"}`, "--query", "ScheduleArn")
	c.prints("cron(0 3 * * ? *)\tENABLED", "scheduler", "get-schedule", "--name", "nightly", "--query", "[ScheduleExpression,State]")

	for want, args := range map[string][]string{
		"when calling the GetQueueUrl operation: The specified queue does not exist.":                                                  {"sqs", "get-queue-url", "--endpoint-url", s.URL, "--queue-name", "none"},
		"(NotFoundException) when calling the DescribeKey operation: Key 'arn:aws:kms:us-east-1:111122223333:key/none' does not exist": {"kms", "describe-key", "--key-id", "none"},
		"(ResourceNotFoundException) when calling the GetSchedule operation: Schedule none does not exist.":                            {"scheduler", "get-schedule", "--name", "none"},
	} {
		if got := c.fails(args...); !strings.Contains(got, want) {
			t.Errorf("aws %s: got %q, want %q", strings.Join(args, " "), got, want)
		}
	}
	c.aws("scheduler", "delete-schedule", "--name", "nightly")
	c.aws("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
	c.aws("sqs", "delete-queue", "--endpoint-url", s.URL, "--queue-url", url)
}
