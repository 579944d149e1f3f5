package diagnosis

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/api/orgpolicy/v2"
)

// Hour is the longest life of a token without an organization policy, in seconds, and
// LifetimeConstraint the policy: Service Account Credentials API reference,
// "generateAccessToken".
const (
	Hour               = 3600
	LifetimeConstraint = "iam.allowServiceAccountCredentialLifetimeExtension"
)

// Request checks what a request for a service account's token can be refused for besides
// the binding: the state of the account, and the lifetime.
func (r Rights) Request(ctx context.Context) Verdict {
	if found := r.Binding(ctx); found.State == Missing {
		return found
	}
	if r.Environment.TokenLifetimeSeconds <= Hour {
		return missing("", "the account exists and is enabled, and the environment asks for no token of more than an hour")
	}
	policy := r.Google.OrgPolicy(ctx, LifetimeConstraint)
	if !policy.There() {
		return unseen(policy.Cause())
	}
	var rules []*orgpolicy.GoogleCloudOrgpolicyV2PolicySpecPolicyRule
	if policy.Thing.Spec != nil {
		rules = policy.Thing.Spec.Rules
	}
	account := r.Environment.ServiceAccountEmail()
	if Admits(rules, account) == Missing {
		return missing("lifetime", "%s does not allow %s", LifetimeConstraint, account)
	}
	return granted("%s allows %s", LifetimeConstraint, account)
}

// Admits reports whether a list constraint's rules allow a value: Organization Policy
// documentation, "Constraints". What any rule denies is denied, and
// Unknown is for conditions and groups of values.
func Admits(rules []*orgpolicy.GoogleCloudOrgpolicyV2PolicySpecPolicyRule, value string) State {
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
			return Missing
		case r.AllowAll:
			allowed = true
		case r.Values != nil:
			if slices.ContainsFunc(r.Values.DeniedValues, is) {
				return Missing
			}
			unsure = unsure || slices.ContainsFunc(r.Values.DeniedValues, group) || slices.ContainsFunc(r.Values.AllowedValues, group)
			allowed = allowed || len(r.Values.AllowedValues) == 0 || slices.ContainsFunc(r.Values.AllowedValues, is)
		}
	}
	switch {
	case unsure:
		return Unknown
	case allowed || len(rules) == 0:
		return Granted
	}
	return Missing
}
