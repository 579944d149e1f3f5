package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

const maxScheduleName = 64 // "CreateSchedule"

// schedule has no tags: only schedule groups have.
type schedule struct {
	Name                       string `cfn:"name"`
	GroupName                  string
	Description                string
	ScheduleExpression         string `cfn:"required"`
	ScheduleExpressionTimezone string
	State                      string
	FlexibleTimeWindow         struct {
		Mode                   string `cfn:"required"`
		MaximumWindowInMinutes *int32
	} `cfn:"required"`
	Target struct {
		Arn         string `cfn:"required"`
		RoleArn     string `cfn:"required"`
		Input       string
		RetryPolicy *struct {
			MaximumEventAgeInSeconds *int32
			MaximumRetryAttempts     *int32
		}
	} `cfn:"required"`
}

func schedulerTypes() []Type {
	return []Type{newType("AWS::Scheduler::Schedule", []string{"Arn"}, handler[schedule]{create: createSchedule, update: updateSchedule, delete: deleteSchedule})}
}

func (p schedule) target() *types.Target {
	t := &types.Target{Arn: &p.Target.Arn, RoleArn: &p.Target.RoleArn, Input: optional(p.Target.Input)}
	if r := p.Target.RetryPolicy; r != nil {
		t.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: r.MaximumEventAgeInSeconds, MaximumRetryAttempts: r.MaximumRetryAttempts}
	}
	return t
}

func (p schedule) window() *types.FlexibleTimeWindow {
	return &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowMode(p.FlexibleTimeWindow.Mode), MaximumWindowInMinutes: p.FlexibleTimeWindow.MaximumWindowInMinutes}
}

func createSchedule(ctx context.Context, c *Call, p schedule) (Instance, error) {
	if p.Name == "" {
		p.Name = c.Name(maxScheduleName)
	}
	in := &scheduler.CreateScheduleInput{
		Name: &p.Name, GroupName: optional(p.GroupName), Description: optional(p.Description), ScheduleExpression: &p.ScheduleExpression,
		ScheduleExpressionTimezone: optional(p.ScheduleExpressionTimezone), State: types.ScheduleState(p.State), FlexibleTimeWindow: p.window(), Target: p.target(),
	}
	var arn *string
	err := assumable(ctx, c, func() error {
		out, err := c.Scheduler.CreateSchedule(ctx, in)
		if err == nil {
			arn = out.ScheduleArn
		}
		return err
	})
	if err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: p.Name, Attributes: map[string]any{"Arn": *arn}}, nil
}

func updateSchedule(ctx context.Context, c *Call, now, _ schedule) (Instance, error) {
	i := Instance{PhysicalID: c.PhysicalID}
	in := &scheduler.UpdateScheduleInput{
		Name: &c.PhysicalID, GroupName: optional(now.GroupName), Description: optional(now.Description), ScheduleExpression: &now.ScheduleExpression,
		ScheduleExpressionTimezone: optional(now.ScheduleExpressionTimezone), State: types.ScheduleState(now.State), FlexibleTimeWindow: now.window(), Target: now.target(),
	}
	err := assumable(ctx, c, func() error {
		out, err := c.Scheduler.UpdateSchedule(ctx, in)
		if err == nil {
			i.Attributes = map[string]any{"Arn": *out.ScheduleArn}
		}
		return err
	})
	return i, err
}

func deleteSchedule(ctx context.Context, c *Call, p schedule) error {
	_, err := c.Scheduler.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: &c.PhysicalID, GroupName: optional(p.GroupName)})
	return err
}
