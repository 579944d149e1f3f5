package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Exists reports whether there is a resource of the type and the custom name, as far as
// the clients are allowed to see it. Of types that are not listed none is looked for.
func (t Type) Exists(ctx context.Context, c *Call, name string) bool {
	var err error
	switch t.Name {
	case "AWS::IAM::Role":
		_, err = c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	case "AWS::Lambda::Function":
		_, err = c.Lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	case logGroupType:
		out, failed := c.Logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
		return failed == nil && len(out.LogGroups) > 0 && aws.ToString(out.LogGroups[0].LogGroupName) == name
	case "AWS::SQS::Queue":
		_, err = c.SQS.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	case "AWS::Scheduler::Schedule":
		_, err = c.Scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name})
	case "AWS::StepFunctions::StateMachine":
		return c.stateMachineExists(ctx, name)
	default:
		return false
	}
	return err == nil
}

// Imports reports whether existing resources of the type can be imported into a stack.
func (t Type) Imports() bool { return t.Name == logGroupType }

// Import takes the existing resource c.PhysicalID over as it is: importing changes
// nothing, so that it may differ from the template (CloudFormation User Guide, "Import
// AWS resources into a CloudFormation stack"; that its tags stay as they are is believed).
func (t Type) Import(c *Call) Instance { return logGroupInstance(c) }
