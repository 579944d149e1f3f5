package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
func (s *survey) ofGoogle(ctx context.Context, g *clouds.Google, env environment.Environment) {
	number := "-"
	switch project := g.Project(ctx); {
	case project.There():
		number = fmt.Sprint(project.Thing.ProjectNumber)
	case project.Absent():
		s.errs = append(s.errs, fmt.Errorf("the project %s does not exist", env.GoogleProject))
	default:
		s.errs = append(s.errs, project.Err())
	}
	if email := env.ServiceAccountEmail(); email != "" { // direct access needs none
		account := g.AccountByEmail(ctx, email)
		if !s.unknown("Google", KindServiceAccount, email, account.Err()) && account.There() && ours(account.Thing.Description, env) {
			state := "ENABLED"
			if account.Thing.Disabled {
				state = "DISABLED"
			}
			s.add(Item{Cloud: "Google", Kind: KindServiceAccount, Name: email, State: state})
		}
	}
	s.federation(ctx, g, env)
	grants{g: g, project: env.GoogleProject, number: number, pool: env.Pool, email: env.ServiceAccountEmail(), buckets: []string{env.SourceBucket}}.find(ctx, s)
}

// federation asks for the pool and its providers. If the pool cannot be seen, its
// providers are asked for all the same.
func (s *survey) federation(ctx context.Context, g *clouds.Google, env environment.Environment) {
	pool := g.PoolByID(ctx, env.Pool)
	if pool.Absent() || pool.There() && !ours(pool.Thing.Description, env) {
		return
	}
	for _, id := range env.Providers() {
		name := env.Pool + "/" + id
		provider := g.ProviderByID(ctx, env.Pool, id)
		if !s.unknown("Google", KindProvider, name, provider.Err()) && provider.There() {
			p := provider.Thing
			s.add(kept(Item{Cloud: "Google", Kind: KindProvider, Name: name}, p.State, p.Disabled, p.ExpireTime))
		}
	}
	if !s.unknown("Google", KindPool, env.Pool, pool.Err()) {
		p := pool.Thing
		s.add(kept(Item{Cloud: "Google", Kind: KindPool, Name: env.Pool}, p.State, p.Disabled, p.ExpireTime))
	}
}

// ours reports whether a description does not name another environment.
func ours(description string, env environment.Environment) bool {
	mark, ok := environment.FindMark(description)
	return !ok || mark.Environment == env.Name
}

// kept completes the item of a pool or provider, whose name outlives it.
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

// grants searches for grants to a service account, if there is one, to a deleted one,
// and to the principals of a pool: on buckets, the project and the service account.
type grants struct {
	g       *clouds.Google
	project string // its id
	number  string
	pool    string
	email   string
	buckets []string
}

func (q grants) find(ctx context.Context, s *survey) {
	federated := fmt.Sprintf("://iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/", q.number, q.pool)
	add := func(kind, on string, policy clouds.Answer[[]clouds.Binding]) {
		where := "the " + kind + " " + strings.TrimSuffix(on, ".iam.gserviceaccount.com")
		if s.unknown("Google", KindBinding, "on "+where, policy.Err()) {
			return
		}
		for _, b := range policy.Thing { // none where what it is on is absent
			for _, member := range b.Members {
				item := Item{Cloud: "Google", Kind: KindBinding, Name: member, State: "granted", Detail: b.Role + " on " + where, binding: binding{kind, on, b.Role, member}}
				switch {
				case strings.HasPrefix(member, "deleted:serviceAccount:"+q.email+"?uid="):
					item.State = "dangling"
				case member != "serviceAccount:"+q.email && !strings.Contains(member, federated):
					continue
				}
				s.add(item)
			}
		}
	}
	if q.email != "" {
		add(onAccount, q.email, q.g.AccountPolicy(ctx, q.email))
	}
	for _, name := range q.buckets {
		add(onBucket, name, q.g.BucketPolicy(ctx, name))
	}
	add(onProject, q.project, q.g.ProjectPolicy(ctx))
}

// without takes one member out of a role's bindings, and reports whether it was in.
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
