package clouds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"google.golang.org/api/cloudresourcemanager/v1"
	iamgoogle "google.golang.org/api/iam/v1"
)

// Caller asks for the ARN of the user or the role behind the credentials, as IAM's
// simulations take it. Of a role with a path, which its sessions do not tell, it asks IAM.
func Caller(ctx context.Context, cfg aws.Config) Answer[string] {
	who := Identity(ctx, cfg)
	if !who.There() {
		return Then(who, func(*sts.GetCallerIdentityOutput) string { return "" })
	}
	arn, account := aws.ToString(who.Thing.Arn), aws.ToString(who.Thing.Account)
	_, session, assumed := strings.Cut(arn, ":assumed-role/")
	if !assumed {
		return found(arn)
	}
	name, _, _ := strings.Cut(session, "/")
	if strings.HasPrefix(name, "AWSReservedSSO_") { // those of IAM Identity Center have one
		return Then(Role(ctx, cfg, name), func(r *iamtypes.Role) string { return aws.ToString(r.Arn) })
	}
	return found("arn:aws:iam::" + account + ":role/" + name)
}

// Refused asks IAM to simulate actions of a user or a role on resources, and answers with
// those that its policies do not allow, as "ACTION on RESOURCE". What a policy of the
// resource allows is not seen.
func Refused(ctx context.Context, cfg aws.Config, caller string, actions []string, resource string) Answer[[]string] {
	var all []string
	pages := iam.NewSimulatePrincipalPolicyPaginator(iam.NewFromConfig(cfg), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &caller, ActionNames: actions, ResourceArns: []string{resource},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return askAWS[[]string]("the policies of "+caller, nil, err)
		}
		for _, r := range page.EvaluationResults {
			if r.EvalDecision != "allowed" {
				all = append(all, aws.ToString(r.EvalActionName)+" on "+resource)
			}
		}
	}
	return found(all)
}

// MissingOnProject asks which of some permissions the caller does not have on the project.
func (g *Google) MissingOnProject(ctx context.Context, permissions []string) Answer[[]string] {
	request := &cloudresourcemanager.TestIamPermissionsRequest{Permissions: permissions}
	out, err := g.Projects.Projects.TestIamPermissions(g.env.GoogleProject, request).Context(ctx).Do()
	if err != nil {
		return askGoogle[[]string](ctx, g, "your permissions on the project "+g.env.GoogleProject, nil, err)
	}
	return found(without(permissions, out.Permissions, "the project "+g.env.GoogleProject))
}

// MissingOnBucket asks the same about a bucket.
func (g *Google) MissingOnBucket(ctx context.Context, bucket string, permissions []string) Answer[[]string] {
	out, err := g.Storage.Buckets.TestIamPermissions(bucket, permissions).Context(ctx).Do()
	if err != nil {
		return askGoogle[[]string](ctx, g, "your permissions on gs://"+bucket, nil, err)
	}
	return found(without(permissions, out.Permissions, "gs://"+bucket))
}

// MissingOnAccount asks the same about a service account.
func (g *Google) MissingOnAccount(ctx context.Context, email string, permissions []string) Answer[[]string] {
	request := &iamgoogle.TestIamPermissionsRequest{Permissions: permissions}
	out, err := g.IAM.Projects.ServiceAccounts.TestIamPermissions(g.Account(email), request).Context(ctx).Do()
	if err != nil {
		return askGoogle[[]string](ctx, g, "your permissions on "+email, nil, err)
	}
	return found(without(permissions, out.Permissions, email))
}

// without are the wanted permissions that are not held on something.
func without(wanted, held []string, on string) []string {
	has := map[string]bool{}
	for _, p := range held {
		has[p] = true
	}
	var out []string
	for _, p := range wanted {
		if !has[p] {
			out = append(out, p+" on "+on)
		}
	}
	return out
}
