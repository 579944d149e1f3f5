package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/cloudresourcemanager/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// binding is one member of one role in the allow policy of a resource.
type binding struct {
	kind   string // of the resource: onBucket …
	on     string // its name
	role   string
	member string
}

const (
	onBucket  = "bucket"
	onProject = "project"
	onAccount = "service account"
)

// ofGoogle asks Google Cloud.
func ofGoogle(ctx context.Context, g *clouds.Google, env environment.Environment) ([]Item, error) {
	var items []Item
	var errs []error
	note := func(what string, err error) bool {
		if err != nil && !clouds.Missing(err) {
			errs = append(errs, fmt.Errorf("asking for %s: %w", what, err))
		}
		return err == nil
	}
	project, err := g.Projects.Projects.Get(env.GoogleProject).Context(ctx).Do()
	number := "-"
	if note("the project "+env.GoogleProject, err) {
		number = fmt.Sprint(project.ProjectNumber)
	}
	account, err := g.IAM.Projects.ServiceAccounts.Get(g.ServiceAccount()).Context(ctx).Do()
	if note("the service account "+env.ServiceAccount, err) && ours(account.Description, env) {
		state := "ENABLED"
		if account.Disabled {
			state = "DISABLED"
		}
		items = append(items, Item{Cloud: "Google", Kind: KindServiceAccount, Name: account.Email, State: state})
	}
	pool, err := g.IAM.Projects.Locations.WorkloadIdentityPools.Get(g.Pool()).Context(ctx).Do()
	if note("the pool "+env.Pool, err) && ours(pool.Description, env) {
		provider, err := g.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Get(g.Provider()).Context(ctx).Do()
		if note("the provider "+env.Provider, err) {
			items = append(items, kept(Item{Cloud: "Google", Kind: KindProvider, Name: env.Pool + "/" + env.Provider}, provider.State, provider.Disabled, provider.ExpireTime))
		}
		items = append(items, kept(Item{Cloud: "Google", Kind: KindPool, Name: env.Pool}, pool.State, pool.Disabled, pool.ExpireTime))
	}
	bindings, err := bindings(ctx, g, env, number)
	items = append(items, bindings...)
	return items, errors.Join(append(errs, err)...)
}

// ours tells whether a description does not name another environment.
func ours(description string, env environment.Environment) bool {
	mark, ok := environment.FindMark(description)
	return !ok || mark.Environment == env.Name
}

// kept completes the item of a pool or provider.
func kept(i Item, state string, disabled bool, expires string) Item {
	i.State = state
	if disabled && state == "ACTIVE" {
		i.State = "DISABLED"
	}
	if t, err := time.Parse(time.RFC3339, expires); state == "DELETED" && err == nil {
		i.Freed = t
	}
	return i
}

// bindings are the grants to the service account, to what is left of a deleted
// one, and to the pool's principals: on the bucket, the project and the service
// account.
func bindings(ctx context.Context, g *clouds.Google, env environment.Environment, number string) ([]Item, error) {
	federated := fmt.Sprintf("://iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/", number, env.Pool)
	email := env.ServiceAccountEmail()
	of := func(member string) bool {
		return member == "serviceAccount:"+email || strings.HasPrefix(member, "deleted:serviceAccount:"+email+"?uid=") || strings.Contains(member, federated)
	}
	var items []Item
	var errs []error
	add := func(kind, on, role string, members []string) {
		for _, member := range members {
			if !of(member) {
				continue
			}
			state := "granted"
			if strings.HasPrefix(member, "deleted:") {
				state = "dangling"
			}
			items = append(items, Item{Cloud: "Google", Kind: KindBinding, Name: member, State: state, Detail: role + " on the " + kind + " " + on, binding: binding{kind, on, role, member}})
		}
	}
	policy, err := g.IAM.Projects.ServiceAccounts.GetIamPolicy(g.ServiceAccount()).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if err == nil {
		for _, b := range policy.Bindings {
			add(onAccount, email, b.Role, b.Members)
		}
	} else if !clouds.Missing(err) {
		errs = append(errs, fmt.Errorf("reading the policy of the service account %s: %w", env.ServiceAccount, err))
	}
	bucket, err := g.Storage.Buckets.GetIamPolicy(env.SourceBucket).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if err == nil {
		for _, b := range bucket.Bindings {
			add(onBucket, env.SourceBucket, b.Role, b.Members)
		}
	} else if !clouds.Missing(err) {
		errs = append(errs, fmt.Errorf("reading the policy of the bucket %s: %w", env.SourceBucket, err))
	}
	whole, err := g.Projects.Projects.GetIamPolicy(env.GoogleProject, &cloudresourcemanager.GetIamPolicyRequest{Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3}}).Context(ctx).Do()
	if err == nil {
		for _, b := range whole.Bindings {
			add(onProject, env.GoogleProject, b.Role, b.Members)
		}
	} else if !clouds.Missing(err) {
		errs = append(errs, fmt.Errorf("reading the policy of the project %s: %w", env.GoogleProject, err))
	}
	return items, errors.Join(errs...)
}

// without takes one member out of a role's bindings, and tells whether it was in.
func without[B any](bindings []B, role, member string, of func(B) (string, *[]string)) ([]B, bool) {
	found := false
	for _, b := range bindings {
		if name, members := of(b); name == role {
			before := len(*members)
			*members = slices.DeleteFunc(*members, func(m string) bool { return m == member })
			found = found || len(*members) < before
		}
	}
	return slices.DeleteFunc(bindings, func(b B) bool { _, members := of(b); return len(*members) == 0 }), found
}
