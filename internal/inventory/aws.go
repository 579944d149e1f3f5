package inventory

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// ofAWS asks AWS. A role or function of the environment's names that is marked as
// another environment's is not listed.
func (s *survey) ofAWS(ctx context.Context, cfg aws.Config, env environment.Environment) {
	var present []cfntypes.Stack
	for _, name := range []string{env.FunctionStack(), env.RoleStack()} {
		stack := clouds.Stack(ctx, cfg, name)
		if !s.unknown("AWS", KindStack, name, stack.Err()) && stack.There() {
			present = append(present, stack.Thing)
		}
	}
	files := s.readAssets(ctx, cfg, env, present)
	for _, stack := range present {
		name := aws.ToString(stack.StackName)
		s.add(Item{Cloud: "AWS", Kind: KindStack, Name: name, State: string(stack.StackStatus), Created: aws.ToTime(stack.CreationTime)})
		s.assetsOf(ctx, cfg, files, stack)
		s.resourcesOf(ctx, cfg, name)
	}
	s.role(ctx, cfg, env)
	s.function(ctx, cfg, env)
	s.logGroup(ctx, cfg, env)
}

func (s *survey) role(ctx context.Context, cfg aws.Config, env environment.Environment) {
	role := clouds.Role(ctx, cfg, env.Role)
	if s.unknown("AWS", KindRole, env.Role, role.Err()) || role.Absent() {
		return
	}
	tags := map[string]string{}
	for _, tag := range role.Thing.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	s.owned(Item{Cloud: "AWS", Kind: KindRole, Name: env.Role, State: "exists", Created: aws.ToTime(role.Thing.CreateDate)}, tags, env)
}

func (s *survey) function(ctx context.Context, cfg aws.Config, env environment.Environment) {
	function := clouds.Function(ctx, cfg, env.Function)
	if s.unknown("AWS", KindFunction, env.Function, function.Err()) || function.Absent() {
		return
	}
	s.owned(Item{Cloud: "AWS", Kind: KindFunction, Name: env.Function, State: string(function.Thing.Configuration.State)}, function.Thing.Tags, env)
}

// owned leaves out what is marked as another environment's.
func (s *survey) owned(i Item, tags map[string]string, env environment.Environment) {
	if mark, ok := environment.MarkOf(tags); !ok || mark.Environment == env.Name {
		s.add(i)
	}
}

func (s *survey) logGroup(ctx context.Context, cfg aws.Config, env environment.Environment) {
	name := env.LogGroup()
	group := clouds.LogGroup(ctx, cfg, name)
	if s.unknown("AWS", KindLogGroup, name, group.Err()) || group.Absent() {
		return
	}
	item := Item{Cloud: "AWS", Kind: KindLogGroup, Name: name, State: "exists"}
	if env.LogRemoval == environment.RetainLogs {
		item.Detail = "kept, as logRemoval says"
	}
	s.add(item)
}

// apart are the types of resources that are asked for one by one, since they may
// outlive their stack.
var apart = []string{"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::CDK::Metadata"}

// resourcesOf adds the other resources of a stack: queue, schedule, alarms.
func (s *survey) resourcesOf(ctx context.Context, cfg aws.Config, stack string) {
	resources := clouds.StackResources(ctx, cfg, stack)
	if s.unknown("AWS", KindResource, "of "+stack, resources.Err()) {
		return
	}
	for _, r := range resources.Thing { // none if the stack went meanwhile
		kind := aws.ToString(r.ResourceType)
		if slices.Contains(apart, kind) || r.ResourceStatus == cfntypes.ResourceStatusDeleteComplete {
			continue
		}
		s.add(Item{Cloud: "AWS", Kind: KindResource, Name: aws.ToString(r.PhysicalResourceId), State: string(r.ResourceStatus), Detail: kind})
	}
}
