package diagnosis

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
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
