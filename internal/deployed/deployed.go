// Package deployed works with an environment's deployed function: it invokes it
// and reads its logs, with whatever AWS credentials the caller's shell has. It
// deploys and changes nothing.
package deployed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Function is an environment's deployed function.
type Function struct {
	env    environment.Environment
	lambda *lambda.Client
	logs   *cloudwatchlogs.Client
}

// Open returns the function of an environment, using the AWS SDK's default
// credentials: variables, profile, single sign-on, role.
func Open(ctx context.Context, env environment.Environment) (Function, error) {
	cfg, err := clouds.OpenAWS(ctx, env)
	if err != nil {
		return Function{}, err
	}
	return New(env, cfg), nil
}

// New is like Open with an existing configuration for AWS's clients.
func New(env environment.Environment, cfg aws.Config) Function {
	return Function{env, lambda.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)}
}

// Invocation is the outcome of an invocation.
type Invocation struct {
	Environment string          `json:"environment"`
	Function    string          `json:"function"`
	Payload     json.RawMessage `json:"payload"` // the function's answer, or its error
	Failed      bool            `json:"failed"`  // the function answered with an error
	Log         string          `json:"log"`     // the last 4 KB of the log
	Seconds     float64         `json:"seconds"` // measured by the caller
}

// Err is the function's error, if it answered with one.
func (i Invocation) Err() error {
	if !i.Failed {
		return nil
	}
	var problem struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(i.Payload, &problem) != nil || problem.ErrorMessage == "" {
		return fmt.Errorf("the function %s failed: %s", i.Function, i.Payload)
	}
	return fmt.Errorf("the function %s failed: %s: %s", i.Function, problem.ErrorType, problem.ErrorMessage)
}

// Invoke invokes the function with an event and waits for its answer. A failure
// of the function itself is not an error here.
func (f Function) Invoke(ctx context.Context, event []byte) (Invocation, error) {
	start := time.Now()
	out, err := f.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.env.Function, Payload: event, LogType: types.LogTypeTail})
	if err != nil {
		return Invocation{}, fmt.Errorf("invoking %s: %w", f.env.Function, f.explain(err))
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return Invocation{}, fmt.Errorf("reading the log of %s: %w", f.env.Function, err)
	}
	return Invocation{f.env.Name, f.env.Function, out.Payload, out.FunctionError != nil, string(log), time.Since(start).Seconds()}, nil
}

// explain adds advice to common errors.
func (f Function) explain(err error) error {
	switch clouds.Code(err) {
	case "ResourceNotFoundException":
		return fmt.Errorf("%w; hint: `gcs-to-s3 up %s` deploys it", err, f.env.Name)
	case "UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException":
		return fmt.Errorf("%w; hint: run `aws sts get-caller-identity` to check that your credentials are valid and for which account; the environment's is %s", err, f.env.AWSAccount)
	}
	return err
}
