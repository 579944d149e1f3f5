package doctor

import (
	"context"
	"os"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// other is what to do about a name that is taken.
const other = "choose another name, or a suffix, in the environment's file"

// owned judges a resource that exists, by its mark. made reports whether this
// environment has created something of its kind, so that one without a mark is older.
func (e *examination) owned(name string, mark environment.Mark, marked, made bool) finding {
	switch {
	case marked && mark.Environment == e.Environment.Name:
		return good("%s", name)
	case marked:
		return wrong(other, "%s belongs to the environment %s", name, mark)
	case made:
		return warn("deploy the environment again, which adds the mark", "%s carries no mark of an environment", name)
	}
	return wrong(other+"; or, if it is yours, import it", "%s exists, and carries no mark of this environment", name)
}

func lookRole(ctx context.Context, e *examination) finding {
	role := e.role(ctx)
	switch {
	case role.Absent():
		return good("the name %s is free", e.Environment.Role)
	case role.Err() != nil:
		return unseen(role.Err())
	}
	tags := map[string]string{}
	for _, t := range role.Thing.Tags {
		tags[*t.Key] = *t.Value
	}
	mark, marked := environment.MarkOf(tags)
	return e.owned(e.Environment.RoleARN(), mark, marked, e.stack(ctx, e.Environment.RoleStack()).There())
}

func lookFunction(ctx context.Context, e *examination) finding {
	function := e.function(ctx)
	switch {
	case function.Absent():
		return good("the name %s is free", e.Environment.Function)
	case function.Err() != nil:
		return unseen(function.Err())
	}
	mark, marked := environment.MarkOf(function.Thing.Tags)
	return e.owned(*function.Thing.Configuration.FunctionArn, mark, marked, e.stack(ctx, e.Environment.FunctionStack()).There())
}

// federatedHere reports whether `pulumi up` has written its file here.
func (e *examination) federatedHere() bool {
	_, err := os.Stat(e.Environment.CredentialFile(e.Root))
	return err == nil
}

func lookServiceAccount(ctx context.Context, e *examination) finding {
	if e.Environment.DirectAccess {
		return good("not needed: the role reads as itself")
	}
	answer := e.account(ctx)
	switch {
	case answer.Absent():
		return good("the name %s is free", e.Environment.ServiceAccountEmail())
	case answer.Err() != nil:
		return unseen(answer.Err())
	}
	account := answer.Thing
	mark, marked := environment.FindMark(account.Description)
	f := e.owned(account.Email, mark, marked, e.federatedHere())
	if account.Disabled && f.status != Error {
		return wrong("gcloud iam service-accounts enable "+account.Email+" --project "+e.Environment.GoogleProject, "%s is disabled", account.Email)
	}
	return f
}

func lookPool(ctx context.Context, e *examination) finding {
	answer := e.pool(ctx)
	switch {
	case answer.Absent():
		return good("the id %s is free", e.Environment.Pool)
	case answer.Err() != nil:
		return unseen(answer.Err())
	}
	pool := answer.Thing
	return e.pooled(pool.Name, pool.Description, pool.State, pool.ExpireTime, pool.Disabled,
		"gcloud iam workload-identity-pools update "+e.Environment.Pool+" --location global --project "+e.Environment.GoogleProject+" --no-disabled")
}

func lookProvider(ctx context.Context, e *examination) finding {
	answer := e.provider(ctx)
	switch {
	case answer.Absent():
		return good("the id %s is free", e.Environment.Provider)
	case answer.Err() != nil:
		return unseen(answer.Err())
	}
	provider := answer.Thing
	return e.pooled(provider.Name, provider.Description, provider.State, provider.ExpireTime, provider.Disabled,
		"gcloud iam workload-identity-pools providers update-aws "+e.Environment.Provider+" --workload-identity-pool "+e.Environment.Pool+" --location global --project "+e.Environment.GoogleProject+" --no-disabled")
}

// pooled judges a pool or a provider. A deleted one keeps its id for 30 days.
func (e *examination) pooled(name, description, state, freed string, disabled bool, enable string) finding {
	mark, marked := environment.FindMark(description)
	if state == clouds.Deleted {
		if marked && mark.Environment == e.Environment.Name {
			return warn("pulumi up undeletes it and takes it over", "%s is deleted; its id is free again at %s", name, freed)
		}
		return wrong(other+"; or, if it is yours, undelete it with gcloud and import it", "%s is deleted, was not this environment's, and keeps its id until %s", name, freed)
	}
	f := e.owned(name, mark, marked, e.federatedHere())
	if disabled && f.status != Error {
		return wrong(enable, "%s is disabled", name)
	}
	return f
}
