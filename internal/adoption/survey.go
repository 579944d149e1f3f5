package adoption

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// Of asks both clouds what exists under an environment's names. The error says what cannot
// be seen; then nothing can be decided.
func Of(ctx context.Context, c clouds.Pair, env environment.Environment) (Plan, error) {
	var p Plan
	s := survey{ctx: ctx, env: env, clouds: c, plan: &p}
	s.google()
	s.stacks()
	s.aws()
	return p, clouds.Join(s.errs...)
}

type survey struct {
	ctx    context.Context
	env    environment.Environment
	clouds clouds.Pair
	plan   *Plan
	errs   []error
}

// seen reports whether a thing is there. Absent ones are added as such, those that cannot be
// seen are noted.
func seen[T any](s *survey, answer clouds.Answer[T], cloud, kind, name string) bool {
	if err := answer.Err(); err != nil {
		s.errs = append(s.errs, err)
		return false
	}
	if answer.Absent() && kind != "" {
		s.plan.add(Thing{Cloud: cloud, Kind: kind, Name: name, State: Absent})
	}
	return answer.There()
}

// holder is the name of the stack that has a resource, or empty.
func (s *survey) holder(kind, name string) string {
	answer := clouds.StackHolding(s.ctx, s.clouds.AWS, kind, name)
	seen(s, answer, "", "", "")
	return answer.Thing
}

// stacks judges the stacks of the environment's names. What a stack has is judged by itself.
func (s *survey) stacks() {
	for _, name := range []string{s.env.RoleStack(), s.env.FunctionStack()} {
		stack := clouds.Stack(s.ctx, s.clouds.AWS, name)
		if !seen(s, stack, "", "", "") {
			continue
		}
		t := Thing{Cloud: "AWS", Kind: inventory.KindStack, Name: name}
		if status := string(stack.Thing.StackStatus); strings.HasSuffix(status, "_FAILED") {
			t.refuse(
				"the console shows which resource caused it; `gcs-to-s3 down "+s.env.Name+"` removes the stack",
				"is in %s, from which it cannot be updated",
				status,
			)
		}
		if why, ok := s.foreign(stack.Thing); !ok {
			continue
		} else if why != "" {
			t.refuse("give the environment another name", "%s", why)
		}
		t.settle(true)
		s.plan.add(t)
	}
}

// foreign is why a stack is not the environment's, or empty; ok is false if that cannot be
// seen. What it has counts only once it is the environment's.
func (s *survey) foreign(stack cfntypes.Stack) (why string, ok bool) {
	name := aws.ToString(stack.StackName)
	if stack.StackStatus == cfntypes.StackStatusReviewInProgress { // it has nothing but change sets
		items, err := inventory.Stacks(s.ctx, s.clouds.AWS, s.env)
		if err != nil {
			s.errs = append(s.errs, err)
		}
		for _, item := range items {
			if item.Name == name {
				return item.Foreign, err == nil
			}
		}
		return "", false
	}
	template := clouds.StackTemplate(s.ctx, s.clouds.AWS, name)
	if !seen(s, template, "", "", "") {
		return "", false
	}
	evidence, _ := ownership.StackEvidence(clouds.StackTags(stack.Tags), []byte(template.Thing), name, s.env.Name)
	return ownership.Decide(s.env.Mark(), evidence).Why(), true
}

func (s *survey) aws() {
	cfg, env := s.clouds.AWS, s.env
	found := clouds.Role(s.ctx, cfg, env.Role)
	if seen(s, found, "AWS", inventory.KindRole, env.Role) {
		r := role{Role: found.Thing, stack: s.holder(ownership.TypeRole, env.Role)}
		policies, users := clouds.PoliciesOfRole(s.ctx, cfg, env.Role), clouds.FunctionsOfRole(s.ctx, cfg, env.RoleARN())
		if seen(s, policies, "", "", "") && seen(s, users, "", "", "") {
			r.policies = policies.Thing
			r.users = slices.DeleteFunc(users.Thing, func(name string) bool { return name == env.Function })
			if err := s.plan.role(env, r); err != nil {
				s.errs = append(s.errs, fmt.Errorf("the role %s: %w", env.Role, err))
			}
		}
	}
	switch function := clouds.Function(s.ctx, cfg, env.Function); {
	case function.Absent():
		s.plan.elsewhere(env, found.Thing)
	case seen(s, function, "", "", ""):
		s.plan.function(env, function.Thing, s.holder(ownership.TypeFunction, env.Function))
	}
	group := clouds.LogGroup(s.ctx, cfg, env.LogGroup())
	if seen(s, group, "AWS", inventory.KindLogGroup, env.LogGroup()) {
		tags := clouds.LogGroupTags(s.ctx, cfg, group.Thing)
		if seen(s, tags, "", "", "") {
			s.plan.logGroup(env, group.Thing, tags.Thing, s.holder(ownership.TypeLogGroup, env.LogGroup()), time.Now())
		}
	}
	for _, name := range env.Functions()[1:] {
		s.ofFurther(name)
	}
	s.unimportable("dead-letter queue", env.DeadLetters(), env.DeadLetterQueue, inventory.ExistingQueue)
	for _, name := range env.Schedules() {
		s.unimportable("schedule", name, true, func(ctx context.Context, cfg aws.Config, env environment.Environment) (*inventory.Existing, error) {
			return inventory.ExistingSchedule(ctx, cfg, env, name)
		})
	}
}

// ofFurther refuses what has the names of the function for bulk jobs or for events and its
// log group, unless the environment's stack has them: nothing by hand is like them.
func (s *survey) ofFurther(name string) {
	function := clouds.Function(s.ctx, s.clouds.AWS, name)
	group := clouds.LogGroup(s.ctx, s.clouds.AWS, environment.LogGroupOf(name))
	for _, thing := range []struct {
		kind, resource, name string
		there                bool
	}{
		{inventory.KindFunction, ownership.TypeFunction, name, seen(s, function, "", "", "")},
		{inventory.KindLogGroup, ownership.TypeLogGroup, environment.LogGroupOf(name), seen(s, group, "", "", "")},
	} {
		if !thing.there || s.holder(thing.resource, thing.name) == s.env.FunctionStack() {
			continue
		}
		t := Thing{Cloud: "AWS", Kind: thing.kind, Name: thing.name, State: Refused}
		t.refuse("delete it, or leave bulk or events out of the environment's file", "is not part of the stack %s", s.env.FunctionStack())
		s.plan.add(t)
	}
}

// unimportable refuses something that the environment's stack would create, and that exists
// outside of it: a schedule has nothing by which it could be marked, and a queue may hold
// messages of others.
func (s *survey) unimportable(
	kind, name string,
	wanted bool,
	look func(context.Context, aws.Config, environment.Environment) (*inventory.Existing, error),
) {
	if !wanted {
		return
	}
	existing, err := look(s.ctx, s.clouds.AWS, s.env)
	if err != nil {
		s.errs = append(s.errs, err)
	}
	if existing == nil {
		return
	}
	t := Thing{Cloud: "AWS", Kind: kind, Name: name, State: Refused}
	t.refuse("delete it, or leave its setting out of the environment's file", "%s", existing.Foreign)
	s.plan.add(t)
}

// LogGroup is a log group to import into the function's stack, as it is.
func LogGroup(group logtypes.LogGroup) engine.Existing {
	name := aws.ToString(group.LogGroupName)
	e := engine.Existing{
		Type:       ownership.TypeLogGroup,
		Property:   "LogGroupName",
		Name:       name,
		Properties: map[string]any{"LogGroupName": name},
	}
	if group.RetentionInDays != nil {
		e.Properties["RetentionInDays"] = *group.RetentionInDays
	}
	return e
}
