// Package access looks in both clouds whether what the function needs on its way is
// granted: the exchange of its signature for a token, the service account, the
// object, and the write to S3. It reads policies as they are written; whether a
// change has reached every edge yet nobody can read, which is why a refusal of what
// is granted may pass. It looks with a person's rights and changes nothing.
package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"google.golang.org/api/cloudresourcemanager/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Access is that of one environment's function.
type Access struct {
	Environment environment.Environment
	AWS         aws.Config
	Google      *clouds.Google
	// Number is the project's as the function's credential configuration has it; empty
	// asks the project.
	Number string
}

// State is what the clouds say about what a hop needs.
type State int

const (
	Unknown State = iota // they do not say, or not to this person
	Granted              // it is there
	Missing              // it is not there
)

// Verdict is the answer of the clouds.
type Verdict struct {
	State  State
	Reason string
	Cause  string // of something missing: its id in the table of verify
	AWS    bool   // it is AWS's policy that grants it
	Err    error  // why they do not say
}

func missing(cause, format string, args ...any) Verdict {
	return Verdict{State: Missing, Reason: fmt.Sprintf(format, args...), Cause: cause}
}

func granted(format string, args ...any) Verdict {
	return Verdict{State: Granted, Reason: fmt.Sprintf(format, args...)}
}

// unseen is that something could not be asked.
func unseen(what string, err error) Verdict {
	return Verdict{Reason: fmt.Sprintf("looking at %s: %v", what, err), Err: err}
}

// Provider looks at everything that decides about the exchange of a token.
func (a Access) Provider(ctx context.Context) Verdict {
	pools := a.Google.IAM.Projects.Locations.WorkloadIdentityPools
	pool, err := pools.Get(a.Google.Pool()).Context(ctx).Do()
	switch {
	case clouds.Missing(err):
		return missing("pool-missing", "there is no pool %s", a.Environment.Pool)
	case err != nil:
		return unseen("the pool", err)
	case pool.State == clouds.Deleted:
		return missing("pool-deleted", "the pool %s is deleted, and its id free again at %s", a.Environment.Pool, pool.ExpireTime)
	case pool.Disabled:
		return missing("pool-disabled", "the pool %s is disabled", a.Environment.Pool)
	}
	provider, err := pools.Providers.Get(a.Google.Provider()).Context(ctx).Do()
	role := a.Environment.AssumedRole()
	switch {
	case clouds.Missing(err):
		return missing("provider-missing", "there is no provider %s", a.Environment.Provider)
	case err != nil:
		return unseen("the provider", err)
	case provider.State == clouds.Deleted:
		return missing("provider-deleted", "the provider %s is deleted, and its id free again at %s", a.Environment.Provider, provider.ExpireTime)
	case provider.Disabled:
		return missing("provider-disabled", "the provider %s is disabled", a.Environment.Provider)
	case provider.Aws == nil || provider.Aws.AccountId != a.Environment.AWSAccount:
		return missing("provider-account", "the provider does not trust the AWS account %s", a.Environment.AWSAccount)
	case provider.AttributeMapping["attribute.aws_role"] == "":
		return missing("provider-mapping", "the provider's mapping makes no attribute.aws_role")
	case provider.AttributeCondition != "" && !strings.Contains(provider.AttributeCondition, "'"+role+"'") && !strings.Contains(provider.AttributeCondition, `"`+role+`"`):
		return missing("provider-condition", "the provider's condition does not name %s: %s", role, provider.AttributeCondition)
	}
	return granted("pool and provider are active and admit %s", role)
}

// Binding looks at the service account and who may become it.
func (a Access) Binding(ctx context.Context) Verdict {
	accounts, email := a.Google.IAM.Projects.ServiceAccounts, a.Environment.ServiceAccountEmail()
	account, err := accounts.Get(a.Google.ServiceAccount()).Context(ctx).Do()
	switch {
	case clouds.Missing(err):
		return missing("account-missing", "there is no service account %s", email)
	case err != nil:
		return unseen("the service account", err)
	case account.Disabled:
		return missing("account-disabled", "the service account %s is disabled", email)
	}
	policy, err := accounts.GetIamPolicy(a.Google.ServiceAccount()).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if err != nil {
		return unseen("the service account's policy", err)
	}
	var bindings []binding
	for _, b := range policy.Bindings {
		bindings = append(bindings, binding{b.Role, b.Members, b.Condition != nil})
	}
	members := a.members(ctx)
	if conditional, ok := holds(bindings, impersonators, members); ok {
		return granted("the binding for %s is there%s", a.Environment.AssumedRole(), conditionally(conditional))
	}
	if project, err := a.projectBindings(ctx); err == nil {
		if conditional, ok := holds(project, impersonators, members); ok {
			return granted("the project's policy grants it to %s%s", a.Environment.AssumedRole(), conditionally(conditional))
		}
	}
	for _, b := range bindings {
		for _, member := range b.members {
			switch {
			case !slices.Contains(impersonators, b.role):
			case strings.HasPrefix(member, "deleted:") && strings.Contains(member, "principal"):
				return missing("binding-deleted", "%s is granted to %s", b.role, member)
			case strings.HasPrefix(member, "principal"):
				return missing("binding-other", "%s is granted to %s, not to %s", b.role, member, members[0])
			}
		}
	}
	return missing("binding-missing", "no binding lets %s become the service account", a.Environment.AssumedRole())
}

// The roles that give what a hop needs: IAM documentation, "IAM roles and
// permissions index", for iam.serviceAccounts.getAccessToken and storage.objects.get.
var (
	impersonators = []string{"roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"}
	viewers       = []string{"roles/storage.objectViewer", "roles/storage.objectUser", "roles/storage.objectAdmin", "roles/storage.admin", "roles/storage.legacyObjectReader", "roles/storage.legacyObjectOwner"}
)

// binding is one of an allow policy.
type binding struct {
	role        string
	members     []string
	conditional bool
}

// holds tells whether any of the members has any of the roles.
func holds(bindings []binding, roles, members []string) (conditional, ok bool) {
	for _, b := range bindings {
		if slices.Contains(roles, b.role) && slices.ContainsFunc(b.members, func(m string) bool { return slices.Contains(members, m) }) {
			if !b.conditional {
				return false, true
			}
			conditional, ok = true, true
		}
	}
	return conditional, ok
}

func conditionally(conditional bool) string {
	if conditional {
		return ", with a condition that may be false"
	}
	return ""
}

// number is the project's number, or a word for it.
func (a Access) number(ctx context.Context) string {
	if a.Number != "" {
		return a.Number
	}
	if project, err := a.Google.Projects.Projects.Get(a.Environment.GoogleProject).Context(ctx).Do(); err == nil {
		return fmt.Sprint(project.ProjectNumber)
	}
	return "NUMBER"
}

// members are the members of a policy that stand for the function's sessions; the
// first is the one that the Pulumi program names.
func (a Access) members(ctx context.Context) []string {
	pool := "iam.googleapis.com/projects/" + a.number(ctx) + "/locations/global/workloadIdentityPools/" + a.Environment.Pool
	return []string{
		"principalSet://" + pool + "/attribute.aws_role/" + a.Environment.AssumedRole(),
		"principal://" + pool + "/subject/" + a.Environment.Subject(),
		"principalSet://" + pool + "/*",
	}
}

// Viewer looks at the policies of the bucket and of the project.
func (a Access) Viewer(ctx context.Context) Verdict {
	members, who := a.members(ctx), a.Environment.AssumedRole()
	if !a.Environment.DirectAccess {
		who = a.Environment.ServiceAccountEmail()
		members = []string{"serviceAccount:" + who}
	}
	policy, err := a.Google.Storage.Buckets.GetIamPolicy(a.Environment.SourceBucket).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if clouds.Missing(err) {
		return missing("source-bucket", "there is no bucket %s", a.Environment.SourceBucket)
	}
	if err != nil {
		return unseen("the bucket's policy", err)
	}
	var bindings []binding
	for _, b := range policy.Bindings {
		bindings = append(bindings, binding{b.Role, b.Members, b.Condition != nil})
	}
	project, err := a.projectBindings(ctx)
	bindings = append(bindings, project...)
	if conditional, ok := holds(bindings, viewers, members); ok {
		return granted("%s may read the bucket's objects%s", who, conditionally(conditional))
	}
	if err != nil {
		return unseen("the project's policy", err)
	}
	for _, b := range bindings {
		for _, member := range b.members {
			if slices.Contains(viewers, b.role) && strings.HasPrefix(member, "deleted:"+members[0]+"?") {
				return missing("viewer-deleted", "%s is granted to %s", b.role, member)
			}
		}
	}
	return missing("viewer-missing", "no binding of the bucket or the project lets %s read its objects", who)
}

// projectBindings are those of the project's policy.
func (a Access) projectBindings(ctx context.Context) ([]binding, error) {
	policy, err := a.Google.Projects.Projects.GetIamPolicy(a.Environment.GoogleProject, &cloudresourcemanager.GetIamPolicyRequest{
		Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3}}).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	var out []binding
	for _, b := range policy.Bindings {
		out = append(out, binding{b.Role, b.Members, b.Condition != nil})
	}
	return out, nil
}

// API looks whether an API is enabled, such as sts.googleapis.com; the cause is that
// it is not.
func (a Access) API(ctx context.Context, name, cause string) Verdict {
	service, err := a.Google.Services.Services.Get("projects/" + a.Environment.GoogleProject + "/services/" + name).Context(ctx).Do()
	switch {
	case err != nil:
		return unseen("the project's APIs", err)
	case service.State == "ENABLED":
		return granted("%s is enabled", name)
	}
	return missing(cause, "%s is not enabled", name)
}
