package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// ofAWS asks AWS. A role or function of the environment's names that is marked as
// another environment's is not listed.
func ofAWS(ctx context.Context, cfg aws.Config, env environment.Environment) ([]Item, error) {
	var items []Item
	var errs []error
	stacks := cloudformation.NewFromConfig(cfg)
	var present []cfntypes.Stack
	for _, name := range []string{env.FunctionStack(), env.RoleStack()} {
		stack, err := Stack(ctx, stacks, name)
		if stack != nil {
			present = append(present, *stack)
		}
		errs = append(errs, err)
	}
	files, err := readAssets(ctx, cfg, env, present)
	errs = append(errs, err)
	for _, stack := range present {
		name := aws.ToString(stack.StackName)
		items = append(items, Item{Cloud: "AWS", Kind: KindStack, Name: name, State: string(stack.StackStatus), Created: aws.ToTime(stack.CreationTime)})
		assets, err := files.of(ctx, stacks, stack)
		items = append(items, assets...)
		errs = append(errs, err)
		others, err := resourcesOf(ctx, stacks, name)
		items = append(items, others...)
		errs = append(errs, err)
	}
	for _, find := range []func(context.Context, aws.Config, environment.Environment) (*Item, error){role, function, logGroup} {
		item, err := find(ctx, cfg, env)
		if item != nil {
			items = append(items, *item)
		}
		errs = append(errs, err)
	}
	return items, errors.Join(errs...)
}

// Stack describes a stack; it is nil if there is none.
func Stack(ctx context.Context, client *cloudformation.Client, name string) (*cfntypes.Stack, error) {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		if clouds.Code(err) == "ValidationError" && strings.Contains(err.Error(), "does not exist") {
			return nil, nil
		}
		return nil, fmt.Errorf("asking for the stack %s: %w", name, err)
	}
	if len(out.Stacks) != 1 {
		return nil, fmt.Errorf("asking for the stack %s: %d are answered", name, len(out.Stacks))
	}
	return &out.Stacks[0], nil
}

func role(ctx context.Context, cfg aws.Config, env environment.Environment) (*Item, error) {
	out, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: &env.Role})
	if clouds.Code(err) == "NoSuchEntity" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the role %s: %w", env.Role, err)
	}
	tags := map[string]string{}
	for _, tag := range out.Role.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return owned(Item{Cloud: "AWS", Kind: KindRole, Name: env.Role, State: "exists", Created: aws.ToTime(out.Role.CreateDate)}, tags, env), nil
}

func function(ctx context.Context, cfg aws.Config, env environment.Environment) (*Item, error) {
	out, err := lambda.NewFromConfig(cfg).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &env.Function})
	if clouds.Code(err) == "ResourceNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the function %s: %w", env.Function, err)
	}
	return owned(Item{Cloud: "AWS", Kind: KindFunction, Name: env.Function, State: string(out.Configuration.State)}, out.Tags, env), nil
}

// owned leaves out what is marked as another environment's.
func owned(i Item, tags map[string]string, env environment.Environment) *Item {
	if mark, ok := environment.MarkOf(tags); ok && mark.Environment != env.Name {
		return nil
	}
	return &i
}

func logGroup(ctx context.Context, cfg aws.Config, env environment.Environment) (*Item, error) {
	name := env.LogGroup()
	out, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil {
		return nil, fmt.Errorf("asking for the log group %s: %w", name, err)
	}
	for _, group := range out.LogGroups {
		if aws.ToString(group.LogGroupName) == name {
			item := Item{Cloud: "AWS", Kind: KindLogGroup, Name: name, State: "exists"}
			if env.LogRemoval == environment.RetainLogs {
				item.Detail = "kept, as logRemoval says"
			}
			return &item, nil
		}
	}
	return nil, nil
}

// apart are the types of resources that are asked for one by one, since they may
// outlive their stack.
var apart = []string{"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::CDK::Metadata"}

// resourcesOf are the other resources of a stack: queue, schedule, alarms.
func resourcesOf(ctx context.Context, client *cloudformation.Client, stack string) ([]Item, error) {
	var items []Item
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return items, fmt.Errorf("listing the resources of %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			kind := aws.ToString(r.ResourceType)
			if slices.Contains(apart, kind) || r.ResourceStatus == cfntypes.ResourceStatusDeleteComplete {
				continue
			}
			items = append(items, Item{Cloud: "AWS", Kind: KindResource, Name: aws.ToString(r.PhysicalResourceId), State: string(r.ResourceStatus), Detail: kind})
		}
	}
	return items, nil
}
