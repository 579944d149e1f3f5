package doctor

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// other is what to do about a name that is taken.
const other = "choose another name, or a suffix, in the environment's file"

// owned judges what exists under a name of the environment.
func (e *examination) owned(name string, evidence ownership.Evidence) finding {
	v := ownership.Decide(e.Environment.Mark(), evidence)
	switch {
	case v.Ours():
		return good("%s", name)
	case evidence.Marked:
		return wrong(other, "%s %s", name, v.Why())
	}
	return wrong(other+"; or, if it is yours and it is to become the environment's, "+e.adopt(), "%s exists, and %s", name, v.Why())
}

// adopt is the command that takes over what was made by hand.
func (e *examination) adopt() string {
	return "`gcs-to-s3 adopt " + e.Environment.Name + "` takes it over"
}

// alone judges a role or a function of the environment by its stack, without which
// CloudFormation cannot deploy it.
func (e *examination) alone(ctx context.Context, name, stack string, evidence ownership.Evidence) finding {
	if ownership.Decide(e.Environment.Mark(), evidence).Ours() && e.stack(ctx, stack).Absent() {
		return wrong(
			"`gcs-to-s3 down "+e.Environment.Name+"` removes it; "+e.adopt(),
			"%s has outlived its stack %s, so that it cannot be deployed again",
			name,
			stack,
		)
	}
	return good("%s", name)
}

func lookRole(ctx context.Context, e *examination) finding {
	role := e.role(ctx)
	switch {
	case role.Absent():
		return good("the name %s is free", e.Environment.Role)
	case role.Err() != nil:
		return unseen(role.Err())
	}
	if f := e.alone(ctx, e.Environment.RoleARN(), e.Environment.RoleStack(), ownership.Tags(clouds.TagsOfRole(role.Thing))); f.status == Error {
		return f
	}
	return e.owned(e.Environment.RoleARN(), ownership.Tags(clouds.TagsOfRole(role.Thing)))
}

func lookFunction(ctx context.Context, e *examination) finding {
	for _, name := range e.Environment.Functions()[1:] { // those for bulk jobs and for events
		if f := lookFunctionOf(ctx, e, name, clouds.Function(ctx, e.AWS, name)); f.status != OK {
			return f
		}
	}
	return lookFunctionOf(ctx, e, e.Environment.Function, e.function(ctx))
}

// lookFunctionOf judges one of the functions.
func lookFunctionOf(ctx context.Context, e *examination, name string, function clouds.Answer[*lambda.GetFunctionOutput]) finding {
	switch {
	case function.Absent():
		return good("the name %s is free", name)
	case function.Err() != nil:
		return unseen(function.Err())
	}
	arn := *function.Thing.Configuration.FunctionArn
	if v := ownership.Decide(e.Environment.Mark(), ownership.Tags(clouds.TagsOfFunction(function.Thing))); !v.Ours() && name != e.Environment.Function {
		return wrong(other+", or delete it", "%s exists, and %s", arn, v.Why()) // adopt takes none over
	}
	if f := e.alone(ctx, arn, e.Environment.FunctionStack(), ownership.Tags(clouds.TagsOfFunction(function.Thing))); f.status == Error {
		return f
	}
	return e.owned(arn, ownership.Tags(clouds.TagsOfFunction(function.Thing)))
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
	f := e.owned(account.Email, ownership.Account(account))
	if account.Disabled && f.status != Error {
		return wrong(
			"`gcloud iam service-accounts enable "+account.Email+" --project "+e.Environment.GoogleProject+"`",
			"%s is disabled",
			account.Email,
		)
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
	return e.pooled(
		pool.Name,
		ownership.Pool(pool),
		pool.State,
		pool.ExpireTime,
		pool.Disabled,
		"`gcloud iam workload-identity-pools update "+e.Environment.Pool+" --location global --project "+e.Environment.GoogleProject+" --no-disabled`",
	)
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
	return e.pooled(
		provider.Name,
		ownership.Provider(provider),
		provider.State,
		provider.ExpireTime,
		provider.Disabled,
		"`gcloud iam workload-identity-pools providers update-aws "+e.Environment.Provider+
			" --workload-identity-pool "+e.Environment.Pool+" --location global --project "+e.Environment.GoogleProject+" --no-disabled`",
	)
}

// pooled judges a pool or a provider. A deleted one keeps its id for 30 days. enable is
// the command that enables it.
func (e *examination) pooled(name string, evidence ownership.Evidence, state, freed string, disabled bool, enable string) finding {
	if state == clouds.Deleted {
		if ownership.Decide(e.Environment.Mark(), evidence).Ours() {
			return warn("`pulumi up` undeletes it and takes it over", "%s is deleted; its id is free again at %s", name, freed)
		}
		return wrong(
			other+"; or, if it is yours, undelete it with gcloud, and then "+e.adopt(),
			"%s is deleted, was not this environment's, and keeps its id until %s",
			name,
			freed,
		)
	}
	f := e.owned(name, evidence)
	if disabled && f.status != Error {
		return wrong(enable, "%s is disabled", name)
	}
	return f
}

func lookLogGroup(ctx context.Context, e *examination) finding {
	var taken finding
	for _, function := range e.Environment.Functions() {
		f, takes := lookLogsOf(ctx, e, function)
		if f.status != OK {
			return f
		}
		if takes {
			taken = f
		}
	}
	if taken.seen != "" {
		return taken
	}
	return good("the name %s is free, or the function's stack has it", e.Environment.LogGroup())
}

// lookLogsOf judges the log group of one function; takes is that up takes it over.
func lookLogsOf(ctx context.Context, e *examination, function string) (f finding, takes bool) {
	name := environment.LogGroupOf(function)
	existing, err := inventory.ExistingLogs(ctx, e.AWS, e.Environment, function)
	switch {
	case err != nil:
		return unseen(err), false
	case existing == nil:
		return good("%s", name), false
	case existing.Foreign == "":
		return good("%s exists, and `gcs-to-s3 up` takes it over", name), true
	case strings.HasPrefix(existing.Foreign, "belongs to"):
		return wrong(other, "%s exists, and %s", name, existing.Foreign), false
	}
	return wrong(
		other+"; or, if its logs are yours, "+e.adopt()+"; or delete it: `aws logs delete-log-group --log-group-name "+name+"`",
		"%s exists with logs, and %s",
		name,
		existing.Foreign,
	), false
}

func lookQueue(ctx context.Context, e *examination) finding {
	if !e.Environment.DeadLetterQueue {
		return good("not needed: deadLetterQueue is off")
	}
	existing, err := inventory.ExistingQueue(ctx, e.AWS, e.Environment)
	return e.outside(e.Environment.DeadLetters(), existing, err)
}

func lookSchedule(ctx context.Context, e *examination) finding {
	names := e.Environment.Schedules()
	if len(names) == 0 {
		return good("not needed: there is no schedule")
	}
	for _, name := range names {
		existing, err := inventory.ExistingSchedule(ctx, e.AWS, e.Environment, name)
		if f := e.outside(name, existing, err); f.status != OK {
			return f
		}
	}
	return good("the function's stack has %s, or the name is free", strings.Join(names, ", "))
}

// outside judges something with a name that the function's stack needs.
func (e *examination) outside(name string, existing *inventory.Existing, err error) finding {
	switch {
	case err != nil:
		return unseen(err)
	case existing != nil:
		return wrong(other+", or delete it", "%s exists, and %s", name, existing.Foreign)
	}
	return good("the name %s is free, or the function's stack has it", name)
}

// lookStacks judges the names of both stacks.
func lookStacks(ctx context.Context, e *examination) finding {
	var seen []string
	for _, name := range []string{e.Environment.RoleStack(), e.Environment.FunctionStack()} {
		stack := e.stack(ctx, name)
		switch {
		case stack.Absent():
			seen = append(seen, "the name "+name+" is free")
			continue
		case stack.Err() != nil:
			return unseen(stack.Err())
		}
		if f := e.ownStack(ctx, name); f.status != OK {
			return f
		}
		seen = append(seen, name)
	}
	return good("%s", strings.Join(seen, ", "))
}

// ownStack judges whose a stack is.
func (e *examination) ownStack(ctx context.Context, name string) finding {
	stacks := e.stacks(ctx)
	if stacks.err != nil {
		return unseen(stacks.err)
	}
	for _, i := range stacks.items {
		if i.Name == name && i.Foreign != "" {
			return wrong("give the environment another name", "the stack %s %s", name, i.Foreign)
		}
	}
	return good("%s", name)
}
