package infra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// Find looks for what exists in the project with the mark of env. That happens in two
// cases. An update was killed after it had created a resource and before it had recorded
// it; creating it again would fail. Or the federation was deleted: Google keeps a pool
// and a provider for 30 days, during which their names cannot be used again, and can
// undelete them with all their settings (IAM documentation, "Manage workload identity
// pools and providers"). Find undeletes them, except in a preview, where it says that an
// update will.
//
// With adopt it also finds what has no mark at all, which somebody made by hand and wants
// to be the environment's. What has another mark is left alone. It is no error if something cannot be seen, since
// Pulumi's own requests will fail with the reason; say is called with it, so that a
// creation that fails later is no riddle.
func Find(ctx context.Context, google *clouds.Google, env environment.Environment, preview, adopt bool, say func(string)) Existing {
	f := finder{ctx: ctx, google: google, env: env, preview: preview, adopt: adopt, say: say}
	found := f.find()
	found.AsFound = adopt
	if apis := f.disabled(); len(apis) > 0 {
		say(strings.Join(apis, " and ") + ": not enabled in the project " + env.GoogleProject + " yet; the update enables what is missing. If the creation of something fails because it exists already, run the update again, which then takes it over.")
	} else if err := clouds.Join(f.unseen...); err != nil {
		say(err.Error() + "\nIt is not taken over, even if it exists. If its creation fails, make sure that it can be seen, and run the update again.")
	}
	return found
}

type finder struct {
	ctx     context.Context
	google  *clouds.Google
	env     environment.Environment
	preview bool
	adopt   bool
	say     func(string)
	unseen  []error
}

func (f *finder) find() Existing {
	var found Existing
	if f.env.Events == environment.PullEvents {
		f.events(&found)
	}
	if email := f.env.ServiceAccountEmail(); email != "" { // direct access needs none
		account := f.google.AccountByEmail(f.ctx, email)
		if f.see(account.Err()) && account.There() &&
			f.ours("service account "+f.env.ServiceAccount, ownership.Account(account.Thing), "") {
			found.ServiceAccount = f.google.ServiceAccount()
		}
	}
	pool := f.google.PoolByID(f.ctx, f.env.Pool)
	if !f.see(pool.Err()) || !pool.There() {
		return found
	}
	what, undelete := "workload identity pool "+f.env.Pool, f.google.IAM.Projects.Locations.WorkloadIdentityPools.Undelete
	if !f.ours(what, ownership.Pool(pool.Thing), pool.Thing.ExpireTime) || !f.back(what, pool.Thing.State, func() (*iam.Operation, error) {
		return undelete(f.google.Pool(), &iam.UndeleteWorkloadIdentityPoolRequest{}).Context(f.ctx).Do()
	}) {
		return found
	}
	found.Pool = f.google.Pool()
	for _, id := range f.env.Providers() {
		if name := f.google.Pool() + "/providers/" + id; f.provider(name, id) {
			if found.Providers == nil {
				found.Providers = map[string]string{}
			}
			found.Providers[id] = name
		}
	}
	return found
}

// provider reports whether a provider of the pool can be taken over.
func (f *finder) provider(name, id string) bool {
	provider := f.google.ProviderByID(f.ctx, f.env.Pool, id)
	undelete := f.google.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Undelete
	return f.see(provider.Err()) && provider.There() &&
		f.ours("provider "+id, ownership.Provider(provider.Thing), provider.Thing.ExpireTime) &&
		f.back("provider "+id, provider.Thing.State, func() (*iam.Operation, error) {
			return undelete(name, &iam.UndeleteWorkloadIdentityPoolProviderRequest{}).Context(f.ctx).Do()
		})
}

// disabled are the APIs of what cannot be seen, if the update enables all of them.
func (f *finder) disabled() []string {
	var apis []string
	for _, err := range f.unseen {
		var unseen *clouds.Unseen
		if !errors.As(err, &unseen) || unseen.Reason != clouds.APIDisabled || unseen.Project != f.env.GoogleProject {
			return nil
		}
		if !slices.Contains(apis, unseen.API) {
			apis = append(apis, unseen.API)
		}
	}
	return apis
}

// see reports whether there was an answer.
func (f *finder) see(err error) bool {
	if err != nil {
		f.unseen = append(f.unseen, err)
	}
	return err == nil
}

// ours reports whether something is the environment's. What is not can still be in
// Pulumi's state, if it was created by hand and imported.
func (f *finder) ours(what string, evidence ownership.Evidence, freed string) bool {
	verdict := ownership.Decide(f.env.Mark(), evidence)
	if f.adopt && freed == "" {
		verdict = ownership.Adopt(f.env.Mark(), evidence, "")
	}
	if verdict.Ours() {
		return true
	}
	if freed != "" {
		f.say(
			fmt.Sprintf(
				"the %s is deleted, and its name is taken until %s; it %s, so it is not undeleted; "+
					"hint: choose another name or suffix, or undelete it with gcloud and take it over with `gcs-to-s3 adopt`",
				what,
				freed,
				verdict.Why(),
			),
		)
	} else if evidence.Marked {
		f.say(fmt.Sprintf("the %s %s", what, verdict.Why()))
	}
	return false
}

// back undeletes a deleted resource, and reports whether it can be taken over now.
func (f *finder) back(what, state string, undelete func() (*iam.Operation, error)) bool {
	if state != clouds.Deleted {
		return true
	}
	if f.preview {
		f.say(fmt.Sprintf("the %s is deleted; an update undeletes it and takes it over instead of creating it", what))
		return false
	}
	op, err := undelete()
	if err := f.google.Wait(f.ctx, op, err); err != nil {
		f.say(fmt.Sprintf("undeleting the %s failed: %v", what, err))
		return false
	}
	f.say(fmt.Sprintf("the %s was deleted; it is undeleted, and taken over", what))
	return true
}
