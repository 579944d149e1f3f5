package resource

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

const maxFunctionName = 64 // "CreateFunction"

// stabilize is how long a function may take to become active.
const stabilize = time.Minute

type function struct {
	Code                         code   `cfn:"required"`
	Role                         string `cfn:"required"`
	FunctionName                 string `cfn:"name"`
	Handler                      string
	Runtime                      string
	Description                  string
	Timeout                      *int32
	MemorySize                   *int32
	Architectures                []string
	PackageType                  string `cfn:"replace"`
	ReservedConcurrentExecutions *int32
	Environment                  *struct{ Variables map[string]string }
	EphemeralStorage             *struct {
		Size int32 `cfn:"required"`
	}
	LoggingConfig    *struct{ LogFormat, LogGroup, ApplicationLogLevel, SystemLogLevel string }
	TracingConfig    *struct{ Mode string }
	DeadLetterConfig *struct{ TargetArn string }
	Tags             tags
}

type code struct {
	S3Bucket, S3Key, S3ObjectVersion string
	ZipFile                          string
}

func lambdaTypes() []Type {
	return []Type{
		newType("AWS::Lambda::Function", []string{"Arn"}, handler[function]{create: createFunction, update: updateFunction, delete: deleteFunction}),
		newType("AWS::Lambda::Version", []string{"Version", "FunctionArn"}, handler[version]{create: createVersion, delete: deleteVersion}),
		newType("AWS::Lambda::Permission", []string{"Id"}, handler[permission]{create: createPermission, delete: deletePermission}),
		newType("AWS::Lambda::EventInvokeConfig", nil, handler[eventInvokeConfig]{create: createEventInvokeConfig, update: updateEventInvokeConfig, delete: deleteEventInvokeConfig}),
	}
}

// archive is inline code as CloudFormation packs it: one file named index.
func archive(text string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("index.py")
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func functionCode(c code) (*types.FunctionCode, error) {
	if c.ZipFile != "" {
		b, err := archive(c.ZipFile)
		return &types.FunctionCode{ZipFile: b}, err
	}
	return &types.FunctionCode{S3Bucket: optional(c.S3Bucket), S3Key: optional(c.S3Key), S3ObjectVersion: optional(c.S3ObjectVersion)}, nil
}

func createFunction(ctx context.Context, c *Call, p function) (Instance, error) {
	if p.FunctionName == "" {
		p.FunctionName = c.Name(maxFunctionName)
	}
	bundle, err := functionCode(p.Code)
	if err != nil {
		return Instance{}, err
	}
	in := &lambda.CreateFunctionInput{
		FunctionName:  &p.FunctionName,
		Role:          &p.Role,
		Code:          bundle,
		Handler:       optional(p.Handler),
		Runtime:       types.Runtime(p.Runtime),
		Description:   optional(p.Description),
		Timeout:       p.Timeout,
		MemorySize:    p.MemorySize,
		PackageType:   types.PackageType(p.PackageType),
		Architectures: architectures(p.Architectures),
		Environment:   environment(p),
		LoggingConfig: logging(p),
		Tags:          p.Tags.byKey(),
	}
	if p.EphemeralStorage != nil {
		in.EphemeralStorage = &types.EphemeralStorage{Size: &p.EphemeralStorage.Size}
	}
	if p.TracingConfig != nil {
		in.TracingConfig = &types.TracingConfig{Mode: types.TracingMode(p.TracingConfig.Mode)}
	}
	if p.DeadLetterConfig != nil {
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: &p.DeadLetterConfig.TargetArn}
	}
	var out *lambda.CreateFunctionOutput
	err = assumable(ctx, c, func() (err error) {
		out, err = c.Lambda.CreateFunction(ctx, in)
		return err
	})
	if err != nil {
		return Instance{}, err
	}
	c.PhysicalID = p.FunctionName
	i := Instance{PhysicalID: p.FunctionName, Attributes: map[string]any{"Arn": *out.FunctionArn}}
	w := lambda.NewFunctionActiveV2Waiter(c.Lambda)
	if err := w.Wait(ctx, &lambda.GetFunctionInput{FunctionName: &p.FunctionName}, stabilize); err != nil {
		return i, err
	}
	return i, changeConcurrency(ctx, c, p, function{})
}

// A role that the stack has just made takes its time until a service may assume it,
// and until it may do what its policies say. How long CloudFormation goes on trying
// is believed.
const (
	assumablePause = 5 * time.Second
	assumableLimit = 2 * time.Minute
)

// assumable repeats what Lambda, Scheduler and Step Functions refuse because of a role.
func assumable(ctx context.Context, c *Call, do func() error) error {
	for waited := time.Duration(0); ; waited += assumablePause {
		err := do()
		var refusal smithy.APIError
		early := errors.As(err, &refusal) && slices.ContainsFunc([]string{"cannot be assumed by Lambda", "does not have permissions to call SendMessage on SQS", "must allow AWS EventBridge Scheduler to assume the role",
			"is authorized to assume the provided role", "is not authorized to access the Log Destination"},
			func(text string) bool { return strings.Contains(refusal.ErrorMessage(), text) })
		if !early || c.Pause == nil || waited >= assumableLimit {
			return err
		}
		if err := c.Pause(ctx, assumablePause); err != nil {
			return err
		}
	}
}

func architectures(names []string) []types.Architecture {
	var out []types.Architecture
	for _, n := range names {
		out = append(out, types.Architecture(n))
	}
	return out
}

// environment is never nil: an update must take away variables that are gone.
func environment(p function) *types.Environment {
	if p.Environment == nil {
		return &types.Environment{Variables: map[string]string{}}
	}
	return &types.Environment{Variables: p.Environment.Variables}
}

func logging(p function) *types.LoggingConfig {
	l := p.LoggingConfig
	if l == nil {
		return nil
	}
	return &types.LoggingConfig{LogFormat: types.LogFormat(l.LogFormat), LogGroup: optional(l.LogGroup),
		ApplicationLogLevel: types.ApplicationLogLevel(l.ApplicationLogLevel), SystemLogLevel: types.SystemLogLevel(l.SystemLogLevel)}
}

func changeConcurrency(ctx context.Context, c *Call, now, before function) error {
	switch {
	case now.ReservedConcurrentExecutions != nil:
		_, err := c.Lambda.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: &c.PhysicalID, ReservedConcurrentExecutions: now.ReservedConcurrentExecutions})
		return err
	case before.ReservedConcurrentExecutions != nil:
		_, err := c.Lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &c.PhysicalID})
		return err
	}
	return nil
}

func updateFunction(ctx context.Context, c *Call, now, before function) (Instance, error) {
	i := Instance{PhysicalID: c.PhysicalID}
	wait := lambda.NewFunctionUpdatedV2Waiter(c.Lambda)
	get := &lambda.GetFunctionInput{FunctionName: &c.PhysicalID}
	if now.Code != before.Code || fmt.Sprint(now.Architectures) != fmt.Sprint(before.Architectures) {
		bundle, err := functionCode(now.Code)
		if err != nil {
			return i, err
		}
		_, err = c.Lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: &c.PhysicalID, ZipFile: bundle.ZipFile, S3Bucket: bundle.S3Bucket, S3Key: bundle.S3Key,
			S3ObjectVersion: bundle.S3ObjectVersion, Architectures: architectures(now.Architectures)})
		if err != nil {
			return i, err
		}
		if err := wait.Wait(ctx, get, stabilize); err != nil {
			return i, err
		}
	}
	in := &lambda.UpdateFunctionConfigurationInput{
		FunctionName:  &c.PhysicalID,
		Role:          &now.Role,
		Handler:       optional(now.Handler),
		Runtime:       types.Runtime(now.Runtime),
		Description:   &now.Description,
		Timeout:       withDefault(now.Timeout, 3),
		MemorySize:    withDefault(now.MemorySize, 128),
		Environment:   environment(now),
		LoggingConfig: logging(now),
	}
	if in.LoggingConfig == nil && before.LoggingConfig != nil {
		in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: aws.String("/aws/lambda/" + c.PhysicalID)}
	}
	if now.EphemeralStorage != nil {
		in.EphemeralStorage = &types.EphemeralStorage{Size: &now.EphemeralStorage.Size}
	}
	if now.TracingConfig != nil {
		in.TracingConfig = &types.TracingConfig{Mode: types.TracingMode(now.TracingConfig.Mode)}
	}
	switch {
	case now.DeadLetterConfig != nil:
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: &now.DeadLetterConfig.TargetArn}
	case before.DeadLetterConfig != nil:
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("")}
	}
	var out *lambda.UpdateFunctionConfigurationOutput
	err := assumable(ctx, c, func() (err error) {
		out, err = c.Lambda.UpdateFunctionConfiguration(ctx, in)
		return err
	})
	if err != nil {
		return i, err
	}
	i.Attributes = map[string]any{"Arn": *out.FunctionArn}
	if err := wait.Wait(ctx, get, stabilize); err != nil {
		return i, err
	}
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		if _, err := c.Lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: out.FunctionArn, Tags: set}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.Lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: out.FunctionArn, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	return i, changeConcurrency(ctx, c, now, before)
}

func withDefault(n *int32, d int32) *int32 {
	if n == nil {
		return &d
	}
	return n
}

func deleteFunction(ctx context.Context, c *Call, _ function) error {
	_, err := c.Lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &c.PhysicalID})
	return err
}
