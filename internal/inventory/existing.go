package inventory

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// Existing is something with a name that the function's stack needs, outside of that
// stack: CloudFormation cannot create it again.
type Existing struct {
	ARN     string
	Foreign string // why it cannot be taken over; empty if it can
}

// ExistingLogs looks for a log group of a function's name outside of its stack; nil says
// that there is none. It can be taken over if it is the environment's, as logRemoval may
// have kept it, or if it holds nothing of anybody: Lambda makes one for every function.
func ExistingLogs(ctx context.Context, cfg aws.Config, env environment.Environment, function string) (*Existing, error) {
	name := environment.LogGroupOf(function)
	group := clouds.LogGroup(ctx, cfg, name)
	if !group.There() {
		return nil, group.Err()
	}
	if inside, err := stacked(ctx, cfg, env, ownership.TypeLogGroup, name); inside || err != nil {
		return nil, err
	}
	tags, streams := clouds.LogGroupTags(ctx, cfg, group.Thing), clouds.LogStreams(ctx, cfg, name)
	if err := clouds.Join(tags.Err(), streams.Err()); err != nil {
		return nil, err
	}
	e := &Existing{ARN: strings.TrimSuffix(aws.ToString(group.Thing.Arn), ":*")}
	evidence := ownership.Tags(tags.Thing)
	empty := !streams.Thing && aws.ToInt64(group.Thing.StoredBytes) == 0
	if v := ownership.Decide(env.Mark(), evidence); !v.Ours() && (evidence.Marked || !empty) {
		e.Foreign = v.Why()
	}
	return e, nil
}

// ExistingQueue looks for a queue of the name of the dead-letter queue outside of the
// function's stack. It cannot be taken over.
func ExistingQueue(ctx context.Context, cfg aws.Config, env environment.Environment) (*Existing, error) {
	url := clouds.QueueURL(ctx, cfg, env.DeadLetters())
	if !url.There() {
		return nil, url.Err()
	}
	if inside, err := stacked(ctx, cfg, env, ownership.TypeQueue, url.Thing); inside || err != nil {
		return nil, err
	}
	return &Existing{env.DeadLettersARN(), "is not part of the stack " + env.FunctionStack()}, nil
}

// ExistingSchedule looks for a schedule of a name outside of the function's stack. It
// cannot be taken over.
func ExistingSchedule(ctx context.Context, cfg aws.Config, env environment.Environment, name string) (*Existing, error) {
	target := clouds.Schedule(ctx, cfg, name)
	if !target.There() {
		return nil, target.Err()
	}
	if inside, err := stacked(ctx, cfg, env, ownership.TypeSchedule, name); inside || err != nil {
		return nil, err
	}
	return &Existing{"", fmt.Sprintf("is not part of the stack %s: it invokes %s", env.FunctionStack(), target.Thing)}, nil
}

// stacked reports whether the function's stack has a resource.
func stacked(ctx context.Context, cfg aws.Config, env environment.Environment, kind, id string) (bool, error) {
	resources := clouds.StackResources(ctx, cfg, env.FunctionStack())
	for _, r := range resources.Thing { // none without a stack
		if aws.ToString(r.ResourceType) == kind && aws.ToString(r.PhysicalResourceId) == id &&
			!strings.HasPrefix(string(r.ResourceStatus), "DELETE_") {
			return true, nil
		}
	}
	return false, resources.Err()
}
