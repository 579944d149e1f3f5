package diagnosis

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// Account checks whether the caller's AWS credentials belong to the environment's
// account: in another one nothing of it is found.
func (r Rights) Account(ctx context.Context) Verdict {
	who := clouds.Identity(ctx, r.AWS)
	if !who.There() {
		return unseen(who.Err())
	}
	if got := aws.ToString(who.Thing.Account); got != r.Environment.AWSAccount {
		return missing("aws-account", "your AWS credentials are for the account %s, the environment's is %s", got, r.Environment.AWSAccount)
	}
	return granted("your AWS credentials are for the account %s", r.Environment.AWSAccount)
}

// Regranted reports whether the role was made after CloudFormation made or last changed the
// function, for which it names the role: Lambda's grant on the key of the function's
// variables is then for the role before it, unless the function's role has been set since
// (AWS re:Post, "KMSAccessDeniedException from Lambda").
func (r Rights) Regranted(ctx context.Context) (bool, error) {
	role, resources := clouds.Role(ctx, r.AWS, r.Environment.Role), clouds.StackResources(ctx, r.AWS, r.Environment.FunctionStack())
	if err := clouds.Join(role.Err(), resources.Err()); err != nil {
		return false, err
	}
	if !role.There() {
		return false, nil
	}
	return slices.ContainsFunc(resources.Thing, func(s cfntypes.StackResourceSummary) bool {
		return aws.ToString(s.PhysicalResourceId) == r.Environment.Function && aws.ToTime(role.Thing.CreateDate).After(aws.ToTime(s.LastUpdatedTimestamp))
	}), nil
}

// Variables checks why Lambda cannot decrypt the function's variables.
func (r Rights) Variables(ctx context.Context) Verdict {
	after, err := r.Regranted(ctx)
	switch {
	case err != nil:
		return unseen(err)
	case after:
		return missing("variables-grant", "the role %s was made after the function of the stack %s", r.Environment.Role, r.Environment.FunctionStack())
	}
	return missing("", "the role %s is older than the function of the stack %s", r.Environment.Role, r.Environment.FunctionStack())
}

// Writer makes AWS simulate the write with the role's policies. What the bucket's
// own policy says is not among them.
func (r Rights) Writer(ctx context.Context, key string) Verdict {
	resource := "arn:aws:s3:::" + r.Environment.DestinationBucket + "/" + key
	answer := clouds.Simulation(ctx, r.AWS, r.Environment.RoleARN(), "s3:PutObject", resource)
	switch {
	case answer.Err() != nil:
		return unseen(answer.Err())
	case answer.Absent():
		return missing("role-missing", "there is no role %s", r.Environment.Role)
	}
	result := answer.Thing
	switch d := result.OrganizationsDecisionDetail; {
	case d != nil && !d.AllowedByOrganizations:
		return missing("role-boundary", "a policy of the organization denies s3:PutObject on %s", resource)
	case result.PermissionsBoundaryDecisionDetail != nil && !result.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary:
		return missing("role-boundary", "the role's permissions boundary denies s3:PutObject on %s", resource)
	case result.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
		return Verdict{State: Granted, AWS: true, Reason: "the role's policies allow s3:PutObject on " + resource}
	}
	return missing("role-policy", "the role's policies do not allow s3:PutObject on %s: %s", resource, result.EvalDecision)
}

// Trust checks whether Lambda can assume the role.
func (r Rights) Trust(ctx context.Context) Verdict {
	role := clouds.Role(ctx, r.AWS, r.Environment.Role)
	switch {
	case role.Err() != nil:
		return unseen(role.Err())
	case role.Absent():
		return missing("role-missing", "there is no role %s", r.Environment.Role)
	}
	document, err := url.QueryUnescape(aws.ToString(role.Thing.AssumeRolePolicyDocument))
	if err != nil || !strings.Contains(document, `"lambda.amazonaws.com"`) {
		return missing("role-trust", "the role's trust policy does not name lambda.amazonaws.com: %s", document)
	}
	return Verdict{State: Granted, AWS: true, Reason: "the role's trust policy names lambda.amazonaws.com"}
}
