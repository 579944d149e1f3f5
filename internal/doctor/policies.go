package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/api/orgpolicy/v2"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
)

// awsIssuer stands for AWS in the constraint on providers: IAM documentation,
// "Manage workload identity pools and providers".
const awsIssuer = "https://sts.amazonaws.com"

func lookPolicyAccounts(ctx context.Context, e *examination) finding {
	return e.policy(ctx, "iam.workloadIdentityPoolAwsAccounts", e.Environment.AWSAccount)
}

func lookPolicyProviders(ctx context.Context, e *examination) finding {
	return e.policy(ctx, "iam.workloadIdentityPoolProviders", awsIssuer)
}

func lookPolicyLifetime(ctx context.Context, e *examination) finding {
	if n := e.Environment.TokenLifetimeSeconds; n <= diagnosis.Hour {
		return good("tokens live at most an hour, which needs no policy")
	}
	return e.policy(ctx, diagnosis.LifetimeConstraint, e.Environment.ServiceAccountEmail())
}

// lookPolicyAccountCreation looks at both forms of the constraint, which stops nothing that
// exists: Organization Policy documentation, "Restrict service account usage".
func lookPolicyAccountCreation(ctx context.Context, e *examination) finding {
	switch {
	case e.Environment.DirectAccess:
		return good("direct access needs no service account")
	case e.account(ctx).There():
		return good("the service account exists, and the policy is about new ones")
	}
	for _, constraint := range []string{"iam.disableServiceAccountCreation", "iam.managed.disableServiceAccountCreation"} {
		rules, problem := e.rules(ctx, constraint)
		if problem != nil {
			return *problem
		}
		for _, r := range rules {
			hint := fmt.Sprintf("have the organization's administrator exempt the project while the account is created: "+
				"`gcloud org-policies describe %s --project %s --effective`; or set directAccess true, which needs none", constraint, e.Environment.GoogleProject)
			switch {
			case r.Enforce && r.Condition == nil:
				return wrong(hint, "%s is enforced: no service account can be created in %s", constraint, e.Environment.GoogleProject)
			case r.Enforce:
				return warn(hint, "%s is enforced on a condition, so it is unclear whether a service account can be created", constraint)
			}
		}
	}
	return good("service accounts can be created")
}

// lookPolicyMembers looks at domain-restricted sharing, which is about new grants alone:
// Organization Policy documentation, "Restrict identities with domain-restricted sharing".
// The project's organization admits the environment's service account and pool with its
// own principals. Whose a customer's ID is only the organization can say.
func lookPolicyMembers(ctx context.Context, e *examination) finding {
	var only []string
	for _, constraint := range []string{"iam.allowedPolicyMemberDomains", "iam.managed.allowedPolicyMembers"} {
		rules, problem := e.rules(ctx, constraint)
		if problem != nil {
			return *problem
		}
		for _, r := range rules {
			var managed struct{ AllowedMemberSubjects, AllowedPrincipalSets []string }
			switch {
			case r.Enforce && len(r.Parameters) > 0:
				if err := json.Unmarshal(r.Parameters, &managed); err != nil {
					return wrong("try again", "cannot be read: %v", err)
				}
				only = append(append(only, managed.AllowedPrincipalSets...), managed.AllowedMemberSubjects...)
			case r.Values != nil:
				only = append(only, r.Values.AllowedValues...)
			}
			if r.DenyAll || r.Enforce && len(managed.AllowedMemberSubjects)+len(managed.AllowedPrincipalSets) == 0 {
				hint := fmt.Sprintf("have the organization's administrator allow the organization's own principals: "+
					"`gcloud org-policies describe %s --project %s --effective`", constraint, e.Environment.GoogleProject)
				return wrong(hint, "%s does not allow anyone to be granted a role", constraint)
			}
		}
	}
	switch {
	case len(only) == 0:
		return good("anybody can be granted a role")
	case e.federated(ctx):
		return good("only %s can be granted a role newly; the environment's grants are there", strings.Join(only, ", "))
	}
	hint := fmt.Sprintf("compare them with the project's organization: `gcloud projects get-ancestors %s`; `gcloud organizations list`. "+
		"If it is not among them, `pulumi up` fails with \"One or more users named in the policy do not belong to a permitted customer\"; "+
		"have the organization's administrator add it", e.Environment.GoogleProject)
	return warn(
		hint,
		"only %s can be granted a role; the service account and the pool belong to the project's organization",
		strings.Join(only, ", "),
	)
}

// rules are those of the policy in effect, or what keeps them from being seen.
func (e *examination) rules(ctx context.Context, constraint string) ([]*orgpolicy.GoogleCloudOrgpolicyV2PolicySpecPolicyRule, *finding) {
	var problem finding
	if e.Environment.AllowLoopbackEndpoints && e.Environment.Google.OrgPolicy == "" {
		problem = skip("the environment has no gcp:orgPolicyCustomEndpoint, and its clouds are on this machine")
		return nil, &problem
	}
	answer := e.Google.OrgPolicy(ctx, constraint)
	if !answer.There() {
		problem = unseen(answer.Cause())
		return nil, &problem
	}
	if answer.Thing.Spec == nil {
		return nil, nil
	}
	return answer.Thing.Spec.Rules, nil
}

// policy checks whether the policy in effect allows a value.
func (e *examination) policy(ctx context.Context, constraint, value string) finding {
	rules, problem := e.rules(ctx, constraint)
	if problem != nil {
		return *problem
	}
	hint := fmt.Sprintf(
		"have the organization's administrator allow %s: `gcloud org-policies describe %s --project %s --effective`",
		value,
		constraint,
		e.Environment.GoogleProject,
	)
	switch diagnosis.Admits(rules, value) {
	case diagnosis.Granted:
		return good("allows %s", value)
	case diagnosis.Missing:
		return wrong(hint, "does not allow %s", value)
	}
	return warn(hint, "has conditions or groups of values, so it is unclear whether it allows %s", value)
}
