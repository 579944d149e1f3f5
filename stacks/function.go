package stacks

import (
	"context"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// FunctionStackProps are the properties of a FunctionStack.
type FunctionStackProps struct {
	awscdk.StackProps
	Environment environment.Environment
	Root        string // the project's root, where the function is built
}

// NewFunctionStack returns the stack of the function and its log group. If the
// credential configuration is missing or does not match the environment, the
// stack carries an error that prevents its deployment but not that of other
// stacks. It returns an error if building the function fails.
func NewFunctionStack(scope constructs.Construct, id string, props *FunctionStackProps) (awscdk.Stack, error) {
	env := props.Environment
	stack := awscdk.NewStack(scope, jsii.String(id), &props.StackProps)

	bundle := bundle{env: env, root: props.Root}
	// Commands that deploy nothing, such as destroy, need no bundle;
	// any folder will do.
	dir, options := bundle.source(), (*awss3assets.AssetOptions)(nil)
	if *stack.BundlingRequired() {
		if err := bundle.checkCredentials(); err != nil {
			awscdk.Annotations_Of(stack).AddError(jsii.String(err.Error()))
		} else {
			made, hash, err := bundle.make()
			if err != nil {
				return nil, err
			}
			release, err := toolchain.ReleaseOf(context.Background(), bundle.root)
			if err != nil {
				return nil, err
			}
			if warning := release.Warning(); warning != "" {
				awscdk.Annotations_Of(stack).AddWarningV2(jsii.String("gcs-to-s3:go"), jsii.String(warning))
			}
			dir, options = made, &awss3assets.AssetOptions{AssetHash: &hash}
		}
	}

	code := awslambda.Code_FromAsset(jsii.String(dir), options)
	role := awsiam.Role_FromRoleArn(stack, jsii.String("Role"), jsii.String(env.RoleARN()), &awsiam.FromRoleArnOptions{
		Mutable: jsii.Bool(false), // the role stack manages its permissions
	})
	settings := functionOf(stack, env, "", env.Function, env.Variables())
	settings.Code, settings.Role = code, role
	settings.Description = jsii.String(ownership.FunctionDescription(env))
	settings.Timeout, settings.MemorySize = awscdk.Duration_Seconds(jsii.Number(env.TimeoutSeconds)), jsii.Number(env.MemoryMB)
	if env.AsyncRetries != environment.DefaultAsyncRetries {
		settings.RetryAttempts = jsii.Number(env.AsyncRetries)
	}
	if env.DeadLetterQueue {
		settings.DeadLetterQueue = deadLetters(stack, env)
	}
	function := awslambda.NewFunction(stack, jsii.String("Function"), settings)
	if env.Bulk {
		settings := functionOf(stack, env, "Jobs", env.Jobs(), env.BulkVariables())
		settings.Code, settings.Role = code, role
		settings.Description = jsii.Sprintf("Copies from gs://%s to s3://%s in bulk jobs", env.SourceBucket, env.DestinationBucket)
		settings.Timeout, settings.MemorySize = awscdk.Duration_Seconds(jsii.Number(bulkTimeout)), jsii.Number(env.BulkMemoryMB)
		if env.BulkReservedConcurrency > 0 {
			settings.ReservedConcurrentExecutions = jsii.Number(env.BulkReservedConcurrency)
		}
		machine := jobs(stack, env, awslambda.NewFunction(stack, jsii.String("JobsFunction"), settings))
		if env.Reconcile != "" {
			reconcile(stack, env, machine)
		}
	}
	if env.Events == environment.PullEvents {
		settings := functionOf(stack, env, "Events", env.Drain(), env.DrainVariables())
		settings.Code, settings.Role = code, role
		drain(stack, env, settings)
	}
	if env.Schedule != "" {
		schedule(stack, env, scheduled{
			name:        env.Function,
			description: fmt.Sprintf("Copies from gs://%s to s3://%s", env.SourceBucket, env.DestinationBucket),
			expression:  env.Schedule,
			timezone:    env.ScheduleTimezone,
			input:       env.ScheduleEvent,
			maxAge:      scheduleMaxAge,
			arn:         *function.FunctionArn(),
			action:      "lambda:InvokeFunction",
		})
	}
	if env.Alarms {
		alarms(stack, env)
	}
	if env.Dashboard {
		dashboard(stack, env)
	}
	awscdk.NewCfnOutput(stack, jsii.String("FunctionName"), &awscdk.CfnOutputProps{
		Value:       function.FunctionName(),
		Description: jsii.String("Invoke it with any event"),
	})
	return stack, nil
}

// functionOf returns what all functions have in common, with a log group of its own. The
// function's parts have ids that begin with the given text.
func functionOf(stack awscdk.Stack, env environment.Environment, id, name string, variables map[string]string) *awslambda.FunctionProps {
	architecture := awslambda.Architecture_ARM_64()
	if env.Architecture == environment.X8664 {
		architecture = awslambda.Architecture_X86_64()
	}
	all := map[string]*string{}
	for name, value := range variables {
		all[name] = jsii.String(value)
	}
	return &awslambda.FunctionProps{
		FunctionName: jsii.String(name),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture,
		Handler:      jsii.String("bootstrap"),
		LogGroup: awslogs.NewLogGroup(stack, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
			LogGroupName:  jsii.String(environment.LogGroupOf(name)),
			Retention:     retention(env.LogRetentionDays),
			RemovalPolicy: removal(env.LogRemoval),
		}),
		Environment: &all,
	}
}

func removal(r environment.LogRemoval) awscdk.RemovalPolicy {
	if r == environment.RetainLogs {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

// retention returns the CDK's name for a number of days that the environment allows.
func retention(days int) awslogs.RetentionDays {
	return map[int]awslogs.RetentionDays{
		1: awslogs.RetentionDays_ONE_DAY, 3: awslogs.RetentionDays_THREE_DAYS, 5: awslogs.RetentionDays_FIVE_DAYS,
		7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
		60: awslogs.RetentionDays_TWO_MONTHS, 90: awslogs.RetentionDays_THREE_MONTHS, 120: awslogs.RetentionDays_FOUR_MONTHS,
		150: awslogs.RetentionDays_FIVE_MONTHS, 180: awslogs.RetentionDays_SIX_MONTHS, 365: awslogs.RetentionDays_ONE_YEAR,
		400: awslogs.RetentionDays_THIRTEEN_MONTHS, 545: awslogs.RetentionDays_EIGHTEEN_MONTHS, 731: awslogs.RetentionDays_TWO_YEARS,
		1096: awslogs.RetentionDays_THREE_YEARS, 1827: awslogs.RetentionDays_FIVE_YEARS, 2192: awslogs.RetentionDays_SIX_YEARS,
		2557: awslogs.RetentionDays_SEVEN_YEARS, 2922: awslogs.RetentionDays_EIGHT_YEARS, 3288: awslogs.RetentionDays_NINE_YEARS,
		3653: awslogs.RetentionDays_TEN_YEARS,
	}[days]
}
