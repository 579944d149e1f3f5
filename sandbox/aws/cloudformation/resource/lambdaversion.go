package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// version is a published version. Every property replaces it.
type version struct {
	FunctionName string `cfn:"required,replace"`
	CodeSha256   string `cfn:"replace"`
	Description  string `cfn:"replace"`
}

func createVersion(ctx context.Context, c *Call, p version) (Instance, error) {
	out, err := c.Lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &p.FunctionName, CodeSha256: optional(p.CodeSha256), Description: optional(p.Description)})
	if err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: *out.FunctionArn, Attributes: map[string]any{"Version": *out.Version, "FunctionArn": *out.FunctionArn}}, nil
}

func deleteVersion(ctx context.Context, c *Call, _ version) error {
	_, err := c.Lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &c.PhysicalID})
	return err
}

type alias struct {
	FunctionName    string `cfn:"required,replace"`
	Name            string `cfn:"required,replace"`
	FunctionVersion string `cfn:"required"`
	Description     string
}

func createAlias(ctx context.Context, c *Call, p alias) (Instance, error) {
	out, err := c.Lambda.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &p.FunctionName, Name: &p.Name, FunctionVersion: &p.FunctionVersion, Description: optional(p.Description)})
	if err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: *out.AliasArn, Attributes: map[string]any{"AliasArn": *out.AliasArn}}, nil
}

func updateAlias(ctx context.Context, c *Call, now, _ alias) (Instance, error) {
	out, err := c.Lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &now.FunctionName, Name: &now.Name, FunctionVersion: &now.FunctionVersion, Description: &now.Description})
	if err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: *out.AliasArn, Attributes: map[string]any{"AliasArn": *out.AliasArn}}, nil
}

func deleteAlias(ctx context.Context, c *Call, p alias) error {
	_, err := c.Lambda.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: &p.FunctionName, Name: &p.Name})
	return err
}
