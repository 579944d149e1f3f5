package access

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// Account looks whether the person's AWS credentials are of the environment's
// account: in another one nothing of it is found.
func (a Access) Account(ctx context.Context) Verdict {
	who, err := sts.NewFromConfig(a.AWS).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return unseen("your AWS credentials", err)
	}
	if got := aws.ToString(who.Account); got != a.Environment.AWSAccount {
		return missing("aws-account", "your AWS credentials are of the account %s, the environment's is %s", got, a.Environment.AWSAccount)
	}
	return granted("your AWS credentials are of the account %s", a.Environment.AWSAccount)
}

// Writer has AWS simulate the write with the role's policies. What the bucket's
// own policy says is not among them.
func (a Access) Writer(ctx context.Context, key string) Verdict {
	resource := "arn:aws:s3:::" + a.Environment.DestinationBucket + "/" + key
	out, err := iam.NewFromConfig(a.AWS).SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String(a.Environment.RoleARN()), ActionNames: []string{"s3:PutObject"}, ResourceArns: []string{resource},
	})
	if clouds.Code(err) == "NoSuchEntity" {
		return missing("role-missing", "there is no role %s", a.Environment.Role)
	}
	if err != nil || len(out.EvaluationResults) == 0 {
		return unseen("the role's policies", err)
	}
	result := out.EvaluationResults[0]
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

// Trust looks whether Lambda may assume the role.
func (a Access) Trust(ctx context.Context) Verdict {
	out, err := iam.NewFromConfig(a.AWS).GetRole(ctx, &iam.GetRoleInput{RoleName: &a.Environment.Role})
	if clouds.Code(err) == "NoSuchEntity" {
		return missing("role-missing", "there is no role %s", a.Environment.Role)
	}
	if err != nil {
		return unseen("the role", err)
	}
	document, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil || !strings.Contains(document, `"lambda.amazonaws.com"`) {
		return missing("role-trust", "the role's trust policy does not name lambda.amazonaws.com: %s", document)
	}
	return Verdict{State: Granted, AWS: true, Reason: "the role's trust policy names lambda.amazonaws.com"}
}
