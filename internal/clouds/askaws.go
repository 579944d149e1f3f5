package clouds

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// askAWS is AWS's answer about a thing: the one that a request fetched, or what its
// error means. what names the thing for people.
func askAWS[T any](what string, thing T, err error) Answer[T] {
	if err == nil {
		return found(thing)
	}
	reply := ReplyOf(err)
	if reply.absent() {
		return missing[T](err)
	}
	u := &Unseen{What: what, Reply: reply, err: err}
	u.Reason, _, _ = reply.classify()
	return hide[T](u)
}

// Identity asks AWS whose credentials these are.
func Identity(ctx context.Context, cfg aws.Config) Answer[*sts.GetCallerIdentityOutput] {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return askAWS("whose AWS credentials these are", out, err)
}

// Stack asks for a stack by its name.
func Stack(ctx context.Context, cfg aws.Config, name string) Answer[cfntypes.Stack] {
	what := "the stack " + name
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return askAWS(what, cfntypes.Stack{}, err)
	}
	if len(out.Stacks) != 1 {
		return hide[cfntypes.Stack](&Unseen{What: what, Reply: Reply{Message: "CloudFormation answered without it"}})
	}
	return found(out.Stacks[0])
}

// Stacks asks for all stacks of the region.
func Stacks(ctx context.Context, cfg aws.Config) Answer[[]cfntypes.Stack] {
	var all []cfntypes.Stack
	pages := cloudformation.NewDescribeStacksPaginator(cloudformation.NewFromConfig(cfg), nil)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listed(all, askAWS("the stacks of the region", all, err))
		}
		all = append(all, page.Stacks...)
	}
	return found(all)
}

// StackResources asks for the resources of a stack.
func StackResources(ctx context.Context, cfg aws.Config, stack string) Answer[[]cfntypes.StackResourceSummary] {
	var all []cfntypes.StackResourceSummary
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(cfg), &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listed(all, askAWS("the resources of the stack "+stack, all, err))
		}
		all = append(all, page.StackResourceSummaries...)
	}
	return found(all)
}

// StackTemplate asks for the template of a stack.
func StackTemplate(ctx context.Context, cfg aws.Config, stack string) Answer[string] {
	out, err := cloudformation.NewFromConfig(cfg).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack})
	if err != nil {
		return askAWS("the template of the stack "+stack, "", err)
	}
	return found(aws.ToString(out.TemplateBody))
}

// Role asks for an IAM role by its name.
func Role(ctx context.Context, cfg aws.Config, name string) Answer[*iamtypes.Role] {
	out, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return askAWS[*iamtypes.Role]("the role "+name, nil, err)
	}
	return found(out.Role)
}

// Simulation asks IAM to simulate an action with a role's policies.
func Simulation(ctx context.Context, cfg aws.Config, roleARN, action, resource string) Answer[iamtypes.EvaluationResult] {
	what := "the policies of the role " + roleARN
	out, err := iam.NewFromConfig(cfg).SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &roleARN, ActionNames: []string{action}, ResourceArns: []string{resource},
	})
	if err != nil {
		return askAWS(what, iamtypes.EvaluationResult{}, err)
	}
	if len(out.EvaluationResults) == 0 {
		return hide[iamtypes.EvaluationResult](&Unseen{What: what, Reply: Reply{Message: "IAM answered without a result"}})
	}
	return found(out.EvaluationResults[0])
}

// Function asks for a Lambda function by its name.
func Function(ctx context.Context, cfg aws.Config, name string) Answer[*lambda.GetFunctionOutput] {
	out, err := lambda.NewFromConfig(cfg).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	return askAWS("the function "+name, out, err)
}

// LogGroup asks for a log group by its name.
func LogGroup(ctx context.Context, cfg aws.Config, name string) Answer[logtypes.LogGroup] {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(cloudwatchlogs.NewFromConfig(cfg), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return askAWS("the log group "+name, logtypes.LogGroup{}, err)
		}
		for _, group := range page.LogGroups {
			if aws.ToString(group.LogGroupName) == name {
				return found(group)
			}
		}
	}
	return missing[logtypes.LogGroup](errors.New("there is no log group " + name))
}

// Parameter asks for the value of a parameter of Systems Manager.
func Parameter(ctx context.Context, cfg aws.Config, name string) Answer[string] {
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return askAWS("the parameter "+name, "", err)
	}
	return found(aws.ToString(out.Parameter.Value))
}
