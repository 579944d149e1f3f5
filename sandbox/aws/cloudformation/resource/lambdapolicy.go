package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// permission is one statement of a function's policy. Every property replaces it.
type permission struct {
	Action        string `cfn:"required,replace"`
	FunctionName  string `cfn:"required,replace"`
	Principal     string `cfn:"required,replace"`
	SourceAccount string `cfn:"replace"`
	SourceArn     string `cfn:"replace"`
}

func createPermission(ctx context.Context, c *Call, p permission) (Instance, error) {
	id := c.Name(maxStatementID)
	_, err := c.Lambda.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: &p.FunctionName, StatementId: &id, Action: &p.Action, Principal: &p.Principal,
		SourceAccount: optional(p.SourceAccount), SourceArn: optional(p.SourceArn)})
	if err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: id, Attributes: map[string]any{"Id": id}}, nil
}

const maxStatementID = 100 // "AddPermission"

func deletePermission(ctx context.Context, c *Call, p permission) error {
	_, err := c.Lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: &p.FunctionName, StatementId: &c.PhysicalID})
	return err
}

type eventInvokeConfig struct {
	FunctionName             string `cfn:"required,replace"`
	Qualifier                string `cfn:"required,replace"`
	MaximumEventAgeInSeconds *int32
	MaximumRetryAttempts     *int32
	DestinationConfig        *struct {
		OnFailure, OnSuccess *struct {
			Destination string `cfn:"required"`
		}
	}
}

func createEventInvokeConfig(ctx context.Context, c *Call, p eventInvokeConfig) (Instance, error) {
	in := &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &p.FunctionName, Qualifier: &p.Qualifier,
		MaximumEventAgeInSeconds: p.MaximumEventAgeInSeconds, MaximumRetryAttempts: p.MaximumRetryAttempts}
	if d := p.DestinationConfig; d != nil {
		in.DestinationConfig = &types.DestinationConfig{}
		if d.OnFailure != nil {
			in.DestinationConfig.OnFailure = &types.OnFailure{Destination: &d.OnFailure.Destination}
		}
		if d.OnSuccess != nil {
			in.DestinationConfig.OnSuccess = &types.OnSuccess{Destination: &d.OnSuccess.Destination}
		}
	}
	if _, err := c.Lambda.PutFunctionEventInvokeConfig(ctx, in); err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: p.FunctionName + "|" + p.Qualifier}, nil
}

func updateEventInvokeConfig(ctx context.Context, c *Call, now, _ eventInvokeConfig) (Instance, error) {
	return createEventInvokeConfig(ctx, c, now)
}

func deleteEventInvokeConfig(ctx context.Context, c *Call, p eventInvokeConfig) error {
	_, err := c.Lambda.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: &p.FunctionName, Qualifier: &p.Qualifier})
	return err
}
