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
		errs = append(errs, wrap("asking for "+what, err))
		return err == nil
	}
	project, err := g.Projects.Projects.Get(env.GoogleProject).Context(ctx).Do()
	number := "-"
	if note("the project "+env.GoogleProject, err) {
		number = fmt.Sprint(project.ProjectNumber)
	}
	if !env.DirectAccess { // which has none
		account, err := g.IAM.Projects.ServiceAccounts.Get(g.ServiceAccount()).Context(ctx).Do()
		if note("the service account "+env.ServiceAccount, err) && ours(account.Description, env) {
			state := "ENABLED"
			if account.Disabled {
				state = "DISABLED"
			}
			items = append(items, Item{Cloud: "Google", Kind: KindServiceAccount, Name: account.Email, State: state})
		}
	}
	pool, err := g.IAM.Projects.Locations.WorkloadIdentityPools.Get(g.Pool()).Context(ctx).Do()
	if note("the pool "+env.Pool, err) && ours(pool.Description, env) {
		for _, id := range env.Providers() {
			provider, err := g.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Get(g.Pool() + "/providers/" + id).Context(ctx).Do()
			if note("the provider "+id, err) {
				items = append(items, kept(Item{Cloud: "Google", Kind: KindProvider, Name: env.Pool + "/" + id}, provider.State, provider.Disabled, provider.ExpireTime))
			}
		}
		items = append(items, kept(Item{Cloud: "Google", Kind: KindPool, Name: env.Pool}, pool.State, pool.Disabled, pool.ExpireTime))
	}
	bindings, err := grants{g: g, project: env.GoogleProject, number: number, pool: env.Pool, email: env.ServiceAccountEmail(), buckets: []string{env.SourceBucket}}.find(ctx)
	return append(items, bindings...), errors.Join(append(errs, err)...)
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
	if t, err := time.Parse(time.RFC3339, expires); state == clouds.Deleted && err == nil {
		i.Freed = t
	}
	return i
}

// grants are those to a service account, if there is one, to what is left of a
// deleted one, and to the principals of a pool: on buckets, the project and the
// service account.
type grants struct {
	g       *clouds.Google
	project string // its id
	number  string
	pool    string
	email   string
	buckets []string
}

func (s grants) find(ctx context.Context) ([]Item, error) {
	federated := fmt.Sprintf("://iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/", s.number, s.pool)
	var items []Item
	add := func(kind, on, role string, members []string) {
		for _, member := range members {
			item := Item{Cloud: "Google", Kind: KindBinding, Name: member, State: "granted", Detail: role + " on the " + kind + " " + strings.TrimSuffix(on, ".iam.gserviceaccount.com"), binding: binding{kind, on, role, member}}
			switch {
			case strings.HasPrefix(member, "deleted:serviceAccount:"+s.email+"?uid="):
				item.State = "dangling"
			case member != "serviceAccount:"+s.email && !strings.Contains(member, federated):
				continue
			}
			items = append(items, item)
		}
	}
	var errs []error
	if s.email != "" {
		account, err := s.g.IAM.Projects.ServiceAccounts.GetIamPolicy("projects/" + s.project + "/serviceAccounts/" + s.email).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
		errs = append(errs, wrap("reading the policy of the service account "+s.email, err))
		if err == nil {
			for _, b := range account.Bindings {
				add(onAccount, s.email, b.Role, b.Members)
			}
		}
	}
	for _, name := range s.buckets {
		bucket, err := s.g.Storage.Buckets.GetIamPolicy(name).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
		errs = append(errs, wrap("reading the policy of the bucket "+name, err))
		if err == nil {
			for _, b := range bucket.Bindings {
				add(onBucket, name, b.Role, b.Members)
			}
		}
	}
	whole, err := s.g.Projects.Projects.GetIamPolicy(s.project, &cloudresourcemanager.GetIamPolicyRequest{Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3}}).Context(ctx).Do()
	errs = append(errs, wrap("reading the policy of the project "+s.project, err))
	if err == nil {
		for _, b := range whole.Bindings {
			add(onProject, s.project, b.Role, b.Members)
		}
	}
	return items, errors.Join(errs...)
}

// wrap says what an error was about; that nothing exists is none.
func wrap(what string, err error) error {
	if err == nil || clouds.Missing(err) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
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
