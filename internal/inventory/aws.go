package inventory

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// ofAWS asks AWS: for both stacks and what they have, and for what has the environment's
// names outside of them.
func (s *survey) ofAWS(ctx context.Context, cfg aws.Config) {
	roles, functions, groups := map[string]*ownership.Verdict{}, map[string]*ownership.Verdict{}, map[string]*ownership.Verdict{}
	for _, name := range []string{s.env.FunctionStack(), s.env.RoleStack()} {
		stack := clouds.Stack(ctx, cfg, name)
		if s.unknown("AWS", KindStack, name, stack.Err()) || stack.Absent() {
			continue
		}
		part := s.stack(ctx, cfg, stack.Thing)
		for _, r := range part.resources {
			id := aws.ToString(r.PhysicalResourceId)
			switch kind := aws.ToString(r.ResourceType); {
			case kind == ownership.TypeRole && name == s.env.RoleStack():
				roles[id] = &part.verdict
			case kind == ownership.TypeFunction:
				functions[id] = &part.verdict
			case kind == ownership.TypeLogGroup:
				groups[id] = &part.verdict
			}
		}
	}
	for _, name := range withOwn(roles, s.wanted.roles...) {
		s.role(ctx, cfg, name, roles[name])
	}
	owners := map[string]*ownership.Verdict{} // of the log groups of functions
	for _, name := range withOwn(functions, s.wanted.functions...) {
		owners[environment.LogGroupOf(name)] = s.function(ctx, cfg, name, functions[name])
	}
	for _, name := range withOwn(groups, slices.Sorted(maps.Keys(owners))...) {
		part := groups[name]
		if part == nil {
			part = owners[name]
		}
		s.logGroup(ctx, cfg, name, part)
	}
}

// Stacks lists the stacks that have the environment's names.
func Stacks(ctx context.Context, cfg aws.Config, env environment.Environment) ([]Item, error) {
	s := survey{env: env, own: env.Mark()}
	for _, name := range []string{env.FunctionStack(), env.RoleStack()} {
		stack := clouds.Stack(ctx, cfg, name)
		if s.unknown("AWS", KindStack, name, stack.Err()) || stack.Absent() {
			continue
		}
		if evidence, _, seen := s.stackEvidence(ctx, cfg, stack.Thing); seen {
			item := stackItem(stack.Thing)
			verdict := ownership.Decide(s.own, evidence)
			_, evidence.Holds = s.contents(ctx, cfg, name, &verdict)
			s.judge(&item, evidence)
			s.add(item)
		}
	}
	return s.items, clouds.Join(s.errs...)
}

// withOwn are the names of a stack's resources after the environment's own.
func withOwn(recorded map[string]*ownership.Verdict, own ...string) []string {
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		if name != "" && !slices.Contains(own, name) {
			own = append(own, name)
		}
	}
	return own
}

// parts are what a stack has.
type parts struct {
	verdict   ownership.Verdict
	resources []cfntypes.StackResourceSummary // without those that are gone
}

// stack adds a stack, its files in the CDK's bucket, and its resources that are not asked
// for one by one.
func (s *survey) stack(ctx context.Context, cfg aws.Config, stack cfntypes.Stack) parts {
	name := aws.ToString(stack.StackName)
	item := stackItem(stack)
	evidence, template, seen := s.stackEvidence(ctx, cfg, stack)
	if !seen {
		return parts{}
	}
	verdict := ownership.Decide(s.own, evidence)
	part := parts{verdict: verdict}
	part.resources, evidence.Holds = s.contents(ctx, cfg, name, &verdict)
	var further []Item
	for _, r := range part.resources {
		kind := aws.ToString(r.ResourceType)
		if !slices.Contains(apart, kind) && (kind != ownership.TypeRole || name != s.env.RoleStack()) {
			further = append(
				further,
				Item{
					Cloud:   "AWS",
					Kind:    KindResource,
					Name:    aws.ToString(r.PhysicalResourceId),
					State:   string(r.ResourceStatus),
					Detail:  kind,
					Foreign: verdict.Why(),
				},
			)
		}
	}
	s.judge(&item, evidence)
	s.add(item)
	if verdict.Ours() {
		s.assetsOf(ctx, cfg, stack, template)
	}
	s.add(further...)
	return part
}

// contents are the resources of a stack, without those that are gone, and what of them
// somebody else made again under its name.
func (s *survey) contents(
	ctx context.Context,
	cfg aws.Config,
	name string,
	stack *ownership.Verdict,
) (all []cfntypes.StackResourceSummary, foreign []string) {
	resources := clouds.StackResources(ctx, cfg, name)
	s.unknown("AWS", KindResource, "of "+name, resources.Err())
	for _, r := range resources.Thing { // none if the stack went meanwhile
		if r.ResourceStatus == cfntypes.ResourceStatusDeleteComplete || aws.ToString(r.PhysicalResourceId) == "" {
			continue
		}
		all = append(all, r)
		if r.ResourceStatus == cfntypes.ResourceStatusCreateFailed {
			continue // its name was taken: CloudFormation does not delete what it did not create
		}
		if v := s.member(ctx, cfg, r, stack); v != nil && !v.Ours() {
			foreign = append(foreign, aws.ToString(r.ResourceType)+" "+aws.ToString(r.PhysicalResourceId)+" "+v.Why())
		}
	}
	return all, foreign
}

func stackItem(stack cfntypes.Stack) Item {
	item := Item{
		Cloud:     "AWS",
		Kind:      KindStack,
		Name:      aws.ToString(stack.StackName),
		State:     string(stack.StackStatus),
		Created:   aws.ToTime(stack.CreationTime),
		Protected: aws.ToBool(stack.EnableTerminationProtection),
	}
	if item.Protected {
		item.Detail = "with termination protection"
	}
	return item
}

// stackEvidence is what is known of a stack; seen is false if its template or its change
// sets cannot be seen, which is noted.
func (s *survey) stackEvidence(
	ctx context.Context,
	cfg aws.Config,
	stack cfntypes.Stack,
) (e ownership.Evidence, t ownership.Template, seen bool) {
	name := aws.ToString(stack.StackName)
	if stack.StackStatus == cfntypes.StackStatusReviewInProgress {
		sets := clouds.ChangeSets(ctx, cfg, name)
		if s.unknown("AWS", KindStack, name, sets.Err()) {
			return e, t, false
		}
		return inReview(s.own, name, sets.Thing), t, true
	}
	template := clouds.StackTemplate(ctx, cfg, name)
	if s.unknown("AWS", KindStack, name, template.Err()) || template.Absent() {
		return e, t, false
	}
	e, t = ownership.StackEvidence(clouds.StackTags(stack.Tags), []byte(template.Thing), name, s.own.Environment)
	return e, t, true
}

// inReview is the evidence of a stack that has never been deployed. It holds nothing but
// change sets, by their names, and is whose those are. Without any it holds nothing at all.
func inReview(own environment.Mark, stack string, sets map[string]clouds.ChangeSet) ownership.Evidence {
	e := ownership.Evidence{Recorded: len(sets) == 0}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		set := sets[name]
		if e = ownership.Tags(set.Tags); !e.Marked && set.Template != "" {
			e, _ = ownership.StackEvidence(nil, []byte(set.Template), stack, own.Environment)
		}
		if !ownership.Decide(own, e).Ours() {
			return e // somebody else's counts
		}
	}
	return e
}

// apart are the types of resources that are asked for one by one, since they may
// outlive their stack; a schedule's role is not.
var apart = []string{ownership.TypeFunction, ownership.TypeLogGroup, ownership.TypeMetadata}

// member decides whose a resource of a stack is, which CloudFormation finds by its name
// alone; nil says that it is absent, or carries nothing that tells.
func (s *survey) member(ctx context.Context, cfg aws.Config, r cfntypes.StackResourceSummary, stack *ownership.Verdict) *ownership.Verdict {
	if !stack.Ours() {
		return nil
	}
	id := aws.ToString(r.PhysicalResourceId)
	var tags clouds.Answer[map[string]string]
	switch aws.ToString(r.ResourceType) {
	case ownership.TypeRole:
		tags = clouds.Then(clouds.Role(ctx, cfg, id), clouds.TagsOfRole)
	case ownership.TypeFunction:
		tags = clouds.Then(clouds.Function(ctx, cfg, id), clouds.TagsOfFunction)
	case ownership.TypeQueue:
		tags = clouds.QueueTags(ctx, cfg, id)
	case ownership.TypeMachine:
		tags = clouds.MachineTags(ctx, cfg, id)
	case ownership.TypeLogGroup:
		tags = s.groupTags(ctx, cfg, id)
		if tags.There() && !ownership.Tags(tags.Thing).Marked { // Lambda makes it again when the function runs
			return nil
		}
	case ownership.TypeSchedule:
		return s.schedule(ctx, cfg, id)
	default:
		return nil
	}
	if s.unknown("AWS", KindResource, id, tags.Err()) || tags.Absent() {
		return nil
	}
	evidence := ownership.Tags(tags.Thing)
	evidence.Part = stack
	v := ownership.Decide(s.own, evidence)
	return &v
}

// schedule decides whose a schedule is, which has no tags: it is somebody else's if it
// does not invoke the environment's function, or start its bulk jobs.
func (s *survey) schedule(ctx context.Context, cfg aws.Config, id string) *ownership.Verdict {
	name := path.Base(id)
	target := clouds.Schedule(ctx, cfg, name)
	if s.unknown("AWS", KindResource, id, target.Err()) || target.Absent() {
		return nil
	}
	evidence := ownership.Evidence{Bare: true, Part: &ownership.Verdict{}}
	starts := ":function:" + name
	if function, reconciles := strings.CutSuffix(name, environment.Environment{}.Reconciler()); reconciles {
		starts = ":stateMachine:" + environment.Environment{Function: function}.Jobs()
	}
	if !strings.HasSuffix(target.Thing, starts) {
		evidence.Form = "it invokes " + target.Thing
	}
	v := ownership.Decide(s.own, evidence)
	return &v
}

func (s *survey) role(ctx context.Context, cfg aws.Config, name string, part *ownership.Verdict) {
	role := clouds.Role(ctx, cfg, name)
	if s.unknown("AWS", KindRole, name, role.Err()) || role.Absent() {
		return
	}
	item := Item{Cloud: "AWS", Kind: KindRole, Name: name, State: "exists", Created: aws.ToTime(role.Thing.CreateDate)}
	evidence := ownership.Tags(clouds.TagsOfRole(role.Thing))
	if item.Alone = part == nil; item.Alone {
		evidence = ownership.Role(clouds.TagsOfRole(role.Thing), aws.ToString(role.Thing.Description))
	}
	evidence.Part = part
	s.judge(&item, evidence)
	s.add(item)
}

func (s *survey) function(ctx context.Context, cfg aws.Config, name string, part *ownership.Verdict) *ownership.Verdict {
	function := clouds.Function(ctx, cfg, name)
	if s.unknown("AWS", KindFunction, name, function.Err()) || function.Absent() {
		return nil
	}
	item := Item{Cloud: "AWS", Kind: KindFunction, Name: name, State: string(function.Thing.Configuration.State)}
	evidence := ownership.Tags(clouds.TagsOfFunction(function.Thing))
	if item.Alone = part == nil; item.Alone {
		evidence = ownership.Function(clouds.TagsOfFunction(function.Thing), aws.ToString(function.Thing.Configuration.Description))
	}
	evidence.Part = part
	verdict := s.judge(&item, evidence)
	s.add(item)
	return verdict
}

// logGroup adds a log group. One without a mark goes with its function, for Lambda makes
// a log group that is missing without any.
func (s *survey) logGroup(ctx context.Context, cfg aws.Config, name string, part *ownership.Verdict) {
	group := clouds.LogGroup(ctx, cfg, name)
	if s.unknown("AWS", KindLogGroup, name, group.Err()) || group.Absent() {
		return
	}
	tags := clouds.LogGroupTags(ctx, cfg, group.Thing)
	if s.unknown("AWS", KindLogGroup, name, tags.Err()) || tags.Absent() {
		return
	}
	item := Item{Cloud: "AWS", Kind: KindLogGroup, Name: name, State: "exists"}
	if s.env.LogRemoval == environment.RetainLogs {
		item.Kept, item.Detail = true, "kept, as logRemoval says"
	}
	evidence := ownership.Tags(tags.Thing)
	evidence.Bare, evidence.Part = true, part
	if item.unmarked = !evidence.Marked; evidence.Marked && part == nil && s.judge(&item, evidence).Ours() {
		// Whoever wanted to keep it may have changed the settings since then.
		item.Kept = true
		item.Detail = "its function is gone; `gcs-to-s3 up` takes it over, `aws logs delete-log-group --log-group-name " + name + "` deletes it"
	}
	s.judge(&item, evidence)
	s.add(item)
}

func (s *survey) groupTags(ctx context.Context, cfg aws.Config, name string) clouds.Answer[map[string]string] {
	group := clouds.LogGroup(ctx, cfg, name)
	if !group.There() {
		return clouds.Then(group, func(logtypes.LogGroup) map[string]string { return nil })
	}
	return clouds.LogGroupTags(ctx, cfg, group.Thing)
}
