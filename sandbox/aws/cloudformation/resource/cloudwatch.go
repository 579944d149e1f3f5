package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const maxAlarmName = 255 // "PutMetricAlarm"

type alarm struct {
	AlarmName               string `cfn:"name"`
	AlarmDescription        string
	ActionsEnabled          *bool
	AlarmActions            []string
	OKActions               []string
	InsufficientDataActions []string
	Namespace               string
	MetricName              string
	Dimensions              []struct {
		Name  string `cfn:"required"`
		Value string `cfn:"required"`
	}
	Statistic          string
	ExtendedStatistic  string
	Period             *int32
	Unit               string
	EvaluationPeriods  int32 `cfn:"required"`
	DatapointsToAlarm  *int32
	Threshold          *float64
	ComparisonOperator string `cfn:"required"`
	TreatMissingData   string
	Tags               tags
}

func cloudwatchTypes() []Type {
	return []Type{newType("AWS::CloudWatch::Alarm", []string{"Arn"}, handler[alarm]{create: createAlarm, update: updateAlarm, delete: deleteAlarm})}
}

func createAlarm(ctx context.Context, c *Call, p alarm) (Instance, error) {
	if p.AlarmName == "" {
		p.AlarmName = c.Name(maxAlarmName)
	}
	c.PhysicalID = p.AlarmName
	if err := putAlarm(ctx, c, p); err != nil {
		return Instance{}, err
	}
	return alarmInstance(c), nil
}

func alarmInstance(c *Call) Instance {
	return Instance{PhysicalID: c.PhysicalID, Attributes: map[string]any{"Arn": alarmARN(c)}}
}

func alarmARN(c *Call) string {
	return "arn:aws:cloudwatch:" + c.Region + ":" + c.Account + ":alarm:" + c.PhysicalID
}

func putAlarm(ctx context.Context, c *Call, p alarm) error {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: &c.PhysicalID, AlarmDescription: optional(p.AlarmDescription), ActionsEnabled: p.ActionsEnabled,
		AlarmActions: p.AlarmActions, OKActions: p.OKActions, InsufficientDataActions: p.InsufficientDataActions,
		Namespace: optional(p.Namespace), MetricName: optional(p.MetricName), Statistic: types.Statistic(p.Statistic), ExtendedStatistic: optional(p.ExtendedStatistic),
		Period: p.Period, Unit: types.StandardUnit(p.Unit), EvaluationPeriods: &p.EvaluationPeriods, DatapointsToAlarm: p.DatapointsToAlarm, Threshold: p.Threshold,
		ComparisonOperator: types.ComparisonOperator(p.ComparisonOperator), TreatMissingData: optional(p.TreatMissingData), Tags: alarmTags(p.Tags.byKey()),
	}
	for _, d := range p.Dimensions {
		in.Dimensions = append(in.Dimensions, types.Dimension{Name: &d.Name, Value: &d.Value})
	}
	_, err := c.CloudWatch.PutMetricAlarm(ctx, in)
	return err
}

func updateAlarm(ctx context.Context, c *Call, now, before alarm) (Instance, error) {
	i := alarmInstance(c)
	if err := putAlarm(ctx, c, now); err != nil {
		return i, err
	}
	arn := alarmARN(c)
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		if _, err := c.CloudWatch.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: &arn, Tags: alarmTags(set)}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.CloudWatch.UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: &arn, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	return i, nil
}

func deleteAlarm(ctx context.Context, c *Call, _ alarm) error {
	_, err := c.CloudWatch.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{c.PhysicalID}})
	return err
}

func alarmTags(t map[string]string) []types.Tag {
	return mapTags(t, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
}
