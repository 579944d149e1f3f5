package adoption

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// grant is one member of one role in an allow policy.
type grant struct{ role, member, on string }

func (g grant) String() string { return fmt.Sprintf("%s of %s on %s", g.role, g.member, g.on) }

// The roles that the environment grants: IAM documentation, "IAM basic and predefined roles
// reference".
const (
	roleObjectViewer         = "roles/storage.objectViewer"
	roleWorkloadIdentityUser = "roles/iam.workloadIdentityUser"
)

func (s *survey) google() {
	g, env := s.clouds.Google, s.env
	var grants []grant
	add := func(on string, policy clouds.Answer[[]clouds.Binding]) {
		seen(s, policy, "", "", "")
		for _, b := range policy.Thing {
			for _, member := range b.Members {
				grants = append(grants, grant{b.Role, member, on})
			}
		}
	}
	add("the bucket "+env.SourceBucket, g.BucketPolicy(s.ctx, env.SourceBucket))
	add("the project "+env.GoogleProject, g.ProjectPolicy(s.ctx))
	accounts := g.Accounts(s.ctx)
	seen(s, accounts, "", "", "")
	for _, a := range accounts.Thing {
		add("the service account "+a.Email, g.AccountPolicy(s.ctx, a.Email))
	}

	if email := env.ServiceAccountEmail(); email != "" {
		account := g.AccountByEmail(s.ctx, email)
		if seen(s, account, "Google", inventory.KindServiceAccount, email) {
			s.plan.account(env, account.Thing, grants)
		}
	}
	pool := g.PoolByID(s.ctx, env.Pool)
	if !seen(s, pool, "Google", inventory.KindPool, env.Pool) {
		for _, id := range env.Providers() {
			if pool.Absent() {
				s.plan.add(Thing{Cloud: "Google", Kind: inventory.KindProvider, Name: env.Pool + "/" + id, State: Absent})
			}
		}
		return
	}
	providers := g.ProvidersOf(s.ctx, env.Pool)
	if !seen(s, providers, "", "", "") {
		return
	}
	project := g.Project(s.ctx)
	if !seen(s, project, "", "", "") {
		return
	}
	members := ofPool(grants, project.Thing.ProjectNumber, env.Pool)
	s.plan.pool(env, pool.Thing, providers.Thing, members)
	for _, account := range accountsOf(env) {
		id := env.ProviderOf(account.id)
		i := slices.IndexFunc(
			providers.Thing,
			func(p *iam.WorkloadIdentityPoolProvider) bool { return strings.HasSuffix(p.Name, "/providers/"+id) },
		)
		if i < 0 {
			s.plan.add(Thing{Cloud: "Google", Kind: inventory.KindProvider, Name: env.Pool + "/" + id, State: Absent})
			continue
		}
		s.plan.provider(env, account, providers.Thing[i], members)
	}
}

// admitted are the roles of an account that a provider of the environment admits.
type admitted struct {
	id    string
	roles []string
}

// accountsOf are the accounts whose roles the environment admits, its own first.
func accountsOf(env environment.Environment) []admitted {
	all := []admitted{{env.AWSAccount, []string{env.Role}}}
	for _, role := range env.Trusted() {
		i := slices.IndexFunc(all, func(a admitted) bool { return a.id == role.Account })
		if i < 0 {
			i = len(all)
			all = append(all, admitted{id: role.Account})
		}
		all[i].roles = append(all[i].roles, role.Name)
	}
	return all
}

// assumedRoles are the roles that the environment admits, as Google sees them.
func assumedRoles(env environment.Environment) []string {
	var all []string
	for _, a := range accountsOf(env) {
		for _, role := range a.roles {
			all = append(all, names.AssumedRole(a.id, role))
		}
	}
	return all
}

// viewed is what the environment's identity can read.
func viewed(env environment.Environment) string {
	if env.ViewerScope == environment.ViewProject {
		return "the project " + env.GoogleProject
	}
	return "the bucket " + env.SourceBucket
}

// ofPool are the grants to principals of a pool.
func ofPool(grants []grant, number int64, pool string) []grant {
	within := fmt.Sprintf("://iam.googleapis.com/projects/%d/locations/global/workloadIdentityPools/%s/", number, pool)
	return slices.DeleteFunc(slices.Clone(grants), func(g grant) bool { return !strings.Contains(g.member, within) })
}

// describe compares a description with one that has the environment's mark.
func (t *Thing) describe(env environment.Environment, description string, verdict ownership.Verdict) {
	if !verdict.Ours() {
		t.differs("description", description, "what it is for, and the mark "+env.Mark().String())
	}
}

// account judges a service account.
func (p *Plan) account(env environment.Environment, a *iam.ServiceAccount, grants []grant) {
	t := Thing{Cloud: "Google", Kind: inventory.KindServiceAccount, Name: a.Email}
	evidence := ownership.Account(a)
	if v := ownership.Adopt(env.Mark(), evidence, ""); !v.Ours() {
		t.refuse(rename, "%s", v.Why())
	}
	if a.Disabled {
		t.refuse("`gcloud iam service-accounts enable "+a.Email+" --project "+env.GoogleProject+"`", "is disabled")
	}
	ours := ownership.Decide(env.Mark(), evidence)
	t.differs("display name", a.DisplayName, environment.AccountDisplayName)
	t.describe(env, a.Description, ours)
	has, viewed := false, viewed(env)
	for _, g := range grants {
		switch {
		case g.member != "serviceAccount:"+a.Email:
		case g.role == roleObjectViewer && g.on == viewed:
			has = true
		default:
			t.leave("%s on %s", g.role, g.on)
		}
	}
	if !has {
		t.differs("granted", "", roleObjectViewer+" on "+viewed)
	}
	t.settle(ours.Ours())
	p.add(t)
}

// pool judges a pool. providers are all that it has, members the grants to its principals.
func (p *Plan) pool(
	env environment.Environment,
	pool *iam.WorkloadIdentityPool,
	providers []*iam.WorkloadIdentityPoolProvider,
	members []grant,
) {
	t := Thing{Cloud: "Google", Kind: inventory.KindPool, Name: env.Pool}
	evidence := ownership.Pool(pool)
	update := "--location global --project " + env.GoogleProject
	if v := ownership.Adopt(env.Mark(), evidence, ""); !v.Ours() {
		t.refuse(rename, "%s", v.Why())
	}
	ours := ownership.Decide(env.Mark(), evidence)
	switch {
	case pool.State == clouds.Deleted && !ours.Ours():
		t.refuse(
			"`gcloud iam workload-identity-pools undelete "+env.Pool+" "+update+"`, and its provider, if they are yours",
			"is deleted, and keeps its id until %s",
			pool.ExpireTime,
		)
	case pool.Disabled:
		t.refuse("`gcloud iam workload-identity-pools update "+env.Pool+" --no-disabled "+update+"`", "is disabled")
	}
	t.differs("display name", pool.DisplayName, env.Pool)
	t.describe(env, pool.Description, ours)
	for _, other := range providers {
		if id := other.Name[strings.LastIndex(other.Name, "/")+1:]; !slices.Contains(env.Providers(), id) {
			t.leave("the provider %s; `gcs-to-s3 down` keeps the pool while it has it", id)
		}
	}
	wanted, on := roleWorkloadIdentityUser, "the service account "+env.ServiceAccountEmail()
	if env.DirectAccess {
		wanted, on = roleObjectViewer, viewed(env)
	}
	has := map[string]bool{}
	for _, g := range members {
		if _, who, ok := strings.Cut(g.member, "/attribute.aws_role/"); ok && g.role == wanted && g.on == on &&
			slices.Contains(assumedRoles(env), who) {
			has[who] = true
		} else {
			t.leave("%s", g)
		}
	}
	for _, who := range assumedRoles(env) {
		if !has[who] {
			t.differs("granted to "+who, "", wanted+" on "+on)
		}
	}
	t.settle(ours.Ours())
	p.add(t)
}

// provider judges the provider of an account. members are the grants to the pool's principals:
// those of roles that the environment does not admit would lose them.
func (p *Plan) provider(env environment.Environment, account admitted, provider *iam.WorkloadIdentityPoolProvider, members []grant) {
	id := env.ProviderOf(account.id)
	t := Thing{Cloud: "Google", Kind: inventory.KindProvider, Name: env.Pool + "/" + id}
	evidence := ownership.Provider(provider)
	where := id + " --workload-identity-pool " + env.Pool + " --location global --project " + env.GoogleProject
	if v := ownership.Adopt(env.Mark(), evidence, ""); !v.Ours() {
		t.refuse(rename, "%s", v.Why())
	}
	ours := ownership.Decide(env.Mark(), evidence)
	switch {
	case provider.Aws == nil:
		t.refuse(rename, "is not a provider for AWS")
	case provider.Aws.AccountId != account.id:
		t.refuse(
			rename+"; the account of a provider cannot be changed",
			"admits the AWS account %s, and not %s",
			provider.Aws.AccountId,
			account.id,
		)
	}
	switch {
	case provider.State == clouds.Deleted && !ours.Ours():
		t.refuse(
			"`gcloud iam workload-identity-pools providers undelete "+where+"`, if it is yours",
			"is deleted, and keeps its id until %s",
			provider.ExpireTime,
		)
	case provider.Disabled:
		t.refuse("`gcloud iam workload-identity-pools providers update-aws "+where+" --no-disabled`", "is disabled")
	}
	t.differs("display name", provider.DisplayName, id)
	t.describe(env, provider.Description, ours)
	mapping, condition := names.Mapping(), names.Condition(account.id, account.roles...)
	if len(provider.AttributeMapping) > 0 { // none is the same as Google's default
		for _, key := range slices.Sorted(maps.Keys(merged(provider.AttributeMapping, mapping))) {
			t.differs("mapping of "+key, provider.AttributeMapping[key], mapping[key])
		}
	}
	t.differs("condition", provider.AttributeCondition, condition)
	if provider.AttributeCondition != condition {
		for _, g := range members {
			if who := locked(g.member, account); who != "" {
				t.refuse(
					"name such roles in trustedRoles, or withdraw the grant if nothing uses it",
					"would no longer admit %s, which has %s",
					who,
					cmp.Or(g.role, "a role")+" on "+g.on,
				)
			}
		}
	}
	t.settle(ours.Ours())
	p.add(t)
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// locked is who of a grant's member a provider would not admit any more that admits some
// roles of its account; it is empty for those roles, for their sessions, and for what is of
// another account.
func locked(member string, account admitted) string {
	_, set, _ := strings.Cut(member, "/workloadIdentityPools/")
	_, set, _ = strings.Cut(set, "/")
	kind, value, _ := strings.Cut(set, "/")
	switch {
	case strings.Contains(value, "arn:aws:") && !strings.Contains(value, "::"+account.id+":"):
		return ""
	case kind == "attribute.aws_role" || kind == "subject":
		for _, role := range account.roles {
			if assumed := names.AssumedRole(account.id, role); value == assumed || strings.HasPrefix(value, assumed+"/") {
				return ""
			}
		}
		return value
	case kind == "*":
		return "other roles of the account"
	}
	return set
}
