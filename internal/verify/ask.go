package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/cloudresourcemanager/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// state is what the clouds say about what a hop needs.
type state int

const (
	unknown state = iota // they do not say, or not to this person
	granted              // it is there: what was refused was a change on its way
	missing              // it is not there
	passing              // the service is busy
)

// verdict is the answer to the question: a change on its way, or a mistake?
type verdict struct {
	state  state
	reason string
	cause  string // id of the cause, where the clouds name one
	aws    bool   // it is AWS's change that is waited for
}

func missed(cause, format string, args ...any) verdict {
	return verdict{missing, fmt.Sprintf(format, args...), cause, false}
}

func grants(format string, args ...any) verdict {
	return verdict{state: granted, reason: fmt.Sprintf(format, args...)}
}

// unseen is that something could not be asked.
func unseen(what string, err error) verdict {
	return verdict{reason: fmt.Sprintf("looking at %s: %s", what, problemOf("", err).short())}
}

// ask asks the clouds about a failure.
func (v *verification) ask(ctx context.Context, p problem) verdict {
	switch symptomOf(p).asks {
	case askPasses:
		return verdict{state: passing, reason: "the service says that it is busy"}
	case askProvider:
		return v.askProvider(ctx)
	case askBinding:
		return v.askBinding(ctx)
	case askViewer:
		return v.askViewer(ctx)
	case askWriter:
		return v.askWriter(ctx)
	case askTrust:
		return v.askTrust(ctx)
	case askAPI:
		return v.askAPI(ctx, p)
	}
	return verdict{state: missing}
}

// disagreed tells whether the function's own words show that its bundle or its role
// are not the environment's.
func (v *verification) disagreed() (verdict, bool) {
	if arn := v.answer.identity(HopSession); arn != "" && !strings.HasPrefix(arn, v.Environment.AssumedRole()+"/") {
		return missed("other-role", "the function runs as %s, not as %s", arn, v.Environment.AssumedRole()), true
	}
	if principal := v.answer.identity(HopPrincipal); principal != "" && !strings.Contains(principal, "/workloadIdentityPools/"+v.Environment.Pool+"/") {
		return missed("other-configuration", "the function asks for %s, which is not in the pool %s", principal, v.Environment.Pool), true
	}
	if email := v.answer.identity(HopAccount); email != "" && email != v.Environment.ServiceAccountEmail() {
		return missed("other-configuration", "the function asks for %s, not for %s", email, v.Environment.ServiceAccountEmail()), true
	}
	return verdict{}, false
}

// deleted is the state of a pool or provider that may come back.
const deleted = "DELETED"

// askProvider looks at everything that decides about the exchange of a token.
func (v *verification) askProvider(ctx context.Context) verdict {
	if found, ok := v.disagreed(); ok {
		return found
	}
	pools := v.Google.IAM.Projects.Locations.WorkloadIdentityPools
	pool, err := pools.Get(v.Google.Pool()).Context(ctx).Do()
	switch {
	case clouds.Missing(err):
		return missed("pool-missing", "there is no pool %s", v.Environment.Pool)
	case err != nil:
		return unseen("the pool", err)
	case pool.State == deleted:
		return missed("pool-deleted", "the pool %s is deleted, and its id free again at %s", v.Environment.Pool, pool.ExpireTime)
	case pool.Disabled:
		return missed("pool-disabled", "the pool %s is disabled", v.Environment.Pool)
	}
	provider, err := pools.Providers.Get(v.Google.Provider()).Context(ctx).Do()
	role := v.Environment.AssumedRole()
	switch {
	case clouds.Missing(err):
		return missed("provider-missing", "there is no provider %s", v.Environment.Provider)
	case err != nil:
		return unseen("the provider", err)
	case provider.State == deleted:
		return missed("provider-deleted", "the provider %s is deleted, and its id free again at %s", v.Environment.Provider, provider.ExpireTime)
	case provider.Disabled:
		return missed("provider-disabled", "the provider %s is disabled", v.Environment.Provider)
	case provider.Aws == nil || provider.Aws.AccountId != v.Environment.AWSAccount:
		return missed("provider-account", "the provider does not trust the AWS account %s", v.Environment.AWSAccount)
	case provider.AttributeMapping["attribute.aws_role"] == "":
		return missed("provider-mapping", "the provider's mapping makes no attribute.aws_role")
	case provider.AttributeCondition != "" && !strings.Contains(provider.AttributeCondition, "'"+role+"'") && !strings.Contains(provider.AttributeCondition, `"`+role+`"`):
		return missed("provider-condition", "the provider's condition does not name %s: %s", role, provider.AttributeCondition)
	}
	return grants("pool and provider are active and admit %s", role)
}

// askBinding looks at the service account and who may become it.
func (v *verification) askBinding(ctx context.Context) verdict {
	if found, ok := v.disagreed(); ok {
		return found
	}
	accounts, email := v.Google.IAM.Projects.ServiceAccounts, v.Environment.ServiceAccountEmail()
	account, err := accounts.Get(v.Google.ServiceAccount()).Context(ctx).Do()
	switch {
	case clouds.Missing(err):
		return missed("account-missing", "there is no service account %s", email)
	case err != nil:
		return unseen("the service account", err)
	case account.Disabled:
		return missed("account-disabled", "the service account %s is disabled", email)
	}
	policy, err := accounts.GetIamPolicy(v.Google.ServiceAccount()).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if err != nil {
		return unseen("the service account's policy", err)
	}
	var bindings []binding
	for _, b := range policy.Bindings {
		bindings = append(bindings, binding{b.Role, b.Members, b.Condition != nil})
	}
	members := v.members()
	if conditional, ok := holds(bindings, impersonators, members); ok {
		return grants("the binding for %s is there%s", v.Environment.AssumedRole(), conditionally(conditional))
	}
	if project, err := v.projectBindings(ctx); err == nil {
		if conditional, ok := holds(project, impersonators, members); ok {
			return grants("the project's policy grants it to %s%s", v.Environment.AssumedRole(), conditionally(conditional))
		}
	}
	for _, b := range bindings {
		for _, member := range b.members {
			switch {
			case !slices.Contains(impersonators, b.role):
			case strings.HasPrefix(member, "deleted:") && strings.Contains(member, "principal"):
				return missed("binding-deleted", "%s is granted to %s", b.role, member)
			case strings.HasPrefix(member, "principal"):
				return missed("binding-other", "%s is granted to %s, not to %s", b.role, member, members[0])
			}
		}
	}
	return missed("binding-missing", "no binding lets %s become the service account", v.Environment.AssumedRole())
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

// members are the members of a policy that stand for the function's sessions.
func (v *verification) members() []string {
	set := v.principalSet()
	pool, _, _ := strings.Cut(set, "/attribute.aws_role/")
	_, name, _ := strings.Cut(pool, "://")
	return []string{set, "principal://" + name + "/subject/" + v.Environment.Subject(), pool + "/*"}
}

// askViewer looks at the policies of the bucket and of the project.
func (v *verification) askViewer(ctx context.Context) verdict {
	if found, ok := v.disagreed(); ok {
		return found
	}
	members, who := v.members(), v.Environment.AssumedRole()
	if email := v.answer.identity(HopAccount); email != "" {
		members, who = []string{"serviceAccount:" + email}, email
	}
	policy, err := v.Google.Storage.Buckets.GetIamPolicy(v.Environment.SourceBucket).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if clouds.Missing(err) {
		return missed("source-bucket", "there is no bucket %s", v.Environment.SourceBucket)
	}
	if err != nil {
		return unseen("the bucket's policy", err)
	}
	var bindings []binding
	for _, b := range policy.Bindings {
		bindings = append(bindings, binding{b.Role, b.Members, b.Condition != nil})
	}
	project, err := v.projectBindings(ctx)
	bindings = append(bindings, project...)
	if conditional, ok := holds(bindings, viewers, members); ok {
		return grants("%s may read the bucket's objects%s", who, conditionally(conditional))
	}
	if err != nil {
		return unseen("the project's policy", err)
	}
	for _, b := range bindings {
		for _, member := range b.members {
			if slices.Contains(viewers, b.role) && strings.HasPrefix(member, "deleted:"+members[0]+"?") {
				return missed("viewer-deleted", "%s is granted to %s", b.role, member)
			}
		}
	}
	return missed("viewer-missing", "no binding of the bucket or the project lets %s read its objects", who)
}

// projectBindings are those of the project's policy.
func (v *verification) projectBindings(ctx context.Context) ([]binding, error) {
	policy, err := v.Google.Projects.Projects.GetIamPolicy(v.Environment.GoogleProject, &cloudresourcemanager.GetIamPolicyRequest{
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

// hopAPIs are the APIs that the hops ask, and the causes that they are not enabled.
var hopAPIs = map[string][2]string{
	HopSource: {"storage.googleapis.com", "storage-api"}, HopPrincipal: {"sts.googleapis.com", "sts-api"},
	HopAccount: {"iamcredentials.googleapis.com", "credentials-api"}, HopRead: {"storage.googleapis.com", "storage-api"},
}

// askAPI looks whether a hop's API is enabled.
func (v *verification) askAPI(ctx context.Context, p problem) verdict {
	api := hopAPIs[p.hop]
	service, err := v.Google.Services.Services.Get("projects/" + v.Environment.GoogleProject + "/services/" + api[0]).Context(ctx).Do()
	switch {
	case err != nil:
		return unseen("the project's APIs", err)
	case service.State == "ENABLED":
		return grants("%s is enabled", api[0])
	}
	return missed(api[1], "%s is not enabled", api[0])
}
