package resource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

const (
	maxStateMachineName = 80 // "CreateStateMachine"
	deletionPoll        = 100 * time.Millisecond
)

type stateMachine struct {
	RoleArn                 string `cfn:"required"`
	StateMachineName        string `cfn:"name"`
	StateMachineType        string `cfn:"replace"`
	Definition              any
	DefinitionString        string
	DefinitionSubstitutions map[string]string
	LoggingConfiguration    *struct {
		Level                string
		IncludeExecutionData bool
		Destinations         []struct {
			CloudWatchLogsLogGroup struct{ LogGroupArn string }
		}
	}
	TracingConfiguration *struct{ Enabled bool }
	Tags                 tags
}

func statesTypes() []Type {
	return []Type{newType("AWS::StepFunctions::StateMachine", []string{"Arn", "Name", "StateMachineRevisionId"},
		handler[stateMachine]{create: createStateMachine, update: updateStateMachine, delete: deleteStateMachine})}
}

// definition is the text of the definition, with its substitutions.
func (p stateMachine) definition() (*string, error) {
	text := p.DefinitionString
	switch {
	case (p.Definition == nil) == (text == ""):
		return nil, errors.New("exactly one of Definition and DefinitionString is required") // believed
	case p.Definition != nil:
		text = *document(p.Definition)
	}
	for name, value := range p.DefinitionSubstitutions {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	return &text, nil
}

// logging is never nil: an update must take away what is gone.
func (p stateMachine) logging() *types.LoggingConfiguration {
	l := p.LoggingConfiguration
	if l == nil {
		return &types.LoggingConfiguration{Level: types.LogLevelOff}
	}
	out := &types.LoggingConfiguration{Level: types.LogLevel(l.Level), IncludeExecutionData: l.IncludeExecutionData}
	for _, d := range l.Destinations {
		out.Destinations = append(out.Destinations, types.LogDestination{
			CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: optional(d.CloudWatchLogsLogGroup.LogGroupArn)},
		})
	}
	return out
}

func (p stateMachine) tracing() *types.TracingConfiguration {
	return &types.TracingConfiguration{Enabled: p.TracingConfiguration != nil && p.TracingConfiguration.Enabled}
}

func stateMachineInstance(arn, revision string) Instance {
	if revision == "" {
		revision = "INITIAL"
	}
	return Instance{PhysicalID: arn, Attributes: map[string]any{"Arn": arn, "Name": arn[strings.LastIndex(arn, ":")+1:],
		"StateMachineRevisionId": revision}}
}

func createStateMachine(ctx context.Context, c *Call, p stateMachine) (Instance, error) {
	if p.StateMachineName == "" {
		p.StateMachineName = c.Name(maxStateMachineName)
	}
	text, err := p.definition()
	if err != nil {
		return Instance{}, err
	}
	// The operation answers the same state machine again; a resource must be a new one.
	if c.stateMachineExists(ctx, p.StateMachineName) {
		return Instance{}, handlerError("State Machine Already Exists: '"+c.stateMachineARN(p.StateMachineName)+"'", "Sfn", 400, "",
			"StateMachineAlreadyExists")
	}
	in := &sfn.CreateStateMachineInput{
		Name: &p.StateMachineName, Definition: text, RoleArn: &p.RoleArn, Type: types.StateMachineType(p.StateMachineType),
		LoggingConfiguration: p.logging(), TracingConfiguration: p.tracing(),
		Tags: mapTags(p.Tags.byKey(), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
	}
	var out *sfn.CreateStateMachineOutput
	err = assumable(ctx, c, func() (err error) {
		out, err = c.States.CreateStateMachine(ctx, in)
		return err
	})
	if err != nil {
		return Instance{}, err
	}
	return stateMachineInstance(*out.StateMachineArn, ""), nil
}

func (c *Call) stateMachineARN(name string) string {
	return "arn:aws:states:" + c.Region + ":" + c.Account + ":stateMachine:" + name
}

// stateMachineExists reports whether there is a state machine of a name, as far as the
// clients are allowed to see it.
func (c *Call) stateMachineExists(ctx context.Context, name string) bool {
	arn := c.stateMachineARN(name)
	_, err := c.States.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	return err == nil
}

func updateStateMachine(ctx context.Context, c *Call, now, before stateMachine) (Instance, error) {
	i := stateMachineInstance(c.PhysicalID, "")
	text, err := now.definition()
	if err != nil {
		return i, err
	}
	err = assumable(ctx, c, func() error {
		out, err := c.States.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
			StateMachineArn: &c.PhysicalID, Definition: text, RoleArn: &now.RoleArn, LoggingConfiguration: now.logging(),
			TracingConfiguration: now.tracing(),
		})
		if err == nil {
			i = stateMachineInstance(c.PhysicalID, *out.RevisionId)
		}
		return err
	})
	if err != nil {
		return i, err
	}
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		_, err := c.States.TagResource(ctx, &sfn.TagResourceInput{
			ResourceArn: &c.PhysicalID, Tags: mapTags(set, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} }),
		})
		if err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.States.UntagResource(ctx, &sfn.UntagResourceInput{ResourceArn: &c.PhysicalID, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	return i, nil
}

// deleteStateMachine waits until the state machine's executions have ended, and it with
// them.
func deleteStateMachine(ctx context.Context, c *Call, _ stateMachine) error {
	describe := &sfn.DescribeStateMachineInput{StateMachineArn: &c.PhysicalID}
	if _, err := c.States.DescribeStateMachine(ctx, describe); err != nil {
		return err
	}
	if _, err := c.States.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: &c.PhysicalID}); err != nil {
		return err
	}
	for waited := time.Duration(0); waited < stabilize; waited += deletionPoll {
		if _, err := c.States.DescribeStateMachine(ctx, describe); notFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(deletionPoll):
		}
	}
	return fmt.Errorf("the state machine %s was not deleted within %s: its executions still run", c.PhysicalID, stabilize)
}
