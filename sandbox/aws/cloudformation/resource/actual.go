package resource

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
)

// Actual is what the properties that a template declares are in the existing resource
// c.PhysicalID; found is false if it is gone. Roles, functions and log groups are read, by
// what a deployment of theirs sets; of functions not the code. Other types count as they
// are declared.
func (t Type) Actual(ctx context.Context, c *Call, declared map[string]any) (actual map[string]any, found bool, err error) {
	var live map[string]any
	switch t.Name {
	case "AWS::IAM::Role":
		live, err = actualRole(ctx, c)
	case "AWS::Lambda::Function":
		live, err = actualFunction(ctx, c)
	case logGroupType:
		if live, err = actualLogGroup(ctx, c); err == nil && live == nil {
			return nil, false, nil
		}
	default:
		return declared, true, nil
	}
	if notFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, explain(err)
	}
	actual = maps.Clone(declared)
	for name, value := range live {
		if was, ok := declared[name]; ok && !template.Equal(sorted(was), sorted(value)) {
			actual[name] = value
		}
	}
	return actual, true, nil
}

// sorted puts the elements of a list in order: IAM does not keep it.
func sorted(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return cmp.Compare(*document(a), *document(b)) })
	return list
}

// decoded is a policy as IAM answers it.
func decoded(text *string) any {
	plain, err := url.PathUnescape(aws.ToString(text))
	var v any
	if err != nil || json.Unmarshal([]byte(plain), &v) != nil {
		return aws.ToString(text)
	}
	return v
}

func actualRole(ctx context.Context, c *Call) (map[string]any, error) {
	out, err := c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &c.PhysicalID})
	if err != nil {
		return nil, err
	}
	names, err := c.IAM.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &c.PhysicalID})
	if err != nil {
		return nil, err
	}
	inline, attached := []any{}, []any{}
	for _, name := range names.PolicyNames {
		policy, err := c.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &c.PhysicalID, PolicyName: &name})
		if err != nil {
			return nil, err
		}
		inline = append(inline, map[string]any{"PolicyName": name, "PolicyDocument": decoded(policy.PolicyDocument)})
	}
	managed, err := c.IAM.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &c.PhysicalID})
	if err != nil {
		return nil, err
	}
	for _, policy := range managed.AttachedPolicies {
		attached = append(attached, aws.ToString(policy.PolicyArn))
	}
	return map[string]any{
		"AssumeRolePolicyDocument": decoded(out.Role.AssumeRolePolicyDocument), "Description": aws.ToString(out.Role.Description),
		"Policies": inline, "ManagedPolicyArns": attached,
	}, nil
}

func actualFunction(ctx context.Context, c *Call) (map[string]any, error) {
	out, err := c.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &c.PhysicalID})
	if err != nil {
		return nil, err
	}
	variables := map[string]any{}
	if out.Environment != nil {
		for name, value := range out.Environment.Variables {
			variables[name] = value
		}
	}
	return map[string]any{
		"Role": aws.ToString(
			out.Role,
		), "Handler": aws.ToString(out.Handler), "Runtime": string(out.Runtime), "Description": aws.ToString(out.Description),
		"Timeout": json.Number(
			fmt.Sprint(aws.ToInt32(out.Timeout)),
		), "MemorySize": json.Number(fmt.Sprint(aws.ToInt32(out.MemorySize))), "Environment": map[string]any{"Variables": variables},
	}, nil
}

func actualLogGroup(ctx context.Context, c *Call) (map[string]any, error) {
	out, err := c.Logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &c.PhysicalID})
	if err != nil {
		return nil, err
	}
	for _, group := range out.LogGroups {
		if aws.ToString(group.LogGroupName) != c.PhysicalID {
			continue
		}
		live := map[string]any{"RetentionInDays": nil}
		if group.RetentionInDays != nil {
			live["RetentionInDays"] = json.Number(fmt.Sprint(*group.RetentionInDays))
		}
		return live, nil
	}
	return nil, nil
}
