package resource

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

type logGroup struct {
	LogGroupName    string `cfn:"name"`
	RetentionInDays *int32
	LogGroupClass   string
	Tags            tags
}

const logGroupType = "AWS::Logs::LogGroup"

func logsTypes() []Type {
	return []Type{
		newType(logGroupType, []string{"Arn"}, handler[logGroup]{create: createLogGroup, update: updateLogGroup, delete: deleteLogGroup}),
	}
}

func createLogGroup(ctx context.Context, c *Call, p logGroup) (Instance, error) {
	if err := p.checkClass(); err != nil {
		return Instance{}, err
	}
	const maxName = 512 // "CreateLogGroup"
	if p.LogGroupName == "" {
		p.LogGroupName = c.Name(maxName)
	}
	if _, err := c.Logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &p.LogGroupName, Tags: p.Tags.byKey()}); err != nil {
		return Instance{}, err
	}
	c.PhysicalID = p.LogGroupName
	return logGroupInstance(c), changeRetention(ctx, c, p, logGroup{})
}

func (p logGroup) checkClass() error {
	if p.LogGroupClass != "" && p.LogGroupClass != "STANDARD" {
		return errors.New(unmodelled.AWS("LogGroupClass", p.LogGroupClass))
	}
	return nil
}

func logGroupInstance(c *Call) Instance {
	return Instance{PhysicalID: c.PhysicalID, Attributes: map[string]any{"Arn": logGroupARN(c) + ":*"}}
}

func logGroupARN(c *Call) string {
	return "arn:aws:logs:" + c.Region + ":" + c.Account + ":log-group:" + c.PhysicalID
}

func changeRetention(ctx context.Context, c *Call, now, before logGroup) error {
	switch {
	case samePointer(now.RetentionInDays, before.RetentionInDays):
		return nil
	case now.RetentionInDays == nil:
		_, err := c.Logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &c.PhysicalID})
		return err
	}
	_, err := c.Logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &c.PhysicalID, RetentionInDays: now.RetentionInDays})
	return err
}

func updateLogGroup(ctx context.Context, c *Call, now, before logGroup) (Instance, error) {
	i := logGroupInstance(c)
	if err := errors.Join(now.checkClass(), changeRetention(ctx, c, now, before)); err != nil {
		return i, err
	}
	arn := logGroupARN(c)
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		if _, err := c.Logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: set}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.Logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	return i, nil
}

func deleteLogGroup(ctx context.Context, c *Call, _ logGroup) error {
	_, err := c.Logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &c.PhysicalID})
	return err
}
