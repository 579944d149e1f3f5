package diagnosis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// Provider checks everything that decides about the exchange of a token.
func (r Rights) Provider(ctx context.Context) Verdict {
	answer := r.Google.PoolByID(ctx, r.Environment.Pool)
	if err := answer.Err(); err != nil {
		return unseen(err)
	}
	switch pool := answer.Thing; {
	case answer.Absent():
		return missing("pool-missing", "there is no pool %s", r.Environment.Pool)
	case pool.State == clouds.Deleted:
		return missing("pool-deleted", "the pool %s is deleted, and its id free again at %s", r.Environment.Pool, pool.ExpireTime)
	case pool.Disabled:
		return missing("pool-disabled", "the pool %s is disabled", r.Environment.Pool)
	}
	found := r.Google.ProviderByID(ctx, r.Environment.Pool, r.Environment.Provider)
	if err := found.Err(); err != nil {
		return unseen(err)
	}
	role := r.Environment.AssumedRole()
	switch provider := found.Thing; {
	case found.Absent():
		return missing("provider-missing", "there is no provider %s", r.Environment.Provider)
	case provider.State == clouds.Deleted:
		return missing("provider-deleted", "the provider %s is deleted, and its id free again at %s", r.Environment.Provider, provider.ExpireTime)
	case provider.Disabled:
		return missing("provider-disabled", "the provider %s is disabled", r.Environment.Provider)
	case provider.Aws == nil || provider.Aws.AccountId != r.Environment.AWSAccount:
		return missing("provider-account", "the provider does not trust the AWS account %s", r.Environment.AWSAccount)
	case mismapped(provider.AttributeMapping) != "":
		return missing("provider-mapping", "the provider's mapping makes %s of %q, not as this environment's program has it",
			mismapped(provider.AttributeMapping), provider.AttributeMapping[mismapped(provider.AttributeMapping)])
	case provider.AttributeCondition != "" && !strings.Contains(provider.AttributeCondition, "'"+role+"'") && !strings.Contains(provider.AttributeCondition, `"`+role+`"`):
		return missing("provider-condition", "the provider's condition does not name %s: %s", role, provider.AttributeCondition)
	}
	return granted("pool and provider are active and admit %s", role)
}

// mismapped is the first attribute that a mapping makes in another way than the program's,
// or empty. Further attributes do no harm.
func mismapped(mapping map[string]string) string {
	want := names.Mapping()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if mapping[key] != want[key] {
			return key
		}
	}
	return ""
}

// Binding checks the service account and who can become it.
func (r Rights) Binding(ctx context.Context) Verdict {
	email := r.Environment.ServiceAccountEmail()
	account := r.Google.AccountByEmail(ctx, email)
	switch {
	case account.Err() != nil:
		return unseen(account.Err())
	case account.Absent():
		return missing("account-missing", "there is no service account %s", email)
	case account.Thing.Disabled:
		return missing("account-disabled", "the service account %s is disabled", email)
	}
	policy := r.Google.AccountPolicy(ctx, email)
	if err := policy.Err(); err != nil {
		return unseen(err)
	}
	bindings := policy.Thing
	members := r.members(ctx)
	if conditional, ok := holds(bindings, impersonators, members); ok {
		return granted("the binding for %s is there%s", r.Environment.AssumedRole(), conditionally(conditional))
	}
	project := r.Google.ProjectPolicy(ctx)
	if conditional, ok := holds(project.Thing, impersonators, members); ok {
		return granted("the project's policy grants it to %s%s", r.Environment.AssumedRole(), conditionally(conditional))
	}
	for _, b := range bindings {
		for _, member := range b.Members {
			switch {
			case !slices.Contains(impersonators, b.Role):
			case strings.HasPrefix(member, "deleted:") && strings.Contains(member, "principal"):
				return missing("binding-deleted", "%s is granted to %s", b.Role, member)
			case strings.HasPrefix(member, "principal"):
				return missing("binding-other", "%s is granted to %s, not to %s", b.Role, member, members[0])
			}
		}
	}
	return missing("binding-missing", "no binding lets %s become the service account", r.Environment.AssumedRole())
}

// The roles that give what a hop needs: IAM documentation, "IAM roles and
// permissions index", for iam.serviceAccounts.getAccessToken and storage.objects.get.
var (
	impersonators = []string{"roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"}
	viewers       = []string{"roles/storage.objectViewer", "roles/storage.objectUser", "roles/storage.objectAdmin", "roles/storage.admin", "roles/storage.legacyObjectReader", "roles/storage.legacyObjectOwner"}
)

// holds reports whether any of the members has any of the roles.
func holds(bindings []clouds.Binding, roles, members []string) (conditional, ok bool) {
	for _, b := range bindings {
		if slices.Contains(roles, b.Role) && slices.ContainsFunc(b.Members, func(m string) bool { return slices.Contains(members, m) }) {
			if !b.Conditional {
				return false, true
			}
			conditional, ok = true, true
		}
	}
	return conditional, ok
}

func conditionally(conditional bool) string {
	if conditional {
		return ", with a condition that can be false"
	}
	return ""
}

// number is the project's number, or a word for it.
func (r Rights) number(ctx context.Context) string {
	if r.Number != "" {
		return r.Number
	}
	if project := r.Google.Project(ctx); project.There() {
		return fmt.Sprint(project.Thing.ProjectNumber)
	}
	return "NUMBER"
}

// members are the IAM members that include the function's sessions; the
// first is the one that the Pulumi program names.
func (r Rights) members(ctx context.Context) []string {
	pool := "iam.googleapis.com/projects/" + r.number(ctx) + "/locations/global/workloadIdentityPools/" + r.Environment.Pool
	return []string{
		"principalSet://" + pool + "/attribute.aws_role/" + r.Environment.AssumedRole(),
		"principal://" + pool + "/subject/" + r.Environment.Subject(),
		"principalSet://" + pool + "/*",
	}
}

// Viewer checks the policies of the bucket and of the project.
func (r Rights) Viewer(ctx context.Context) Verdict {
	members, who := r.members(ctx), r.Environment.AssumedRole()
	if !r.Environment.DirectAccess {
		who = r.Environment.ServiceAccountEmail()
		members = []string{"serviceAccount:" + who}
	}
	policy := r.Google.BucketPolicy(ctx, r.Environment.SourceBucket)
	switch {
	case policy.Err() != nil:
		return unseen(policy.Err())
	case policy.Absent():
		return missing("source-bucket", "there is no bucket %s", r.Environment.SourceBucket)
	}
	project := r.Google.ProjectPolicy(ctx)
	bindings := slices.Concat(policy.Thing, project.Thing)
	if conditional, ok := holds(bindings, viewers, members); ok {
		return granted("%s can read the bucket's objects%s", who, conditionally(conditional))
	}
	if err := project.Err(); err != nil {
		return unseen(err)
	}
	for _, b := range bindings {
		for _, member := range b.Members {
			if slices.Contains(viewers, b.Role) && strings.HasPrefix(member, "deleted:"+members[0]+"?") {
				return missing("viewer-deleted", "%s is granted to %s", b.Role, member)
			}
		}
	}
	return missing("viewer-missing", "no binding of the bucket or the project lets %s read its objects", who)
}

// API checks whether an API is enabled, such as sts.googleapis.com; the cause is that
// it is not.
func (r Rights) API(ctx context.Context, name, cause string) Verdict {
	enabled := r.Google.API(ctx, name)
	switch {
	case enabled.Err() != nil:
		return unseen(enabled.Err())
	case enabled.Thing:
		return granted("%s is enabled", name)
	}
	return missing(cause, "%s is not enabled", name)
}
