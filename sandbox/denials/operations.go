package denials

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// operationDenials are those of the services that surround a function.
func operationDenials() []denial {
	const (
		section = "Queues, keys and schedules"
		place   = ":" + sandbox.Region + ":" + sandbox.Account + ":"

		queues    = "aws/serverless-application-model, issue 3633"
		keys      = "aws/copilot-cli, issue 5500"
		lockout   = "aws-samples/rds-snapshot-export-to-s3-pipeline, issue 8"
		schedules = "aws/aws-sdk-js-v3, issue 6494"
		mayNot    = "ministryofjustice/modernisation-platform, pull request 7930"
		dead      = "aws-samples/aws-serverless-ecommerce-platform, issue 41"
	)
	row := func(name string, do func(t *testing.T, c *Clouds) error, status int, code, message, source string) denial {
		return denial{section, name, do, status, code, message, source}
	}
	queue := func(t *testing.T, c *Clouds) *string {
		return must[*sqs.CreateQueueOutput](t)(sqs.NewFromConfig(admin(c)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: c.name("q")})).QueueUrl
	}
	send := func(t *testing.T, cfg aws.Config, url *string) error {
		_, err := sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x")})
		return err
	}
	key := func(t *testing.T, c *Clouds) string {
		return *must[*kms.CreateKeyOutput](t)(kms.NewFromConfig(admin(c)).CreateKey(t.Context(), &kms.CreateKeyInput{})).KeyMetadata.Arn
	}
	put := func(t *testing.T, c *Clouds, cfg aws.Config, key string) error {
		_, err := s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), Body: strings.NewReader("x"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &key})
		return err
	}
	schedule := func(t *testing.T, c *Clouds, cfg aws.Config, role, expression string) error {
		_, err := scheduler.NewFromConfig(cfg).CreateSchedule(t.Context(), &scheduler.CreateScheduleInput{
			Name: c.name("s"), ScheduleExpression: &expression, FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
			Target: &schedulertypes.Target{Arn: aws.String("arn:aws:lambda" + c.place() + "function:" + c.named("f")), RoleArn: aws.String(c.iamARN("role/" + role))},
		})
		return err
	}
	return []denial{
		row("sending to a queue without the right to", func(t *testing.T, c *Clouds) error { return send(t, as(t, c), queue(t, c)) },
			403, "AccessDenied", noIdentity("sqs:sendmessage", "arn:aws:sqs"+place+"q"), queues),
		row("sending to a queue that is not there", func(t *testing.T, c *Clouds) error {
			return send(t, admin(c), aws.String(c.queueURL(c.named("none"))))
		}, 400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", reported),
		row("a queue of a name that was deleted just now", func(t *testing.T, c *Clouds) error {
			must[*sqs.DeleteQueueOutput](t)(sqs.NewFromConfig(admin(c)).DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: queue(t, c)}))
			_, err := sqs.NewFromConfig(admin(c)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: c.name("q")})
			return err
		}, 400, "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.", "CreateQueue (Amazon SQS API Reference)"),
		row("a function whose role is not allowed to send to its dead-letter queue", func(t *testing.T, c *Clouds) error {
			_, err := lambda.NewFromConfig(admin(c)).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: c.name("f"), Role: aws.String(c.iamARN("role/" + c.Names.Role)), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: zipOf(t)},
				DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs" + c.place() + c.named("q"))},
			})
			return err
		}, 400, "InvalidParameterValueException", "The provided execution role does not have permissions to call SendMessage on SQS", dead),
		row("writing with a key without the right to use it", func(t *testing.T, c *Clouds) error {
			return put(t, c, as(t, c, allowing("s3:*", "*")), key(t, c))
		}, 403, "AccessDenied", noIdentity("kms:GenerateDataKey", "arn:aws:kms"+place+"key/…"), keys),
		row("writing with a key whose policy names somebody else", func(t *testing.T, c *Clouds) error {
			cfg, arn := as(t, c, allowing("*", "*")), key(t, c)
			must[*kms.PutKeyPolicyOutput](t)(kms.NewFromConfig(admin(c)).PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &arn,
				Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + c.owner() + `"},"Action":"kms:*","Resource":"*"}]}`)}))
			return put(t, c, cfg, arn)
		}, 403, "AccessDenied", notAllowed("kms:GenerateDataKey", "arn:aws:kms"+place+"key/…", "because no resource-based policy allows the kms:GenerateDataKey action"), accessDenied),
		row("writing with a key of another region", func(t *testing.T, c *Clouds) error {
			return put(t, c, admin(c), "arn:aws:kms:eu-west-1:"+c.Names.Account+":key/1234")
		}, 400, "KMS.NotFoundException", "Invalid arn eu-west-1", reported),
		row("a key's policy that locks everybody out", func(t *testing.T, c *Clouds) error {
			_, err := kms.NewFromConfig(admin(c)).CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + c.iamARN("role/"+c.Names.Role) + `"},"Action":"kms:*","Resource":"*"}]}`)})
			return err
		}, 400, "MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.", lockout),
		row("a schedule whose role does not trust Scheduler", func(t *testing.T, c *Clouds) error {
			return schedule(t, c, admin(c), c.Names.Role, "rate(1 hour)")
		}, 400, "ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.", schedules),
		row("a schedule whose role trusts Scheduler for another account", func(t *testing.T, c *Clouds) error {
			must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("theirs"), AssumeRolePolicyDocument: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"999999999999"}}}]}`)}))
			return schedule(t, c, admin(c), c.named("theirs"), "rate(1 hour)")
		}, 400, "ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.", "Confused deputy prevention in EventBridge Scheduler (EventBridge Scheduler User Guide), for the condition"),
		row("a schedule without the right to create it", func(t *testing.T, c *Clouds) error {
			return schedule(t, c, as(t, c), c.Names.Role, "rate(1 hour)")
		}, 403, "AccessDeniedException", noIdentity("scheduler:CreateSchedule", "arn:aws:scheduler"+place+"schedule/default/s"), mayNot),
		row("a schedule that is none", func(t *testing.T, c *Clouds) error { return schedule(t, c, admin(c), c.Names.Role, "hourly") },
			400, "ValidationException", "Invalid Schedule Expression hourly.", "localstack/localstack, issue 9284"),
	}
}
