package infra

import (
	"context"
	"fmt"

	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Find looks for what the project holds of env under its mark. That happens in two
// cases. An update was killed between a creation and the note of it; then a new
// creation would be refused. Or the federation was deleted: Google keeps a pool and
// a provider for 30 days, in which their names cannot be created again, and brings
// them back with everything that they were (IAM documentation, "Manage workload
// identity pools and providers"). Find undeletes them, unless only a preview is
// made, which it says.
//
// What bears another mark is left alone. That nothing can be seen is no error
// either, since Pulumi's own requests will tell why; say is told of it.
func Find(ctx context.Context, google *clouds.Google, env environment.Environment, preview bool, say func(string)) Existing {
	f := finder{ctx, google, env, preview, say}
	var found Existing
	if !env.DirectAccess {
		account, err := google.IAM.Projects.ServiceAccounts.Get(google.ServiceAccount()).Context(ctx).Do()
		if f.see(google.ServiceAccount(), err) && f.ours("service account "+env.ServiceAccount, account.Description, "") {
			found.ServiceAccount = google.ServiceAccount()
		}
	}
	pools := google.IAM.Projects.Locations.WorkloadIdentityPools
	pool, err := pools.Get(google.Pool()).Context(ctx).Do()
	if !f.see(google.Pool(), err) || !f.ours("workload identity pool "+env.Pool, pool.Description, pool.ExpireTime) ||
		!f.back("workload identity pool "+env.Pool, pool.State, func() (*iam.Operation, error) {
			return pools.Undelete(google.Pool(), &iam.UndeleteWorkloadIdentityPoolRequest{}).Context(ctx).Do()
		}) {
		return found
	}
	found.Pool = google.Pool()
	for _, id := range env.Providers() {
		if name := google.Pool() + "/providers/" + id; f.provider(name, id) {
			if found.Providers == nil {
				found.Providers = map[string]string{}
			}
			found.Providers[id] = name
		}
	}
	return found
}

type finder struct {
	ctx     context.Context
	google  *clouds.Google
	env     environment.Environment
	preview bool
	say     func(string)
}

// provider tells whether a provider of the pool can be taken over.
func (f finder) provider(name, id string) bool {
	providers := f.google.IAM.Projects.Locations.WorkloadIdentityPools.Providers
	provider, err := providers.Get(name).Context(f.ctx).Do()
	return f.see(name, err) && f.ours("provider "+id, provider.Description, provider.ExpireTime) &&
		f.back("provider "+id, provider.State, func() (*iam.Operation, error) {
			return providers.Undelete(name, &iam.UndeleteWorkloadIdentityPoolProviderRequest{}).Context(f.ctx).Do()
		})
}

// see tells whether a resource was seen.
func (f finder) see(name string, err error) bool {
	if err != nil && !clouds.Missing(err) {
		f.say(fmt.Sprintf("cannot see whether %s exists: %v", name, err))
	}
	return err == nil
}

// ours tells whether a description bears the environment's mark. One that does not
// may still be in Pulumi's state, if it was made by hand and imported.
func (f finder) ours(what, description, freed string) bool {
	mark, ok := environment.FindMark(description)
	if ok && mark.Environment == f.env.Name {
		return true
	}
	if freed != "" {
		f.say(fmt.Sprintf("the %s is deleted, and its name is taken until %s; its description does not say that it was of the environment %s, so it is not brought back; hint: choose another name or suffix, or undelete it with gcloud and import it", what, freed, f.env.Name))
	} else if ok {
		f.say(fmt.Sprintf("the %s belongs to the environment %s", what, mark.Environment))
	}
	return false
}

// back undeletes what is deleted, and tells whether it can be taken over now.
func (f finder) back(what, state string, undelete func() (*iam.Operation, error)) bool {
	if state != clouds.Deleted {
		return true
	}
	if f.preview {
		f.say(fmt.Sprintf("the %s is deleted; an update brings it back and takes it over in place of creating it", what))
		return false
	}
	op, err := undelete()
	if err := f.google.Wait(f.ctx, op, err); err != nil {
		f.say(fmt.Sprintf("undeleting the %s failed: %v", what, err))
		return false
	}
	f.say(fmt.Sprintf("the %s was deleted; it is back, and taken over", what))
	return true
}
