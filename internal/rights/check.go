package rights

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Scope is what a command is about to change.
type Scope struct {
	Environment environment.Environment
	Stacks      []string // on AWS
	Accounts    []string // Google's service accounts, by their addresses
	Buckets     []string // source buckets whose policies it changes
	// OnProject is that it changes the project's policy; Lost that it works without the
	// environment's file.
	OnProject, Lost bool
}

// MissingError are rights that the caller does not have.
type MissingError struct {
	Command Command
	Rights  []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("nothing was changed: you lack rights that gcs-to-s3 %s needs: %s; "+
		"hint: docs/operations.md, \"Rights\", has policies and roles with all of them", e.Command, strings.Join(e.Rights, ", "))
}

// Check looks whether the caller has the rights that a command needs, as far as they can
// be known without using them: on AWS by a simulation of the caller's own policies, and
// only for services whose resources have no policies that could grant them, too; on Google
// Cloud by asking which permissions are held. A missing right is a *MissingError. What
// could not be looked at is told, and does not stop the command.
func Check(ctx context.Context, both clouds.Pair, c Command, scope Scope, tell func(string)) error {
	missing := onAWS(ctx, both, c, scope, tell)
	missing = append(missing, onGoogle(ctx, both.Google, c, scope, tell)...)
	if len(missing) == 0 {
		return nil
	}
	return &MissingError{c, missing}
}

// applies reports whether a row is needed in any case, or in this one.
func (s Scope) applies(r Right) bool {
	return !r.Optional && (r.When == "" || s.Lost && r.When == lost || s.OnProject && r.When == onProject ||
		s.Environment.Events == environment.PullEvents && r.When == events)
}

func onAWS(ctx context.Context, both clouds.Pair, c Command, scope Scope, tell func(string)) []string {
	caller := clouds.Caller(ctx, both.AWS)
	if !caller.There() || strings.HasSuffix(caller.Thing, ":root") { // the account's root user is allowed everything
		return nil
	}
	var missing []string
	for _, statement := range Statements(slices.DeleteFunc(of(AWS(), []Command{c}), func(r Right) bool { return !scope.applies(r) })) {
		statement.Action = slices.DeleteFunc(statement.Action, grantedElsewhere)
		for _, resource := range scope.resources(statement.Resource[0]) {
			if len(statement.Action) == 0 {
				continue
			}
			refused := clouds.Refused(ctx, both.AWS, caller.Thing, statement.Action, resource)
			if !refused.There() {
				if err := refused.Err(); err != nil {
					tell("your rights on AWS are not checked beforehand: " + err.Error())
				}
				return missing
			}
			missing = append(missing, refused.Thing...)
		}
	}
	return missing
}

// grantedElsewhere reports whether a policy of the resource can allow an action, too.
func grantedElsewhere(action string) bool {
	service, _, _ := strings.Cut(action, ":")
	return slices.Contains([]string{"s3", "kms", "sqs", "lambda", "logs", "states"}, service)
}

// resources are those of the scope that a row's pattern stands for.
func (s Scope) resources(pattern string) []string {
	env := s.Environment
	fill := func(text string) string { return Fill(text, env, "", "") }
	switch pattern {
	case stacks:
		var out []string
		for _, name := range s.Stacks {
			out = append(out, fill(strings.Replace(stacks, "gcs-to-s3-*", name, 1)))
		}
		return out
	case roles:
		if env.Role == "" {
			return nil
		}
		return []string{env.RoleARN()}
	case cdkRoles:
		if len(s.Stacks) == 0 {
			return nil
		}
		return []string{fill(strings.Replace(cdkRoles, "*", "deploy-role", 1))}
	case ownRole, schedules:
		return nil
	}
	return []string{fill(pattern)}
}

func onGoogle(ctx context.Context, g *clouds.Google, c Command, scope Scope, tell func(string)) []string {
	var onProject, onAccount, onBucket []string
	for _, r := range of(Google(), []Command{c}) {
		if !scope.applies(r) {
			continue
		}
		for _, permission := range r.Actions {
			switch {
			case r.On == SourceBucket:
				onBucket = append(onBucket, permission)
			case strings.HasPrefix(permission, "iam.serviceAccounts.") &&
				!strings.HasSuffix(permission, ".create") && !strings.HasSuffix(permission, ".list"):
				onAccount = append(onAccount, permission)
			default:
				onProject = append(onProject, permission)
			}
		}
	}
	var missing []string
	note := func(a clouds.Answer[[]string]) {
		missing = append(missing, a.Thing...)
		if err := a.Err(); err != nil {
			tell("some of your rights on Google Cloud are not checked beforehand: " + err.Error())
		}
	}
	note(g.MissingOnProject(ctx, onProject))
	for _, email := range scope.Accounts {
		note(g.MissingOnAccount(ctx, email, onAccount))
	}
	for _, name := range scope.Buckets {
		note(g.MissingOnBucket(ctx, name, onBucket))
	}
	return missing
}
