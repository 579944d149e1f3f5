package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/orgpolicy/v2"
)

// awsIssuer stands for AWS in the constraint on providers: IAM documentation,
// "Manage workload identity pools and providers".
const awsIssuer = "https://sts.amazonaws.com"

// hour is the longest life of a token without an organization policy.
const hour = 3600

func lookPolicyAccounts(ctx context.Context, e *examination) finding {
	return e.policy(ctx, "iam.workloadIdentityPoolAwsAccounts", e.Environment.AWSAccount)
}

func lookPolicyProviders(ctx context.Context, e *examination) finding {
	return e.policy(ctx, "iam.workloadIdentityPoolProviders", awsIssuer)
}

func lookPolicyLifetime(ctx context.Context, e *examination) finding {
	if n := e.Environment.TokenLifetimeSeconds; n <= hour {
		return good("tokens live at most an hour, which needs no policy")
	}
	return e.policy(ctx, "iam.allowServiceAccountCredentialLifetimeExtension", e.Environment.ServiceAccountEmail())
}

// policy checks whether the policy in effect allows a value.
func (e *examination) policy(ctx context.Context, constraint, value string) finding {
	if e.Environment.AllowLoopbackEndpoints && e.Environment.Google.OrgPolicy == "" {
		return skip("the environment has no gcp:orgPolicyCustomEndpoint, and its clouds are on this machine")
	}
	answer := e.Google.OrgPolicy(ctx, constraint)
	if !answer.There() {
		return unseen(answer.Cause())
	}
	var rules []*orgpolicy.GoogleCloudOrgpolicyV2PolicySpecPolicyRule
	if spec := answer.Thing.Spec; spec != nil {
		rules = spec.Rules
	}
	hint := fmt.Sprintf("have the organization's administrator allow %s: gcloud org-policies describe %s --project %s --effective", value, constraint, e.Environment.GoogleProject)
	switch admits(rules, value) {
	case yes:
		return good("allows %s", value)
	case no:
		return wrong(hint, "does not allow %s", value)
	}
	return warn(hint, "has conditions or groups of values, so it is unclear whether it allows %s", value)
}

type answer int

const (
	maybe answer = iota
	yes
	no
)

// admits reports whether a list constraint's rules allow a value: Organization Policy
// documentation, "Constraints". What any rule denies is denied.
func admits(rules []*orgpolicy.GoogleCloudOrgpolicyV2PolicySpecPolicyRule, value string) answer {
	allowed, unsure := false, false
	is := func(listed string) bool { return strings.TrimPrefix(listed, "is:") == value }
	group := func(listed string) bool {
		return strings.HasPrefix(listed, "in:") || strings.HasPrefix(listed, "under:")
	}
	for _, r := range rules {
		switch {
		case r.Condition != nil:
			unsure = true
		case r.DenyAll:
			return no
		case r.AllowAll:
			allowed = true
		case r.Values != nil:
			if slices.ContainsFunc(r.Values.DeniedValues, is) {
				return no
			}
			unsure = unsure || slices.ContainsFunc(r.Values.DeniedValues, group) || slices.ContainsFunc(r.Values.AllowedValues, group)
			allowed = allowed || len(r.Values.AllowedValues) == 0 || slices.ContainsFunc(r.Values.AllowedValues, is)
		}
	}
	switch {
	case unsure:
		return maybe
	case allowed || len(rules) == 0:
		return yes
	}
	return no
}
