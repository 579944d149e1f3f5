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
