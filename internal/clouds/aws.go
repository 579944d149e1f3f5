// Package clouds opens the official clients of both clouds with which the command
// line looks at an environment and tidies up after it, with the credentials of a
// person's shell. It deploys nothing: that is what cdk and pulumi do. Endpoints of
// AWS come from the AWS SDK's own variables, those of Google from the environment's
// gcp: entries, which Pulumi's plugin reads too.
package clouds

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// OpenAWS is the configuration of AWS's clients, in the environment's region, with
// the SDK's default credentials: variables, profile, single sign-on, role.
func OpenAWS(ctx context.Context, env environment.Environment) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(env.AWSRegion))
	if err != nil {
		return aws.Config{}, fmt.Errorf("loading AWS credentials: %w", err)
	}
	return cfg, nil
}

// Code is the error code that AWS answered, or empty.
func Code(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}
