package verify

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// askWriter has AWS simulate the write with the role's policies. What the bucket's
// own policy says is not among them.
func (v *verification) askWriter(ctx context.Context) verdict {
	if found, ok := v.disagreed(); ok {
		return found
	}
	resource := "arn:aws:s3:::" + v.Environment.DestinationBucket + "/" + v.key
	out, err := iam.NewFromConfig(v.AWS).SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String(v.Environment.RoleARN()), ActionNames: []string{"s3:PutObject"}, ResourceArns: []string{resource},
	})
	if clouds.Code(err) == "NoSuchEntity" {
		return missed("role-missing", "there is no role %s", v.Environment.Role)
	}
	if err != nil || len(out.EvaluationResults) == 0 {
		return unseen("the role's policies", err)
	}
	result := out.EvaluationResults[0]
	switch d := result.OrganizationsDecisionDetail; {
	case d != nil && !d.AllowedByOrganizations:
		return missed("role-boundary", "a policy of the organization denies s3:PutObject on %s", resource)
	case result.PermissionsBoundaryDecisionDetail != nil && !result.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary:
		return missed("role-boundary", "the role's permissions boundary denies s3:PutObject on %s", resource)
	case result.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
		return verdict{state: granted, reason: "the role's policies allow s3:PutObject on " + resource, aws: true}
	}
	return missed("role-policy", "the role's policies do not allow s3:PutObject on %s: %s", resource, result.EvalDecision)
}

// askTrust looks whether Lambda may assume the role.
func (v *verification) askTrust(ctx context.Context) verdict {
	out, err := iam.NewFromConfig(v.AWS).GetRole(ctx, &iam.GetRoleInput{RoleName: &v.Environment.Role})
	if clouds.Code(err) == "NoSuchEntity" {
		return missed("role-missing", "there is no role %s", v.Environment.Role)
	}
	if err != nil {
		return unseen("the role", err)
	}
	document, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil || !strings.Contains(document, `"lambda.amazonaws.com"`) {
		return missed("role-trust", "the role's trust policy does not name lambda.amazonaws.com: %s", document)
	}
	return verdict{state: granted, reason: "the role's trust policy names lambda.amazonaws.com", aws: true}
}
