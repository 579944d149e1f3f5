package clouds

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// RolePolicies are the policies of a role: the ARNs of those that are attached, and the
// documents of those inside it, by their names.
type RolePolicies struct {
	Attached []string
	Inline   map[string]any
}

// PoliciesOfRole asks for the policies of a role.
func PoliciesOfRole(ctx context.Context, cfg aws.Config, role string) Answer[RolePolicies] {
	client, what, all := iam.NewFromConfig(cfg), "the policies of the role "+role, RolePolicies{Inline: map[string]any{}}
	attached := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return askAWS(what, all, err)
		}
		for _, policy := range page.AttachedPolicies {
			all.Attached = append(all.Attached, aws.ToString(policy.PolicyArn))
		}
	}
	inline := iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: &role})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return askAWS(what, all, err)
		}
		for _, name := range page.PolicyNames {
			policy, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err == nil {
				all.Inline[name], err = PolicyDocument(policy.PolicyDocument)
			}
			if err != nil {
				return askAWS(what, all, err)
			}
		}
	}
	return found(all)
}

// PolicyDocument is a policy as IAM answers it, URL-encoded: IAM API Reference, "GetRole".
func PolicyDocument(encoded *string) (any, error) {
	text, err := url.PathUnescape(aws.ToString(encoded))
	if err != nil {
		return nil, fmt.Errorf("reading a policy: %w", err)
	}
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("reading a policy: %w", err)
	}
	return document, nil
}

// FunctionsOfRole asks for the names of the region's functions that run as a role.
func FunctionsOfRole(ctx context.Context, cfg aws.Config, roleARN string) Answer[[]string] {
	var all []string
	pages := lambda.NewListFunctionsPaginator(lambda.NewFromConfig(cfg), nil)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listed(all, askAWS("the functions of the region", all, err))
		}
		for _, function := range page.Functions {
			if aws.ToString(function.Role) == roleARN {
				all = append(all, aws.ToString(function.FunctionName))
			}
		}
	}
	return found(all)
}

// StackHolding asks for the name of the region's stack that has a resource of a type by a
// physical id: AWS CloudFormation API reference, "DescribeStackResources".
func StackHolding(ctx context.Context, cfg aws.Config, kind, id string) Answer[string] {
	what := "the stack that has " + id
	out, err := cloudformation.NewFromConfig(cfg).
		DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{PhysicalResourceId: &id})
	if err != nil {
		return askAWS(what, "", err)
	}
	for _, r := range out.StackResources {
		if aws.ToString(r.ResourceType) == kind && aws.ToString(r.PhysicalResourceId) == id {
			return found(aws.ToString(r.StackName))
		}
	}
	return missing[string](fmt.Errorf("no stack has the %s %s", kind, id))
}
