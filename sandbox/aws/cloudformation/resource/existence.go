package resource

import (
	"context"
	"strings"

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

// identifiers are the primary identifiers of the types that can be imported into a stack:
// CloudFormation Template Reference, their "Return values". Other types that the service
// can import are not modelled.
var identifiers = map[string]string{"AWS::IAM::Role": "RoleName", "AWS::Lambda::Function": "FunctionName", logGroupType: "LogGroupName"}

// Importable reports whether resources of a type can be imported at all: CloudFormation
// User Guide, "Resource type support".
func Importable(typeName string) bool {
	return typeName != "AWS::IAM::Policy" && typeName != "AWS::CDK::Metadata" && !strings.HasPrefix(typeName, "Custom::")
}

// Identifier is the property that identifies an existing resource for an import, or empty
// where that is not modelled.
func (t Type) Identifier() string { return identifiers[t.Name] }

// Import looks for the existing resource c.PhysicalID, and takes it over as it is:
// importing changes nothing, so that it may differ from the template (CloudFormation User
// Guide, "Import AWS resources into a CloudFormation stack"; that its tags stay as they
// are is believed). The instance is empty if there is none.
func (t Type) Import(ctx context.Context, c *Call) (Instance, error) {
	var err error
	attributes := map[string]any{}
	switch t.Name {
	case "AWS::IAM::Role":
		var out *iam.GetRoleOutput
		if out, err = c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &c.PhysicalID}); err == nil {
			attributes["Arn"], attributes["RoleId"] = *out.Role.Arn, *out.Role.RoleId
		}
	case "AWS::Lambda::Function":
		var out *lambda.GetFunctionOutput
		if out, err = c.Lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &c.PhysicalID}); err == nil {
			attributes["Arn"] = *out.Configuration.FunctionArn
		}
	case logGroupType:
		if t.Exists(ctx, c, c.PhysicalID) {
			return logGroupInstance(c), nil
		}
		return Instance{}, nil
	}
	switch {
	case notFound(err):
		return Instance{}, nil
	case err != nil:
		return Instance{}, explain(err)
	}
	return Instance{PhysicalID: c.PhysicalID, Attributes: attributes}, nil
}
