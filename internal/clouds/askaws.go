package clouds

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
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

// home is a region that every account has enabled: AWS Account Management Reference Guide,
// "Enable or disable AWS Regions in your account".
const home = "us-east-1"

// Identity asks AWS whose credentials these are. A region that the account has not enabled
// knows no credentials of it, and STS refuses them there as it does bad ones
// (aws/aws-sdk-ruby#2850); another region tells the two apart.
func Identity(ctx context.Context, cfg aws.Config) Answer[*sts.GetCallerIdentityOutput] {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	answer := askAWS("whose AWS credentials these are", out, err)
	if Code(err) == "InvalidClientTokenId" && cfg.Region != home {
		there := sts.NewFromConfig(cfg, func(o *sts.Options) { o.Region = home })
		if _, err := there.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			answer.unseen.Reason, answer.unseen.Region = RegionOff, cfg.Region
		}
	}
	return answer
}

// Key asks for a KMS key by its ARN or, of the caller's account, its id or alias.
func Key(ctx context.Context, cfg aws.Config, ref string) Answer[*kmstypes.KeyMetadata] {
	out, err := kms.NewFromConfig(cfg).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &ref})
	if err != nil {
		return askAWS[*kmstypes.KeyMetadata]("the KMS key "+ref, nil, err)
	}
	return found(out.KeyMetadata)
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

// ChangeSet is what says whose a change set is: its tags or, without any, its template.
type ChangeSet struct {
	Tags     map[string]string
	Template string
}

// ChangeSets asks for the change sets of a stack, by their names. A stack that was never
// deployed has its tags and its template only there: AWS CloudFormation API reference,
// "DescribeChangeSet" and "GetTemplate".
func ChangeSets(ctx context.Context, cfg aws.Config, stack string) Answer[map[string]ChangeSet] {
	what, client := "the change sets of the stack "+stack, cloudformation.NewFromConfig(cfg)
	all := map[string]ChangeSet{}
	pages := cloudformation.NewListChangeSetsPaginator(client, &cloudformation.ListChangeSetsInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return askAWS[map[string]ChangeSet](what, nil, err)
		}
		for _, summary := range page.Summaries {
			set, err := client.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: summary.ChangeSetId})
			if err != nil {
				return askAWS[map[string]ChangeSet](what, nil, err)
			}
			found := ChangeSet{Tags: StackTags(set.Tags)}
			if len(found.Tags) == 0 {
				template, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{ChangeSetName: summary.ChangeSetId})
				if err != nil {
					return askAWS[map[string]ChangeSet](what, nil, err)
				}
				found.Template = aws.ToString(template.TemplateBody)
			}
			all[aws.ToString(summary.ChangeSetName)] = found
		}
	}
	return found(all)
}

// StackTags are tags of CloudFormation by their keys.
func StackTags(tags []cfntypes.Tag) map[string]string {
	out := map[string]string{}
	for _, tag := range tags {
		out[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return out
}

// TagsOfRole are the tags of a role by their keys.
func TagsOfRole(role *iamtypes.Role) map[string]string {
	out := map[string]string{}
	for _, tag := range role.Tags {
		out[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return out
}

// TagsOfFunction are the tags of a function by their keys.
func TagsOfFunction(function *lambda.GetFunctionOutput) map[string]string { return function.Tags }

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

// LogGroupTags asks for the tags of a log group.
func LogGroupTags(ctx context.Context, cfg aws.Config, group logtypes.LogGroup) Answer[map[string]string] {
	arn := strings.TrimSuffix(aws.ToString(group.Arn), ":*") // as ListTagsForResource takes it
	out, err := cloudwatchlogs.NewFromConfig(cfg).ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return askAWS[map[string]string]("the tags of the log group "+aws.ToString(group.LogGroupName), nil, err)
	}
	return found(out.Tags)
}

// LogStreams asks whether a log group has any log stream.
func LogStreams(ctx context.Context, cfg aws.Config, group string) Answer[bool] {
	out, err := cloudwatchlogs.NewFromConfig(cfg).
		DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &group, Limit: aws.Int32(1)})
	if err != nil {
		return askAWS("the log streams of "+group, false, err)
	}
	return found(len(out.LogStreams) > 0)
}

// QueueTags asks for the tags of a queue by its URL.
func QueueTags(ctx context.Context, cfg aws.Config, url string) Answer[map[string]string] {
	out, err := sqs.NewFromConfig(cfg).ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	if err != nil {
		return askAWS[map[string]string]("the queue "+url, nil, err)
	}
	return found(out.Tags)
}

// MachineTags asks for the tags of a state machine.
func MachineTags(ctx context.Context, cfg aws.Config, arn string) Answer[map[string]string] {
	out, err := sfn.NewFromConfig(cfg).ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return askAWS[map[string]string]("the tags of the state machine "+arn, nil, err)
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return found(tags)
}

// QueueURL asks for the URL of a queue of the account by its name.
func QueueURL(ctx context.Context, cfg aws.Config, name string) Answer[string] {
	out, err := sqs.NewFromConfig(cfg).GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return askAWS("the queue "+name, "", err)
	}
	return found(aws.ToString(out.QueueUrl))
}

// Schedule asks for the target of a schedule, as an ARN.
func Schedule(ctx context.Context, cfg aws.Config, name string) Answer[string] {
	out, err := scheduler.NewFromConfig(cfg).GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name})
	if err != nil {
		return askAWS("the schedule "+name, "", err)
	}
	return found(aws.ToString(out.Target.Arn))
}

// Parameter asks for the value of a parameter of Systems Manager.
func Parameter(ctx context.Context, cfg aws.Config, name string) Answer[string] {
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return askAWS("the parameter "+name, "", err)
	}
	return found(aws.ToString(out.Parameter.Value))
}
